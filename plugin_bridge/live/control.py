"""What parent and engine share: commands in; counters, clocks and meters out.

Rules of this file
  1. Every cell has one writer: the audio thread, the worker, or the parent. Where one thread
     is both audio and worker, it writes both.
  2. A command is written first and counted after, so the reader never sees half of one.
"""

import time
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.heard import SIZE as HEARD_BYTES
from plugin_bridge.live.heard import Heard
from plugin_bridge.live.shared import SharedMemory
from plugin_bridge.realtime import realtime

Cells = NDArray[np.int64]

# Commands on their way: over ten seconds of the fastest MIDI cable.
COMMANDS = 16384
# Bins of the time histograms, which are linear; the last holds all that is longer.
BINS = 256
BINS_PER_STEP, BINS_PER_BLOCK = 100, 200
# Rows of the meters: stems, then outputs, channel by channel.
POINTS = 128
# What switches the console is the first of all paths.
PRESET = "preset"
# What moves the play head of a song comes last of them, its value is a sample.
POSITION = "position"
# The position of a command that is to be followed at once.
NOW = -1


class Audio(IntEnum):
    """Cells that the audio thread writes."""

    CALLBACKS = 0
    CLOCK_NS = 1
    """Monotonic, when the last callback began."""
    SAMPLES = 2
    """Taken so far."""
    BLOCK = 3
    """Samples of the last callback."""
    INPUT_XRUNS = 4
    OUTPUT_XRUNS = 5
    MISSES = 6
    """Hops that were not ready in time."""
    MISSED_SAMPLES = 7
    LONGEST_NS = 8
    STRANGE_BLOCKS = 9
    """Callbacks whose length was not the agreed one."""
    WAITS = 10
    """Callbacks that waited for a hop on its way."""
    LATE_CALLBACKS = 11
    """That came over half a block later than the one before asked for: the driver was late."""


class Worker(IntEnum):
    """Cells that the worker writes."""

    HOPS = 32
    CLOCK_NS = 33
    """Monotonic, when the last hop was done."""
    SKIPPED_HOPS = 34
    LONGEST_NS = 35
    COMMANDS_READ = 36
    REFUSED_COMMANDS = 37
    ACTIVE = 38
    """Index of the preset that is heard."""
    POSITION = 39
    """The input sample at which a command would take effect now."""
    CLIPPED_SAMPLES = 40
    NONFINITE_SAMPLES = 41
    """In the input."""
    CLAMPED_SAMPLES = 42
    NONFINITE_FRAMES = 43
    """Given by the network."""
    NONFINITE_INSERTS = 44
    """Samples that were no numbers behind inserts."""
    FAILURES = 45
    """Hops that raised; they are silent."""
    DEAF = 46
    """One after the analysis raised: the music goes on, nothing is heard any more."""


class Head(IntEnum):
    """Cells that the audio thread writes where it plays a song."""

    POSITION = 72
    """The song's sample that goes into the console next; grows beyond the end."""
    LEAD = 73
    """Samples of stems ahead of it."""
    LEAST_LEAD = 74
    """Since the start or the last jump."""
    UNDERRUNS = 75
    """How often the stems ran out and the song stood still."""
    PAUSED_SAMPLES = 76
    """For how long."""
    JUMPS = 77
    """Number of the last change of the position that was made; several at once are one."""


class Ahead(IntEnum):
    """Cells that the thread writes which separates a song ahead of the play head."""

    LENGTH = 80
    """Of the song, in samples; a forecast until its end was decoded once."""
    DAMAGED = 81
    """One where decoding failed before the end."""
    FAILURES = 82


class Recording(IntEnum):
    """Cells that the recorder's thread writes."""

    ERROR = 88
    """errno of what ended the recording; 0 while it goes on."""


class Parent(IntEnum):
    """Cells that the parent writes."""

    COMMANDS_WRITTEN = 64


_CELLS = 128
_COMMAND = np.dtype(
    [("position", np.int64), ("path", np.int32), ("sequence", np.int32), ("value", np.float64)]
)
_HEARD = 8 * (_CELLS + 2 * BINS) + 8 * POINTS + COMMANDS * _COMMAND.itemsize
_SIZE = _HEARD + HEARD_BYTES


