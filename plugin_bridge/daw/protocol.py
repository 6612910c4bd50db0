"""What the plugin in a DAW and its engine share: one table.

The C++ side is source/protocol.hpp and source/parameters.hpp; a test compares the two.

Rules of this file
  1. A change here is a change there, and a new VERSION.
  2. Every field has one writer, named in the table. The other side trusts nothing it reads: sizes
     are constants of its own, indices are masked, records are checked.
  3. A stamp is an epoch (one per activation) in its upper bits and a count in its lower 40, so
     nothing of an earlier activation passes for new.
  4. A record is marked before and after, and has a checksum: one that is half written, overwritten
     or wild is as good as none.
  5. The order of stores is that of x86-64. Elsewhere the engine refuses.
"""

from typing import Any

import numpy as np

MAGIC = 0x5741442D42474450
VERSION = 3
INPUTS, OUTPUTS = 2, 10
RING, HOPS, COMMANDS = 65536, 1024, 4096
SHORTEST_HOP, LONGEST_HOP = 64, 4096
LONGEST_BLOCK, MOST_LATENCY = 16384, 16384
TEXT = 16384
COUNT_BITS = 40
COUNT_MASK = (1 << COUNT_BITS) - 1
# The index of a command that is no parameter: its value is a MIDI message, three bytes as a number.
MIDI = 64
# What the plugin reports while no engine has said better: that of the shipped model.
MODEL_RATE, MODEL_HOP, MODEL_LATENCY = 44100.0, 256, 256

# name, type, length (0: one), writer
HOP_RECORD = (
    ("before", "u8", 0, "engine"),
    ("position", "i8", 0, "engine"),  # of its first sample on the engine's time line
    ("samples", "u4", 0, "engine"),
    ("outputs", "u4", 0, "engine"),
    (
        "checksum",
        "u8",
        0,
        "engine",
    ),  # words of the samples, three times those of the tail, position
    ("after", "u8", 0, "engine"),
)
COMMAND_RECORD = (
    ("before", "u8", 0, "plugin"),
    ("position", "i8", 0, "plugin"),  # the input sample that it was written on
    ("index", "u4", 0, "plugin"),  # of the parameter, or MIDI
    ("value", "f4", 0, "plugin"),
    ("checksum", "u8", 0, "plugin"),  # position, index and the value's bits
    ("after", "u8", 0, "plugin"),
)
TEXT_RECORD = (
    ("before", "u8", 0, "either"),
    ("length", "u4", 0, "either"),
    ("unused", "u4", 0, "nobody"),
    ("checksum", "u8", 0, "either"),
    ("after", "u8", 0, "either"),  # 0: none, or being written
    ("text", "u1", TEXT, "either"),  # UTF-8
)
# name, type, length, writer; a name of "" starts a cache line of its own for another writer
SHARED = (
    ("magic", "u8", 0, "plugin"),
    ("version", "u4", 0, "plugin"),
    ("bytes", "u4", 0, "plugin"),
    ("", "", 0, "plugin, at activation"),
    ("rate", "f8", 0, "plugin"),  # Hz
    ("max_block", "u4", 0, "plugin"),  # samples
    ("latency", "u4", 0, "plugin"),  # samples, as reported to the host; 0: not yet known
    ("", "", 0, "plugin, audio thread"),
    ("written", "u8", 0, "plugin"),  # stamp: input samples
    ("commands_written", "u8", 0, "plugin"),  # stamp
    ("misses", "u8", 0, "plugin"),  # hops that were not there in time
    ("missed_samples", "u8", 0, "plugin"),
    ("damaged", "u8", 0, "plugin"),  # hops whose record or checksum was wrong
    ("offline", "u4", 0, "plugin"),
    ("active", "u4", 0, "plugin"),
    ("", "", 0, "engine"),
    ("engine_clock", "u8", 0, "engine"),  # monotonic, ns
    ("ready", "u8", 0, "engine"),  # stamp: the hop it begins with, plus 1; 0: it cannot play
    ("hop", "u4", 0, "engine"),  # samples
    ("engine_latency", "u4", 0, "engine"),  # samples from input to output on its time line
    ("hops_done", "u8", 0, "engine"),
    ("hops_skipped", "u8", 0, "engine"),
    ("verdict", "u4", 0, "engine"),  # a Condition
    ("unused", "u4", 0, "nobody"),
    ("", "", 0, "plugin, audio thread"),
    ("values", "f4", 64, "plugin"),  # parameters as last sent
    ("", "", 0, "plugin, at activation"),
    ("project", TEXT_RECORD, 0, "plugin"),  # presets by number, as the project was saved
    ("", "", 0, "engine"),
    ("presets", TEXT_RECORD, 0, "engine"),  # presets by number, as they are now
    ("", "", 0, "plugin, audio thread"),
    ("commands", COMMAND_RECORD, COMMANDS, "plugin"),
    ("", "", 0, "engine"),
    ("hops", HOP_RECORD, HOPS, "engine"),
    ("", "", 0, "plugin, audio thread"),
    ("input", "f4", INPUTS * RING, "plugin"),
    ("", "", 0, "engine"),
    ("output", "f4", OUTPUTS * RING, "engine"),
    ("", "", 0, "engine"),
    ("tails", "f4", OUTPUTS * RING, "engine"),  # may follow a hop if the next one is late
)
CACHE_LINE = 64

