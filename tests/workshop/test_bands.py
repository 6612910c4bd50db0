"""Songs on soundfonts, recordings and singers, with material that the tests make."""

from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest
from numpy.typing import NDArray
from pedalboard.io import AudioFile

from models.data import bands, phrases, singer, soundfont, vocals, voice
from models.data.library import RATE, Library, UnusableError
from models.data.score import STEMS, Note
from models.data.soundfont import BLOCK, Event, SoundFont
from models.evaluation.songs import played
from tests.workshop.tiny_soundfont import write_soundfont

SYSTEM = pytest.mark.system("fluidsynth")
WORLD = pytest.mark.system("g++")
SECONDS = 6.0


def write(path: Path, audio: NDArray[np.float32]) -> None:
    """Write an Ogg file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with AudioFile(str(path), "w", RATE, 1, quality="128 kbps") as file:
        file.write(audio[None])


def spoken(seed: int) -> NDArray[np.float32]:
    """Four syllables of the generator's own voice."""
    rng = np.random.default_rng(seed)
    notes = [Note(0.1 + 0.5 * i, 0.35, 55 + 2 * i, 0.9) for i in range(4)]
    sound = voice.sing(rng, voice.singer(rng, 57), notes, int(2.3 * RATE), RATE)
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw material: a voice, a bass and a guitar note, two drums, a composition."""
    root = tmp_path_factory.mktemp("material")
    for i in range(3):
        write(root / "voices" / "anna" / f"{i}.ogg", spoken(i))
    time = np.arange(RATE) / RATE
    for name, note, hertz in (("x_bass", "e2", 82.4), ("x_guitar", "e3", 164.8)):
        tone = 0.5 * np.sin(2 * np.pi * hertz * time) * np.exp(-2 * time)
        write(root / "instruments" / name / f"{note}_mf.ogg", tone.astype(np.float32))
    for name in ("bd_a", "sn_a"):
        burst = np.random.default_rng(1).standard_normal(RATE // 2) * np.exp(-time[::2] * 30)
        write(root / "drums_sonicpi" / f"{name}.ogg", (0.2 * burst).astype(np.float32))
    composition(root / "midi" / "piece.mid")
    return root


def composition(path: Path) -> None:
    """Write a bar of drums, bass and piano, eight times; one bass note has no end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = mido.MidiFile(ticks_per_beat=480)
    for channel, program, keys in ((9, 0, (36, 42)), (1, 33, (40,)), (2, 0, (64, 67, 71))):
        track = mido.MidiTrack()
        track.append(mido.Message("program_change", channel=channel, program=program))
        for _ in range(32):
            for key in keys:
                track.append(mido.Message("note_on", channel=channel, note=key, velocity=90))
            track.append(mido.Message("note_off", channel=channel, note=keys[0], time=240))
            for key in keys[1:]:
                track.append(mido.Message("note_off", channel=channel, note=key))
            track.append(mido.Message("note_off", channel=channel, note=keys[0], time=240))
        if channel == 1:
            track.append(mido.Message("note_on", channel=channel, note=45, velocity=90))
        file.tracks.append(track)
    file.save(str(path))


@pytest.fixture
def font(tmp_path: Path) -> SoundFont:
    """Give the tiny soundfont."""
    return SoundFont(write_soundfont(tmp_path / "sine.sf2"))


