import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pedalboard.io import AudioFile

from models.data import folders, material
from models.data.library import RATE, Job, Library
from models.data.mixing import BINS, Mixer
from models.data.score import STEMS
from tests.tiny import hiss

Stems = dict[str, NDArray[np.float32]]


def tones(seed: int, seconds: int = 3) -> Stems:
    """Noise of RMS 0.1 for every stem."""
    rng = np.random.default_rng(seed)
    return {
        stem: (0.1 * rng.standard_normal((2, seconds * RATE))).astype(np.float32) for stem in STEMS
    }


def jobs(made: list[int], count: int = 3) -> list[Job]:
    """Jobs that note down when they are made."""

    def make(seed: int) -> Stems:
        made.append(seed)
        return tones(seed)

    return [Job("generated", str(i), "train", partial(make, i)) for i in range(count)]


def write(path: Path, audio: NDArray[np.float32], rate: int) -> None:
    """Write an audio file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with AudioFile(str(path), "w", rate, len(audio)) as file:
        file.write(audio)


def test_a_build_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """After an interruption finished songs are kept and not made again; no part file counts."""
    made: list[int] = []
    todo = jobs(made)

    def stop() -> Stems:
        raise KeyboardInterrupt

    broken: Callable[[], Stems] = stop
    todo[1] = Job("generated", "1", "train", broken)
    with pytest.raises(KeyboardInterrupt):
        list(Library(tmp_path).fill(todo))
    (tmp_path / "generated-1-vocals.npy.99.part").write_bytes(b"half")

    library = Library.open(tmp_path)
    assert library.done == ["generated/0"]
    list(library.fill(jobs(made)))
    assert made == [0, 1, 2]
    again = Library.open(tmp_path)
    assert len(again.items) == 12
    for item in again.items:
        assert again.samples(item).shape == (item.samples, 2)
        expected = tones(int(item.song))[item.stem].T
        np.testing.assert_allclose(again.samples(item) / 32767, expected, atol=2e-5)
        assert item.active == [0, 1, 2]
        assert item.level == pytest.approx(0.1, rel=0.05)


def test_silent_stems_are_left_out(tmp_path: Path) -> None:
    """A stem without sound gives no item, its song is still done."""
    silent = {**tones(0), "vocals": np.zeros((2, RATE), np.float32)}
    library = Library(tmp_path)
    list(library.fill([Job("own", "a", "train", lambda: silent)]))
    assert {item.stem for item in library.items} == {"drums", "bass", "other"}
    assert library.done == ["own/a"]


def test_a_song_shorter_than_a_second_is_done_and_gives_nothing(tmp_path: Path) -> None:
    """It has no whole second that could sound, and the build goes on."""
    library = Library(tmp_path)
    list(library.fill([Job("own", "a", "train", lambda: {"bass": hiss(RATE - 1)})]))
    assert (library.items, library.done) == ([], ["own/a"])


def test_long_names_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    """A song may have a name of 250 bytes; names that differ in the last letter are two files."""
    library, names = Library(tmp_path), ["ä" * 125, "x" * 249 + "1", "x" * 249 + "2", "a/b", "a_b"]
    list(library.fill([Job("own", name, "train", partial(tones, 0, 1)) for name in names]))
    assert len({item.path for item in library.items}) == 4 * len(names)
    assert {item.song for item in Library.open(tmp_path).items} == set(names)


def test_builds_of_one_library_do_not_lose_songs(tmp_path: Path) -> None:
    """The second is refused while the first runs, and afterwards knows what that one made."""
    first, second = Library.open(tmp_path), Library.open(tmp_path)
    running = first.fill(jobs([]))
    next(running)
    with pytest.raises(ValueError, match="is being filled by another build"):
        list(second.fill(jobs([])))
    list(running)
    (tmp_path / "own-a-bass.npy.99.part").touch()
    list(second.fill([Job("own", "a", "train", partial(tones, 0, 1))]))
    assert len(Library.open(tmp_path).done) == 4
    assert not list(tmp_path.glob("*.part"))


def test_the_index_is_not_written_after_every_song(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty quick songs write it at the first and at the end."""
    written, save = [0], Library.save

    def counted(library: Library) -> None:
        written[0] += 1
        save(library)

    monkeypatch.setattr(Library, "save", counted)
    list(Library(tmp_path).fill([Job("own", str(i), "train", dict) for i in range(20)]))
    assert written[0] == 2
    assert len(Library.open(tmp_path).done) == 20


