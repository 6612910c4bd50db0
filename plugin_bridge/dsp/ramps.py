"""Click-free changes of many gains at once.

A ramp is a closed form of the absolute sample index, so its values do not depend on
how the stream is cut into blocks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plugin_bridge.dsp import FloatArray

_Doubles = NDArray[np.float64]
_Indices = NDArray[np.int64]


@dataclass(frozen=True)
class _Course:
    """Where all values head for, from sample `at` until the next course."""

    at: int
    starts: _Indices
    origins: _Doubles
    targets: _Doubles

    def values(self, indices: _Indices, length: int) -> _Doubles:
        """Give the values at `indices`, shape (lanes, n)."""
        left = self.starts[:, None] + (length - 1) - indices
        share = np.clip(left, 0, length) / length
        # In this form a value that has arrived is its target to the bit.
        values: _Doubles = self.targets[:, None] + (self.origins - self.targets)[:, None] * share
        return values


class Ramps:
    """Values that move linearly to their targets, each within `length` samples.

    Parameters
    ----------
    values : float, shape (lanes,), where they start
    length : int, samples from one value to the next, at least 1
    lags : int, shape (lanes,), optional
        By how many samples each lane is read late: its signal has been delayed so much.

    Examples
    --------
    >>> ramps = Ramps([1.0, 0.5], 4)
    >>> ramps.move([0.0, 0.5], at=2)
    >>> ramps.values(0, 7)[0].tolist()
    [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, values: ArrayLike, length: int, lags: ArrayLike = 0) -> None:
        targets = np.array(values, np.float64)
        self.length = length
        self._lags = np.broadcast_to(np.asarray(lags, np.int64), targets.shape)
        self._most = int(self._lags.max())
        start = np.zeros(targets.shape, np.int64)
        self._courses = [_Course(0, start, targets, targets)]
        self._steady: FloatArray = targets.astype(np.float32)[:, None]
        self._quiet_from = 0  # the index from which every lane, however late, has arrived

    def move(self, targets: ArrayLike, at: int) -> None:
        """Head for `targets` from sample index `at` on, each from where its value is then.

        A lane whose target stays goes on as it was.

        Parameters
        ----------
        targets : float, shape (lanes,)
        at : int, absolute sample index, not before the last one

        Notes
        -----
        Thread: [worker]
        """
        last = self._courses[-1]
        wanted = np.array(targets, np.float64)
        turns = wanted != last.targets
        if not turns.any():
            return
        before = np.full((len(wanted), 1), at - 1, np.int64)
        here = last.values(before, self.length)[:, 0]
        starts = np.where(turns, at, last.starts)
        origins = np.where(turns, here, last.origins)
        self._courses.append(_Course(at, starts, origins, wanted))
        self._steady = wanted.astype(np.float32)[:, None]
        self._quiet_from = at + self.length + self._most

    def values(self, index: int, count: int) -> FloatArray:
        """Give the values of the samples ``index - lag`` to ``index - lag + count - 1``.

        Parameters
        ----------
        index : int, absolute sample index, never falling
        count : int, samples

        Returns
        -------
        values : float32, shape (lanes, count); (lanes, 1) when none of them moves

        Notes
        -----
        Thread: [worker]
        """
        if index >= self._quiet_from:
            self._courses = self._courses[-1:]
            return self._steady
        while len(self._courses) > 1 and self._courses[1].at <= index - self._most:
            del self._courses[0]
        indices = (index - self._lags)[:, None] + np.arange(count)
        values = self._courses[0].values(indices, self.length)
        for course in self._courses[1:]:
            values = np.where(indices >= course.at, course.values(indices, self.length), values)
        return values.astype(np.float32)
