"""Bootstrap intervals of means: over songs, or over listeners and songs at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.energies import Doubles

DRAWS = 4000
LEVEL = 95.0  # percent


@dataclass(frozen=True)
class Interval:
    """A mean, and the interval that it lies in."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})"

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def interval(values: Sequence[float] | Doubles, seed: int = 0) -> Interval | None:
    """Give mean and bootstrap interval of one number per song; None without two numbers.

    Examples
    --------
    >>> interval([1.0, 1.0, 1.0])
    Interval(mean=1.0, low=1.0, high=1.0)

    Notes
    -----
    Thread: [any]
    """
    there = np.asarray(values, np.float64)
    there = there[np.isfinite(there)]
    if len(there) < 2:
        return None
    rng = np.random.default_rng(seed)
    means = there[rng.integers(len(there), size=(DRAWS, len(there)))].mean(1)
    return _percentiles(float(there.mean()), means)


def crossed(values: Doubles, seed: int = 0) -> Interval | None:
    """Give mean and bootstrap interval where every listener hears every song.

    Parameters
    ----------
    values : float64, shape (listeners, songs)
        nan where a listener has none.

    Returns
    -------
    interval : Interval or None
        For further listeners and further songs. None without two numbers.

    Notes
    -----
    Listeners and songs are drawn anew independently of each other, so whom and what the numbers
    have in common widens the interval (Owen 2007, the pigeonhole bootstrap). What is there once
    only, one listener or one song, is taken as it is. Thread: [any]
    """
    there = np.isfinite(values)
    values = values[there.any(1)][:, there.any(0)]
    there = np.isfinite(values)
    if there.sum() < 2:
        return None
    rng = np.random.default_rng(seed)
    # how often each row and column is drawn
    rows, columns = (
        rng.multinomial(n, [1 / n] * n, DRAWS).astype(np.float64) for n in values.shape
    )
    sums, counts = (
        ((rows @ held) * columns).sum(1)
        for held in (np.where(there, values, 0.0), there.astype(np.float64))
    )
    drawn = counts > 0  # of a table with gaps a draw may hold nothing
    return _percentiles(float(values[there].mean()), sums[drawn] / counts[drawn])


def _percentiles(mean: float, means: Doubles) -> Interval:
    edge = (100 - LEVEL) / 2
    low, high = np.percentile(means, [edge, 100 - edge])
    return Interval(mean, float(low), float(high))
