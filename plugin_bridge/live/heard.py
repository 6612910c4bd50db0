"""What the engine hears in its stems, on its way to the parent: events in a ring, and sums.

Rules of this file
  1. The worker writes all of it and waits for nobody: a reader that sleeps too long finds its
     oldest events overwritten, knows how many, and still knows all sums.
  2. An event is written first and counted after, so the reader never takes one that is yet to
     come; what was overwritten while it was read is thrown away.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

# Events that are kept: of four stems that begin 20 times a second each, six seconds.
EVENTS = 1024
# Stems that have sums; events are of any.
STEMS = 32
# As the analysis names them, which is loaded only where somebody listens.
KINDS = ONSET, HIT, NOTE_ON, NOTE_OFF = "onset", "hit", "note_on", "note_off"
NO_KEY = -1

_EVENT = np.dtype(
    [
        ("due", np.int64),
        ("found", np.int64),
        ("stem", np.int32),
        ("kind", np.int32),
        ("key", np.int32),
        ("velocity", np.float32),
    ]
)


class Sum(IntEnum):
    """Columns of the sums of a stem."""

    ONSETS = 0
    """Beginnings of any kind; the strokes of a drum kit at one place are one."""
    NOTES = 1
    LAST = 2
    """Where the last onset leaves, as `due` of an event."""
    SOUNDING = 3
    """One more than the key of the note that sounds, 0 if there is none."""


_HEAD = 8 * (1 + STEMS * len(Sum))
SIZE = _HEAD + EVENTS * _EVENT.itemsize


class HeardEvent(NamedTuple):
    """Something that begins or ends in a stem, as the parent gets it.

    Attributes
    ----------
    due : int
        The sample of the stream, counted from the engine's start, at which it leaves the bridge.
    found : int, as `due`, of the end of what had to be heard to find it: the delay is between
    stem : int, in the order of the engine's stems
    kind : "onset", "hit", "note_on" or "note_off"
    key : int or None, MIDI key of a note, General MIDI key of a hit
    velocity : float, 0..1
    """

    due: int
    found: int
    stem: int
    kind: str
    key: int | None
    velocity: float


class Heard:
    """A view of shared memory, `SIZE` bytes from `offset` on.

    Parameters
    ----------
    buffer : what numpy takes as memory
    offset : int, bytes; a multiple of 8

    Attributes
    ----------
    sums : int64, shape (STEMS, columns of Sum)

    Examples
    --------
    >>> heard = Heard(bytearray(SIZE), 0)
    >>> heard.write(HeardEvent(700, 900, 1, "hit", 36, 0.5))
    >>> heard.read(0)
    ([HeardEvent(due=700, found=900, stem=1, kind='hit', key=36, velocity=0.5)], 1, 0)

    Notes
    -----
    Thread: `write` [worker]; the rest [any] of the parent
    """

    def __init__(self, buffer: Any, offset: int) -> None:
        self._written = np.frombuffer(buffer, np.int64, 1, offset)
        self.sums = np.frombuffer(buffer, np.int64, STEMS * len(Sum), offset + 8)
        self.sums = self.sums.reshape(STEMS, len(Sum))
        self._events = np.frombuffer(buffer, _EVENT, EVENTS, offset + _HEAD)

    def write(self, event: HeardEvent) -> None:
        """Add an event, and count it.

        Notes
        -----
        Thread: [worker]
        """
        written = int(self._written[0])
        key = NO_KEY if event.key is None else event.key
        self._events[written % EVENTS] = (
            event.due,
            event.found,
            event.stem,
            KINDS.index(event.kind),
            key,
            event.velocity,
        )
        self._written[0] = written + 1
        if event.stem >= STEMS:
            return
        sums = self.sums[event.stem]
        if event.kind == NOTE_ON:
            sums[Sum.NOTES] += 1
            sums[Sum.SOUNDING] = key + 1
        elif event.kind == NOTE_OFF:
            sums[Sum.SOUNDING] = 0
        elif not sums[Sum.ONSETS] or sums[Sum.LAST] != event.due:
            sums[Sum.ONSETS] += 1
            sums[Sum.LAST] = event.due

    def read(self, place: int) -> tuple[list[HeardEvent], int, int]:
        """Give what was written from a place on.

        Parameters
        ----------
        place : int, what the call before gave; 0 at first

        Returns
        -------
        events : list of HeardEvent, in the order in which they were found
        place : int, for the next call
        lost : int, events that were overwritten before they were read

        Notes
        -----
        Thread: [any] of the parent, one at a time
        """
        written = int(self._written[0])
        # The oldest one may be half of what comes next.
        first = max(place, written - EVENTS + 1)
        taken = [self._event(number) for number in range(first, written)]
        overwritten = max(0, int(self._written[0]) - EVENTS + 1 - first)
        kept = taken[overwritten:]
        return kept, written, written - place - len(kept)

    def _event(self, number: int) -> HeardEvent:
        due, found, stem, kind, key, velocity = self._events[number % EVENTS].item()
        return HeardEvent(
            due, found, stem, KINDS[kind % len(KINDS)], None if key == NO_KEY else key, velocity
        )
