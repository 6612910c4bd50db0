"""Tempo and beats of long curves: what a whole one has, in the memory of a part."""

import tracemalloc

import numpy as np
import pytest

from plugin_bridge.analysis import beats
from plugin_bridge.analysis.grid import BASE_RATE, HOP
from plugin_bridge.dsp import FloatArray

# Importing librosa compiles it once, a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)


def pulses(seconds: float, per_minute: float) -> FloatArray:
    """Give a curve of pulses with noise between them."""
    hops = round(seconds * BASE_RATE / HOP)
    curve = np.random.default_rng(0).uniform(0, 0.3, hops).astype(np.float32)
    gap = 60 / per_minute * BASE_RATE / HOP
    curve[np.arange(0, hops, gap).astype(int)] += 1
    return curve


def test_parts_give_the_lags_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of the whole curve is the oracle; the last part may be short."""
    curve = pulses(40, 100)[: 7 * beats.TEMPO_HOPS * 229]
    thin = beats._thinned(curve, beats.TEMPO_HOPS)
    length = int(beats.LAG_SECONDS * BASE_RATE / (beats.TEMPO_HOPS * HOP))
    module = beats.librosa()
    whole = module.feature.tempogram(onset_envelope=thin, win_length=length)
    monkeypatch.setattr(beats, "PART", 500)
    found = beats._lags(thin)
    np.testing.assert_allclose(found, whole.mean(axis=1, keepdims=True), atol=1e-5)


def test_memory_does_not_grow_with_the_song() -> None:
    """Twenty minutes take little more than five, and the tempo is found."""
    peaks = []
    for minutes in (5, 20):
        curve = pulses(60 * minutes, 120)
        tracemalloc.start()
        try:
            lags = beats._lags(beats._thinned(curve, beats.TEMPO_HOPS))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert lags[43] > lags[50]  # 0.5 s are 21.5 values, a second is 43
    assert peaks[1] < 1.5 * peaks[0]