class Order(NamedTuple):
    """A command as the block holds it.

    Attributes
    ----------
    position : int, an input sample, or NOW
    path : int, an index into the table agreed at the start
    value : float, or an index for texts
    """

    position: int
    path: int
    value: float


class ControlBlock:
    """Shared memory of one engine and its parent.

    Parameters
    ----------
    memory : SharedMemory, optional
        Where it is, or will be; new memory without it.

    Attributes
    ----------
    memory : SharedMemory
    cells : int64, indexed by Audio, Worker and Parent
    callback_times, hop_times : int64, shape (BINS,), histograms
    meters : float32, shape (POINTS, 2), peak and mean square
    heard : Heard, what is played in the stems

    Examples
    --------
    >>> block = ControlBlock()
    >>> block.send(3, 1.0), block.receive()
    (True, Order(position=-1, path=3, value=1.0))
    >>> block.close()

    Notes
    -----
    Thread: [any]; each cell has one writer
    """

    def __init__(self, memory: SharedMemory | None = None) -> None:
        self.memory = memory or SharedMemory()
        buffer: Any = self.memory.mapped(_SIZE)
        self.cells: Cells = np.frombuffer(buffer, np.int64, _CELLS)
        offset = 8 * _CELLS
        times = np.frombuffer(buffer, np.int64, 2 * BINS, offset).reshape(2, BINS)
        self.callback_times, self.hop_times = times
        offset += 16 * BINS
        self.meters: FloatArray = np.frombuffer(buffer, np.float32, 2 * POINTS, offset)
        self.meters = self.meters.reshape(POINTS, 2)
        self._commands = np.frombuffer(buffer, _COMMAND, COMMANDS, offset + 8 * POINTS)
        self.heard = Heard(buffer, _HEARD)

    def send(self, path: int, value: float, position: int = NOW) -> bool:
        """Put a command on its way; False if there is no room just now.

        Parameters
        ----------
        path : int, an index into the table agreed at the start
        value : float, or an index for texts
        position : int, the first input sample that it may affect

        Notes
        -----
        Thread: [main], of the parent
        """
        written = int(self.cells[Parent.COMMANDS_WRITTEN])
        if written - int(self.cells[Worker.COMMANDS_READ]) >= COMMANDS:
            return False
        self._commands[written % COMMANDS] = (position, path, written & 0x7FFFFFFF, value)
        self.cells[Parent.COMMANDS_WRITTEN] = written + 1
        return True

    def receive(self) -> Order | None:
        """Take the next command, None if there is none.

        Notes
        -----
        Thread: [worker]
        """
        read = int(self.cells[Worker.COMMANDS_READ])
        if read == self.cells[Parent.COMMANDS_WRITTEN]:
            return None
        record = self._commands[read % COMMANDS]
        order = Order(int(record["position"]), int(record["path"]), float(record["value"]))
        self.cells[Worker.COMMANDS_READ] = read + 1
        return order

    def close(self) -> None:
        """Let go of the memory; the object is of no use afterwards.

        Notes
        -----
        Thread: [main]
        """
        self.memory.close()


def age_seconds(clock_ns: int) -> float:
    """Give the time since a clock cell was written; the clock is one for all processes.

    Notes
    -----
    Thread: [any]
    """
    return (time.monotonic_ns() - clock_ns) / 1e9


@realtime
def count_time(histogram: Cells, nanoseconds: int, width: int) -> None:
    """Add a duration to a histogram of bins `width` ns wide.

    Notes
    -----
    Thread: [audio] or [worker], always the same one
    """
    histogram[min(nanoseconds // width, BINS - 1)] += 1


def quantile(histogram: Cells, share: float, width: float) -> float:
    """Give the time that a share of the counted ones does not exceed, to a bin's upper edge.

    Parameters
    ----------
    histogram : int64, shape (BINS,)
    share : float, 0 to 1
    width : float, of a bin, in any unit

    Returns
    -------
    time : float, in the unit of `width`; 0 if nothing was counted

    Examples
    --------
    >>> import numpy as np
    >>> quantile(np.array([98, 1, 1]), 0.99, 10.0)
    20.0

    Notes
    -----
    Thread: [any]
    """
    sums = np.cumsum(histogram)
    if not sums[-1]:
        return 0.0
    return float(width * (np.searchsorted(sums, share * sums[-1]) + 1))
