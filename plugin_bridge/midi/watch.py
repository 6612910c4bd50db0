"""A MIDI port that is opened by name, watched, and opened again when it is back.

Rules of this file
 1. One thread owns an open port for life. If its driver hangs, it is left behind, not waited for.
 2. Only the constructor raises. What goes wrong later is counted, and tried again.
"""

import threading
import time
from collections.abc import Callable
from typing import ClassVar, Self

from plugin_bridge.errors import MidiError
from plugin_bridge.midi.driver import APIS, Api, Client, listing, usable
from plugin_bridge.midi.intake import PortCounters
from plugin_bridge.midi.names import VIRTUAL, Direction, PortInfo, again, choose, split

# Seconds from one look at the list of ports to the next, while the port is there and while not.
WATCH, RETRY = 0.1, 0.5
# Seconds that closing waits for the driver.
PATIENCE = 2.0


class WatchedPort:
    """An open port, its thread, and the watch over the list of ports.

    Parameters
    ----------
    port : str or PortInfo
        "virtual", "API:name", or a part of a name.

    Attributes
    ----------
    counters : PortCounters

    Raises
    ------
    MidiError
        If the port does not exist, is not the only one of that name, or cannot be opened.
    MissingExtraError
        If python-rtmidi is not installed.

    Notes
    -----
    Thread: [main]
    """

    direction: ClassVar[Direction]
    # Our client and its port, as patchbays show them.
    client: ClassVar[str]
    end: ClassVar[str]

    def __init__(self, port: str | PortInfo) -> None:
        self.counters = PortCounters()
        self._api, self._port = wanted(port, self.direction)
        self._client: Client | None = self._opened()
        if self._client is None:
            raise MidiError(
                f"MIDI port {port.title if isinstance(port, PortInfo) else port} cannot be "
                "opened; see what there is with: plugin-bridge midi ports"
            )
        self._stop, self._wake = threading.Event(), threading.Event()
        # A daemon: a driver that hangs must not keep the program from ending.
        self._thread = threading.Thread(
            target=self._run, name=f"midi-{self.direction}", daemon=True
        )
        self._thread.start()

    @property
    def title(self) -> str:
        """The port as it is listed; what other programs see, if it is a virtual one."""
        ours = PortInfo(self._api.name, f"{self.client}:{self.end}", "output")
        return (self._port or ours).title

    @property
    def api(self) -> str:
        """The name of its API."""
        return self._api.name

    @property
    def port(self) -> PortInfo | None:
        """The port; None if it is a virtual one."""
        return self._port

    @property
    def is_open(self) -> bool:
        """Whether the port is there; False while it is unplugged."""
        return self._client is not None

    def close(self) -> None:
        """Close the port; a driver that hangs is left behind after two seconds.

        Notes
        -----
        Thread: [main]
        """
        self._stop.set()
        self._wake.set()
        self._thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _turn(self) -> None:
        """Move what is waiting; sleep if nothing is."""
        raise NotImplementedError

    def _guarded(self, act: Callable[..., None], *arguments: object) -> None:
        try:
            act(*arguments)
        except Exception:  # noqa: BLE001  the top of a thread; the next message must pass
            self.counters.failed += 1

    def _came_back(self) -> None:
        """Do what is to be done when the port is there again."""

    def _run(self) -> None:
        look = time.monotonic() + WATCH
        while not self._stop.is_set():
            try:
                self._turn()
                if time.monotonic() >= look:
                    self._watch()
                    look = time.monotonic() + (WATCH if self.is_open else RETRY)
            except OSError:
                self._drop()
            except Exception:  # noqa: BLE001  the top of a thread; a driver may raise anything
                self.counters.failed += 1
                self._drop()
        self._drop()

    def _watch(self) -> None:
        """Let go of a port that vanished; take it when it is back."""
        if not self._is_there():
            self._drop()
        if self._client is None:
            self._client = self._opened()
            if self._client is not None:
                self.counters.reopened += 1
                self._came_back()

    def _is_there(self) -> bool:
        if self._client is None or not self._client.lives:
            return False
        return self._port is None or self._port.name in self._client.ports()

    def _opened(self) -> Client | None:
        """Give a client with the port open; None if the port or its system is not there."""
        try:
            client = Client(self._api, self.direction, self.client)
        except OSError:
            return None
        try:
            place = None
            if self._port is not None:
                ports = [PortInfo(self._api.name, n, self.direction) for n in client.ports()]
                found = again(self._port, ports)
                if found is None:
                    client.close()
                    return None
                place, self._port = ports.index(found), found
            client.open(place, self.end)
        except OSError:
            client.close()
            return None
        return client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._guarded(client.close)


def wanted(port: str | PortInfo, direction: Direction) -> tuple[Api, PortInfo | None]:
    """Give the API and the port that are meant; None for a virtual one.

    Raises
    ------
    MidiError
        If there is no such port, or several.

    Notes
    -----
    Thread: [main]
    """
    if isinstance(port, PortInfo):
        return APIS[port.api], port
    there = usable()
    named, name = split(port, list(APIS))
    if not there:
        raise MidiError(
            "no MIDI system is running; start a JACK server, or load ALSA's sequencer with: "
            "sudo modprobe snd-seq"
        )
    if named not in (None, *there):
        raise MidiError(f"{named} is not running; start it, or take a port of {', '.join(there)}")
    if not name:
        raise MidiError(f"{port!r} names no MIDI port; give virtual, or a part of a port's name")
    if name.casefold() != VIRTUAL:
        found = choose(port, listing(direction), list(APIS))
        return APIS[found.api], found
    api = APIS[named or there[0]]
    if not api.virtual:
        raise MidiError(
            f"{api.name} has no virtual ports; install a loopback driver, such as loopMIDI, and "
            "give its port's name"
        )
    return api, None
