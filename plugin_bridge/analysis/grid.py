"""The grid of all analyses: windows and hops in samples, the same times at every rate."""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.rates import scale_of

BASE_RATE = 44100
HOP, WINDOW = 256, 1024  # samples at the base rate: 5.8 and 23.2 ms


def scale(sample_rate: float) -> float:
    """Give the power of two by which windows and hops grow at a rate, as the separator's do.

    Examples
    --------
    >>> scale(44100), scale(48000), scale(96000)
    (1.0, 1.0, 2.0)

    Notes
    -----
    Thread: [any]
    """
    return float(scale_of(sample_rate, BASE_RATE))


def hop_of(sample_rate: float) -> int:
    """Give the samples of a hop at a rate, at least 1.

    Notes
    -----
    Thread: [any]
    """
    return max(1, round(HOP * scale(sample_rate)))


class Recent:
    """The last samples of a stream, and the windows that end with each of its hops.

    The stream is preceded by silence.

    Parameters
    ----------
    channels : int
    length : int, samples of a window
    hop : int, samples between windows

    Examples
    --------
    >>> import numpy as np
    >>> Recent(1, 4, 2).push(np.ones((1, 6), np.float32))[0].sum(axis=1).tolist()
    [2.0, 4.0, 4.0]

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, channels: int, length: int, hop: int) -> None:
        self._lead, self._length, self._hop = length - hop, length, hop
        self._prepare(channels, 1)

    def _prepare(self, channels: int, hops: int) -> None:
        self._samples = np.zeros((channels, self._lead + hops * self._hop), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._samples, self._length, axis=-1)
        self._windows = windows[:, :: self._hop]

    def push(self, samples: FloatArray) -> FloatArray:
        """Take the next whole hops.

        Parameters
        ----------
        samples : float32, shape (channels, hops * hop)

        Returns
        -------
        windows : float32, shape (channels, hops, length)
            A view of working memory: valid until the next push.

        Notes
        -----
        Thread: [worker]
        """
        count = samples.shape[1]
        held = self._samples[:, -self._lead :].copy() if self._lead else self._samples[:, :0]
        if self._samples.shape[1] != self._lead + count:
            self._prepare(len(samples), count // self._hop)
        self._samples[:, : self._lead] = held
        self._samples[:, self._lead :] = samples
        return self._windows

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._samples[...] = 0


def timed(values: FloatArray, late: int) -> tuple[FloatArray, FloatArray]:
    """Give the seconds of a curve at 44.1 kHz, and the curve, from the song's begin on.

    Parameters
    ----------
    values : float32, shape (hops,), as known at the end of each hop
    late : int, samples ago that they are of

    Examples
    --------
    >>> times, values = timed(np.array([1, 2, 3], np.float32), 300)
    >>> (times * BASE_RATE).round().tolist(), values.tolist()
    ([212.0, 468.0], [2.0, 3.0])

    Notes
    -----
    Thread: [any]
    """
    times = ((np.arange(len(values)) + 1) * HOP - late) / BASE_RATE
    first = int(np.searchsorted(times, 0))
    return times[first:].astype(np.float32), values[first:]
