"""Whether an engine is well, told by what it writes and when it last did."""

import time
from typing import Any

from plugin_bridge.live.control import Ahead, Audio, ControlBlock, Worker, age_seconds

# How old the last callback may be, in seconds and in blocks; the longer of the two.
MOST_AGE_SECONDS = 0.6
MOST_BLOCKS = 8
# With the waiting clock a callback takes its time: the worker's ten seconds, and some.
WAIT_AGE_SECONDS = 15.0
# Looks in a row at which no block had the agreed size, and hops were missing for it.
MOST_MISFITS = 5


class Pulse:
    """The pulse of one engine.

    Parameters
    ----------
    control : ControlBlock, which it writes
    described : dict, what it said at its start
    waits : bool, whether its callbacks wait for the worker

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, control: ControlBlock, described: dict[str, Any], *, waits: bool) -> None:
        self._cells = control.cells
        device = described["device"]
        blocks = MOST_BLOCKS * float(device["block"]) / float(device["rate"])
        self._most_age = WAIT_AGE_SECONDS if waits else max(MOST_AGE_SECONDS, blocks)
        self._begin_ns = time.monotonic_ns()  # of one that has never called back
        self._before = (0, 0, 0)
        self._misfits = 0

    @property
    def beats(self) -> bool:
        """Whether its device calls back, and nothing in it has failed."""
        if self._cells[Worker.FAILURES] or self._cells[Ahead.FAILURES]:
            return False
        return age_seconds(int(self._cells[Audio.CLOCK_NS]) or self._begin_ns) < self._most_age

    def fits(self) -> bool:
        """Look anew; tell whether the device's blocks are those that the stream was made for.

        Blocks that became shorter for good are no fit: inline has no room for them, and a part of
        every hop is missing.

        Notes
        -----
        Thread: [any], one at a time
        """
        before = self._before
        callbacks, strange, misses = self._before = (
            int(self._cells[Audio.CALLBACKS]),
            int(self._cells[Audio.STRANGE_BLOCKS]),
            int(self._cells[Audio.MISSES]),
        )
        none_fits = 0 < callbacks - before[0] == strange - before[1]
        self._misfits = self._misfits + 1 if none_fits and misses > before[2] else 0
        return self._misfits < MOST_MISFITS
