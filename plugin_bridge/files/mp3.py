"""What an mp3 tells of its length: its frames, and the tag that most encoders put ahead of them.

A frame's header says how long it is, so that walking them takes no decoding: ten minutes are some
20,000 frames, a tenth of a second. They are counted in files without a tag; where a tag tells how
many there are, they have to follow one another.

The tag is Xing's, with LAME's fields behind it: how many samples the encoder has put before and
behind the song. Source: gabriel.mp3-tech.org/mp3infotag.html.
"""

import struct
from typing import BinaryIO, NamedTuple

# By version code (0: MPEG 2.5, 2: MPEG 2, 3: MPEG 1); all of layer III.
RATES = {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}
KBITS_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SAMPLES = {0: 576, 2: 576, 3: 1152}
LAYER_3 = 1
# Samples by which every decoder of layer III is late.
DECODER_DELAY = 529
# Xing's fields in their order: their flag and how many bytes they have.
TAG_FIELDS = ((1, 4), (2, 4), (4, 100), (8, 4))
# Where LAME's fields have the samples before and behind the song, twelve bits each.
TAG_TRIM = 21
# Other bytes between frames, a cover or a broken frame, are searched this far for the next one.
SEARCHED = 1 << 20


class Frame(NamedTuple):
    """A frame: its length in bytes and in samples."""

    length: int
    samples: int


def parse_frame(head: bytes) -> Frame | None:
    """Read a frame's header, four bytes; None if they are none of layer III.

    Examples
    --------
    >>> parse_frame(bytes.fromhex("fffb9064"))
    Frame(length=417, samples=1152)

    Notes
    -----
    Thread: [any]
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bits, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    # A free bit rate (0) does not tell the length; 15 and rate 3 mean nothing.
    if version not in RATES or layer != LAYER_3 or bits in (0, 15) or rate == 3:
        return None
    kbits = (KBITS_1 if version == 3 else KBITS_2)[bits - 1]
    samples = SAMPLES[version]
    return Frame(samples // 8 * 1000 * kbits // RATES[version][rate] + padding, samples)


class Tag(NamedTuple):
    """What the tag of a file says.

    Attributes
    ----------
    frames : int or None, that hold audio
    size : int or None, bytes of the file without what stands before and behind
    delay, padding : int, samples before and behind the song; 0 where it does not tell
    """

    frames: int | None
    size: int | None
    delay: int
    padding: int


def parse_tag(data: bytes) -> Tag:
    """Read the tag, from behind its name.

    Raises
    ------
    struct.error
        If it is cut off.

    Notes
    -----
    Thread: [any]
    """
    (flags,) = struct.unpack_from(">I", data)
    at = 4
    told: dict[int, int] = {}
    for flag, length in TAG_FIELDS:
        if flags & flag:
            (told[flag],) = struct.unpack_from(">I", data, at)
            at += length
    trim = int.from_bytes(data[at + TAG_TRIM : at + TAG_TRIM + 3], "big")
    return Tag(told.get(1), told.get(2), trim >> 12, trim & 0xFFF)


def count_row(file: BinaryIO, start: int, size: int, most: int) -> int:
    """Count the frames from byte `start` on that follow one another, up to `most`.

    Raises
    ------
    OSError
        If the file cannot be read.

    Notes
    -----
    Thread: [main]
    """
    for count in range(most):
        file.seek(start)
        frame = parse_frame(file.read(4))
        if frame is None or start + frame.length > size:
            return count
        start += frame.length
    return most


def count_samples(file: BinaryIO, start: int, size: int) -> int | None:
    """Add up the frames from byte `start` to `size`; None if there is none.

    Raises
    ------
    OSError
        If the file cannot be read.

    Notes
    -----
    Thread: [main]
    """
    total = 0
    while start + 4 <= size:
        file.seek(start)
        frame = parse_frame(file.read(4))
        if frame is None:
            found = _next_frame(file, start + 1)
            if found is None:
                break
            start = found
        else:
            if start + frame.length > size:
                break
            total += frame.samples
            start += frame.length
    return total or None


def _next_frame(file: BinaryIO, start: int) -> int | None:
    """Give the place of the next frame that another one, or the end, follows."""
    file.seek(start)
    data = file.read(SEARCHED)
    at = data.find(b"\xff")
    while at >= 0:
        frame = parse_frame(data[at : at + 4])
        if frame is not None:
            behind = data[at + frame.length : at + frame.length + 4]
            if parse_frame(behind) is not None or (not behind and len(data) < SEARCHED):
                return start + at
        at = data.find(b"\xff", at + 1)
    return None
