"""What is heard: the right seconds, one loudness, an anchor that is low, and every condition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.baseline import separate
from models.data.score import STEMS
from models.data.songs import Song
from models.data.sound import Floats
from models.evaluation.energies import sdr
from models.evaluation.separators import mixture, oracle, row
from models.listening import excerpts
from models.listening.anchor import CUT, anchor
from models.listening.levels import PEAK, TARGET, loudness, matched
from models.listening.trials import trials
from tests.tiny import hiss

RATE = 44_100


def tone(hertz: float, seconds: float, level: float = 0.1) -> Floats:
    """Give a sine in both channels."""
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def song(**stems: Floats) -> Song:
    """Give a song of these stems; the others are silent."""
    silent = np.zeros_like(next(iter(stems.values())))
    full = {stem: stems.get(stem, silent) for stem in STEMS}
    return Song(full, np.sum(list(full.values()), axis=0), RATE)


def only(sound: Floats, first: float, last: float) -> Floats:
    """Silence a sound outside these seconds."""
    made = np.zeros_like(sound)
    part = slice(round(first * RATE), round(last * RATE))
    made[:, part] = sound[:, part]
    return made


def test_loudness_is_that_of_the_recommendation() -> None:
    """A sine of 997 Hz at -20 dB in both channels has -20 LUFS, as BS.1770 defines it."""
    assert loudness(tone(997, 5, 0.1), RATE) == pytest.approx(-20.0, abs=0.05)
    assert loudness(tone(997, 5, 0.0), RATE) == -np.inf


@given(
    gains=st.lists(st.floats(-25, 20), min_size=2, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_all_sounds_of_a_trial_are_equally_loud(gains: list[float], seed: int) -> None:
    """Whatever their levels were: at -23 LUFS where no peak forbids it, and never clipped."""
    sounds = {
        f"{i}": hiss(RATE, seed=seed + i) * np.float32(0.2 * 10 ** (gain / 20))
        for i, gain in enumerate([0.0, *gains])
    }
    made = matched(sounds, RATE)
    levels = [loudness(sound, RATE) for sound in made.values()]
    assert max(levels) - min(levels) < 0.1
    assert levels[0] == pytest.approx(TARGET, abs=0.1)
    assert max(np.abs(sound).max() for sound in made.values()) <= PEAK + 1e-6


def test_a_high_peak_turns_all_down_together() -> None:
    """One click of a crest that does not fit at -23 LUFS: the others go down with it."""
    click = hiss(RATE, seed=1) * np.float32(0.001)
    click[:, RATE // 2] = 1
    made = matched({"reference": hiss(RATE, seed=2) * np.float32(0.1), "click": click}, RATE)
    levels = [loudness(sound, RATE) for sound in made.values()]
    assert np.abs(made["click"]).max() == pytest.approx(PEAK)
    assert levels[0] == pytest.approx(levels[1], abs=0.1)
    assert levels[0] < TARGET - 1


def test_silence_and_near_silence_are_not_blown_up() -> None:
    """Nothing stays nothing; what is 60 dB below the reference ends 30 dB below it."""
    reference = hiss(RATE, seed=3) * np.float32(0.2)
    made = matched(
        {"reference": reference, "none": 0 * reference, "faint": reference * np.float32(0.001)},
        RATE,
    )
    assert not made["none"].any()
    ratio = np.std(made["faint"]) / np.std(made["reference"])
    assert 20 * np.log10(ratio) == pytest.approx(-30, abs=0.1)


def test_the_anchor_is_low() -> None:
    """Nothing above 3.5 kHz, less than half of the rest, as long as the reference, in its place."""
    reference = hiss(2 * RATE, seed=4)
    made = anchor(reference, RATE)
    assert made.shape == reference.shape
    power, was = (np.abs(np.fft.rfft(each[0])) ** 2 for each in (made, reference))
    low = np.fft.rfftfreq(2 * RATE, 1 / RATE) < CUT
    assert power[~low].sum() < 0.02 * power.sum()
    assert 0.2 * was[low].sum() < power[low].sum() < 0.5 * was[low].sum()
    # of a sound below the cut half is left, and in time with it
    bass = tone(80, 2)
    kept = anchor(bass, RATE)
    assert 0 < sdr(bass, kept) < 10
    np.testing.assert_array_equal(made, anchor(reference, RATE))


def test_the_excerpt_is_where_stem_and_rest_sound() -> None:
    """Vocals at 2 to 6 s and 10 to 14 s, drums from 9 s on: the excerpt is the second verse."""
    whole = tone(300, 16)
    vocals = only(whole, 2, 6) + only(whole, 10, 14)
    made = song(vocals=vocals, drums=only(hiss(16 * RATE, seed=5), 9, 16))
    assert excerpts.start(made, "vocals", 4) == 10
    assert excerpts.start(made, "bass", 4) is None
    alone = song(vocals=vocals)
    assert excerpts.start(alone, "vocals", 4) == 2


def test_a_song_shorter_than_the_excerpt_is_taken_whole() -> None:
    """From its first sample to its last."""
    made = song(vocals=tone(300, 2), drums=hiss(2 * RATE, seed=6))
    part, cut = excerpts.around(made, excerpts.start(made, "vocals", 8) or 0, 8)
    np.testing.assert_array_equal(part.mixture[:, cut], made.mixture)


def test_separators_hear_what_comes_before() -> None:
    """Five seconds before and one after the excerpt, or as much as there is."""
    made = song(vocals=tone(300, 20), drums=hiss(20 * RATE, seed=7))
    for begin, lead, seconds in ((10.0, 5.0, 9.0), (2.0, 2.0, 6.0), (17.0, 5.0, 8.0)):
        part, cut = excerpts.around(made, begin, 3)
        assert part.mixture.shape[1] == seconds * RATE
        assert cut.start == lead * RATE
        where = slice(round(begin * RATE), round((begin + 3) * RATE))
        np.testing.assert_array_equal(part.stems["drums"][:, cut], made.stems["drums"][:, where])


def test_a_trial_has_every_condition_of_its_stem() -> None:
    """Hidden reference, mixture, anchor and all separations, of one length; silent stems none."""
    made = song(vocals=tone(700, 4), drums=hiss(4 * RATE, seed=8))
    compared = {
        "mixture": row(mixture),
        "baseline": row(separate),
        "drummer": row(lambda given, rate: {"drums": given}),
        "oracle": oracle,
    }
    vocals, drums = trials("one", made, STEMS, compared, 3)
    assert list(vocals.sounds) == ["reference", "mixture", "anchor", "baseline", "oracle"]
    assert list(drums.sounds) == ["reference", "mixture", "anchor", "baseline", "drummer", "oracle"]
    assert {sound.shape for sound in vocals.sounds.values()} == {(2, 3 * RATE)}
    # each is the stem that the trial says, from the place that it says
    where = slice(round(vocals.start * RATE), round((vocals.start + 3) * RATE))
    for found, true in ((vocals, made.stems["vocals"]), (drums, made.stems["drums"])):
        sounds = {name: each - each.mean() for name, each in found.sounds.items()}
        true = true[:, where]
        scale = np.vdot(sounds["reference"], true) / np.vdot(true, true)
        np.testing.assert_allclose(sounds["reference"], scale * true, atol=1e-3)
        assert sdr(sounds["reference"], sounds["oracle"]) > sdr(
            sounds["reference"], sounds["mixture"]
        )
