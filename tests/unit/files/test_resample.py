"""The resampler keeps every sample in its place."""

from math import ceil

import numpy as np
import pytest

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.resample import AlignedResampler

RATES = [(8000, 44100), (16000, 44100), (32000, 44100), (48000, 44100), (96000, 44100)]
# The sinc of 64 zero crossings ripples by 2e-5; close to the edges of the lower band by more.
RIPPLE = 2e-3


def _resample(samples: FloatArray, source: int, target: int, chunk: int = 5000) -> FloatArray:
    resampler = AlignedResampler(source, target, samples.shape[0])
    parts = [
        resampler.push(part) for part in np.split(samples, range(chunk, samples.shape[1], chunk), 1)
    ]
    return np.concatenate([*parts, resampler.flush()], axis=1)


@pytest.mark.parametrize(
    ("source", "target"), [*RATES, *((b, a) for a, b in RATES), (12345, 44100)]
)
def test_a_sine_keeps_its_phase(source: int, target: int) -> None:
    """Output sample k is the input at time k / target, at every rate, to a fraction of a sample."""
    samples = source + 17
    wave = np.sin(2 * np.pi * 300 * np.arange(samples) / source).astype(np.float32)
    result = _resample(wave[np.newaxis], source, target)[0]
    assert result.size == ceil(samples * target / source)
    expected = np.sin(2 * np.pi * 300 * np.arange(result.size) / target)
    middle = slice(target // 10, -target // 10)
    # a hundredth of a sample at 8 kHz would be 2.4e-3
    assert np.abs(result[middle] - expected[middle]).max() < RIPPLE


@pytest.mark.parametrize("rate", [8000, 16000, 32000])
def test_there_and_back_is_where_it_was(rate: int) -> None:
    """An impulse resampled to 44.1 kHz and back peaks at its own index, alone."""
    impulse = np.zeros((2, 3001), np.float32)
    impulse[0, 1234] = impulse[1, 17] = 1
    back = _resample(_resample(impulse, rate, 44100), 44100, rate)[:, :3001]
    assert np.abs(back).argmax(axis=1).tolist() == [1234, 17]
    assert np.allclose(back[0, 1234 - np.arange(1, 9)], back[0, 1234 + np.arange(1, 9)], atol=1e-3)


def test_chunks_do_not_matter() -> None:
    """Any cut into chunks gives the same samples."""
    wave = np.random.default_rng(0).standard_normal((2, 4000)).astype(np.float32)
    whole = _resample(wave, 8000, 44100, 4000)
    assert np.array_equal(whole, _resample(wave, 8000, 44100, 37))
