"""Peak and level of every stem and output channel, for the parent to show."""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.live.control import POINTS

# Seconds in which a shown peak falls by 20 dB, and in which levels are averaged.
FALL_SECONDS, AVERAGE_SECONDS = 1.5, 0.3


class Meters:
    """Measure hops, and write what was found into shared memory.

    Rows: each channel of the input, of each stem before its fader, then each output.

    Parameters
    ----------
    engine : Engine
    cells : float32, shape (POINTS, 2), written: peak and mean square

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(self, engine: Engine, cells: FloatArray) -> None:
        self._engine, self._cells = engine, cells
        rows = engine.channels * (1 + len(engine.stems)) + engine.outputs
        self._shown = min(rows, POINTS)
        self._levels = np.zeros((rows, 2), np.float32)
        self._new = np.zeros((rows, 2), np.float32)
        seconds = engine.step / engine.sample_rate
        self._fall = np.float32(0.1 ** (seconds / FALL_SECONDS))
        self._share = np.float32(1 - np.exp(-seconds / AVERAGE_SECONDS))

    def measure(self, samples: FloatArray, out: FloatArray) -> None:
        """Take the input and the output of a step, and the engine's stems.

        Parameters
        ----------
        samples : float32, shape (channels, n)
        out : float32, shape (outputs, n)

        Notes
        -----
        Thread: [worker]
        """
        stems = self._engine.newest
        stems = stems.reshape(-1, stems.shape[-1])
        row = 0
        for part in (samples, stems, out):
            end = row + len(part)
            np.abs(part).max(axis=1, out=self._new[row:end, 0])
            np.einsum("ij,ij->i", part, part, out=self._new[row:end, 1])
            self._new[row:end, 1] /= part.shape[1]
            row = end
        peaks, means = self._levels.T
        peaks *= self._fall
        np.maximum(peaks, self._new[:, 0], out=peaks)
        means += self._share * (self._new[:, 1] - means)
        self._cells[: self._shown] = self._levels[: self._shown]


def rows(stems: tuple[str, ...], channels: int, outputs: int) -> list[str]:
    """Name the rows of the meters.

    Examples
    --------
    >>> rows(("vocals",), 1, 2)
    ['input.1', 'vocals.1', 'output.1', 'output.2']

    Notes
    -----
    Thread: [any]
    """
    names = [f"{name}.{c + 1}" for name in ("input", *stems) for c in range(channels)]
    return [*names, *(f"output.{c + 1}" for c in range(outputs))][:POINTS]
