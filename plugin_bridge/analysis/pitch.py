"""The pitch of one voice at a time, from the last samples only.

Theory of operation: the stem is decimated; the normalised square difference of the newest window
(McLeod and Wyvill 2005) has peaks at the lags of the period and its multiples. The best few are
candidates; a path through them, hop by hop, prefers strong and short lags and dislikes jumps and
changes between voiced and unvoiced (Boersma 1993). Live the best path's end is the pitch;
offline the whole path is traced back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.analysis.grid import Recent, hop_of, scale
from plugin_bridge.dsp import FloatArray

CANDIDATES = 6
TAPS = 8  # of the decimator's filter, each as long as its factor
# What a path gains and loses per hop; strengths are 0..1.
UNVOICED = 0.5  # the strength of no pitch: peaks below it are noise
# For each octave above the middle of the range: multiples of the period are as strong as it is,
# and two voices have a common one. Of 0.02 to 0.15 the best on generated songs 100 to 115.
SHORT = 0.1
JUMP, CHANGE = 0.25, 0.2  # for an octave; for a beginning or an end
MOST_JUMP = 0.5  # octaves: a leap costs no more
SILENT = 1e-6  # mean square, -60 dB, below which nothing has a pitch


@dataclass(frozen=True)
class Range:
    """Which pitches a voice may have.

    Attributes
    ----------
    low, high : float, Hz
    factor : int, decimation at 44.1 kHz
    window : int, decimated samples: at least 1.8 periods of `low`
    """

    low: float
    high: float
    factor: int
    window: int


BASS = Range(26.0, 420.0, 8, 448)
VOICE = Range(48.0, 1200.0, 4, 512)


class Candidates:
    """Samples in, possible pitches of each hop out.

    Parameters
    ----------
    sample_rate : float, Hz
    span : Range

    Attributes
    ----------
    hop : int, samples
    late : int
        Samples between the middle of a window and the end of its hop: what is heard now is
        the pitch of so long ago.

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, sample_rate: float, span: Range) -> None:
        factor = max(1, round(span.factor * scale(sample_rate)))
        self.hop = hop_of(sample_rate)
        self._rate = sample_rate / factor
        length = TAPS * factor + 1
        n = np.arange(length) - length // 2
        taps = np.sinc(n * 0.85 / factor) * np.hanning(length + 2)[1:-1]
        self._taps = (taps / taps.sum()).astype(np.float32)
        self._wave = Recent(1, length, factor)
        self._window = Recent(1, span.window, self.hop // factor)
        self._size = 2 * span.window
        self._lags = int(self._rate / span.high), int(np.ceil(self._rate / span.low)) + 1
        lags = np.arange(*self._lags, dtype=np.float32)
        self._short = np.float32(SHORT) * np.log2(np.sqrt(lags[0] * lags[-1]) / lags)
        # Where the squares of a window are summed up to, that overlap at lags first - 1 .. last.
        low, high = self._lags[0] - 1, self._lags[1] + 1
        self._head = slice(span.window - 1 - low, span.window - 1 - high, -1)
        self._tail = slice(low - 1, high - 1)
        self.late = (span.window * factor + length) // 2

    def push(self, samples: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Take the next hops.

        Parameters
        ----------
        samples : float32, shape (channels, hops * hop)

        Returns
        -------
        hertz : float32, shape (hops, candidates), 0 where there are fewer
        strengths : float32, shape (hops, candidates), about 0..1, 0 where there are fewer
            Likeness at that lag, more for short lags and less for long ones.

        Notes
        -----
        Thread: [worker]
        """
        mono = samples.mean(axis=0, keepdims=True)
        thin = self._wave.push(mono)[0] @ self._taps
        return self._found(self._window.push(thin[None])[0])

    def _found(self, windows: FloatArray) -> tuple[FloatArray, FloatArray]:
        first, last = self._lags
        power = np.cumsum(np.square(windows), axis=1, dtype=np.float64)
        spectra = np.fft.rfft(windows, self._size, axis=1)
        energy = np.square(spectra.real) + np.square(spectra.imag)
        same = np.fft.irfft(energy, self._size, axis=1)[:, first - 1 : last + 1]
        # Both parts of the window that overlap at a lag, by their squares.
        both = power[:, self._head] - power[:, self._tail] + (power[:, -1:] + 1e-9)
        alike = (2 * same / both).astype(np.float32)
        before, here, after = alike[:, :-2], alike[:, 1:-1], alike[:, 2:]
        sound = power[:, -1:] > SILENT * windows.shape[1]
        peak = (here > before) & (here >= after) & (here > 0) & sound
        worth = np.where(peak, here + self._short, np.float32(-9))
        best = worth.argpartition(-CANDIDATES, axis=1)[:, -CANDIDATES:]
        row = np.arange(len(best))[:, None]
        a, b, c = before[row, best], here[row, best], after[row, best]
        curve = a - 2 * b + c
        shift = np.where(curve < 0, 0.5 * (a - c) / np.where(curve < 0, curve, 1), 0)
        is_peak = peak[row, best]
        hertz = np.where(is_peak, self._rate / (first + best + shift), 0)
        return hertz.astype(np.float32), np.where(is_peak, worth[row, best], 0)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._wave.reset()
        self._window.reset()


class PitchPath:
    """The best path through candidates, hop by hop.

    Parameters
    ----------
    keep : bool
        Whether it is to be traced back; only then memory grows, by seven bytes a hop.
    unvoiced : float
        The strength of no pitch; 0 gives a pitch wherever there is a candidate.

    Examples
    --------
    >>> path = PitchPath(keep=True)
    >>> one = np.array([100, 200, 0, 0, 0, 0]), np.array([0.9, 0.2, 0, 0, 0, 0])
    >>> [path.push(*one) for _ in range(3)][-1], path.traced(np.stack([one[0]] * 3)).tolist()
    (100.0, [100.0, 100.0, 100.0])

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, keep: bool = False, unvoiced: float = UNVOICED) -> None:
        self._keep = keep
        self._score: NDArray[np.float64]
        self._octaves: NDArray[np.float64]
        self._gain = np.full(CANDIDATES + 1, unvoiced)
        self._ends = np.arange(CANDIDATES + 1)
        self._cost = np.full((CANDIDATES + 1, CANDIDATES + 1), CHANGE)
        self._cost[-1, -1] = 0
        self.reset()

    def push(self, hertz: FloatArray, strengths: FloatArray) -> float:
        """Take a hop's candidates; give the pitch in Hz as far as is known now, or 0.

        Notes
        -----
        Thread: [worker]
        """
        there = hertz > 0
        octaves = np.log2(np.where(there, hertz, 1))
        self._gain[:-1] = np.where(there, strengths, -1)
        apart = self._cost[:-1, :-1]
        np.abs(np.subtract.outer(self._octaves, octaves), out=apart)
        np.minimum(apart, MOST_JUMP, out=apart)
        apart *= JUMP
        total = self._score[:, None] - self._cost
        came = total.argmax(axis=0)
        self._score = total[came, self._ends] + self._gain
        self._score -= self._score.max()
        self._octaves = octaves
        end = int(self._score.argmax())
        if self._keep:
            self._steps += came.astype(np.uint8).tobytes()
        return 0.0 if end == CANDIDATES else float(hertz[end])

    def traced(self, hertz: FloatArray) -> FloatArray:
        """Give the pitches of the whole path, in Hz, from all candidates (hops, candidates).

        Notes
        -----
        Thread: [worker]
        """
        found = np.zeros(len(hertz), np.float32)
        end = int(np.argmax(self._score))
        for hop in range(len(hertz) - 1, -1, -1):
            found[hop] = 0 if end == CANDIDATES else hertz[hop, end]
            end = self._steps[hop * (CANDIDATES + 1) + end]
        return found

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._score = np.append(np.full(CANDIDATES, -1.0), 0.0)
        self._octaves = np.zeros(CANDIDATES)
        self._steps = bytearray()
