"""Samples by their position in the stream, for one writer and one reader.

Rules of this file
  1. Only the writer moves `end`, and only forwards: it copies first and counts after. CPython's
     interpreter lock orders the two stores.
  2. The writer never waits: the oldest samples make room. A reader that is too late must know
     from `end` that they are gone.
  3. Nothing is allocated after construction.
"""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.realtime import realtime


class Tape:
    """Hold the newest samples of a stream.

    Parameters
    ----------
    channels : int
    capacity : int, samples
    end : int, position of the first sample to be written; those before it are silence

    Attributes
    ----------
    end : int, the position after the newest sample

    Examples
    --------
    >>> import numpy as np
    >>> tape, out = Tape(1, 4), np.zeros((1, 2), np.float32)
    >>> tape.write(np.arange(6, dtype=np.float32)[None, 2:])
    >>> tape.read(1, out)
    >>> out.tolist(), tape.end
    ([[3.0, 4.0]], 4)

    Notes
    -----
    Thread: one writer and one reader, fixed for life
    """

    def __init__(self, channels: int, capacity: int, end: int = 0) -> None:
        self._buffer = np.zeros((channels, capacity), np.float32)
        self.channels, self.capacity = channels, capacity
        self.end = end

    @realtime
    def write(self, samples: FloatArray) -> None:
        """Append samples.

        Parameters
        ----------
        samples : float32, shape (channels, n), n <= capacity

        Notes
        -----
        Thread: [audio] or [worker], always the same one
        """
        count = samples.shape[1]
        start = self.end % self.capacity
        first = min(count, self.capacity - start)
        self._buffer[:, start : start + first] = samples[:, :first]
        self._buffer[:, : count - first] = samples[:, first:count]
        self.end += count

    @realtime
    def skip(self, count: int) -> None:
        """Leave a gap that nobody is going to read.

        Notes
        -----
        Thread: that of `write`
        """
        self.end += count

    @realtime
    def read(self, position: int, out: FloatArray) -> None:
        """Copy samples from a position on.

        Parameters
        ----------
        position : int, of the first sample, at least end - capacity
        out : float32, shape (channels or fewer, n), position + n <= end
            Fewer are the first ones.

        Notes
        -----
        Thread: [audio] or [worker], always the same one
        """
        rows, count = out.shape
        start = position % self.capacity
        first = min(count, self.capacity - start)
        out[:, :first] = self._buffer[:rows, start : start + first]
        out[:, first:] = self._buffer[:rows, : count - first]
