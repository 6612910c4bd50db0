"""Is an audio file whole? What its header promises against what it holds.

Pedalboard fills what a cut or damaged file lacks with silence and says nothing. So the few header
fields that promise a length are read here; no audio is decoded. Of an mp3 without a Xing header,
whose length Pedalboard guesses from its first frame, the frames are counted. With one they have to
be as many; bytes that are changed within a frame are not seen. LAME's checksum of them is not
looked at: programs that turn a file up or down in place leave it as it was.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from plugin_bridge.files.mp3 import DECODER_DELAY, count_row, count_samples, parse_frame, parse_tag

# A wav written to a pipe cannot know its length and says this instead.
OPEN_ENDED = 0xFFFFFFFF
# Encoders count an mp3's bytes with or without the first frame; one frame is at most this long.
MP3_FRAME_BYTES = 1441
# A flac frame is shorter than this for any sane block size; the last one is looked for here.
FLAC_TAIL_BYTES = 1 << 20
# Of a sample that a float holds exactly.
MOST_BITS = 24
# Pages of an ogg file are at most this long, so the last one starts within it.
OGG_PAGE_BYTES = 65307


class Checksum(NamedTuple):
    """What the samples add up to: the MD5 of all, interleaved, each in so many bits."""

    bits: int
    md5: bytes


@dataclass(frozen=True)
class Integrity:
    """What a file's header and size say about its length.

    Attributes
    ----------
    cut : str
        Why audio is missing, as the second half of a sentence; empty when nothing is.
    first : int
        Samples before the song's first: what an mp3's encoder and decoder put there.
    samples : int or None
        The true length where the decoder does not know it (a wav from a pipe, an mp3).
    counted : int or None
        The length that its frames add up to where no header tells it (an mp3).
    checksum : Checksum or None
        Of what was encoded, where it tells (a flac).
    broken : int or None
        The first sample that is not where it belongs, as frames are missing (an mp3).
    """

    cut: str = ""
    first: int = 0
    samples: int | None = None
    counted: int | None = None
    checksum: "Checksum | None" = None
    broken: int | None = None


WHOLE = Integrity()


def inspect(path: Path) -> Integrity:
    """Compare what the file promises with what it holds.

    Parameters
    ----------
    path : Path
        A readable file of any kind; an unknown kind is taken as whole.

    Returns
    -------
    integrity : Integrity

    Raises
    ------
    OSError
        If the file cannot be read.

    Notes
    -----
    Thread: [main]
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = _after_id3(file)
        file.seek(start)
        head = file.read(12)
        try:
            if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
                return _wav(file, size)
            if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
                return _aiff(file, size)
            if head[:4] == b"fLaC":
                return _flac(file, start, size)
            if head[:4] == b"OggS":
                return _ogg(file, size)
            return _mp3(file, start, size)
        except struct.error:
            return Integrity(cut="its header is cut off")


def _after_id3(file: BinaryIO) -> int:
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:]:  # four times seven bits
        length = length << 7 | byte & 0x7F
    return 10 + length


def _missing(promised: int, held: int) -> Integrity:
    if held >= promised:
        return WHOLE
    return Integrity(cut=f"its header promises {promised} bytes of audio, it holds {held}")


