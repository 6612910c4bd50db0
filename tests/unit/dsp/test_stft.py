"""Windows and the streaming transform."""

import numpy as np
import pytest

from plugin_bridge.dsp.stft import Analysis, Synthesis, Transform
from plugin_bridge.dsp.windows import window_pair
from plugin_bridge.errors import SpecError
from plugin_bridge.testing import noise

TRANSFORMS = [
    Transform(2048, 512, 256),
    Transform(2048, 256, 128),
    Transform(2048, 512, 128),
    Transform(2048, 1024, 256),
    Transform(4096, 1024, 512),
    Transform(2048, 2048, 512, "sqrt-hann"),
    Transform(1024, 1024, 256, "sqrt-hann"),
]
# float32 carries 24 bits: 6e-8 of the peak per operation, some twenty of them
RECONSTRUCTION = 1e-6


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
@pytest.mark.parametrize("frames", [1, 7])
def test_masks_of_one_give_the_input_back_late(transform: Transform, frames: int) -> None:
    """Analysis and synthesis together are a delay of `latency` samples."""
    step = frames * transform.hop
    signal = noise(12 * step / 44100)
    signal /= np.abs(signal).max()
    analysis, synthesis = Analysis(transform, 2), Synthesis(transform, 2)
    parts = [
        synthesis.push(analysis.push(signal[:, i : i + step])).copy()
        for i in range(0, signal.shape[1], step)
    ]
    result = np.concatenate(parts, axis=1)
    late = transform.latency
    np.testing.assert_allclose(result[:, :late], 0, atol=RECONSTRUCTION)
    np.testing.assert_allclose(result[:, late:], signal[:, :-late], atol=RECONSTRUCTION)


def test_frames_equal_a_float64_reference() -> None:
    """Each frame is the windowed transform of the newest samples."""
    transform = Transform(2048, 512, 256)
    signal = noise(8 * 256 / 44100)
    spectra = Analysis(transform, 2).push(signal)
    stream = np.pad(signal.astype(np.float64), ((0, 0), (transform.n_fft - transform.hop, 0)))
    window = transform.pair[0].astype(np.float64)
    for frame in range(8):
        start = frame * transform.hop
        wanted = np.fft.rfft(stream[:, start : start + transform.n_fft] * window)
        np.testing.assert_allclose(spectra[:, frame], wanted, atol=1e-4)


def test_reset_equals_a_new_instance() -> None:
    """After a reset nothing of the past sounds."""
    transform = Transform(2048, 512, 256)
    signal = noise(4 * 256 / 44100)
    analysis, synthesis = Analysis(transform, 2), Synthesis(transform, 2)
    first = synthesis.push(analysis.push(signal)).copy()
    analysis.reset()
    synthesis.reset()
    np.testing.assert_array_equal(synthesis.push(analysis.push(signal)), first)


@pytest.mark.parametrize(
    ("n_fft", "synthesis", "hop"),
    [(2048, 512, 300), (2048, 500, 500), (512, 1024, 256), (2048, 513, 27), (2048, 512, 0)],
)
def test_lengths_that_cannot_reconstruct_are_refused(n_fft: int, synthesis: int, hop: int) -> None:
    """The message names the lengths and the rule."""
    with pytest.raises(SpecError, match=rf"synthesis {synthesis}, hop {hop} cannot reconstruct"):
        window_pair(n_fft, synthesis, hop)


def test_other_misfits_are_refused() -> None:
    """Unknown windows, a short sqrt-Hann and fractions of samples."""
    with pytest.raises(SpecError, match="'kaiser' is unknown; use one of asymmetric, sqrt-hann"):
        Transform(2048, 512, 256, "kaiser")
    with pytest.raises(SpecError, match="needs synthesis equal to n_fft"):
        Transform(2048, 512, 256, "sqrt-hann")
    with pytest.raises(SpecError, match="is odd"):
        Transform(2047, 512, 256)
    with pytest.raises(SpecError, match=r"cannot be scaled by 0\.25"):
        Transform(2048, 4, 2).scaled(0.25)
