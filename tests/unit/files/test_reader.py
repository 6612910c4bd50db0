"""What a reader says about a file once it is decoded."""

import re
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.files.reader import AudioReader
from tests.tiny import hiss, write_audio

# MPEG 1, layer III, 44.1 kHz: 32 and 64 kbit/s, so 104 and 208 bytes a frame.
SMALL, LARGE = bytes.fromhex("fffb10c4") + bytes(100), bytes.fromhex("fffb50c4") + bytes(204)


def _heard(path: Path) -> tuple[int, list[str]]:
    with AudioReader(path) as reader:
        samples = sum(chunk.shape[1] for chunk in reader.chunks(5000))
        return samples, reader.warnings(samples)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "aiff"])
def test_nothing_is_said_of_a_whole_file(tmp_path: Path, suffix: str) -> None:
    """What a proper writer wrote is whole to the sample."""
    assert _heard(write_audio(tmp_path / f"a.{suffix}", hiss(44117)))[1] == []


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("start", [0, 5000])
def test_an_mp3_lies_where_it_was(tmp_path: Path, rate: int, channels: int, start: int) -> None:
    """What the encoder put before and behind is left out: no sample late, none too many."""
    sound = hiss(44117, channels)
    with AudioReader(write_audio(tmp_path / "a.mp3", sound, rate)) as reader:
        read = np.concatenate(list(reader.chunks(10000, start)), axis=1)
    assert reader.samples == 44117
    assert read.shape == sound[:, start:].shape
    size = 1 << 17
    spectra = np.fft.rfft(read[0], size) * np.conj(np.fft.rfft(sound[0, start:], size))
    assert int(np.argmax(np.fft.irfft(spectra))) == 0


@pytest.mark.parametrize("start", [b"", b"ID3\x04\0\0\0\0\x01\0" + bytes(128)])
def test_an_mp3_of_one_bit_rate_needs_no_header(tmp_path: Path, start: bytes) -> None:
    """The guess from its size is right, so nothing is said."""
    path = tmp_path / "a.mp3"
    path.write_bytes(start + SMALL * 60)
    samples, said = _heard(path)
    assert said == []
    assert abs(samples - 60 * 1152) <= 1152


def test_an_mp3_that_is_decoded_in_part_is_told(tmp_path: Path) -> None:
    """Frames larger than the first are more audio than was guessed: how much, and what to do."""
    path = tmp_path / "a.mp3"
    path.write_bytes(LARGE * 40 + SMALL * 100)
    samples, said = _heard(path)
    assert samples < 140 * 1152
    assert len(said) == 1
    assert f"holds 3.7 s of audio, of which {samples / 44100:.1f} s could be decoded" in said[0]
    assert "convert it to wav" in said[0]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("end", [b"", b"TAG" + bytes(125)])
@pytest.mark.parametrize(("place", "size"), [(0.25, 2000), (0.5, 20000), (0.9, 5000)])
def test_damage_in_an_mp3_is_told(
    tmp_path: Path, channels: int, end: bytes, place: float, size: int
) -> None:
    """Where frames are missing that its header tells of, and at which second; not elsewhere."""
    path = write_audio(tmp_path / "a.mp3", hiss(10 * 44100, channels))
    whole = path.read_bytes()
    path.write_bytes(whole + end)
    assert _heard(path) == (441000, [])
    at = int(place * len(whole))
    path.write_bytes(whole[:at] + bytes(size) + whole[at + size :] + end)
    (second,) = re.findall(r"a\.mp3 is damaged after (\d+\.\d) s", " ".join(_heard(path)[1]))
    assert abs(float(second) - 10 * place) < 0.1


def test_a_part_ahead_of_an_mp3s_damage_is_whole(tmp_path: Path) -> None:
    """What was decoded counts: a data set that takes the first seconds may have them."""
    path = write_audio(tmp_path / "a.mp3", hiss(10 * 44100))
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(2000) + whole[middle + 2000 :])
    with AudioReader(path) as reader:
        chunks = reader.chunks(4 * 44100)
        next(chunks)
        assert not reader.damaged
        next(chunks)
        assert reader.damaged


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("channels", [1, 2])
def test_damage_in_a_flac_is_told(tmp_path: Path, bits: int, channels: int) -> None:
    """Wherever it is: the decoder leaves frames out, and says nothing. A whole one passes."""
    path = write_audio(tmp_path / "a.flac", hiss(44117, channels), bits=bits)
    assert _heard(path) == (44117, [])
    whole = path.read_bytes()
    middle = len(whole) // 2
    for broken in (whole[:-1], whole[:-1000], whole[:middle] + bytes(50) + whole[middle + 50 :]):
        path.write_bytes(broken)
        samples, said = _heard(path)
        assert samples == 44117
        (line,) = said
        assert "a.flac is damaged: its samples are not those that were encoded" in line


@pytest.mark.parametrize("bits", [16, 24])
def test_every_code_of_a_flac_comes_back(tmp_path: Path, bits: int) -> None:
    """Of all loudnesses, up to full scale: a whole file is never called damaged."""
    ramp = np.linspace(-1, 1, 1 << 20, dtype=np.float32)[None]
    with AudioReader(write_audio(tmp_path / "a.flac", ramp, bits=bits)) as reader:
        assert sum(chunk.shape[1] for chunk in reader.chunks(1 << 16)) == 1 << 20
        assert not reader.damaged


def test_a_part_of_a_flac_is_not_compared(tmp_path: Path) -> None:
    """The checksum is of all of it."""
    with AudioReader(write_audio(tmp_path / "a.flac", hiss(44117))) as reader:
        assert sum(chunk.shape[1] for chunk in reader.chunks(5000, 1000)) == 43117
        assert not reader.damaged


def test_another_length_than_declared_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that ends before the header's length gives both numbers."""

    class Short:
        frames, samplerate, num_channels = 1000, 44100, 2

        def __init__(self, name: str) -> None:
            self.left = 900

        def seek(self, to: int) -> None:
            pass

        def close(self) -> None:
            pass

        def read(self, count: int) -> np.ndarray:
            given, self.left = min(count, self.left), self.left - min(count, self.left)
            return np.zeros((2, given), np.float32)

    path = write_audio(tmp_path / "in.wav", hiss(1000))
    monkeypatch.setattr("plugin_bridge.files.reader.AudioFile", Short)
    samples, said = _heard(path)
    assert samples == 900
    assert "its header tells of 1000 samples, 900 could be decoded; copy the file" in said[0]
