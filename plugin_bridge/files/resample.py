"""A streaming resampler that keeps every sample in its place.

Pedalboard's StreamResampler trims its own delay to whole output samples, which leaves a shift of
up to half a sample. Zeros ahead of the stream move that delay onto a whole sample, where it can be
cut off exactly.
"""

from fractions import Fraction
from math import ceil, floor

import numpy as np
from pedalboard import Resample
from pedalboard.io import StreamResampler

from plugin_bridge.dsp import FloatArray

QUALITY = Resample.Quality.WindowedSinc32
# Delay of QUALITY inside StreamResampler in input samples; a test measures it for many rates.
DELAY = 64


class AlignedResampler:
    """Resample a stream: output sample k stands at the time of input sample k * source / target.

    Parameters
    ----------
    source, target : int, Hz
    channels : int

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        self._channels = channels
        self._ratio = Fraction(target, source)
        # The delay DELAY + lead, at the target rate, is a whole number of samples.
        lead = -DELAY % self._ratio.denominator
        trimmed_inside = floor(DELAY * self._ratio + Fraction(1, 2))
        self._skip = int((DELAY + lead) * self._ratio) - trimmed_inside
        self._engine = StreamResampler(source, target, channels, QUALITY)
        self._taken = self._given = 0
        self._ahead = self._engine.process(np.zeros((channels, lead), np.float32))

    def push(self, samples: FloatArray) -> FloatArray:
        """Resample the next chunk.

        Parameters
        ----------
        samples : float32, shape (channels, n)

        Returns
        -------
        samples : float32, shape (channels, m)
            m is near n * target / source; the first chunks give less.

        Notes
        -----
        Thread: [main]
        """
        self._taken += samples.shape[1]
        return self._give(self._engine.process(np.ascontiguousarray(samples)))

    def flush(self) -> FloatArray:
        """Give the rest: in all, ceil(samples in * target / source) samples; ends the stream.

        Notes
        -----
        Thread: [main]
        """
        # Zeros behind the last sample push it out whole, at whatever fraction it stands.
        tail = np.zeros((self._channels, 2 * DELAY + self._ratio.denominator), np.float32)
        rest = np.concatenate([self._engine.process(tail), self._engine.process(None)], axis=1)
        total = ceil(self._taken * self._ratio)
        given = self._given
        return self._give(rest)[:, : total - given]

    def _give(self, samples: FloatArray) -> FloatArray:
        if self._ahead.shape[1]:
            samples = np.concatenate([self._ahead, samples], axis=1)
            self._ahead = self._ahead[:, :0]
        cut = min(self._skip, samples.shape[1])
        self._skip -= cut
        self._given += samples.shape[1] - cut
        return samples[:, cut:]
