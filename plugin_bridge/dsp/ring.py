"""A ring buffer for one writer and one reader.

Rules of this file
  1. Only the writer moves `_written`, only the reader moves `_read`; both only grow.
  2. The writer copies first and counts after, so a reader never sees samples that
     are not there yet. CPython's interpreter lock orders the two stores.
  3. Nothing is allocated after construction.
"""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.realtime import realtime


class Ring:
    """Hold up to `capacity` samples between a writer and a reader.

    Parameters
    ----------
    lead : tuple of int, the axes before samples, such as (channels,)
    capacity : int, samples

    Examples
    --------
    >>> import numpy as np
    >>> ring = Ring((1,), 4)
    >>> ring.write(np.ones((1, 3), np.float32)), ring.readable, ring.writable
    (3, 3, 1)

    Notes
    -----
    Thread: one writer and one reader, fixed for life
    """

    def __init__(self, lead: tuple[int, ...], capacity: int) -> None:
        self._buffer = np.zeros((*lead, capacity), np.float32)
        self.capacity = capacity
        self._written = 0
        self._read = 0

    @property
    def readable(self) -> int:
        """Samples that can be read now."""
        return self._written - self._read

    @property
    def writable(self) -> int:
        """Samples that can be written now."""
        return self.capacity - (self._written - self._read)

    @realtime
    def write(self, samples: FloatArray) -> int:
        """Append as many samples as there is room for.

        Parameters
        ----------
        samples : float32, shape (lead..., n)

        Returns
        -------
        count : int, how many of the first samples were taken, at most n

        Notes
        -----
        Thread: [audio] or [worker], always the same one
        """
        count: int = min(samples.shape[-1], self.writable)
        start = self._written % self.capacity if self.capacity else 0
        first = min(count, self.capacity - start)
        self._buffer[..., start : start + first] = samples[..., :first]
        self._buffer[..., : count - first] = samples[..., first:count]
        self._written += count
        return count

    @realtime
    def read(self, out: FloatArray) -> int:
        """Take as many samples as there are, at most what `out` holds.

        Parameters
        ----------
        out : float32, shape (lead..., n), its first samples are overwritten

        Returns
        -------
        count : int, samples written to `out`

        Notes
        -----
        Thread: [audio] or [worker], always the same one
        """
        count: int = min(out.shape[-1], self.readable)
        start = self._read % self.capacity if self.capacity else 0
        first = min(count, self.capacity - start)
        out[..., :first] = self._buffer[..., start : start + first]
        out[..., first:count] = self._buffer[..., : count - first]
        self._read += count
        return count

    def clear(self) -> None:
        """Drop everything held; neither side may be at work.

        Notes
        -----
        Thread: [main]
        """
        self._written = self._read = 0
