"""A device without hardware: with a clock of its own, or cranked by hand."""

import threading
import time
from collections.abc import Callable

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import DeviceError
from plugin_bridge.live.devices.device import INPUT_XRUN, OUTPUT_XRUN, Callback

Source = Callable[[FloatArray], None]
"""Fills the next input block, shape (samples, inputs)."""


class NullDevice:
    """Play to nowhere.

    Parameters
    ----------
    sample_rate : float, Hz
    block : int, samples of a callback
    inputs, outputs : int, channels
    source : callable, optional
        Fills each input block in place; silence without it.
    clocked : bool
        False: only `crank` calls back, and the caller is the clock.

    Examples
    --------
    >>> import numpy as np
    >>> device = NullDevice(44100, 64, 2, 2, clocked=False)
    >>> device.start(lambda indata, outdata, flags: np.copyto(outdata, indata))
    >>> device.crank(np.ones((2, 100), np.float32)).shape
    (2, 100)

    Notes
    -----
    Thread: [main]
    """

    name = "null"
    host_api = "none"
    input_latency = output_latency = 0.0

    def __init__(
        self,
        sample_rate: float,
        block: int,
        inputs: int = 2,
        outputs: int = 2,
        source: Source | None = None,
        *,
        clocked: bool = True,
    ) -> None:
        self.sample_rate, self.block = sample_rate, block
        self.inputs, self.outputs = inputs, outputs
        self._source = source
        self._clocked = clocked
        self._callback: Callback | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self, callback: Callback) -> None:
        """Begin to call, on a thread with absolute deadlines; cranked: when cranked.

        Notes
        -----
        Thread: [main]
        """
        self._callback = callback
        if self._clocked:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, name="null-device", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the calls.

        Notes
        -----
        Thread: [main]
        """
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._callback = None

    def abandon(self) -> None:
        """End the calls without waiting for the last one.

        Notes
        -----
        Thread: [main]
        """
        self._ended.set()

    def crank(self, signal: FloatArray, flags: int = 0) -> FloatArray:
        """Call back for every block of a signal, the last of which may be shorter.

        Parameters
        ----------
        signal : float32, shape (inputs, samples)
        flags : int, what each callback is told

        Returns
        -------
        out : float32, shape (outputs, samples)

        Raises
        ------
        DeviceError
            If the device is not started, or the signal has other channels.

        Notes
        -----
        Thread: the caller's becomes [audio]
        """
        if self._callback is None:
            raise DeviceError("the null device is not started; call start before crank")
        if signal.shape[0] != self.inputs:
            raise DeviceError(
                f"the signal has {signal.shape[0]} channels, the null device {self.inputs} inputs; "
                "give one row for each"
            )
        indata = np.ascontiguousarray(signal.T, np.float32)
        # Not zeros: what a callback leaves unwritten must show.
        outdata = np.full((len(indata), self.outputs), np.nan, np.float32)
        for start in range(0, len(indata), self.block):
            end = start + self.block
            self._callback(indata[start:end], outdata[start:end], flags)
        return np.ascontiguousarray(outdata.T)

    def _run(self) -> None:
        callback = self._callback
        indata = np.zeros((self.block, self.inputs), np.float32)
        outdata = np.zeros((self.block, self.outputs), np.float32)
        period = self.block / self.sample_rate
        deadline = time.monotonic() + period
        while callback is not None and not self._ended.wait(max(0, deadline - time.monotonic())):
            late = time.monotonic() - deadline > period
            if self._source is not None:
                self._source(indata)
            callback(indata, outdata, (INPUT_XRUN | OUTPUT_XRUN) * late)
            # What was slept through is lost, as on a real device.
            deadline = time.monotonic() if late else deadline
            deadline += period
