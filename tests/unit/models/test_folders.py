from pathlib import Path

import numpy as np
import pytest

from models.data import folders
from models.data.library import RATE, UnusableError
from tests.tiny import hiss, write_audio

CLICK_AT = 1.0  # seconds


def click(rate: int) -> np.ndarray:
    """Two seconds with one click, mono."""
    wave = np.zeros((1, 2 * rate), np.float32)
    wave[0, int(CLICK_AT * rate)] = 0.5
    return wave


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 88_200, 96_000])
def test_every_rate_keeps_its_place(tmp_path: Path, rate: int) -> None:
    """A click at one second is at sample 44100, whatever the file's rate; mono is doubled."""
    audio = folders.read(write_audio(tmp_path / "a.wav", click(rate), rate))
    assert audio.shape == (2, 2 * RATE)
    assert audio.dtype == np.float32
    np.testing.assert_array_equal(audio[0], audio[1])
    assert np.abs(audio[0]).argmax() == RATE


def test_a_file_at_the_library_rate_is_taken_bit_for_bit(tmp_path: Path) -> None:
    """Also beyond full scale: a loud float file is not cut."""
    loud = 40 * hiss(1000)
    assert np.abs(loud).max() > 2
    np.testing.assert_array_equal(folders.read(write_audio(tmp_path / "a.wav", loud)), loud)


def test_files_that_are_no_good_are_one_sentence(tmp_path: Path) -> None:
    """Missing, empty, garbage, cut short, without samples, with NaN, of three channels."""
    whole = write_audio(tmp_path / "whole.wav", hiss(4000)).read_bytes()
    wrong = hiss(1000)
    wrong[0, 7] = np.nan
    (tmp_path / "empty.wav").touch()
    (tmp_path / "garbage.wav").write_bytes(bytes(range(256)))
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    write_audio(tmp_path / "short.wav", hiss(0))
    write_audio(tmp_path / "nan.wav", wrong)
    write_audio(tmp_path / "three.wav", hiss(1000, channels=3))
    for name in ("missing", "empty", "garbage", "cut", "short", "nan", "three"):
        with pytest.raises(UnusableError, match=f"{name}.wav") as caught:
            folders.read(tmp_path / f"{name}.wav")
        assert "\n" not in str(caught.value)


def test_stems_of_a_song_are_equally_long(tmp_path: Path) -> None:
    """Short stems end in silence; a stem that is not there is left out."""
    write_audio(tmp_path / "vocals.flac", hiss(30_000))
    write_audio(tmp_path / "bass.wav", hiss(20_000, channels=1), 22_050)
    stems = folders.load(tmp_path)
    assert {stem: track.shape for stem, track in stems.items()} == {
        "vocals": (2, 40_000),
        "bass": (2, 40_000),
    }
    assert not stems["vocals"][:, 30_000:].any()
    assert stems["bass"][:, 39_000:].any()


def test_files_of_nested_folders_have_names_of_their_own(tmp_path: Path) -> None:
    """Joined by dashes as ever; where a file has that very name, the folder's keeps its slash."""
    (tmp_path / "a").mkdir()
    for name in ("a/b.wav", "a-b.wav", "a/c.wav"):
        (tmp_path / name).touch()
    names = [name for name, _ in folders.files(tmp_path, (".wav",))]
    assert names == [f"{tmp_path.name}-{each}" for each in ("a/b.wav", "a-c.wav", "a-b.wav")]


def test_a_stem_that_is_there_is_never_left_out(tmp_path: Path) -> None:
    """Capitals are heard; a link to nowhere and a folder of that name spoil the song."""
    write_audio(tmp_path / "whole.wav", hiss(100)).rename(tmp_path / "Vocals.WAV")
    assert set(folders.load(tmp_path)) == {"vocals"}
    (tmp_path / "bass.flac").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnusableError, match=r"bass\.flac does not exist"):
        folders.load(tmp_path)
    (tmp_path / "bass.flac").unlink()
    (tmp_path / "bass.wav").mkdir()
    with pytest.raises(UnusableError, match=r"bass\.wav is a folder"):
        folders.load(tmp_path)


def test_hidden_folders_are_no_songs(tmp_path: Path) -> None:
    """Such as those in which songs are being made."""
    for name in (".song.99.part", "song"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bass.wav").touch()
    assert folders.songs(tmp_path) == [tmp_path / "song"]
