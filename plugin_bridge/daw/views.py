"""Shared memory as arrays: each call reads or writes one thing of the table whole.

It does no I/O: memory comes from outside, be it shared or an array of a test's own.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.daw.protocol import (
    COMMANDS,
    HOPS,
    INPUTS,
    MIDI,
    OUTPUTS,
    RING,
    TABLE,
    TEXT,
    VALUES,
    stamp,
)
from plugin_bridge.dsp import FloatArray


class Order(NamedTuple):
    """A parameter that was moved, or a MIDI message.

    Attributes
    ----------
    position : int, the input sample that it was written on
    parameter : int, of PARAMETERS, or MIDI
    value : float
    """

    position: int
    parameter: int
    value: float


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
    >>> views = Views(bytearray(TABLE.itemsize))
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
        known = order.parameter < VALUES or order.parameter == MIDI
        if not whole or int(record["before"][place]) != mark or not known:
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
