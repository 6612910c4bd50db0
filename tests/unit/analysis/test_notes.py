"""Strokes, notes and curves of songs whose notes are known."""

import tracemalloc

import numpy as np
import pytest

from models.data.notes import merged, notes_of, strokes
from models.data.songs import generate
from plugin_bridge.analysis.collect import Collector
from plugin_bridge.analysis.melody import notes_of as melody_of
from plugin_bridge.analysis.offline import Listener
from plugin_bridge.analysis.results import StemAnalysis
from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.listening import STEMS
from tests.tiny import hiss
from tests.unit.analysis.test_pitch import tone

RATE = 44100
# A second of sound has 350,000 in two channels.
BYTES_A_SECOND = 17_500


def offline(stem: str, samples: FloatArray) -> StemAnalysis:
    """Listen with a look ahead."""
    listener = Listener(stem, len(samples), beats=False)
    listener.push(samples)
    return listener.finish()


def live(stem: str, samples: FloatArray) -> StemAnalysis:
    """Listen causally."""
    collector = Collector((stem,), len(samples))
    collector.push(samples[None])
    return collector.finish().stems[stem]


def hits(wanted: list[float], found: list[float], within: float = 0.05) -> tuple[float, float]:
    """Give the shares of wanted times that were found, and of found ones that were wanted."""
    apart = np.abs(np.subtract.outer(wanted, found)) <= within
    return float(apart.any(axis=1).mean()), float(apart.any(axis=0).mean())


@pytest.mark.parametrize("seed", [3, 4])
def test_strokes_of_a_known_song(seed: int) -> None:
    """Live, nine in ten of what is told was played, and eight in ten strokes are told."""
    wanted = merged(strokes(notes_of(seed, 6.0).drums)["any"])
    found = live("drums", generate(seed, 6.0).stems["drums"]).onsets
    recall, precision = hits(wanted, [onset.seconds for onset in found])
    assert precision > 0.9
    assert recall > 0.75