def test_what_is_too_quiet_leaves_no_file(tmp_path: Path) -> None:
    """A stem that the index does not name is not stored."""
    quiet = {"bass": 1e-2 * hiss(2 * RATE)}
    list(Library(tmp_path).fill([Job("own", "a", "train", lambda: quiet)]))
    assert not list(tmp_path.glob("*.npy"))


def test_real_songs_are_held_out_by_name(tmp_path: Path) -> None:
    """One validates, its parts are heard nowhere, the others train; nothing else moves."""
    lead = "a-vocals_lead"
    names = (("real", "a", "train"), ("real", lead, "train"), ("real", "a-b", "train"),
             ("own", "b", "validation"),
             ("generated", "a", "train"), ("generated", "0", "validation"))  # fmt: skip
    library = Library(tmp_path)
    list(library.fill(Job(*name, partial(tones, i, 1)) for i, name in enumerate(names)))
    assert library.holding_out(()) is library
    given = library.holding_out(["a"])
    found = {f"{item.source}/{item.song}": item.split for item in given.items}
    assert found == {"real/a": "validation", f"real/{lead}": "unheard", "real/a-b": "train",
                     "own/b": "train",
                     "generated/a": "train", "generated/0": "validation"}  # fmt: skip
    assert {item.split for item in library.items} == {"train", "validation"}
    with pytest.raises(
        ValueError, match=r"held_out names c, which .* its real songs are a, a-b, a-vocals_lead, b"
    ):
        library.holding_out(["b", "c"])


def test_a_later_index_is_refused(tmp_path: Path) -> None:
    """An index of a later format is refused with what to do."""
    (tmp_path / "index.json").write_text('{"format": 99, "items": [], "done": []}')
    with pytest.raises(ValueError, match="update the checkout"):
        Library.open(tmp_path)


@pytest.mark.parametrize("index", ["", '{"for', "{}", "[]", '{"format": 1, "items": [{}]}'])
def test_a_damaged_index_is_refused(tmp_path: Path, index: str) -> None:
    """In one sentence that names it."""
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(ValueError, match=r"index\.json is no index .*build the library anew"):
        Library.open(tmp_path)


def test_own_folders(tmp_path: Path) -> None:
    """Mono at 48 kHz becomes stereo at 44.1 kHz; a missing stem is left out, a short one padded."""
    sine = np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000).astype(np.float32)[None] * 0.5
    write(tmp_path / "one" / "vocals.wav", sine, 48_000)
    write(tmp_path / "one" / "drums.flac", np.repeat(sine[:, :44_100], 2, 0), 44_100)
    (tmp_path / "empty").mkdir()
    found = list(folders.jobs(tmp_path))
    assert [job.song for job in found] == [f"{tmp_path.name}-one"]
    stems = found[0].make()
    assert set(stems) == {"vocals", "drums"}
    assert stems["vocals"].shape == stems["drums"].shape
    assert abs(stems["vocals"].shape[1] - 88_200) <= 2
    np.testing.assert_array_equal(stems["vocals"][0], stems["vocals"][1])
    spectrum = np.abs(np.fft.rfft(stems["vocals"][0]))
    assert np.argmax(spectrum) / stems["vocals"].shape[1] * RATE == pytest.approx(440, abs=1)
    assert not stems["drums"][:, 44_100:].any()


def test_a_folder_without_songs_says_what_it_expects(tmp_path: Path) -> None:
    """A root without songs is refused with the layout it should have."""
    with pytest.raises(ValueError, match=r"<stem>\.wav"):
        list(folders.jobs(tmp_path))
    with pytest.raises(ValueError, match="give their parent"):
        list(material.jobs(tmp_path))


