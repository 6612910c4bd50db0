"""Peak and mean level of a stem, hop by hop."""

import numpy as np

from plugin_bridge.analysis.grid import hop_of
from plugin_bridge.dsp import FloatArray

# Seconds in which a shown peak falls by 20 dB, and in which levels are averaged.
FALL_SECONDS, AVERAGE_SECONDS = 1.5, 0.3


class Level:
    """Follow a stem's level.

    Parameters
    ----------
    sample_rate : float, Hz

    Attributes
    ----------
    peak : float, of full scale, falling by 20 dB in 1.5 s
    mean_square : float, averaged over 0.3 s

    Examples
    --------
    >>> level = Level(44100)
    >>> level.push(np.ones((2, 256), np.float32))
    >>> level.peak
    1.0

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, sample_rate: float) -> None:
        seconds = hop_of(sample_rate) / sample_rate
        self._fall = 0.1 ** (seconds / FALL_SECONDS)
        self._share = 1 - float(np.exp(-seconds / AVERAGE_SECONDS))
        self.peak: float
        self.mean_square: float
        self.reset()

    def push(self, samples: FloatArray) -> None:
        """Take the next hop, shape (channels, hop).

        Notes
        -----
        Thread: [worker]
        """
        high, low = float(samples.max()), float(samples.min())
        self.peak = max(self.peak * self._fall, high, -low)
        power = float(np.vdot(samples, samples)) / samples.size
        self.mean_square += self._share * (power - self.mean_square)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self.peak, self.mean_square = 0.0, 0.0
