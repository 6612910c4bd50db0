"""Levels of a stem in bands, hop by hop: what all onset detectors look at."""

import numpy as np

from plugin_bridge.analysis.grid import HOP, WINDOW, Recent, scale
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.windows import window_pair

# Hz. Narrow where kicks and basses are told apart, wide where there is hiss.
EDGES = (
    30, 60, 90, 130, 180, 250, 350, 500, 700, 1000, 1400, 2000, 2800, 4000, 5600, 8000, 11000,
    16000,
)  # fmt: skip
BANDS = len(EDGES) - 1
FLOOR_DB = -60.0  # of a full-scale sine's power, added to every band: what is below is silence
MOST_RISE_DB = 20.0  # what a band can add to the flux: a band is not worth more than a few others

# Of Surges: the best of about 130 settings on the basses of generated songs 100 to 115.
BACK, MOST = 6, 4  # hops looked back; bands that count
RANGE_DB, FORGET_DB = 40.0, 2.0  # below the loudest band of late; by how much a second it falls


class Bands:
    """Measure how loud a stem is in each band.

    The window rises over 20 ms and falls within 3, so a stroke is seen in the hop that brings it.

    Parameters
    ----------
    sample_rate : float, Hz
    channels : int

    Attributes
    ----------
    hop : int, samples

    Examples
    --------
    >>> import numpy as np
    >>> Bands(44100, 2).push(np.zeros((2, 512), np.float32)).shape
    (2, 17)

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, sample_rate: float, channels: int) -> None:
        by = scale(sample_rate)
        length, self.hop = round(WINDOW * by), round(HOP * by)
        self._recent = Recent(channels, length, self.hop)
        self._window = window_pair(length, length // 4, length // 8)[0] ** 2
        # A sine of amplitude one has the power one.
        gain = np.float32((2 / self._window.sum()) ** 2 / channels)
        edges = np.searchsorted(np.fft.rfftfreq(length, 1 / sample_rate), EDGES)
        self._sums = np.zeros((length // 2 + 1, BANDS), np.float32)
        for band in range(BANDS):
            low, high = edges[band], max(edges[band + 1], edges[band] + 1)
            self._sums[low:high, band] = gain
        self._floor = np.float32(10 ** (FLOOR_DB / 10))

    def push(self, samples: FloatArray) -> FloatArray:
        """Measure the next hops.

        Parameters
        ----------
        samples : float32, shape (channels, hops * hop), full scale +-1.0

        Returns
        -------
        levels : float32, shape (hops, bands), dB, -60 for silence

        Notes
        -----
        Thread: [worker]
        """
        spectra = np.fft.rfft(self._recent.push(samples) * self._window, axis=-1)
        power = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=0)
        return np.asarray(10 * np.log10(power @ self._sums + self._floor), np.float32)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._recent.reset()


class Rises:
    """How far each band rises above both hops before, in dB, 20 at most.

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self) -> None:
        self._past = np.full((2, BANDS), FLOOR_DB, np.float32)

    def push(self, levels: FloatArray) -> FloatArray:
        """Levels (hops, bands) -> rises (hops, bands), 0..20 dB.

        Notes
        -----
        Thread: [worker]
        """
        known = np.concatenate([self._past, levels])
        self._past[...] = known[-2:]
        before = np.maximum(known[:-2], known[1:-1])
        rises = np.minimum(np.maximum(levels - before, 0), np.float32(MOST_RISE_DB))
        return np.asarray(rises, np.float32)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._past[...] = FLOOR_DB


class Surges:
    """How much begins in each hop, in dB: the mean of the four bands that rise most.

    A rise is counted above the loudest of the last six hops, 35 ms: a tone of 28 Hz has a cycle
    so long, and within it a window of 20 ms swells and fades. What is 40 dB below the stem's
    loudest band of late does not count.

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, seconds_per_hop: float) -> None:
        self._forget = np.float32(FORGET_DB * seconds_per_hop)
        self._past = np.full((BACK, BANDS), FLOOR_DB, np.float32)
        self._top = np.float32(FLOOR_DB)

    def push(self, levels: FloatArray) -> FloatArray:
        """Levels (hops, bands) -> surges (hops,), 0..20 dB.

        Notes
        -----
        Thread: [worker]
        """
        known = np.concatenate([self._past, levels])
        for hop, level in enumerate(levels, BACK):
            self._top = max(self._top - self._forget, level.max())
            np.maximum(level, self._top - np.float32(RANGE_DB), out=known[hop])
        self._past[...] = known[-BACK:]
        before = known[: len(levels)].copy()
        for back in range(1, BACK):
            np.maximum(before, known[back : back + len(levels)], out=before)
        rises = np.minimum(np.maximum(known[BACK:] - before, 0), MOST_RISE_DB)
        rises.partition(BANDS - MOST, axis=1)
        return np.asarray(rises[:, -MOST:].mean(axis=1), np.float32)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._past[...] = FLOOR_DB
        self._top = np.float32(FLOOR_DB)
