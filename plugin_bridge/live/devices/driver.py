"""PortAudio as a whole, which is one per process: what it sees, and how to leave it.

Rules of this file
  1. PortAudio sees devices and servers when it is initialised. `refresh` looks again, and
     only while no stream is open.
  2. When a JACK server dies, PortAudio's stop and close never return, and its end aborts the
     process. Then it is left as it is, and is of no use in this process from then on.
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from plugin_bridge.errors import DeviceError
from plugin_bridge.live.devices.choice import JACK, DeviceInfo, Kind

# What is asked of a device to learn its rates, Hz.
RATES = (22050, 44100, 48000, 88200, 96000, 176400, 192000)


class Opened(Protocol):
    """An open stream."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""

    def stop(self) -> None:
        """Close it."""


class Process:
    """What this process has open; PortAudio is one per process.

    Attributes
    ----------
    opened : set of Opened, the open streams
    lost : list of Opened, abandoned; PortAudio may still hold their callbacks
    dead : bool, whether PortAudio can no longer be used
    guarded : bool, whether the end of the process is prepared for
    """

    def __init__(self) -> None:
        self.opened: set[Opened] = set()
        self.lost: list[Opened] = []
        self.dead = self.guarded = False


process = Process()


def driver() -> Any:
    """Give the module sounddevice, which loads PortAudio.

    Raises
    ------
    DeviceError
        If PortAudio is not installed or does not start; says what to do.

    Notes
    -----
    Thread: [main]
    """
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            "PortAudio is not installed; run apt-get install libportaudio2, or install PortAudio "
            "with your system's packages"
        ) from error
    if not process.guarded:
        process.guarded = True
        atexit.register(_leave)  # runs before sounddevice's own
    try:
        if not sounddevice._initialized and not process.dead:
            sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise DeviceError(
            f"PortAudio does not start ({reason(error)}); check the sound system"
        ) from error
    return sounddevice


def refresh() -> None:
    """Look for devices and servers again; a JACK server that came late is seen then.

    Raises
    ------
    DeviceError
        If PortAudio does not start again, or a JACK server that this process used is gone.

    Notes
    -----
    Does nothing while a stream of this process is open.
    Thread: [main]
    """
    release()
    if process.dead:
        raise DeviceError(
            "the JACK server that was in use is gone, and PortAudio cannot be used again in this "
            "process; start a new one"
        )
    driver()


def release() -> None:
    """Leave PortAudio, and with it a JACK server, until it is asked for again.

    A process that only looks at devices should call this: PortAudio ends a process with an
    abort if a server that it saw has gone.

    Notes
    -----
    Does nothing while a stream of this process is open.
    Thread: [main]
    """
    sounddevice = driver()
    if process.opened or process.dead:
        return
    if server_is_gone():
        give_up()
        return
    while sounddevice._initialized:
        sounddevice._terminate()


def leave() -> None:
    """Close what is open and leave PortAudio, as a process should that ends by `os._exit`.

    A JACK server waits for clients that go without a word, and may hang for it.

    Notes
    -----
    Does nothing where PortAudio was never asked for.
    Thread: [main]
    """
    if not process.guarded:
        return
    for device in list(process.opened):
        device.stop()
    release()


def server_is_gone() -> bool:
    """Tell whether the JACK server that PortAudio saw no longer answers."""
    sounddevice = driver()
    jack = next((api for api in sounddevice.query_hostapis() if api["name"] == JACK), None)
    number = jack["default_output_device"] if jack else -1
    if number < 0:
        return False
    try:
        with quiet():
            sounddevice.OutputStream(device=number, channels=1, blocksize=0).close()
    except sounddevice.PortAudioError:
        return True
    return False


def give_up() -> None:
    """Keep PortAudio from being closed, which would hang or abort the process."""
    process.dead = True
    atexit.unregister(driver()._exit_handler)


def _leave() -> None:
    alive = [device.alive for device in process.opened]
    if not process.dead and (not all(alive) if alive else server_is_gone()):
        give_up()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what C libraries print about a refusal away from the user, who gets a sentence."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def host_apis() -> list[str]:
    """Give the host APIs that PortAudio has here, with or without devices.

    Notes
    -----
    Thread: [main]
    """
    return [api["name"] for api in driver().query_hostapis()]


def listing() -> list[DeviceInfo]:
    """Give all devices of all host APIs, in PortAudio's order.

    Notes
    -----
    A running JACK server has the default devices: somebody started it to play on it.
    Thread: [main]
    """
    sounddevice = driver()
    apis = sounddevice.query_hostapis()
    devices = list(sounddevice.query_devices())
    jack = next((api for api in apis if api["name"] == JACK and api["devices"]), None)
    default = (
        (jack["default_input_device"], jack["default_output_device"])
        if jack
        else tuple(sounddevice.default.device)
    )
    return [
        DeviceInfo(
            apis[device["hostapi"]]["name"],
            device["name"],
            device["max_input_channels"],
            device["max_output_channels"],
            device["default_samplerate"],
            number == default[0],
            number == default[1],
            number,
        )
        for number, device in enumerate(devices)
    ]


def rates(info: DeviceInfo) -> list[int]:
    """Give the usual rates, in Hz, that a device runs at with all its channels.

    Notes
    -----
    Thread: [main]; some drivers open the device for this
    """
    sounddevice = driver()
    kind: Kind = "output" if info.outputs else "input"
    check = getattr(sounddevice, f"check_{kind}_settings")
    found = []
    for rate in sorted({*RATES, round(info.sample_rate)}):
        with suppress(sounddevice.PortAudioError):
            check(
                device=info.number, channels=info.channels(kind), samplerate=rate, dtype="float32"
            )
            found.append(rate)
    return found


def reason(error: Exception) -> str:
    """Give the driver's own words, without what its bindings add."""
    return str(error.args[0] if error.args else error).rpartition(": ")[2].partition(" [")[0]
