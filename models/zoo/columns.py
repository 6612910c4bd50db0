"""Which columns of a convolutional network are the same from window to window.

A window moves by one frame at a time. Of its columns those whose reach lies inside the window
are the last window's, one place on; those that touch its edges are not, for beyond an edge there
is nothing. Behind a pooling by three a column is the same only after three frames, hence three
phases of it.

Rules of this file
  1. A stream is one column's rule: made of which columns of the layer before, at which distance
     and with which tap. Its value at index i belongs to the window that begins at frame i.
  2. Two columns of the same rule are one stream at two indices. So nothing needs to know what an
     edge is, and phases come about by themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

INPUT = 0
WIDENING = (1, 3)  # levels that give more than they take
POOL = 3  # columns and bins that are pooled into one
REACH = (-1, 0, 1)  # of a convolution, in columns


@dataclass(frozen=True, eq=False)
class Stream:
    """One value per window.

    Attributes
    ----------
    kind : what makes it of its parts
    level : number of the layer, from 1; 0 is the input
    parts : what it is made of
    reach : newest frame it looks at, counted from its index
    """

    kind: Literal["input", "convolution", "pool"]
    level: int
    parts: tuple["Part", ...]
    reach: int


@dataclass(frozen=True)
class Part:
    """A stream's value `offset` indices on, weighted with a convolution's `tap`."""

    stream: Stream
    offset: int
    tap: int = 0


class Plan:
    """The streams of a network of two convolutions, a pooling, two convolutions and a pooling.

    Parameters
    ----------
    frames : int, of the window
    padded : bool
        Whether what pooling by three leaves over is the oldest columns, as a group of its
        own; else it is the newest ones, and they are dropped.

    Attributes
    ----------
    frames : int
    streams : list of Stream, each after its parts; the first is the input
    columns : list of Part, what the dense layers see of the window of index 0

    Examples
    --------
    >>> plan = Plan(25, padded=False)
    >>> len(plan.columns), max(part.stream.reach + part.offset for part in plan.columns)
    (2, 24)

    Notes
    -----
    Thread: [any]
    """

    def __init__(self, frames: int, *, padded: bool) -> None:
        self.frames, self.padded = frames, padded
        source = Stream("input", INPUT, (), 0)
        self.streams = [source]
        self._known: dict[tuple[object, ...], Stream] = {}
        columns = [Part(source, frame) for frame in range(frames)]
        for level in (1, 3):
            columns = self._convolved(level, columns)
            columns = self._convolved(level + 1, columns)
            columns = self._pooled(level + 1, columns)
        self.columns = columns
        used = set(_ancestors(columns))
        self.streams = [stream for stream in self.streams if stream in used]

    def _convolved(self, level: int, columns: Sequence[Part]) -> list[Part]:
        made = []
        for centre in range(len(columns)):
            near = [(centre + step, tap) for tap, step in enumerate(REACH)]
            parts = [
                Part(columns[at].stream, columns[at].offset, tap)
                for at, tap in near
                if 0 <= at < len(columns)
            ]
            made.append(self._stream("convolution", level, parts))
        return made

    def _pooled(self, level: int, columns: Sequence[Part]) -> list[Part]:
        starts = group_starts(len(columns), padded=self.padded)
        groups = [columns[max(start, 0) : start + POOL] for start in starts]
        return [self._stream("pool", level, group) for group in groups]

    def _stream(
        self, kind: Literal["convolution", "pool"], level: int, parts: Sequence[Part]
    ) -> Part:
        base = min(part.offset for part in parts)
        parts = [Part(part.stream, part.offset - base, part.tap) for part in parts]
        key = (kind, level, *((id(part.stream), part.offset, part.tap) for part in parts))
        if key not in self._known:
            reach = max(part.offset + part.stream.reach for part in parts)
            self._known[key] = Stream(kind, level, tuple(parts), reach)
            self.streams.append(self._known[key])
        return Part(self._known[key], base)

    def ranges(self, windows: int) -> dict[Stream, range]:
        """Give the indices at which each stream is needed for so many windows."""
        found = {part.stream: range(0) for part in self.columns}
        for part in self.columns:
            found[part.stream] = _union(found[part.stream], range(windows), part.offset)
        for stream in reversed(self.streams):
            for part in stream.parts:
                there = found.get(part.stream, range(0))
                found[part.stream] = _union(there, found[stream], part.offset)
        return found

    def delays(self) -> dict[Stream, int]:
        """Give how many frames after its index each stream is computed, live.

        As early as possible, for what is made is smaller than what it is made of; but the
        convolutions that widen as late as possible, for there it is the other way round.
        """
        found = {stream: stream.reach for stream in self.streams}
        for stream in self.streams:
            if stream.level in WIDENING:
                wanted = [
                    found[user] - part.offset
                    for user in self.streams
                    for part in user.parts
                    if part.stream is stream
                ]
                found[stream] = min(wanted)
        return found


def group_starts(count: int, *, padded: bool) -> list[int]:
    """Give where the groups of a pooling begin; padded, the first may begin before the window.

    Examples
    --------
    >>> group_starts(8, padded=False), group_starts(8, padded=True)
    ([0, 3], [-1, 2, 5])

    Notes
    -----
    Thread: [any]
    """
    over = count % POOL
    if padded and over:
        return list(range(over - POOL, count, POOL))
    return list(range(0, count - over, POOL))


def _union(one: range, other: range, offset: int) -> range:
    moved = range(other.start + offset, other.stop + offset)
    if not one:
        return moved
    return range(min(one.start, moved.start), max(one.stop, moved.stop))


def _ancestors(parts: Sequence[Part]) -> Iterator[Stream]:
    waiting = [part.stream for part in parts]
    seen: set[Stream] = set()
    while waiting:
        stream = waiting.pop()
        if stream not in seen:
            seen.add(stream)
            yield stream
            waiting += [part.stream for part in stream.parts]
