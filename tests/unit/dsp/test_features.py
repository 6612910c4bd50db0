"""Features against a float64 reference, on signals that are hard for float32."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.features import FEATURES, FeaturePlane, count_planes
from plugin_bridge.dsp.stft import Analysis, Transform
from plugin_bridge.errors import SpecError
from plugin_bridge.testing import noise, sine

TRANSFORM = Transform(2048, 512, 256)
SAMPLES = 24 * 256
EPS = 1e-2
Reference = Callable[[NDArray[np.complex128]], NDArray[np.float64]]


def low_passed() -> FloatArray:
    """Give noise without highs."""
    spectrum = np.fft.rfft(noise(SAMPLES / 44100))
    spectrum[:, 1000:] = 0
    return np.fft.irfft(spectrum, SAMPLES).astype(np.float32)


SIGNALS = {
    "sine": sine(1000, SAMPLES / 44100),
    "dc": np.ones((2, SAMPLES), np.float32),
    "noise": noise(SAMPLES / 44100),
    "silence": np.zeros((2, SAMPLES), np.float32),
    "low_passed": low_passed(),
}


def unit(x: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Give the floored unit vector between the channels."""
    floored = np.sqrt(np.abs(x) ** 2 + EPS**2)
    return np.asarray(x[:1] * x[1:].conj() / (floored[:1] * floored[1:]))


REFERENCES: dict[str, Reference] = {
    "magnitude": np.abs,
    "power:0.3:0.01": lambda x: (np.abs(x) ** 2 + EPS**2) ** 0.15,
    "log:0.01": lambda x: np.log(np.sqrt(np.abs(x) ** 2 + EPS**2)),
    "ild": lambda x: np.log(np.sqrt((np.abs(x[:1]) ** 2 + EPS**2) / (np.abs(x[1:]) ** 2 + EPS**2))),
    "cos_ipd": lambda x: unit(x).real,
    "sin_ipd": lambda x: unit(x).imag,
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
}
# Against two float32 transforms, eps 1e-2 leaves 2e-5 in compressed features; the linear
# ones are as exact as float32 is at the peak of about 650.
TOLERANCE = {"magnitude": 3e-4, "real": 3e-4, "imag": 3e-4}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("feature", REFERENCES)
def test_feature_equals_the_reference(feature: str, signal: str) -> None:
    """float32 from the streaming transform against float64 throughout."""
    wave = SIGNALS[signal].copy()
    wave[1] *= 0.7
    wave[1] = np.roll(wave[1], 5)
    padded = np.pad(wave.astype(np.float64), ((0, 0), (TRANSFORM.n_fft - TRANSFORM.hop, 0)))
    cuts = np.lib.stride_tricks.sliding_window_view(padded, TRANSFORM.n_fft, axis=1)[:, ::256]
    exact = np.fft.rfft(cuts * TRANSFORM.pair[0].astype(np.float64))
    values = FeaturePlane(feature)(Analysis(TRANSFORM, 2).push(wave))
    assert values.dtype == np.float32
    tolerance = TOLERANCE.get(feature, 1e-4)
    np.testing.assert_allclose(values, REFERENCES[feature](exact), atol=tolerance)


def test_every_feature_has_a_reference() -> None:
    """A feature added to the table is tested above."""
    assert {text.split(":")[0] for text in REFERENCES} == set(FEATURES)


def test_silence_is_what_the_feature_gives_for_nothing() -> None:
    """Bins without data look like silence."""
    assert FeaturePlane("power:0.3:0.01").silence == pytest.approx(0.01**0.3)
    assert FeaturePlane("log").silence == pytest.approx(math.log(0.01))
    assert FeaturePlane("ild").silence == 0


def test_planes_are_counted_per_channel_or_pair() -> None:
    """Two channels and a pair."""
    assert count_planes(["magnitude", "ild", "cos_ipd"], 2) == 4


@pytest.mark.parametrize("text", ["loudness", "power", "power:x", "magnitude:1", "log:nan"])
def test_bad_features_are_refused(text: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(SpecError, match=r"use one of|numbers, each after a colon"):
        FeaturePlane(text)
