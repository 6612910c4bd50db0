"""A song in the place of a device's inputs."""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.ahead import Ahead
from plugin_bridge.live.devices.device import Callback, Device
from plugin_bridge.realtime import realtime


class Turntable:
    """A device whose inputs are the rows of a song that is separated ahead; a `Device` itself.

    Parameters
    ----------
    device : Device, of which the outputs are used, and the clock
    ahead : Ahead
    waits : bool, whether the callback waits for stems instead of pausing the song

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, device: Device, ahead: Ahead, *, waits: bool) -> None:
        self._device, self._ahead, self._waits = device, ahead, waits
        self._deck = ahead.deck
        self.name, self.host_api = device.name, device.host_api
        self.sample_rate, self.block = device.sample_rate, device.block
        self.inputs, self.outputs = ahead.rows, device.outputs
        self.input_latency, self.output_latency = 0.0, device.output_latency
        self._rows = np.zeros((ahead.rows, device.block), np.float32)
        self._callback: Callback | None = None

    def start(self, callback: Callback) -> None:
        """Begin to call.

        Raises
        ------
        DeviceError
            If the device does not start.

        Notes
        -----
        Thread: [main]
        """
        self._callback = callback
        self._device.start(self._call)

    def stop(self) -> None:
        """End the calls.

        Notes
        -----
        Thread: [main]
        """
        self._device.stop()

    def abandon(self) -> None:
        """Let go of the device without a word to its driver.

        Notes
        -----
        Thread: [main]
        """
        self._device.abandon()

    def _call(self, _indata: FloatArray, outdata: FloatArray, flags: int) -> None:
        if self._waits:
            self._ahead.wait()
        self._play(outdata, flags)

    @realtime
    def _play(self, outdata: FloatArray, flags: int) -> None:
        rows, callback = self._rows[:, : len(outdata)], self._callback
        self._deck.play(rows)
        if callback is not None:
            callback(rows.T, outdata, flags)
