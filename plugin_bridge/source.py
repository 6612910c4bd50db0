"""Where an engine's stems come from: separated from its input, or ready beside it.

Either is pushed whole steps and says how long these are, and which hop its console has.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import WAVES, Counters, Separator, step_of

# Where steps are as long as a segment, the console keeps to hops of some milliseconds.
LONGEST_HOP = 1024
SHORTEST_HOP = 64


class ReadyStems:
    """Stems that come with the input instead of being separated from it.

    Parameters
    ----------
    stems : sequence of str
    channels : int, 1 or 2
    hop : int, samples of every call of the console
    provider : str, where they were separated
    counters : Counters, of what had to be mended there

    Attributes
    ----------
    rows : int
        Of every push: the channels of the input, then those of each stem.

    Notes
    -----
    Thread: [worker]
    """

    latency_samples = 0

    def __init__(
        self, stems: Sequence[str], channels: int, hop: int, provider: str, counters: Counters
    ) -> None:
        self.stems, self.step, self.provider = tuple(stems), hop, provider
        self.counters = counters
        self.rows = channels * (1 + len(self.stems))
        self._shape = (len(self.stems), channels)
        self.tail: FloatArray = np.zeros((*self._shape, 0), np.float32)

    def push(self, rows: FloatArray) -> FloatArray:
        """Give the stems (stems, channels, n) of the next rows."""
        return rows[self._shape[1] :].reshape(*self._shape, rows.shape[1])

    def mended(self, rows: FloatArray) -> FloatArray:
        """Give the rows as they are: what had to be mended was, before they were separated."""
        return rows

    def reset(self) -> None:
        """Do nothing: there is no past."""


def separator_of(
    model: str | Path | AnyModel,
    sample_rate: float,
    channels: int = 2,
    frames_per_call: int = 1,
    stems: Sequence[str] | None = None,
    provider: str = "auto",
) -> Separator:
    """Make a separator for pushes of whole steps; the parameters are those of `Separator`.

    Notes
    -----
    Thread: [main]
    """
    opened = Model(model, provider) if isinstance(model, str | Path) else model
    return Separator(
        opened,
        sample_rate,
        channels=channels,
        block=step_of(opened, sample_rate, frames_per_call),
        frames_per_call=frames_per_call,
        stems=stems,
    )


def console_hop(separator: Separator, frames_per_call: int = 1) -> int:
    """Give the hop that the console has behind a separator, in samples.

    Parameters
    ----------
    separator : Separator, made for blocks of its step
    frames_per_call : int, what it was made with

    Notes
    -----
    Thread: [any]
    """
    if separator.model.card.kind in WAVES:
        return hop_of(separator.step, separator.latency_samples)
    return separator.step // frames_per_call


def hop_of(step: int, delay: int) -> int:
    """Give the hop of the console for a model on samples, whose steps may be long.

    It divides the step and, where it can, the delay, so that no latency is added.

    Parameters
    ----------
    step, delay : int, samples

    Examples
    --------
    >>> hop_of(256, 0), hop_of(257985, 85995), hop_of(9973, 100)
    (256, 945, 9973)

    Notes
    -----
    Thread: [any]
    """
    for length in (math.gcd(step, delay), step):
        for hop in range(LONGEST_HOP, SHORTEST_HOP - 1, -1):
            if length % hop == 0:
                return hop
    return step
