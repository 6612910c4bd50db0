"""The system's MIDI, through python-rtmidi: which APIs run, their ports, and clients of them.

Rules of this file
 1. Only this file imports rtmidi, inside a function: importing it needs no MIDI system.
 2. The API is always named. RtMidi's default one raises where ALSA has no sequencer.
 3. No callbacks: they would hold JACK's process thread, and the audio with it, until they got the
    GIL. RtMidi queues, and is asked.
 4. A client of a dead JACK server is never touched again.
"""

import ctypes
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

from plugin_bridge.errors import MissingExtraError
from plugin_bridge.midi import jack
from plugin_bridge.midi.intake import MOST_WAITING
from plugin_bridge.midi.names import Direction, PortInfo

# What other programs see.
NAME = "plugin-bridge"
LOOKING = f"{NAME}-look"


class Api(NamedTuple):
    """A MIDI system.

    Attributes
    ----------
    name : str
    constant : str, its name in rtmidi
    virtual : bool, whether it has ports that are of no device
    """

    name: str
    constant: str
    virtual: bool


# In the order of preference. JACK counts only while a server is up.
APIS = {
    api.name: api
    for api in (
        Api("JACK", "API_UNIX_JACK", True),
        Api("ALSA", "API_LINUX_ALSA", True),
        Api("CoreMIDI", "API_MACOSX_CORE", True),
        Api("WinMM", "API_WINDOWS_MM", False),
    )
}
KINDS: dict[Direction, str] = {"input": "MidiIn", "output": "MidiOut"}
# Without it ALSA has no MIDI; asked to try, its library complains on the terminal.
SEQUENCER = Path("/dev/snd/seq")


def usable() -> list[str]:
    """Give the names of the APIs that run at the moment, the preferred one first.

    Raises
    ------
    MissingExtraError
        If python-rtmidi is not installed.

    Notes
    -----
    Thread: [main]
    """
    return [name for name, api in APIS.items() if _port_names(api, "output") is not None]


def listing(direction: Direction | None = None) -> list[PortInfo]:
    """Give all ports of other programs and devices, the preferred API's first.

    Parameters
    ----------
    direction : `input`, `output` or None for both

    Raises
    ------
    MissingExtraError
        If python-rtmidi is not installed.

    Notes
    -----
    Thread: [main]
    """
    return [
        PortInfo(api.name, name, one)
        for one in ([direction] if direction else KINDS)
        for api in APIS.values()
        for name in _port_names(api, one) or ()
    ]


class Client:
    """A client of a MIDI system, with one port at most.

    Parameters
    ----------
    api : Api
    direction : `input` or `output`
    name : str, as others see it

    Raises
    ------
    OSError
        If the system does not run; from every method, if it is a JACK server that went.
    MissingExtraError
        If python-rtmidi is not installed.

    Notes
    -----
    Thread: [any], one at a time
    """

    # The JACK server that this process is connected to, and how many clients it has there. Under
    # the lock they come, look and go: the first client of the next server frees the dead ones.
    _lock = threading.RLock()
    _shared: ClassVar[jack.Server | None] = None
    _joined: ClassVar[int] = 0

    def __init__(self, api: Api, direction: Direction, name: str) -> None:
        rtmidi = driver()
        constant = getattr(rtmidi, api.constant, None)
        if constant not in rtmidi.get_compiled_api() or (
            api.name == "ALSA" and not SEQUENCER.exists()
        ):
            raise OSError(f"{api.name} is not there")
        more = {"queue_size_limit": MOST_WAITING} if direction == "input" else {}
        with Client._lock:
            self._server = self._join() if api.name == "JACK" else None
            try:
                self._rtmidi: Any = getattr(rtmidi, KINDS[direction])(constant, name=name, **more)
            except rtmidi.RtMidiError as error:
                self._leave()
                raise OSError(f"{api.name} is not running") from error
        if direction == "input":
            self._rtmidi.ignore_types(sysex=True, timing=True, active_sense=True)

    @property
    def lives(self) -> bool:
        """Whether its server is the one it was opened at."""
        return self._server is None or self._server.lives

    def ports(self) -> list[str]:
        """Give the names of the ports that it could open.

        Notes
        -----
        Thread: [any], one at a time
        """
        with Client._lock:
            self._must_live()
            return list(self._rtmidi.get_ports())

    def open(self, place: int | None, name: str) -> None:
        """Open the port at a place of `ports`, or a virtual one; `name` is that of our end.

        Notes
        -----
        Thread: [any], one at a time
        """
        with Client._lock:
            self._must_live()
            try:
                if place is None:
                    self._rtmidi.open_virtual_port(name)
                else:
                    self._rtmidi.open_port(place, name)
            except driver().RtMidiError as error:
                raise OSError(f"the port cannot be opened: {error}") from error

    def get(self) -> bytes | None:
        """Give the oldest message of an input, or None.

        Notes
        -----
        Thread: [any], one at a time
        """
        entry = self._rtmidi.get_message()
        return None if entry is None else bytes(entry[0])

    def send(self, message: bytes) -> None:
        """Send a message from an output.

        Notes
        -----
        Thread: [any], one at a time
        """
        # RtMidi's buffer for a dead server fills up, and then it spins for ever, with the GIL.
        self._must_live()
        self._rtmidi.send_message(message)

    def close(self) -> None:
        """Close the port and leave.

        Notes
        -----
        Thread: [any], one at a time
        """
        with Client._lock:
            if self.lives:
                self._rtmidi.delete()
            else:
                # Immortal: libjack frees its part by itself, and RtMidi would do it again.
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._rtmidi))
            self._leave()

    def _must_live(self) -> None:
        if not self.lives:
            raise OSError("the JACK server went")

    def _join(self) -> jack.Server:
        if Client._shared is None or not Client._shared.lives:
            Client._shared, Client._joined = jack.Server(), 0
        Client._joined += 1
        return Client._shared

    def _leave(self) -> None:
        if self._server is None or self._server is not Client._shared:
            return
        Client._joined -= 1
        if not Client._joined:
            self._server.close()
            Client._shared = None


def driver() -> ModuleType:
    """Import rtmidi.

    Raises
    ------
    MissingExtraError
        If it is not installed; names the extra.

    Notes
    -----
    Thread: [any]
    """
    try:
        import rtmidi
    except ImportError as error:
        raise MissingExtraError.of(
            "MIDI ports need python-rtmidi, which is not installed", "midi"
        ) from error
    module: ModuleType = rtmidi
    return module


def _port_names(api: Api, direction: Direction) -> list[str] | None:
    """Give the names of an API's ports, or None if it does not run."""
    try:
        client = Client(api, direction, LOOKING)
    except OSError:
        return None
    try:
        return client.ports()
    except OSError:
        return None
    finally:
        client.close()
