"""Stems of tracker modules, with a module that the tests write."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data import modules, openmpt, timbre
from models.data.library import RATE, Library, UnusableError
from models.data.timbre import Sound

OPENMPT = pytest.mark.system("libopenmpt0")
C5_RATE = 8287.0  # Hz at which period 428, MIDI 60, plays a sample
PERIODS = {60: 428, 64: 339, 67: 285}
KICK, BASS, LEAD, CHOIR = range(1, 5)
NAMES = ("one", "two", "three", "choir")
ORDERS = 6  # of 64 rows at 0.12 s: 46 s


def samples() -> list[NDArray[np.int8]]:
    """Make a burst of noise, a low and a high tone that last, and another that sings."""
    time = np.arange(16_000) / C5_RATE
    burst = np.random.default_rng(1).standard_normal(1000) * np.exp(-np.arange(1000) / 200)
    low, high = (
        sum(np.sin(2 * np.pi * k * hertz * time) / (2 * k) for k in range(1, 6))
        for hertz in (65.0, 400.0)
    )
    return [np.rint(100 * np.clip(w, -1, 1)).astype(np.int8) for w in (burst, low, high, high)]


def write(path: Path, instruments: tuple[int, ...] = (KICK, BASS, LEAD, CHOIR)) -> Path:
    """Write a module of four channels, one instrument each, in the form of ProTracker."""
    waves = samples()
    data = b"song".ljust(20, b"\0")
    for name, wave in zip(NAMES, waves, strict=True):
        words = np.array([len(wave) // 2, 64, 0, 1], ">u2").tobytes()
        data += name.encode().ljust(22, b"\0") + words
    data += (b"\0" * 28 + b"\0\1") * 27
    data += bytes([ORDERS, 127]) + bytes(128) + b"M.K."
    for row in range(64):
        for channel in range(4):
            instrument = channel + 1
            pitch = 60 if instrument == KICK else tuple(PERIODS)[row // 4 % 3]
            period = PERIODS[pitch]
            if row % 4 or instrument not in instruments:
                period = instrument = 0
            data += bytes(
                [instrument & 0xF0 | period >> 8, period & 255, (instrument & 15) << 4, 0]
            )
    path.write_bytes(data + b"".join(wave.tobytes() for wave in waves))
    return path


PLAIN = Sound("", 5, 0.4, 440, 0.95, 0.001, 0.0, 0.2, 0.1, -5, -10)


@pytest.mark.parametrize(
    ("sound", "stem"),
    [
        (PLAIN, "other"),
        (replace(PLAIN, name="Choir4.pat"), None),
        (replace(PLAIN, hertz=60, mid=0.98, low=0.6), "bass"),
        (replace(PLAIN, steady=0.3, noise=0.3, same=1.0, pitches=1, late=-60), "drums"),
        (replace(PLAIN, mid=0.99, low=0.98, same=1.0, pitches=1, soon=-90, late=-90), "drums"),
        (replace(PLAIN, steady=0.4, noise=0.3, late=-1), None),  # noise that stays
    ],
)
def test_an_instrument_is_placed_by_what_is_heard(sound: Sound, stem: str | None) -> None:
    """Pitch, decay and noise decide; a choir and what is unclear have no place."""
    assert timbre.stem_of(sound) == stem


@pytest.mark.parametrize("hertz", [41.2, 82.4, 330.0, 880.0])
def test_a_note_is_described_by_its_own_pitch(hertz: float) -> None:
    """A saw's pitch is found to 2 %, it is steady, and silence is nothing."""
    wave = (0.3 * (2 * (hertz * np.arange(RATE) / RATE % 1) - 1)).astype(np.float32)
    sound = timbre.listen("", Counter({60: 3, 62: 1}), wave)
    assert sound is not None
    assert sound.hertz == pytest.approx(hertz, rel=0.02)
    assert sound.steady > 0.9
    assert (sound.pitches, sound.same) == (2, 1.0)
    assert timbre.listen("", Counter({60: 1}), 0 * wave) is None


@OPENMPT
def test_instruments_are_sorted_and_add_up(tmp_path: Path) -> None:
    """Noise is drums, the low tone bass, the high one other, no choir; stems are the song."""
    path = write(tmp_path / "song.mod")
    stems = modules.load(path)
    assert sorted(stems) == ["bass", "drums", "other"]
    with openmpt.Module(path) as module:
        assert modules.sorted_instruments(module) == {
            "drums": {KICK - 1}, "bass": {BASS - 1}, "other": {LEAD - 1},
        }  # fmt: skip
        song = module.render({KICK - 1, BASS - 1, LEAD - 1})
    error = song - np.sum(list(stems.values()), axis=0)
    assert np.square(error).sum() < 1e-6 * np.square(song).sum()
    assert song.shape[1] == pytest.approx(ORDERS * 64 * 0.12 * RATE, rel=0.01)
    assert all(np.abs(track).max() > 0.01 for track in stems.values())


def test_shares_of_energy_are_those_of_the_tones() -> None:
    """A tone at 60 Hz and one at 600 Hz, three times as strong, lie on both sides of 100 Hz."""
    time = np.arange(2 * RATE) / RATE
    low, high = (np.sin(2 * np.pi * hertz * time) for hertz in (60, 600))
    track = np.stack([low + np.sqrt(3) * high] * 2).astype(np.float32)
    assert modules.share_below(track, 100) == pytest.approx(0.25, abs=0.02)
    assert modules.share_below(track, 1000) == pytest.approx(1, abs=0.01)


@OPENMPT
def test_modules_become_items_and_unusable_ones_are_named(tmp_path: Path) -> None:
    """Garbage, a song without drums: skipped with a sentence; the rest is in the library."""
    (tmp_path / "music").mkdir()
    write(tmp_path / "music" / "good.mod")
    write(tmp_path / "music" / "quiet.mod", (BASS, LEAD))
    (tmp_path / "music" / "bad.xm").write_bytes(bytes(range(256)))
    library = Library.open(tmp_path / "library")
    list(library.fill(modules.jobs(tmp_path / "music")))
    assert library.done == ["module/music-good.mod"]
    assert {item.stem for item in library.items} == {"bass", "drums", "other"}
    assert set(library.skipped) == {"module/music-bad.xm", "module/music-quiet.mod"}
    assert all("leave it out" in why for why in library.skipped.values())


@OPENMPT
def test_a_folder_without_modules_is_refused(tmp_path: Path) -> None:
    """One sentence says what belongs there; a file that is gone is unusable."""
    with pytest.raises(ValueError, match=r"\.xm"):
        list(modules.jobs(tmp_path))
    with pytest.raises(UnusableError, match="gone"):
        modules.load(tmp_path / "gone.mod")