def _wav(file: BinaryIO, size: int) -> Integrity:
    align, long_data = 0, None
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        here = file.tell()
        if name == b"fmt ":
            (align,) = struct.unpack("<H", file.read(14)[12:14])
        elif name == b"ds64":
            _, long_data = struct.unpack("<QQ", file.read(16))
        elif name == b"data":
            held = size - here
            if length == OPEN_ENDED and long_data is None:
                return Integrity(samples=held // align if align else None)
            return _missing(length if long_data is None else long_data, held)
        file.seek(here + length + length % 2)
    return Integrity(cut="its header promises audio, but no audio follows")


def _aiff(file: BinaryIO, size: int) -> Integrity:
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack(">4sI", head)
        here = file.tell()
        if name == b"SSND":
            return _missing(length, size - here)
        file.seek(here + length + length % 2)
    # A file of no samples may lack the chunk; what it then reads as decides.
    return WHOLE


def _mp3(file: BinaryIO, start: int, size: int) -> Integrity:
    file.seek(start)
    head = file.read(4096)
    found = re.search(b"Xing|Info", head[:200])
    if found is None:
        return Integrity(counted=count_samples(file, start, size))
    frame = parse_frame(head[:4])
    if frame is None:
        return WHOLE
    tag = parse_tag(head[found.end() :])
    held = size - start
    if tag.size is not None and held + MP3_FRAME_BYTES < tag.size:
        return _missing(tag.size, held)
    frames = tag.frames or 0
    first = tag.delay + DECODER_DELAY if tag.delay else 0
    # The tag is a frame itself, and some encoders count it.
    row = count_row(file, start, size, frames)
    broken = max(0, (row - 1) * frame.samples - first) if row < frames else None
    samples = frames * frame.samples - tag.delay - tag.padding
    if not tag.delay or samples <= 0:
        return Integrity(broken=broken)
    return Integrity(first=first, samples=samples, broken=broken)


def _ogg(file: BinaryIO, size: int) -> Integrity:
    file.seek(max(0, size - OGG_PAGE_BYTES))
    tail = file.read()
    page = tail.rfind(b"OggS")
    if page < 0 or len(tail) < page + 27 or not tail[page + 5] & 4:
        return Integrity(cut="its last page is missing")
    table = tail[page + 27 : page + 27 + tail[page + 26]]
    if len(table) < tail[page + 26] or page + 27 + len(table) + sum(table) > len(tail):
        return Integrity(cut="its last page is not complete")
    return WHOLE


def _flac(file: BinaryIO, start: int, size: int) -> Integrity:
    """Look for the frame that ends at the promised length near the end of the file."""
    file.seek(start + 8)
    info = file.read(34)
    block, largest = struct.unpack(">2xH", info[:4])[0], int.from_bytes(info[7:10], "big")
    promised = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    if len(info) < 34:
        return Integrity(cut="its header is cut off")
    if promised == 0:
        return WHOLE
    file.seek(max(0, size - (largest + 65536 if largest else FLAC_TAIL_BYTES)))
    tail = file.read()
    ends = {
        end
        for sync in re.finditer(b"\xff[\xf8\xf9]", tail)
        if (end := _flac_frame_end(tail[sync.start() : sync.start() + 16], block)) is not None
    }
    if promised in ends:
        return Integrity(checksum=_flac_checksum(info))
    reached = max((end for end in ends if end < promised), default=0)
    return Integrity(cut=f"its header promises {promised} samples, it holds about {reached}")


def _flac_checksum(info: bytes) -> Checksum | None:
    """Give what the header tells, if it does; of more bits than a float has nothing can be said."""
    bits = (info[12] & 1) << 4 | info[13] >> 4
    md5 = info[18:]
    return Checksum(bits + 1, md5) if any(md5) and bits < MOST_BITS else None


# Block sizes by their code in a flac frame's header (RFC 9639, section 9.1.1); 6 and 7 follow it.
FLAC_BLOCKS = {1: 192} | {c: 576 << c - 2 for c in range(2, 6)} | {c: 1 << c for c in range(8, 16)}


def _flac_frame_end(head: bytes, block: int) -> int | None:
    """Give the sample after this frame, or None where the bytes are no frame header."""
    if len(head) < 16:
        head += bytes(16 - len(head))
    code, rate_code = head[2] >> 4, head[2] & 15
    first = head[4]
    extra = 0 if first < 0x80 else 8 - (first ^ 0xFF).bit_length() - 1
    if code == 0 or rate_code == 15 or head[3] & 1 or 0x80 <= first < 0xC0 or extra > 6:
        return None
    number = first if extra == 0 else first & (0x3F >> extra)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    at = 5 + extra
    more = {6: 1, 7: 2}.get(code, 0)
    length = int.from_bytes(head[at : at + more], "big") + 1 if more else FLAC_BLOCKS[code]
    at += more + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(head[:at]) != head[at]:
        return None
    return (number if head[1] & 1 else number * block) + length


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc
