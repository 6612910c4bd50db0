"""Pitch: tones of every key, at every rate; noise and silence have none."""

import numpy as np
import pytest

from plugin_bridge.analysis.grid import hop_of
from plugin_bridge.analysis.pitch import BASS, VOICE, Candidates, PitchPath, Range
from plugin_bridge.dsp import FloatArray

CENTS = 20  # off at most; a peak between two lags is found by a parabola


def tone(hertz: float, rate: float, seconds: float = 0.6) -> FloatArray:
    """Give ten partials, each weaker than the one before, (1, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    partials = [np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 11)]
    return np.asarray(0.2 * np.sum(partials, axis=0, keepdims=True), np.float32)


def curves(samples: FloatArray, rate: float, span: Range) -> tuple[FloatArray, FloatArray]:
    """Give the pitch hop by hop as live, and traced back."""
    candidates, path = Candidates(rate, span), PitchPath(keep=True)
    hop = hop_of(rate)
    hertz, strengths = candidates.push(samples[:, : samples.shape[1] // hop * hop])
    live = [path.push(*rows) for rows in zip(hertz, strengths, strict=True)]
    return np.array(live, np.float32), path.traced(hertz)


def cents(found: FloatArray, hertz: float) -> float:
    """Give the largest deviation in the second half."""
    late = found[len(found) // 2 : -2]
    return float(np.abs(1200 * np.log2(np.maximum(late, 1) / hertz)).max())


@pytest.mark.parametrize("key", range(24, 56, 3))
def test_every_key_of_a_bass(key: int) -> None:
    """From 33 to 233 Hz, live and traced."""
    hertz = 440 * 2 ** ((key - 69) / 12)
    assert max(cents(curve, hertz) for curve in curves(tone(hertz, 44100), 44100, BASS)) < CENTS


@pytest.mark.parametrize("key", range(40, 84, 4))
def test_every_key_of_a_voice(key: int) -> None:
    """From 82 to 932 Hz, live and traced."""
    hertz = 440 * 2 ** ((key - 69) / 12)
    assert max(cents(curve, hertz) for curve in curves(tone(hertz, 44100), 44100, VOICE)) < CENTS


@pytest.mark.parametrize("rate", [22050, 48000, 96000, 192000])
def test_every_rate(rate: int) -> None:
    """The same keys at other rates."""
    for hertz, span in ((55.0, BASS), (220.0, VOICE)):
        assert max(cents(curve, hertz) for curve in curves(tone(hertz, rate), rate, span)) < CENTS


def test_noise_and_silence_have_no_pitch() -> None:
    """Noise almost never, silence never; no number is missing."""
    hiss = np.random.default_rng(0).normal(0, 0.2, (1, 44100)).astype(np.float32)
    for span in (BASS, VOICE):
        live, traced = curves(hiss, 44100, span)
        assert (traced > 0).mean() < 0.15
        assert np.isfinite(live).all()
        live, traced = curves(0 * hiss, 44100, span)
        assert not live.any()
        assert not traced.any()
