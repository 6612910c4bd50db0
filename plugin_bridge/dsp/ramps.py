"""Click-free changes of a gain.

A ramp is a closed form of the absolute sample index, so its values do not depend on
how the stream is cut into blocks.
"""

import numpy as np

from plugin_bridge.dsp import FloatArray


class Ramp:
    """A value that moves linearly to its target within `length` samples.

    Parameters
    ----------
    value : float, where it starts
    length : int, samples from one value to the next, at least 1

    Examples
    --------
    >>> ramp = Ramp(1.0, 4)
    >>> ramp.move(0.0, at=2)
    >>> ramp.values(0, 7).tolist()
    [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, value: float, length: int) -> None:
        self.length = length
        self.target = value
        self._origin = value
        self._start = 0

    def move(self, target: float, at: int) -> None:
        """Head for `target` from sample index `at` on, starting where the value is then.

        Notes
        -----
        Thread: [worker]
        """
        self._origin = float(self.values(at - 1, 1)[0]) if at > self._start else self._origin
        self._start = at
        self.target = target

    def values(self, index: int, count: int) -> FloatArray:
        """Give the values of the samples `index` to ``index + count - 1``.

        Parameters
        ----------
        index : int, absolute sample index
        count : int, samples

        Returns
        -------
        values : float32, shape (count,)

        Notes
        -----
        Thread: [worker]
        """
        steps = np.arange(index - self._start + 1, index - self._start + 1 + count)
        share = np.clip(steps / self.length, 0.0, 1.0)
        return (self._origin + (self.target - self._origin) * share).astype(np.float32)