def test_kinds_of_strokes() -> None:
    """A thump is a kick, a hiss a hat: each is told as what it is, and at its place."""
    time = np.arange(RATE // 5) / RATE
    thump = np.sin(2 * np.pi * (50 * time + 2 * (1 - np.exp(-time / 0.02)))) * np.exp(-time / 0.08)
    tick = np.diff(hiss(len(time) + 1, 1, seed=2)[0]) * np.exp(-time / 0.02) * 2
    samples = np.zeros((1, 2 * RATE), np.float32)
    for start, sound in ((0.5, thump), (1.0, tick), (1.5, thump)):
        at = round(start * RATE)
        samples[0, at : at + len(sound)] += 0.7 * sound.astype(np.float32)
    for found in (live("drums", samples), offline("drums", samples)):
        assert [onset.keys for onset in found.onsets] == [(36,), (42,), (36,)]
        seconds = [onset.seconds for onset in found.onsets]
        assert np.allclose(seconds, [0.5, 1.0, 1.5], atol=0.012)


def test_notes_of_a_bass_line() -> None:
    """Three notes, two of them the same: keys, beginnings and the gap, live and offline."""
    parts = [tone(hertz, RATE, 0.4) for hertz in (55.0, 82.41, 82.41)]
    fade = np.minimum(1, np.arange(len(parts[0][0]))[::-1] / 2000)
    gap = np.zeros((1, RATE // 5), np.float32)
    line = np.concatenate([part for each in parts for part in (each * fade, gap)], axis=1)
    line = line.astype(np.float32)
    for found in (live("bass", line), offline("bass", line)):
        assert [note.key for note in found.notes] == [33, 40, 40]
        starts, ends = ([getattr(n, side) for n in found.notes] for side in ("start", "end"))
        assert np.allclose(starts, [0, 0.6, 1.2], atol=0.05)
        assert np.allclose(ends, [0.4, 1.0, 1.6], atol=0.1)


def test_the_voice_of_a_known_song() -> None:
    """The generated voice has the pitch that its curve tells: the curve is of this very song."""
    truth = notes_of(4, 6.0)
    found = offline("vocals", generate(4, 6.0).stems["vocals"])
    mine = found.hertz[np.searchsorted(found.times, truth.times).clip(0, len(found.hertz) - 1)]
    both = (truth.hertz > 0) & (mine > 0)
    cents = 1200 * np.abs(np.log2(mine[both] / truth.hertz[both]))
    assert both.sum() > 100
    # Another singer's scoops and drift on the same notes are within 20 cents half of the time.
    assert (cents < 20).mean() > 0.8


def test_a_vibrato_is_one_note_and_a_step_is_two() -> None:
    """Half a semitone around a key stays; a whole tone further is another note."""
    times = np.arange(200, dtype=np.float32) * 0.0058
    wave = 0.5 * np.sin(2 * np.pi * 5 * times)
    step = np.where(times < 0.6, 0, 2)
    for offset, keys in ((wave, [60]), (step, [60, 62])):
        hertz = (440 * 2 ** ((60 + offset - 69) / 12)).astype(np.float32)
        assert [note.key for note in melody_of(times, hertz, [])] == keys


@pytest.mark.parametrize("stem", STEMS)
def test_silence_noise_and_one_sample_give_little_and_no_nan(stem: str) -> None:
    """Live and offline: nothing from silence or one sample, no steady notes from noise."""
    for samples in (np.zeros((2, RATE), np.float32), np.zeros((2, 0), np.float32)):
        for found in (live(stem, samples), offline(stem, samples)):
            assert not found.onsets
            assert not found.notes
    for samples in (np.ones((2, 1), np.float32), hiss(2 * RATE)):
        for found in (live(stem, samples), offline(stem, samples)):
            assert len(found.onsets) < 4
            assert len(found.notes) < 8
            assert np.isfinite(found.hertz).all()
            assert all(np.isfinite([*note]).all() for note in found.notes)


def clipping(seconds: float) -> FloatArray:
    """Give a low tone and noise, 26 dB too loud for full scale, (2, samples)."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 20 * np.sin(2 * np.pi * 55 * time) + 5 * hiss(len(time))
    return np.asarray(wave.clip(-1, 1), np.float32)


@pytest.mark.parametrize("stem", STEMS)
def test_clipping_is_one_long_sound(stem: str) -> None:
    """It begins once or little more, its pitch is that of the tone, and no number is missing."""
    for found in (live(stem, clipping(10)), offline(stem, clipping(10))):
        assert len(found.onsets) < 4
        assert len(found.notes) < 4
        assert np.isfinite(found.hertz).all()
        assert {note.key for note in found.notes} <= {33}


@pytest.mark.parametrize("stem", STEMS)
def test_a_stem_that_is_absent_gives_little(stem: str) -> None:
    """What a separation leaves of the others, 60 dB below them, is next to nothing."""
    made = generate(3, 4.0).stems
    rest = np.sum([samples for name, samples in made.items() if name != stem], axis=0)
    left = np.asarray(rest / np.abs(rest).max() / 1000, np.float32)
    for found in (live(stem, left), offline(stem, left)):
        assert len(found.onsets) < 4
        assert len(found.notes) < 4
        assert np.isfinite(found.hertz).all()


@pytest.mark.parametrize("stem", STEMS)
def test_memory_does_not_grow_with_clipping(stem: str) -> None:
    """What stays of a second are curves, a twentieth of the sound at most."""
    grown = []
    for seconds in (5, 20):
        listener = Listener(stem, 2, beats=False)
        part = clipping(2.5)
        listener.push(part)
        tracemalloc.start()
        try:
            for _ in range(round(seconds / 2.5)):
                listener.push(part)
            grown.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert (grown[1] - grown[0]) / 15 < BYTES_A_SECOND
