"""Boxes of an mp4 file: find one, and put one of our own into `moov/udta`.

A box is a length (32 bits; 1 says that 64 bits follow the name, 0 that it ends with the file), a
name of four bytes, and its body, which may be boxes. Tracks point at their audio by its place in
the file, so a box may grow only where nothing that is pointed at lies behind it.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from plugin_bridge.errors import AudioFileError

HEAD = struct.Struct(">I4s")
LONG = struct.Struct(">Q")


class Box(NamedTuple):
    """Where a box lies: its first byte, the first of its body, the one after its last."""

    name: bytes
    start: int
    body: int
    end: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Give the boxes from `start` on, one beside the other; ends at what is no box.

    Notes
    -----
    Thread: [any]
    """
    while start + HEAD.size <= end:
        file.seek(start)
        length, name = HEAD.unpack(file.read(HEAD.size))
        body = start + HEAD.size
        if length == 1:
            tail = file.read(LONG.size)
            if len(tail) < LONG.size:
                return
            (length,) = LONG.unpack(tail)
            body += LONG.size
        stop = start + length if length else end
        if not body <= stop <= end:
            return
        yield Box(name, start, body, stop)
        start = stop


def find(file: BinaryIO, *path: bytes) -> Box | None:
    """Give the first box of that path, from the top of the file; None if there is none.

    Notes
    -----
    Thread: [any]
    """
    here = Box(b"", 0, 0, file.seek(0, os.SEEK_END))
    for name in path:
        found = next((box for box in boxes(file, here.body, here.end) if box.name == name), None)
        if found is None:
            return None
        here = found
    return here


def add_user_data(file: BinaryIO, name: bytes, body: bytes) -> None:
    """Append a box to `moov/udta`, in place.

    Parameters
    ----------
    file : an mp4 file, open for reading and writing
        `moov` is its last box, as writers leave it that do not move it to the front.
    name : bytes, four of them
    body : bytes

    Raises
    ------
    AudioFileError
        If `moov` is missing or not the last box: the audio behind it would move.
    OSError
        If the disk is full or fails.

    Notes
    -----
    Thread: [any]
    """
    size = file.seek(0, os.SEEK_END)
    moov = find(file, b"moov")
    if moov is None or moov.end != size:
        raise AudioFileError(
            "the mp4 file's moov box is not its last one, where it could grow; write the file "
            "without faststart"
        )
    udta = find(file, b"moov", b"udta")
    file.seek(moov.body)
    kept = file.read(size - moov.body)
    mine = _box(name, body)
    if udta is None:
        grown = kept + _box(b"udta", mine)
    else:
        held = kept[udta.body - moov.body : udta.end - moov.body]
        rest = kept[: udta.start - moov.body] + kept[udta.end - moov.body :]
        grown = rest + _box(b"udta", held + mine)
    file.seek(moov.start)
    file.write(_box(b"moov", grown))
    file.truncate()


def _box(name: bytes, body: bytes) -> bytes:
    return HEAD.pack(HEAD.size + len(body), name) + body
