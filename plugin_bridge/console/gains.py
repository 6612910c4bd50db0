"""Every gain of a console as one array: what the faders say, without clicks.

Lanes, in this order: the channels of each strip and bus, the master, each send.
"""

import math
from collections.abc import Mapping, Sequence

from plugin_bridge.console.console import Console
from plugin_bridge.console.graph import Edge
from plugin_bridge.console.strip import Strip, amplitude
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.ramps import Ramps

RAMP_SECONDS = 0.005


class Gains:
    """Follow a console's settings.

    Parameters
    ----------
    console : Console
    sends : sequence of Edge
    leaves : mapping of name to int
        Samples: how late each strip and bus is at its fader, and "mix" at the master.
    sample_rate : float, Hz
    channels : int, 1 or 2

    Attributes
    ----------
    master : int, its lane
    lanes : dict of Edge to int, lanes of sends

    Notes
    -----
    Thread: [worker]
    """

    def __init__(
        self,
        console: Console,
        sends: Sequence[Edge],
        leaves: Mapping[str, int],
        sample_rate: float,
        channels: int,
    ) -> None:
        self._console = console
        self._strips = [*console.channels.values()]
        self._channels = channels
        self._length = max(1, round(RAMP_SECONDS * sample_rate))
        self.master = len(self._strips) * channels
        self.lanes = {send: self.master + 1 + index for index, send in enumerate(sends)}
        self._lags = [leaves[strip.name] for strip in self._strips for _ in range(channels)]
        self._lags += [max(leaves.values(), default=0)]
        self._lags += [leaves[send.source] for send in sends]
        self._version, self._ramps = self._start()

    def restart(self) -> None:
        """Start at the settings, without a ramp.

        Notes
        -----
        Thread: [worker]
        """
        self._version, self._ramps = self._start()

    def values(self, position: int, count: int) -> FloatArray:
        """Give the gains of the samples from `position` on; settings are looked at once.

        Parameters
        ----------
        position : int, absolute sample; 0 starts at the settings, without a ramp
        count : int, samples

        Returns
        -------
        gains : float32, shape (lanes, count); (lanes, 1) when none of them moves

        Notes
        -----
        Thread: [worker]
        """
        version = self._console.version
        if version != self._version:
            if position == 0:
                _, self._ramps = self._start()
            self._ramps.move(self._targets(), position)
            self._version = version
        return self._ramps.values(position, count)

    def _start(self) -> tuple[int, Ramps]:
        # The version first: what changes in between is seen at the next hop.
        return self._console.version, Ramps(self._targets(), self._length, self._lags)

    def _targets(self) -> list[float]:
        soloed = any(strip.solo for strip in self._console.strips.values())
        targets: list[float] = []
        for strip in self._strips:
            silenced = soloed and isinstance(strip, Strip) and not strip.solo
            gain = 0.0 if silenced else strip.gain
            if self._channels == 1:
                targets.append(gain)
            else:
                targets += [gain * min(1.0, 1.0 - strip.pan), gain * min(1.0, 1.0 + strip.pan)]
        targets.append(self._console.master.gain)
        for send in self.lanes:
            gains_db = self._console[send.source].sends
            targets.append(amplitude(gains_db.get(send.target, -math.inf)))
        return targets
