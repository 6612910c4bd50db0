"""Counting mp3 frames: as many as were written, whatever stands around them."""

import io
from pathlib import Path

import pytest

from plugin_bridge.files.mp3 import count_samples, parse_frame
from tests.tiny import hiss, read_audio, write_audio

# A frame of 144 bytes, 1152 samples: MPEG 1, layer III, 32 kbit/s at 32 kHz.
FRAME = bytes.fromhex("fffb18c4") + bytes(140)
JUNK = b"APETAGEX\xff\xfb\x18" + b"\xff" * 50


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_as_many_samples_as_the_decoder_gives(tmp_path: Path, rate: int, channels: int) -> None:
    """With a length header, which is a frame too, one more is counted than is played."""
    path = write_audio(tmp_path / "a.mp3", hiss(50000, channels), rate)
    data = path.read_bytes()
    frame = parse_frame(data[:4])
    assert frame is not None
    counted = count_samples(io.BytesIO(data), 0, len(data))
    assert counted == read_audio(path).shape[1] + frame.samples


@pytest.mark.parametrize("start", [b"", JUNK])
@pytest.mark.parametrize("between", [b"", JUNK])
@pytest.mark.parametrize("end", [b"", b"TAG" + bytes(125), FRAME[:100]])
def test_other_bytes_do_not_count(start: bytes, between: bytes, end: bytes) -> None:
    """Junk ahead, a cover between, a tag or a cut frame behind: seven frames are seven frames."""
    data = start + 3 * FRAME + between + 4 * FRAME + end
    assert count_samples(io.BytesIO(data), 0, len(data)) == 7 * 1152


@pytest.mark.parametrize("data", [b"", b"hello " * 1000, bytes(1000), b"\xff" * 1000])
def test_no_frames_are_no_length(data: bytes) -> None:
    """What is no mp3 has no count."""
    assert count_samples(io.BytesIO(data), 0, len(data)) is None


@pytest.mark.parametrize(
    "head", ["fffb08c4", "fffbf8c4", "fffb1cc4", "fffd18c4", "ffeb18c4", "fffb18"]
)
def test_headers_that_tell_no_length_are_none(head: str) -> None:
    """A free or impossible bit rate, an unknown rate, another layer or version."""
    assert parse_frame(bytes.fromhex(head)) is None
