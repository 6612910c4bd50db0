"""What every audio device can do, be it real or not."""

from typing import Protocol

from plugin_bridge.dsp import FloatArray

# Bits of the flags that a callback gets.
INPUT_XRUN, OUTPUT_XRUN = 1, 2


class Callback(Protocol):
    """Called by the device's own thread, once per block.

    Notes
    -----
    Thread: [audio]
    """

    def __call__(self, indata: FloatArray, outdata: FloatArray, flags: int, /) -> None:
        """Take a block and give one of the same length.

        Parameters
        ----------
        indata : float32, shape (samples, inputs)
        outdata : float32, shape (samples, outputs), to be overwritten whole
        flags : int
            INPUT_XRUN and OUTPUT_XRUN: what the driver lost just before.
        """


class Device(Protocol):
    """An opened audio device with one clock.

    Attributes
    ----------
    name, host_api : str
    sample_rate : float, Hz
    block : int, the most samples of a callback
    inputs, outputs : int, channels
    input_latency, output_latency : float, seconds; 0 if unknown
    """

    @property
    def name(self) -> str:
        """What the system calls it."""

    @property
    def host_api(self) -> str:
        """The driver interface it belongs to."""

    @property
    def sample_rate(self) -> float:
        """Samples per second."""

    @property
    def block(self) -> int:
        """The most samples of a callback."""

    @property
    def inputs(self) -> int:
        """Input channels."""

    @property
    def outputs(self) -> int:
        """Output channels."""

    @property
    def input_latency(self) -> float:
        """Seconds from the socket to the callback, 0 if unknown."""

    @property
    def output_latency(self) -> float:
        """Seconds from the callback to the socket, 0 if unknown."""

    def start(self, callback: Callback) -> None:
        """Begin to call.

        Raises
        ------
        DeviceError
            If the device does not start; with the driver's text.

        Notes
        -----
        Thread: [main]
        """

    def stop(self) -> None:
        """End the calls and close; may hang where the driver is dead: then `abandon`.

        Notes
        -----
        Thread: [main]
        """

    def abandon(self) -> None:
        """Let go without a word to the driver; only the end of the process may follow.

        Notes
        -----
        Thread: [main]
        """
