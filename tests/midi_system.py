"""A MIDI system without a driver: what rtmidi would show of it, plugged and unplugged by hand."""

from collections import deque
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from plugin_bridge.midi import driver, jack, ports, watch

CONSTANTS = {"API_LINUX_ALSA": 2, "API_UNIX_JACK": 3}


class FakeServer:
    """Stands for the connection that tells whether the JACK server lives."""

    current: "FakeServer | None" = None

    def __init__(self) -> None:
        if FakeServer.current is None:
            raise OSError("no server")
        self._made_at = FakeServer.current

    @property
    def lives(self) -> bool:
        return FakeServer.current is self._made_at

    def close(self) -> None:
        pass


class MidiSystem(ModuleType):
    """The module rtmidi, and what is plugged into the machine."""

    class RtMidiError(Exception):
        """The base of rtmidi's errors."""

    def __init__(self) -> None:
        super().__init__("rtmidi")
        vars(self).update(CONSTANTS)
        self.plugged: dict[int, dict[str, list[str]]] = {}
        self.clients: list[Any] = []
        self.sent: list[bytes] = []
        self.touched_dead: list[str] = []
        self.MidiIn = lambda api, **options: FakeClient(self, "input", api, **options)
        self.MidiOut = lambda api, **options: FakeClient(self, "output", api, **options)

    def get_compiled_api(self) -> list[int]:
        return list(CONSTANTS.values())

    def run(self, constant: str, inputs: list[str], outputs: list[str]) -> None:
        """Let an API run, with these ports."""
        self.plugged[CONSTANTS[constant]] = {"input": inputs, "output": outputs}
        if constant == "API_UNIX_JACK":
            FakeServer.current = object.__new__(FakeServer)

    def stop(self, constant: str) -> None:
        """Let an API end; clients of a JACK server must not be touched from here on."""
        del self.plugged[CONSTANTS[constant]]
        if constant == "API_UNIX_JACK":
            FakeServer.current = None

    def play(self, *messages: bytes | list[int]) -> None:
        """Send to all inputs that are open."""
        for client in self.clients:
            if client.opened is not None and client.direction == "input":
                client.queue.extend(list(message) for message in messages)

    def opened(self) -> list[str]:
        """Give the ports that are open."""
        return [client.opened for client in self.clients if client.opened is not None]


class FakeClient:
    def __init__(
        self, system: MidiSystem, direction: str, api: int, name: str, queue_size_limit: int = 0
    ) -> None:
        if api not in system.plugged:
            raise system.RtMidiError("not running")
        self.system, self.direction, self.api, self.name = system, direction, api, name
        self.server = FakeServer.current
        self.queue: deque[list[int]] = deque()
        self.opened: str | None = None
        self.ignored: dict[str, bool] = {}
        system.clients.append(self)

    def _touch(self, what: str) -> None:
        if self.api == CONSTANTS["API_UNIX_JACK"] and self.server is not FakeServer.current:
            self.system.touched_dead.append(what)

    def get_ports(self) -> list[str]:
        self._touch("get_ports")
        return list(self.system.plugged[self.api][self.direction])

    def open_port(self, place: int, name: str) -> None:
        self._touch("open_port")
        self.opened = self.get_ports()[place]

    def open_virtual_port(self, name: str) -> None:
        self._touch("open_virtual_port")
        self.opened = f"{self.name}:{name}"

    def ignore_types(self, **kinds: bool) -> None:
        self.ignored = kinds

    def get_message(self) -> tuple[list[int], float] | None:
        return (self.queue.popleft(), 0.0) if self.queue else None

    def send_message(self, message: bytes) -> None:
        self._touch("send_message")
        self.system.sent.append(bytes(message))

    def delete(self) -> None:
        self._touch("delete")
        self.opened = None
        self.system.clients.remove(self)


def install(monkeypatch: pytest.MonkeyPatch) -> MidiSystem:
    """Put a MIDI system in place of rtmidi; nothing runs in it yet."""
    system = MidiSystem()
    monkeypatch.setattr(driver, "driver", lambda: system)
    monkeypatch.setattr(driver.Client, "_shared", None)
    monkeypatch.setattr(driver.Client, "_joined", 0)
    monkeypatch.setattr(jack, "Server", FakeServer)
    monkeypatch.setattr(FakeServer, "current", None)
    # ALSA's sequencer is there: any file will do.
    monkeypatch.setattr(driver, "SEQUENCER", Path(__file__))
    for module, names in ((watch, ("WATCH", "RETRY")), (ports, ("WATCH", "SETTLE", "PAUSE"))):
        for name in names:
            monkeypatch.setattr(module, name, 0.001)
    return system
