"""Boxes: found by their path, and grown without moving what lies before them."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.errors import AudioFileError
from plugin_bridge.files.mp4 import add_user_data, boxes, find


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def _long_box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(body)) + body


FRONT = _box(b"ftyp", b"M4A ") + _long_box(b"mdat", b"audio")
TRACK = _box(b"mvhd", bytes(20)) + _box(b"trak", b"one")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (b"", _box(b"stem", b"{}")),
        (_box(b"udta", b""), _box(b"stem", b"{}")),
        (_box(b"udta", _box(b"meta", b"x")), _box(b"meta", b"x") + _box(b"stem", b"{}")),
    ],
    ids=["no udta", "empty udta", "udta with tags"],
)
def test_a_box_is_added_behind_what_is_there(user: bytes, expected: bytes) -> None:
    """All that was in the file stays where it was; the new box is the last in moov/udta."""
    file = io.BytesIO(FRONT + _box(b"moov", TRACK + user))
    add_user_data(file, b"stem", b"{}")
    assert file.getvalue() == FRONT + _box(b"moov", TRACK + _box(b"udta", expected))
    stem = find(file, b"moov", b"udta", b"stem")
    assert stem is not None
    assert file.getvalue()[stem.body : stem.end] == b"{}"


@pytest.mark.parametrize("content", [b"", FRONT, _box(b"moov", TRACK) + FRONT])
def test_a_file_whose_audio_would_move_is_refused(content: bytes) -> None:
    """Without a moov box at the end nothing is written."""
    file = io.BytesIO(content)
    with pytest.raises(AudioFileError, match="without faststart"):
        add_user_data(file, b"stem", b"{}")
    assert file.getvalue() == content


def test_a_box_of_length_zero_ends_with_the_file() -> None:
    """The last box may leave its length open."""
    file = io.BytesIO(FRONT + struct.pack(">I4s", 0, b"free") + b"rest")
    free = find(file, b"free")
    assert free is not None
    assert file.getvalue()[free.body : free.end] == b"rest"
    assert find(file, b"free", b"none") is None


@given(st.binary(max_size=60))
def test_any_bytes_come_to_an_end(content: bytes) -> None:
    """Whatever the bytes, boxes follow each other inside the file, and they end."""
    found = list(boxes(io.BytesIO(content), 0, len(content)))
    edges = [0, *(box.end for box in found)]
    assert [box.start for box in found] == edges[:-1]
    assert all(box.start < box.body <= box.end <= len(content) for box in found)