# What the two say on the socket, the plugin first.
GREETING = np.dtype(
    [("magic", "<u8"), ("version", "<u4"), ("bytes", "<u4"), ("verdict", "<u4"), ("unused", "<u4")]
)

STEMS = ("vocals", "drums", "bass", "other")
# control, least, most; of every stem, added to what the preset says
STRIP = (("gain_db", -60.0, 12.0), ("balance", -1.0, 1.0), ("mute", 0.0, 1.0), ("solo", 0.0, 1.0))
PARAMETERS = (
    *((f"{stem}.{name}", least, most) for stem in STEMS for name, least, most in STRIP),
    ("preset", 0.0, 127.0),  # 0: none
    ("bypass", 0.0, 1.0),  # the plugin's own business
)
PRESET, BYPASS = len(PARAMETERS) - 2, len(PARAMETERS) - 1
VALUES = len(PARAMETERS)

CONDITIONS = (
    "playing",
    "no engine",
    "preparing",
    "engine lost",
    "other version",
    "needs more latency",
    "rate not supported",
    "folder not private",
    "memory damaged",
    "preset missing",
    "preset changed",
    "failed",
)
PLAYING, OTHER_VERSION, NEEDS_LATENCY, BAD_RATE = 0, 4, 5, 6
PRESET_MISSING, PRESET_CHANGED, FAILED = 9, 10, 11

Fields = tuple[tuple[str, Any, int, str], ...]


def layout(fields: Fields) -> np.dtype[np.void]:
    """Give the table as a numpy type, each writer's fields on cache lines of their own.

    Examples
    --------
    >>> layout(HOP_RECORD).itemsize, layout(COMMAND_RECORD).itemsize
    (40, 40)

    Notes
    -----
    Thread: [any]
    """
    names, formats, offsets = [], [], []
    offset, lines = 0, False
    for name, kind, length, _ in fields:
        if not name:
            offset, lines = -(-offset // CACHE_LINE) * CACHE_LINE, True
            continue
        form: Any = layout(kind) if isinstance(kind, tuple) else np.dtype(f"<{kind}")
        offset = -(-offset // form.alignment) * form.alignment
        names.append(name)
        formats.append(np.dtype((form, (length,))) if length else form)
        offsets.append(offset)
        offset += form.itemsize * max(1, length)
    size = -(-offset // CACHE_LINE) * CACHE_LINE if lines else offset
    table = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
    return np.dtype(table)  # type: ignore[call-overload, no-any-return]


TABLE = layout(SHARED)
SIZE = TABLE.itemsize


def stamp(epoch: int, count: int) -> int:
    """Give the stamp of a count in an epoch.

    Examples
    --------
    >>> parts(stamp(3, 17))
    (3, 17)

    Notes
    -----
    Thread: [any]
    """
    return epoch << COUNT_BITS | count & COUNT_MASK


def parts(stamped: int) -> tuple[int, int]:
    """Give epoch and count of a stamp.

    Notes
    -----
    Thread: [any]
    """
    return stamped >> COUNT_BITS, stamped & COUNT_MASK


def message_of(value: float) -> bytes:
    """Give the MIDI message that a command's value stands for, nothing where it is none.

    Examples
    --------
    >>> message_of(0x902440).hex(" "), message_of(0xC00700).hex(" "), message_of(-1.0)
    ('90 24 40', 'c0 07', b'')

    Notes
    -----
    Thread: [any]
    """
    if not 0 <= value < 1 << 24:
        return b""
    message = int(value).to_bytes(3, "big")
    return message[:2] if message[0] & 0xF0 == 0xC0 else message  # a program change has two bytes
