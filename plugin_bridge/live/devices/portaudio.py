"""Audio devices through PortAudio.

Rules of this file
  1. The host's blocks are handed on in slices of at most `block` samples. PortAudio's own
     adaptation would add a block of latency.
  2. Nothing that asks the driver may hang: what does not answer is abandoned.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from plugin_bridge.errors import DeviceConfigError, DeviceError, DeviceNotFoundError
from plugin_bridge.live.devices.choice import (
    JACK,
    DeviceInfo,
    Kind,
    pair_of,
    require_one_clock,
    select,
)
from plugin_bridge.live.devices.device import Callback
from plugin_bridge.live.devices.driver import (
    driver,
    give_up,
    host_apis,
    listing,
    process,
    quiet,
    rates,
    refresh,
    release,
)
from plugin_bridge.live.devices.refusals import refusal, too_few_channels, wrong_rate
from plugin_bridge.live.devices.relay import Relay

__all__ = [
    "DeviceInfo",
    "PortAudioDevice",
    "find",
    "host_apis",
    "listing",
    "pair",
    "rates",
    "refresh",
    "release",
]

# Where the host leaves the block to us.
DEFAULT_BLOCK = 256
# A JACK server that runs calls back within a period, which is far below this.
FIRST_CALL_S = 5.0
# A start or stop takes a period or two; what takes longer never ends.
ANSWER_S = 3.0


def find(host_api: str | None, name: str | None, kind: Kind) -> DeviceInfo:
    """Find a device by host API and name.

    Parameters
    ----------
    host_api, name, kind
        As `choice.select` takes them.

    Raises
    ------
    DeviceNotFoundError
        If there is none, or more than one; lists them.

    Notes
    -----
    Thread: [main]
    """
    return select(listing(), host_api, name, kind)


def pair(input_name: str | None, output_name: str | None) -> tuple[DeviceInfo, DeviceInfo]:
    """Choose input and output from what the user named; the one not named follows the other.

    Parameters
    ----------
    input_name, output_name : str or None, as `choice.parse` takes them

    Raises
    ------
    DeviceError
        If one is not there, or they do not run on one clock.

    Notes
    -----
    Thread: [main]
    """
    return pair_of(listing(), input_name, output_name)


class PortAudioDevice:
    """A stream of a PortAudio device; satisfies `Device`.

    Parameters
    ----------
    info_in : DeviceInfo or None, None without inputs
    info_out : DeviceInfo
    rate : float or None, Hz; None takes the output's default
    block : int or None, the most samples per callback; None takes the host's own
    inputs, outputs : int, channels, the first ones of the device

    Attributes
    ----------
    name, host_api : str
    sample_rate : float, Hz
    block : int
        The most samples of a callback; a JACK server's period where that is shorter.
    inputs, outputs : int
    input_latency, output_latency : float, seconds, as the driver states them; 0 if unknown
    period : int
        The most samples that the host handed over at once. Over `block` after a JACK server
        has lengthened its period: a callback then comes several times in a row.

    Raises
    ------
    DeviceConfigError
        If the device cannot do what was asked; lists both.

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        info_in: DeviceInfo | None,
        info_out: DeviceInfo,
        rate: float | None = None,
        block: int | None = None,
        inputs: int = 2,
        outputs: int = 2,
    ) -> None:
        if info_in is not None and inputs:
            require_one_clock(info_in, info_out)
        if block is not None and block < 1:
            raise DeviceConfigError(f"a block of {block} samples was asked for; take 16 or more")
        self._info_in = info_in if inputs else None
        self._info_out = info_out
        self.name, self.host_api = info_out.name, info_out.host_api
        self.sample_rate = float(rate or info_out.sample_rate)
        self.inputs, self.outputs = (inputs if self._info_in else 0), outputs
        self._native = self.host_api == JACK
        self._settling: threading.Thread | None = None
        self.block = block or DEFAULT_BLOCK
        self._lost = False
        self._check()
        self._open()
        if self._native:
            self._adopt_period(block)

    def _check(self) -> None:
        """Refuse what the device is known not to have."""
        kinds: tuple[tuple[DeviceInfo | None, Kind, int], ...] = (
            (self._info_in, "input", self.inputs),
            (self._info_out, "output", self.outputs),
        )
        for info, kind, asked in kinds:
            if info is not None and asked > info.channels(kind):
                raise too_few_channels(asked, kind, info)
        if self._native and self.sample_rate != self._info_out.sample_rate:
            raise wrong_rate(self.sample_rate, self._info_out)

    def _open(self) -> None:
        sounddevice = driver()
        if process.dead:
            raise DeviceError(f"{self.name} was lost; start a new process for it")
        self._relay = Relay(self.block)
        try:
            with quiet():
                self._stream = self._made()
        except sounddevice.PortAudioError as error:
            raise self._refusal(error) from error
        process.opened.add(self)
        latency = self._stream.latency
        self.input_latency, self.output_latency = (
            (float(latency[0]), float(latency[1])) if self._info_in else (0.0, float(latency))
        )

    def _made(self) -> Any:
        """Make the stream; PortAudio opens the device for it."""
        common: dict[str, Any] = {
            "samplerate": self.sample_rate,
            # PortAudio's own adaptation of blocks would add a block of latency under JACK.
            "blocksize": 0 if self._native else self.block,
            "dtype": "float32",
            "latency": "low",
        }
        if self._info_in is None:
            return driver().OutputStream(
                device=_number(self._info_out),
                channels=self.outputs,
                callback=self._relay.output_only,
                **common,
            )
        return driver().Stream(
            device=(_number(self._info_in), _number(self._info_out)),
            channels=(self.inputs, self.outputs),
            callback=self._relay.duplex,
            **common,
        )

    def _adopt_period(self, block: int | None) -> None:
        """Learn the period of the JACK server, which PortAudio does not tell."""
        self._run()
        deadline = time.monotonic() + FIRST_CALL_S
        while not self._relay.period and time.monotonic() < deadline:
            time.sleep(0.001)
        if not self._relay.period:
            self.abandon()
            raise DeviceError(f"{self._info_out.title} gives no callback; restart its server")
        self.block = min(block or self._relay.period, self._relay.period)
        self._relay.block = self.block
        # PortAudio calls no more, but takes a period for every port that it disconnects.
        self._settling = threading.Thread(target=self._end, args=(self._stream.stop,), daemon=True)
        self._settling.start()

    def _settle(self) -> None:
        """Wait for what is still being stopped."""
        settling, self._settling = self._settling, None
        if settling is not None:
            settling.join()

    @property
    def period(self) -> int:
        """The most samples that the host handed over at once; 0 before the first time."""
        return self._relay.period

    @property
    def alive(self) -> bool:
        """Whether PortAudio takes the stream for running; False once its server is gone."""
        return not self._lost and self in process.opened and bool(self._stream.active)

    def start(self, callback: Callback) -> None:
        """Start, or start again after a stop.

        Parameters
        ----------
        callback : callable
            Gets input (n, inputs) and output (n, outputs), float32, n <= block, and flags: 1
            for an input xrun, 2 for an output xrun. It fills all of the output.

        Raises
        ------
        DeviceError
            If the device refuses, or was lost.

        Notes
        -----
        Thread: [main]; the callback runs on [audio]
        """
        self._settle()
        if self not in process.opened:
            self._open()
        self._relay.callback = callback
        self._run()

    def _run(self) -> None:
        refusals: list[Exception] = []
        errors = driver().PortAudioError

        def run() -> None:
            try:
                self._stream.start()
            except errors as error:
                refusals.append(error)

        if not _returns(run):
            self.abandon()
            raise DeviceError(f"{self._info_out.title} does not answer; restart its server")
        if refusals:
            raise self._refusal(refusals[0]) from refusals[0]

    def stop(self) -> None:
        """Stop and close; a stream whose server is gone is abandoned.

        Notes
        -----
        Thread: [main]
        """
        self._settle()
        if self not in process.opened:
            return
        if not self._stream.stopped:
            self._end(self._stream.stop)
        self._end(self._stream.close)
        process.opened.discard(self)

    def _end(self, action: Callable[[], None]) -> None:
        """Stop or close; where the server is gone that would never return."""
        if self._lost:
            return
        if (self._stream.stopped or self._stream.active) and _returns(action):
            return
        self.abandon()

    def abandon(self) -> None:
        """Leave a dead stream as it is: stop, close and PortAudio's own exit would hang.

        Notes
        -----
        The process should end soon, by `os._exit` where that is possible.
        Thread: [any]
        """
        if self._lost:
            return
        self._lost = True
        self._relay.callback = None
        process.opened.discard(self)
        process.lost.append(self)  # PortAudio may still hold the callback
        give_up()

    def _refusal(self, error: Exception) -> DeviceConfigError:
        settings = (self.inputs, self.outputs, self.sample_rate, self.block)
        return refusal(error, settings, self._info_in, self._info_out)


def _returns(action: Callable[[], None]) -> bool:
    """Tell whether a call into the driver returns; one that does not is left behind."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    return not thread.is_alive()


def _number(info: DeviceInfo) -> int:
    """Give PortAudio's number of a device, which may have changed since it was found."""
    for each in listing():
        if (each.host_api, each.name) == (info.host_api, info.name):
            return each.number
    raise DeviceNotFoundError(f"{info.title} is gone; connect it again or start its server")
