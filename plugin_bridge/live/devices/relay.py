"""Between PortAudio's callback and ours: the host's blocks in slices of at most one block."""

from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.devices.device import INPUT_XRUN, OUTPUT_XRUN, Callback
from plugin_bridge.realtime import realtime

# Samples; more than any driver hands over at once.
LARGEST_PERIOD = 1 << 20
# PortAudio's status bits (input under- and overflow, then output) as flags of a callback.
XRUNS = tuple(
    (INPUT_XRUN if bits & 3 else 0) | (OUTPUT_XRUN if bits & 12 else 0) for bits in range(32)
)


class Relay:
    """What PortAudio calls; silence while there is no callback.

    Parameters
    ----------
    block : int, the most samples of a slice

    Attributes
    ----------
    callback : Callback or None
    period : int, the most samples that PortAudio handed over at once

    Notes
    -----
    Thread: [audio]; made and set on [main]
    """

    def __init__(self, block: int) -> None:
        self.block, self.period = block, 0
        self.callback: Callback | None = None
        self._nothing = np.zeros((LARGEST_PERIOD, 0), np.float32)

    @realtime
    def duplex(
        self, indata: FloatArray, outdata: FloatArray, samples: int, _time: object, status: Any
    ) -> None:
        """Take and give a block of a device with inputs.

        Notes
        -----
        Thread: [audio]
        """
        callback = self.callback
        if samples > self.period:
            self.period = samples
        if callback is None:
            outdata[...] = 0
            return
        flags = XRUNS[status._flags & 31]
        for start in range(0, samples, self.block):
            end = start + self.block
            callback(indata[start:end], outdata[start:end], flags)
            flags = 0

    @realtime
    def output_only(self, outdata: FloatArray, samples: int, when: object, status: Any) -> None:
        """Give a block to a device without inputs.

        Notes
        -----
        Thread: [audio]
        """
        self.duplex(self._nothing[:samples], outdata, samples, when, status)