@pytest.fixture
def installed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Every bank is the tiny soundfont, and the analyses are kept apart."""
    folder = tmp_path_factory.mktemp("banks")
    for each in soundfont.BANKS.values():
        write_soundfont(folder / each.file)
    monkeypatch.setattr(soundfont, "FOLDERS", (folder,))
    monkeypatch.setattr(phrases, "CACHE", folder / "cache")
    soundfont.bank.cache_clear()
    yield
    soundfont.bank.cache_clear()
    phrases.take.cache_clear()


@SYSTEM
def test_a_note_has_its_pitch_and_place(font: SoundFont) -> None:
    """A4 sounds at 441 Hz from its beginning to its end, to a block of fluidsynth."""
    events = [Event(RATE // 2, "on", 0, 69, 100), Event(RATE, "off", 0, 69)]
    track = font.render(events, 2 * RATE)
    assert track.shape == (2, 2 * RATE)
    assert not track[:, : RATE // 2 - BLOCK].any()
    middle = track[0, RATE * 6 // 10 : RATE * 9 // 10]
    peak = np.argmax(np.abs(np.fft.rfft(middle))) / len(middle) * RATE
    assert peak == pytest.approx(441, abs=4)
    assert np.abs(track[:, -RATE // 2 :]).max() < 1e-3


@SYSTEM
def test_a_render_knows_nothing_of_the_one_before(font: SoundFont) -> None:
    """Same events, same samples, whatever was played between, a note left hanging included."""
    events = [Event(0, "on", 0, 60, 90), Event(8000, "off", 0, 60), Event(9000, "on", 0, 64, 70)]
    first = font.render(events, RATE)
    font.render([Event(0, "on", 3, 50, 127), Event(10, "bend", 3, 0)], RATE)
    np.testing.assert_array_equal(font.render(events, RATE), first)


@SYSTEM
def test_a_hanging_note_has_the_length_asked_for(font: SoundFont) -> None:
    """A note without an end sounds to the end of the render and no longer."""
    track = font.render([Event(0, "on", 0, 69, 100)], 3 * RATE + 17)
    assert track.shape == (2, 3 * RATE + 17)
    assert np.abs(track[:, -1000:]).max() > 0.01


@SYSTEM
def test_too_much_to_play_is_refused(font: SoundFont, monkeypatch: pytest.MonkeyPatch) -> None:
    """A render that is too long, or takes too long, is given up by a sentence."""
    with pytest.raises(UnusableError, match="at most 1200 s"):
        font.render([], 1201 * RATE)
    monkeypatch.setattr(soundfont, "PATIENCE", -1000.0)
    with pytest.raises(UnusableError, match="takes too long"):
        font.render([], RATE)


@SYSTEM
def test_a_broken_soundfont_is_named(tmp_path: Path) -> None:
    """A file that is no soundfont, or cut in the middle, is refused by its name."""
    whole = write_soundfont(tmp_path / "whole.sf2").read_bytes()
    for name, data in (("text.sf2", b"not a bank"), ("cut.sf2", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnusableError, match=name):
            SoundFont(tmp_path / name)


@WORLD
def test_the_singer_hits_the_notes(tmp_path: Path) -> None:
    """A long note sung without vibrato or drift has the score's pitch; rests are silent."""
    takes = [phrases.analyse(spoken(seed)) for seed in range(3)]
    assert sum(len(each.syllables) for each in takes) >= 6
    how = singer.Manner(
        size=1, vibrato=0, speed=5, onset=1, slide=2, scoop=0, loose=0, breath=-4, air=3,
        several=0, hiss=0,
    )  # fmt: skip
    notes = [Note(0.5, 1.5, 60, 0.9), Note(4.0, 1.5, 64, 0.9)]
    track = singer.sing(np.random.default_rng(1), takes, how, notes, 6 * RATE)
    assert np.isfinite(track).all()
    for note in notes:
        part = track[round((note.start + 0.4) * RATE) : round((note.start + 1.2) * RATE)]
        part = part.astype(np.float64)
        f0, _ = phrases.world().harvest(part, RATE)
        heard = 69 + 12 * np.log2(np.median(f0[f0 > 0]) / 440)
        assert heard == pytest.approx(note.pitch, abs=0.7)
    assert np.abs(track[round(2.8 * RATE) : round(3.4 * RATE)]).max() < 0.01 * np.abs(track).max()


