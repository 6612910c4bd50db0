"""A small network that tells drum strokes, and their kinds, from the levels of bands.

85 numbers of a hop go in: the rises of each band in this hop and the two before, how far each
level is above its mean of the last 0.1 s, and the levels. 24 rectified units, four outputs.
Trained by `python -m models.hits`, which also writes `weights.py`.
"""

import base64

import numpy as np

from plugin_bridge.analysis.bands import BANDS, FLOOR_DB, Rises
from plugin_bridge.analysis.weights import WEIGHTS
from plugin_bridge.dsp import FloatArray

INPUTS, UNITS = 5 * BANDS, 24
OUTPUTS = ("any", "kick", "snare", "hat")
# Share of a hop in the mean level, which so reaches back 20 hops or 0.1 s.
SHARE = np.float32(0.05)
MOST_BELOW_DB, MOST_ABOVE_DB = -20.0, 30.0
SHAPES = ((INPUTS, UNITS), (UNITS,), (UNITS, len(OUTPUTS)), (len(OUTPUTS),))


class HitFeatures:
    """Levels of bands in, the network's inputs out.

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self) -> None:
        self._rises = Rises()
        self._past = np.zeros((2, BANDS), np.float32)
        self._mean = np.full(BANDS, FLOOR_DB, np.float32)

    def push(self, levels: FloatArray) -> FloatArray:
        """Levels (hops, bands) in dB -> inputs (hops, 85).

        Notes
        -----
        Thread: [worker]
        """
        rises = np.concatenate([self._past, self._rises.push(levels)])
        self._past[...] = rises[-2:]
        above = np.empty_like(levels)
        for hop, level in enumerate(levels):
            np.subtract(level, self._mean, out=above[hop])
            self._mean += SHARE * above[hop]
        np.clip(above, MOST_BELOW_DB, MOST_ABOVE_DB, out=above)
        parts = [rises[2:], rises[1:-1], rises[:-2], above, levels - np.float32(FLOOR_DB / 2)]
        return np.asarray(np.concatenate(parts, axis=1) / np.float32(10), np.float32)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._rises.reset()
        self._past[...] = 0
        self._mean[...] = FLOOR_DB


class HitNetwork:
    """Levels of bands in, likelihoods of strokes out.

    Examples
    --------
    >>> silence = np.full((3, BANDS), FLOOR_DB, np.float32)
    >>> bool((HitNetwork().push(silence) < 0.1).all())
    True

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self) -> None:
        self._features = HitFeatures()
        self._layers = unpacked(WEIGHTS)

    def push(self, levels: FloatArray) -> FloatArray:
        """Judge the next hops.

        Parameters
        ----------
        levels : float32, shape (hops, bands), dB

        Returns
        -------
        likelihoods : float32, shape (hops, 4), 0..1
            Any stroke, kick, snare, hat; highest in the hop after the one that brings it.

        Notes
        -----
        Thread: [worker]
        """
        first, bias, second, last = self._layers
        # Row by row: a matrix product of several rows may round otherwise than one of a row.
        inputs = self._features.push(levels)
        raw = [np.maximum(row @ first + bias, 0) @ second + last for row in inputs]
        return np.asarray(1 / (1 + np.exp(-np.asarray(raw, np.float32))), np.float32)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._features.reset()


def packed(layers: list[FloatArray]) -> str:
    """Give weights as text.

    Notes
    -----
    Thread: [any]
    """
    flat = np.concatenate([layer.ravel() for layer in layers])
    return base64.b64encode(flat.astype("<f2").tobytes()).decode()


def unpacked(text: str) -> list[FloatArray]:
    """Give the network's matrices and biases from text.

    Notes
    -----
    Thread: [any]
    """
    flat = np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]
