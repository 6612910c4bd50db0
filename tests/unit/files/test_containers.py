"""Cut files are found by their headers; whole ones pass."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from plugin_bridge.files.containers import WHOLE, Integrity, inspect
from plugin_bridge.files.reader import AudioReader
from tests.tiny import hiss, write_audio


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "mp3", "ogg"])
@pytest.mark.parametrize("samples", [1, 255, 44117])
@pytest.mark.parametrize("channels", [1, 2])
def test_whole_files_pass(tmp_path: Path, suffix: str, samples: int, channels: int) -> None:
    """What a proper writer wrote is whole; an mp3 tells where the song begins and ends."""
    found = inspect(write_audio(tmp_path / f"a.{suffix}", hiss(samples, channels)))
    if suffix == "flac":
        assert found.checksum is not None
        found = replace(found, checksum=None)
    assert found == (Integrity(first=1105, samples=samples) if suffix == "mp3" else WHOLE)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "mp3"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_cut_files_are_found(tmp_path: Path, suffix: str, share: float) -> None:
    """A file that lost its end says what is missing."""
    path = write_audio(tmp_path / f"a.{suffix}", hiss(2 * 44100))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "promises" in inspect(path).cut


@pytest.mark.parametrize("missing", [1, 500, 20000])
def test_a_cut_ogg_lacks_its_last_page(tmp_path: Path, missing: int) -> None:
    """Pages carry their length: one lost byte is seen."""
    path = write_audio(tmp_path / "a.ogg", hiss(5 * 44100))
    path.write_bytes(path.read_bytes()[:-missing])
    assert "last page" in inspect(path).cut


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + b"x" * 90, bytes(3000)])
def test_a_tag_behind_a_flac_changes_nothing(tmp_path: Path, tag: bytes) -> None:
    """What players append does not belong to the last frame."""
    path = write_audio(tmp_path / "a.flac", hiss(44117))
    before = inspect(path)
    path.write_bytes(path.read_bytes() + tag)
    assert inspect(path) == before
    with AudioReader(path) as reader:
        assert sum(chunk.shape[1] for chunk in reader.chunks(5000)) == 44117
        assert not reader.damaged


def test_flac_behind_an_id3_tag(tmp_path: Path) -> None:
    """A tag ahead of the audio does not hide it."""
    path = write_audio(tmp_path / "a.flac", hiss(44100))
    before = inspect(path)
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + path.read_bytes())
    assert inspect(path) == before


def test_wav_from_a_pipe_ends_with_the_file(tmp_path: Path) -> None:
    """An open-ended wav is as long as the file; no silence is made up behind it."""
    samples = hiss(1000)
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 3, 2, 44100, 44100 * 8, 8, 32
    )
    path = tmp_path / "a.wav"
    path.write_bytes(header + b"data\xff\xff\xff\xff" + samples.T.tobytes())
    assert inspect(path).samples == 1000
    with AudioReader(path) as reader:
        assert [chunk.shape[1] for chunk in reader.chunks(600)] == [600, 400]


def test_a_cut_header_is_a_cut_file(tmp_path: Path) -> None:
    """A wav that ends before its audio starts is cut."""
    path = write_audio(tmp_path / "a.wav", hiss(100))
    path.write_bytes(path.read_bytes()[:40])
    assert inspect(path).cut


# Two seconds at 44.1 kHz, whose first frames are coded with a quarter of the others' bytes.
SMALL, LARGE = bytes.fromhex("fffb10c4"), bytes.fromhex("fffb50c4")


def _mp3_of_two_bit_rates(path: Path) -> Path:
    """Write silent frames without a header that tells their number: 32, then 64 kbit/s."""
    path.write_bytes((SMALL + bytes(100)) * 10 + (LARGE + bytes(204)) * 67)
    return path


def test_the_frames_of_an_mp3_without_a_header_are_counted(tmp_path: Path) -> None:
    """Pedalboard guesses such a file's length from its first frame."""
    assert inspect(_mp3_of_two_bit_rates(tmp_path / "a.mp3")).counted == 77 * 1152