@WORLD
def test_an_analysis_from_the_cache_is_the_same(root: Path, tmp_path: Path) -> None:
    """A song does not depend on whether its voices were analysed before; no cache is no error."""
    path = root / "voices" / "anna" / "0.ogg"
    phrases.take.cache_clear()
    made = phrases.take(path, tmp_path / "cache")
    phrases.take.cache_clear()
    kept = phrases.take(path, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    (tmp_path / "file").write_text("a file stands where the cache should be")
    phrases.take.cache_clear()
    bare = phrases.take(path, tmp_path / "file" / "cache")
    phrases.take.cache_clear()
    for other in (kept, bare):
        for name in ("pitch", "envelope", "noisiness", "syllables"):
            np.testing.assert_array_equal(getattr(other, name), getattr(made, name))
        assert len(other.hisses) == len(made.hisses)


@WORLD
def test_noise_is_no_voice(tmp_path: Path) -> None:
    """Recordings without a syllable are named; a voice with one good recording is used."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    write(tmp_path / "a.ogg", noise)
    write(tmp_path / "b.ogg", noise[: RATE // 10])
    (tmp_path / "c.ogg").write_bytes(b"nothing")
    files = sorted(tmp_path.glob("*.ogg"))
    with pytest.raises(UnusableError, match="no recording of the voice"):
        singer.takes(np.random.default_rng(0), files)
    write(tmp_path / "d.ogg", spoken(1))
    assert len(singer.takes(np.random.default_rng(0), [*files, tmp_path / "d.ogg"])) == 1


@SYSTEM
@WORLD
@pytest.mark.slow
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind", bands.KINDS)
def test_a_song_is_a_function_of_its_arguments(kind: str, root: Path) -> None:
    """Same kind, seed and length give the same samples, whatever was made between."""
    bands.check(root)
    one = bands.song(kind, 1001, SECONDS, root)
    for seed in range(1002, 1005):
        other = bands.song(kind, seed, SECONDS, root)
        assert np.isfinite(sum(other.values())).all()
        assert np.abs(sum(other.values())).max() <= 0.95 + 1e-4
    again = bands.song(kind, 1001, SECONDS, root)
    for stem in STEMS:
        assert one[stem].shape == (2, round(SECONDS * RATE))
        np.testing.assert_array_equal(again[stem], one[stem])
    assert any(not np.array_equal(other[stem], one[stem]) for stem in STEMS)


@SYSTEM
@WORLD
@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_a_broken_composition_costs_one_song(root: Path, tmp_path: Path) -> None:
    """Of two compositions one is damaged: its song is skipped and named, the other one made."""
    here = tmp_path / "root"
    here.mkdir()
    for name in ("voices", "instruments", "drums_sonicpi"):
        (here / name).symlink_to(root / name)
    composition(here / "midi" / "a.mid")
    (here / "midi" / "b.mid").write_bytes(b"MThd nothing more")
    library = Library(tmp_path / "library")
    list(library.fill(bands.jobs("midi", 1000, 2, SECONDS, here)))
    assert library.done == ["midi/1000-6s"]
    assert list(library.skipped) == ["midi/1001-6s"]
    assert "b.mid" in library.skipped["midi/1001-6s"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Without fluidsynth or a bank a build says in one sentence what to install."""
    monkeypatch.setattr(soundfont, "FOLDERS", ())
    soundfont._fluid.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr("ctypes.util.find_library", lambda _: None)
        with pytest.raises(ValueError, match="apt-get install fluidsynth"):
            soundfont.check()
    soundfont._fluid.cache_clear()
    monkeypatch.setattr(soundfont, "_fluid", lambda: None)
    with pytest.raises(ValueError, match="apt-get install avldrums"):
        soundfont.check()
    with pytest.raises(ValueError, match="one folder of"):
        vocals.voices(root / "midi")


@SYSTEM
@WORLD
def test_what_is_scored_is_what_is_built(root: Path) -> None:
    """A seed is the same song for a score as for a library; its mixture is the sum."""
    (entry,) = played("band", range(3, 4), SECONDS, root).entries
    song, stems = entry.load(), bands.song("band", 3, SECONDS, root)
    assert entry.name == "band 3"
    for stem in STEMS:
        np.testing.assert_array_equal(song.stems[stem], stems[stem])
    np.testing.assert_allclose(song.mixture, sum(stems.values()), atol=1e-6)
