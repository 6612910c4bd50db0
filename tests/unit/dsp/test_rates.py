"""Bins of another sample rate."""

import numpy as np
import pytest

from plugin_bridge.dsp.rates import BinMap, scale_of, supports


@pytest.mark.parametrize(
    ("rate", "scale", "supported"),
    [
        (8000, 0.25, False),
        (16000, 0.25, False),
        (22050, 0.5, True),
        (32000, 0.5, False),
        (44100, 1, True),
        (48000, 1, True),
        (88200, 2, True),
        (96000, 2, True),
        (176400, 4, True),
        (192000, 4, True),
    ],
)
def test_rates_of_a_44100_model(rate: float, scale: float, supported: bool) -> None:
    """Powers of two and a small rest; what is too far off is refused."""
    assert scale_of(rate, 44100) == scale or not supported
    assert supports(rate, 44100) == supported
    assert not supports(0, 44100)


def test_a_spectrum_keeps_its_shape_at_48_khz() -> None:
    """A function of frequency, sampled on the host's bins, arrives on the model's."""
    ratio = 48000 / 44100
    bins = BinMap(1025, 1025, ratio)
    host = np.arange(1025, dtype=np.float32) * np.float32(48000 / 2048)
    np.testing.assert_allclose(
        bins.to_model(host, 0)[:1024], np.arange(1024) * 44100 / 2048, rtol=1e-6
    )
    model = np.arange(1025, dtype=np.float32)
    back = bins.to_host(model)
    np.testing.assert_allclose(back[:940], np.arange(940) * ratio, rtol=1e-6)
    assert (back[942:] == 1024).all()  # above the model's band its last bin holds


def test_bins_above_the_host_are_silent() -> None:
    """At 22.05 kHz the model sees nothing above 11 kHz."""
    bins = BinMap(513, 1025, 1.0)
    seen = bins.to_model(np.ones(513, np.float32), silence=0.25)
    assert (seen[:513] == 1).all()
    assert (seen[513:] == 0.25).all()


def test_masks_that_add_up_still_do() -> None:
    """Interpolation is linear: a sum of one stays one."""
    masks = np.random.default_rng(0).dirichlet(np.ones(4), 1025).T.astype(np.float32)
    np.testing.assert_allclose(BinMap(1025, 1025, 48 / 44.1).to_host(masks).sum(0), 1, atol=1e-6)