def test_the_crossover_adds_up_and_splits(tmp_path: Path) -> None:
    """Low and high add up to the input; 60 Hz goes low, 1 kHz goes high, by 60 dB at least."""
    time = np.arange(2 * RATE) / RATE
    for hertz, kept in ((60, 0), (1000, 1)):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)[None]
        parts = material.crossover(tone)
        np.testing.assert_allclose(parts[0] + parts[1], tone, atol=1e-6)
        other = parts[1 - kept][:, RATE // 2 : -RATE // 2]
        assert np.abs(other).max() < 1e-3


def test_low_synth_is_bass_only_without_a_bass_track(tmp_path: Path) -> None:
    """The low part of synth_with_low_end becomes bass in songs without a bass track only."""
    time = np.arange(RATE) / RATE
    both = (0.2 * np.sin(2 * np.pi * 60 * time) + 0.2 * np.sin(2 * np.pi * 2000 * time))[None]
    write(tmp_path / "songs" / "a" / "synth_with_low_end.ogg", both.astype(np.float32), RATE)
    stems = material.song(tmp_path / "songs" / "a")
    assert set(stems) == {"bass", "other"}
    write(tmp_path / "songs" / "a" / "bass.ogg", 0 * both.astype(np.float32), RATE)
    assert np.abs(material.song(tmp_path / "songs" / "a")["bass"]).max() < 1e-3


def test_held_out_songs_only_validate(tmp_path: Path) -> None:
    """Rubidium is validation; other songs are training, and give their voices singly too."""
    for name in ("rubidium", "sodium"):
        write(tmp_path / "songs" / name / "vocals_lead.ogg", hiss(RATE), RATE)
    splits = {job.song: job.split for job in material.jobs(tmp_path)}
    assert splits == {"rubidium": "validation", "sodium": "train", "sodium-vocals_lead": "train"}


def test_what_comes_into_a_song_later_is_built_then(tmp_path: Path) -> None:
    """An empty folder is no song, and a song without a voice has none: neither is done."""
    library, song = Library(tmp_path / "library"), tmp_path / "songs" / "a"
    song.mkdir(parents=True)
    for group, done in (
        (None, []),
        ("drums", ["real/a"]),
        ("vocals_lead", ["real/a", "real/a-vocals_lead"]),
    ):
        if group:
            write(song / f"{group}.ogg", hiss(RATE), RATE)
        list(library.fill(material.jobs(tmp_path)))
        assert library.done == done


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Four songs of noise."""
    made = Library(tmp_path)
    list(made.fill(jobs([], 4)))
    return made


def test_batches_have_the_promised_form(library: Library) -> None:
    """Shapes, types and levels are as documented, and the seed decides everything."""
    stems, gains = Mixer(library, "train", 5).batch(6, 20_000)
    assert stems.shape == (6, 4, 2, 20_000)
    assert gains.shape == (6, 4, 2, BINS)
    assert stems.dtype == gains.dtype == np.float32
    assert np.isfinite(stems).all()
    assert np.isfinite(gains).all()
    level = 10 * np.log10((stems**2).mean((2, 3)).sum(1))
    assert (level > -28.5).all()
    assert (level < -13.5).all()
    again = Mixer(library, "train", 5).batch(6, 20_000)
    np.testing.assert_array_equal(again[0], stems)
    np.testing.assert_array_equal(again[1], gains)


def test_gains_apply_exactly(library: Library) -> None:
    """A mixture made of gained spectra is, in time, the sum of the stems made of theirs."""
    stems, gains = Mixer(library, "train", 1).batch(2, 2048)
    spectra = gains * np.fft.rfft(stems)
    mixture = np.fft.irfft(spectra.sum(1))
    np.testing.assert_allclose(np.fft.irfft(spectra).sum(1), mixture, atol=1e-6)
    assert len({round(float(g), 6) for g in gains[..., 0].ravel()}) > 4


def test_every_stem_is_absent_at_times(library: Library) -> None:
    """Each stem is missing in some mixtures and alone in others; never are all missing."""
    stems, _ = Mixer(library, "train", 2).batch(120, 1000)
    there = (stems**2).mean((2, 3)) > 0
    assert there.any(1).all()
    assert (~there).any(0).all()
    assert (there.sum(1) == 1).any()


def test_a_split_without_a_stem_is_refused(library: Library) -> None:
    """A mixer for an empty split says what is missing."""
    with pytest.raises(ValueError, match="no vocals"):
        Mixer(library, "validation", 0)


def test_the_order_of_the_index_decides_nothing(library: Library) -> None:
    """Songs are finished in any order, by several processes; the draws are the same."""
    stems, gains = Mixer(library, "train", 5).batch(6, 2000)
    library.items.reverse()
    again = Mixer(library, "train", 5).batch(6, 2000)
    np.testing.assert_array_equal(again[0], stems)
    np.testing.assert_array_equal(again[1], gains)


def test_no_file_stays_open(library: Library) -> None:
    """However many items a mixer has drawn from."""
    mixer = Mixer(library, "train", 5)
    before = len(os.listdir("/proc/self/fd"))
    mixer.batch(20, 2000)
    assert len(os.listdir("/proc/self/fd")) == before
