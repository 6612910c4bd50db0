"""What the plugin in a DAW and its engine share: one table, and views of memory laid out by it.

The C++ side is source/protocol.hpp and source/parameters.hpp; a test compares the two.

Rules of this file
  1. It does no I/O: memory comes from outside, be it shared or an array.
  2. Every field has one writer, named in the table. The other side trusts nothing it reads: sizes
     are constants of its own, indices are masked, records are checked.
  3. A stamp is an epoch (one per activation) in its upper bits and a count in its lower 40, so
     nothing of an earlier activation passes for new.
  4. A record is marked before and after, and has a checksum: one that is half written, overwritten
     or wild is as good as none.
  5. The order of stores is that of x86-64. Elsewhere the engine refuses.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.dsp import FloatArray

MAGIC = 0x5741442D42474450
VERSION = 1
INPUTS, OUTPUTS = 2, 10
RING, HOPS, COMMANDS = 65536, 1024, 4096
SHORTEST_HOP, LONGEST_HOP = 64, 4096
LONGEST_BLOCK, MOST_LATENCY = 16384, 16384
TEXT = 16384
COUNT_BITS = 40
COUNT_MASK = (1 << COUNT_BITS) - 1
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
    ("index", "u4", 0, "plugin"),  # of the parameter
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
    ("", "", 0, "plugin, link thread"),
    ("host_clock", "u8", 0, "plugin"),  # monotonic, ns
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


class Order(NamedTuple):
    """A parameter that was moved.

    Attributes
    ----------
    position : int, the input sample that it was written on
    parameter : int, of PARAMETERS
    value : float
    """

    position: int
    parameter: int
    value: float


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


class Views:
    """Memory that both sides see, as arrays; each call reads or writes one thing whole.

    Parameters
    ----------
    buffer : writable buffer of at least SIZE bytes, zero at first

    Attributes
    ----------
    fields : the table's fields by name, arrays of one element

    Examples
    --------
    >>> views = Views(bytearray(SIZE))
    >>> views.put_text("presets", "one", 1)
    >>> views.get_text("presets")
    ('one', 1)

    Notes
    -----
    Thread: one on each side; [any] for `get`
    """

    def __init__(self, buffer: Any) -> None:
        whole = np.frombuffer(buffer, TABLE, 1)
        self.fields: dict[str, NDArray[Any]] = {name: whole[name] for name in TABLE.names or ()}
        self._input: FloatArray = self.fields["input"].reshape(INPUTS, RING)
        rings = [self.fields[name].reshape(OUTPUTS, RING) for name in ("output", "tails")]
        self._rings: list[FloatArray] = rings
        # Fields of a record as arrays over all records: faster than records one by one.
        hops, commands = self.fields["hops"][0], self.fields["commands"][0]
        self._hops = {name: hops[name] for name in hops.dtype.names or ()}
        self._commands = {name: commands[name] for name in commands.dtype.names or ()}

    def get(self, name: str) -> int:
        """Give a number of the table."""
        return int(self.fields[name][0])

    def put(self, name: str, value: int) -> None:
        """Store a number of the table."""
        self.fields[name][0] = value

    @property
    def rate(self) -> float:
        """Samples per second; whatever stands there, a number."""
        rate = float(self.fields["rate"][0])
        return rate if np.isfinite(rate) else 0.0

    def take(self, position: int, out: FloatArray) -> None:
        """Copy input from a position on into `out`, shape (INPUTS, n)."""
        _copy(out, self._input, position, into_ring=False)

    def put_hop(self, epoch: int, hop: int, samples: FloatArray, tail: FloatArray) -> None:
        """Give a hop, with what may follow it.

        Parameters
        ----------
        epoch, hop : int
        samples, tail : float32, shape (OUTPUTS, n), C order, finite
        """
        count = samples.shape[1]
        place, mark, position = hop % HOPS, stamp(epoch, hop + 1), hop * count
        record = self._hops
        record["after"][place] = 0
        record["before"][place] = mark
        for ring, part in zip(self._rings, (samples, tail), strict=True):
            _copy(part, ring, position, into_ring=True)
        total = checksum(samples) + 3 * checksum(tail) + position
        record["position"][place] = position
        record["samples"][place] = count
        record["outputs"][place] = OUTPUTS
        record["checksum"][place] = total & 0xFFFFFFFFFFFFFFFF
        record["after"][place] = mark

    def get_order(self, epoch: int, number: int) -> Order | None:
        """Give the parameter change of this number, None if it is not (or no longer) there."""
        place, mark = number % COMMANDS, stamp(epoch, number + 1)
        record = self._commands
        if int(record["after"][place]) != mark:
            return None
        order = Order(
            int(record["position"][place]),
            int(record["index"][place]),
            float(record["value"][place]),
        )
        bits = int(record["value"][place : place + 1].view(np.uint32)[0])
        whole = order.position + order.parameter + bits == int(record["checksum"][place])
        if not whole or int(record["before"][place]) != mark or order.parameter >= VALUES:
            return None
        return order

    def values(self) -> list[float]:
        """Give the parameters as they were last sent; what is no number is zero."""
        values = self.fields["values"][0, :VALUES].copy()
        values[~np.isfinite(values)] = 0
        return [float(value) for value in values]

    def put_text(self, name: str, text: str, mark: int) -> None:
        """Store a text; `mark`, above 0, tells it from the one before."""
        raw = np.frombuffer(text.encode()[:TEXT], np.uint8)
        record = self.fields[name]
        record["after"] = 0
        record["before"] = mark
        record["text"][0, : len(raw)] = raw
        record["length"] = len(raw)
        record["checksum"] = _text_sum(raw)
        record["after"] = mark

    def get_text(self, name: str) -> tuple[str, int]:
        """Give a text and its mark; ("", 0) where there is none, or half of one."""
        record = self.fields[name]
        mark, length = int(record["after"][0]), int(record["length"][0])
        if not mark or length > TEXT:
            return "", 0
        raw = record["text"][0, :length].copy()
        whole = _text_sum(raw) == int(record["checksum"][0])
        if not whole or int(record["before"][0]) != mark or int(record["after"][0]) != mark:
            return "", 0
        return raw.tobytes().decode(errors="replace"), mark


def checksum(samples: FloatArray) -> int:
    """Give the sum of the bits of all samples, taken as words.

    Examples
    --------
    >>> hex(checksum(np.ones((1, 2), np.float32)))
    '0x7f000000'

    Notes
    -----
    Thread: [any]
    """
    return int(samples.view(np.uint32).sum(dtype=np.uint64))


def _text_sum(raw: NDArray[np.uint8]) -> int:
    weights = np.arange(len(raw), dtype=np.uint64) % np.uint64(251) + np.uint64(1)
    return len(raw) + int((raw * weights).sum())


def _copy(part: FloatArray, ring: FloatArray, position: int, *, into_ring: bool) -> None:
    start, count = position % RING, part.shape[1]
    first = min(count, RING - start)
    pairs = (
        (ring[:, start : start + first], part[:, :first]),
        (ring[:, : count - first], part[:, first:]),
    )
    for held, other in pairs:
        target, source = (held, other) if into_ring else (other, held)
        target[...] = source
