"""Laws of the causal analysis: partition, delay, reset, memory, live and file alike."""

import gc
import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.songs import generate
from plugin_bridge.analysis import Analyst, Event
from plugin_bridge.analysis.collect import Collector
from plugin_bridge.analysis.events import HIT, NOTE_OFF, NOTE_ON, ONSET
from plugin_bridge.console import Console
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.errors import SpecError
from plugin_bridge.separator import Separator
from plugin_bridge.testing import noise
from tests.tiny import equal_model

RATE, SEED, SECONDS = 44100, 3, 2.0
STEMS = ("vocals", "drums", "bass", "other")
# An onset is told so long after it at most.
MOST_DELAY = 0.020
# What 300 hops may leave behind: numbers are replaced, nothing is kept. A hop is 8 KB.
HOPS, GROWTH_BYTES = 300, 2048


@cache
def song() -> FloatArray:
    """Give the true stems of a generated song, (stems, channels, samples)."""
    made = generate(SEED, SECONDS)
    return np.stack([made.stems[stem] for stem in STEMS])


def told(stems: FloatArray, cuts: list[int]) -> list[Event]:
    """Give all events of stems that come in blocks of these sizes, and the rest."""
    analyst = Analyst(STEMS, RATE)
    edges = [0, *np.cumsum(cuts).tolist()]
    parts = [stems[..., a:b] for a, b in zip(edges, [*edges[1:], None], strict=True)]
    return [event for part in parts for event in analyst.push(part)] + analyst.flush()


@cache
def whole() -> tuple[Event, ...]:
    """Give the events of the song in one block."""
    return tuple(told(song(), []))


@settings(max_examples=4)
@given(cuts=st.lists(st.integers(0, 9000), max_size=20))
def test_any_partition_gives_the_same_events(cuts: list[int]) -> None:
    """Cut anywhere, empty blocks included."""
    assert tuple(told(song(), cuts)) == whole()


@pytest.mark.parametrize("block", [63, 256, 257, 8193])
def test_blocks_of_one_size_give_the_same_events(block: int) -> None:
    """Shorter than a hop, one hop, and longer ones."""
    assert tuple(told(song(), [block] * (song().shape[2] // block))) == whole()


def test_the_song_is_heard() -> None:
    """All kinds of events are there, so that the laws say something."""
    assert {event.kind for event in whole()} == {ONSET, HIT, NOTE_ON, NOTE_OFF}


def test_nothing_is_told_before_it_is_heard_and_onsets_at_most_20_ms_after() -> None:
    """By the events' own account, which the partition law makes true: blocks of a hop agree."""
    last = song().shape[2]
    for event in whole():
        assert 0 <= event.position < last
        assert event.position <= event.found <= last
        if event.kind in (ONSET, HIT):
            assert event.found - event.position <= MOST_DELAY * RATE


def test_found_is_when_it_is_told() -> None:
    """Fed hop by hop, an event comes with the hop that ends at `found`."""
    analyst = Analyst(STEMS, RATE)
    hop = analyst.hop
    for start in range(0, song().shape[2] // hop * hop, hop):
        for event in analyst.push(song()[..., start : start + hop]):
            assert event.found == start + hop


def test_notes_begin_and_end_in_turn() -> None:
    """One at a time, each ended by its key, and none is left sounding."""
    for stem in ("bass", "vocals"):
        sounding = None
        for event in whole():
            if event.stem == stem and event.kind == NOTE_ON:
                assert sounding is None
                sounding = event.key
            if event.stem == stem and event.kind == NOTE_OFF:
                assert event.key == sounding
                sounding = None
        assert sounding is None


def test_reset_and_flush_make_it_new() -> None:
    """After either the song gives the same events again."""
    analyst = Analyst(STEMS, RATE)
    for _ in range(2):
        assert (*analyst.push(song()), *analyst.flush()) == whole()
    analyst.push(song()[..., :30_000])
    analyst.reset()
    assert (*analyst.push(song()), *analyst.flush()) == whole()


def test_what_is_no_number_is_silence() -> None:
    """And what comes after it is heard."""
    analyst = Analyst(STEMS, RATE)
    broken = np.full((len(STEMS), 2, analyst.hop), np.nan, np.float32)
    analyst.push(broken)
    clean = Analyst(STEMS, RATE)
    clean.push(np.zeros_like(broken))
    assert analyst.push(song()) + analyst.flush() == clean.push(song()) + clean.flush()


def test_live_and_file_give_the_same_events() -> None:
    """An engine's hops as they come, and the stems of a file at once."""
    mix = song().sum(axis=0)
    model = equal_model(stems=STEMS)
    engine = Engine(model, RATE, Console(STEMS), block=256)
    live, hops, before = Analyst(STEMS, RATE), [], engine.newest
    for start in range(0, mix.shape[1] // 256 * 256, 256):
        engine.push(mix[:, start : start + 256])
        if engine.newest is not before:
            hops += live.push(engine.newest)
            before = engine.newest
    separator = Separator(model, RATE)
    collector = Collector(STEMS, 2)
    collector.push(separator.push(mix))
    collector.push(separator.flush())
    collector.finish()
    assert hops
    assert collector.events[: len(hops)] == hops


def test_memory_does_not_grow() -> None:
    """300 hops of noise leave nothing behind."""
    analyst = Analyst(STEMS, RATE)
    hop = np.stack([noise(0.1, seed=i)[:, : analyst.hop] for i in range(4)])
    analyst.push(hop)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(50):  # what is replaced with each hop is counted from now on
            analyst.push(hop)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(HOPS):
            analyst.push(hop)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < GROWTH_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rate", [22050, 48000, 96000, 192000])
def test_other_rates_hear_the_same(rate: int) -> None:
    """A click every half second is found in each stem but the pitched ones' notes."""
    stems = np.zeros((2, 1, 3 * rate), np.float32)
    for beat in range(1, 6):
        start = beat * rate // 2
        stems[:, 0, start : start + rate // 20] = np.exp(-np.arange(rate // 20) / (rate / 200))
        stems[:, 0, start : start + rate // 20 : 2] *= -1
    analyst = Analyst(("drums", "other"), rate, 1)
    events = [*analyst.push(stems), *analyst.flush()]
    for stem in ("drums", "other"):
        seconds = sorted({event.position / rate for event in events if event.stem == stem})
        assert np.allclose(seconds, [0.5, 1.0, 1.5, 2.0, 2.5], atol=0.02)


def test_what_cannot_be_analysed_is_refused() -> None:
    """Low rates, no stems, and blocks of another shape, in a sentence."""
    with pytest.raises(SpecError, match="resample first"):
        Analyst(STEMS, 8000)
    with pytest.raises(SpecError, match="name each stem once"):
        Analyst(("drums", "drums"), RATE)
    with pytest.raises(SpecError, match="stems 'drums' of 2 channels"):
        Analyst("drums", RATE)
    with pytest.raises(SpecError, match="one row per stem"):
        Analyst(STEMS, RATE).push(np.zeros((2, 2, 100), np.float32))
