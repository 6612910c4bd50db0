"""Hands on a session: keys of a computer and a MIDI controller, which see each other's changes."""

import threading
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from plugin_bridge.console import Command
from plugin_bridge.errors import DeviceError, MidiError, SpecError
from plugin_bridge.live.supervisor import Live, Value
from plugin_bridge.midi import MidiMap
from plugin_bridge.midi.control import MidiControl

if TYPE_CHECKING:
    from plugin_bridge.midi.ports import MidiInput, MidiOutput

VIRTUAL = "virtual"


class Hands:
    """What moves the console of a session.

    Parameters
    ----------
    live : Live, started
    midi_map : MidiMap, that of the starting preset
    port : str, optional
        Where MIDI comes from: "virtual", a part of a name, or "API:name". Lamps are sent to the
        output of the same device, if it has one.

    Raises
    ------
    MidiError, MissingExtraError
        If the port cannot be opened.

    Notes
    -----
    Thread: [main]; MIDI arrives on [midi]
    """

    def __init__(self, live: Live, midi_map: MidiMap, port: str | None = None) -> None:
        self._live = live
        self._control = MidiControl(midi_map, live.controls(), str(live.get("preset")))
        self._lock = threading.Lock()
        self._input: MidiInput | None = None
        self._output: MidiOutput | None = None
        self._late = 0  # commands that the engine did not take
        self._told: dict[str, Any] | None = None  # what there was to report when it closed
        if port is not None:
            self._open(port)

    def _open(self, port: str) -> None:
        from plugin_bridge.midi.ports import MidiInput, lamps_of

        self._input = MidiInput(port, self._hear)
        with suppress(MidiError):  # its output went just now: a controller without lamps
            self._output = lamps_of(self._input, self._light_anew)
        self._light_anew()

    def set(self, path: str, value: Value) -> None:
        """Set a control, as a key or a screen does; one that does not exist is left alone.

        Notes
        -----
        Thread: [main]
        """
        with self._lock:
            command = Command(0, path, value)
            if self._control.follow(command):
                self._send([command])

    def toggle(self, path: str) -> None:
        """Switch a mute or solo over.

        Notes
        -----
        Thread: [main]
        """
        self.set(path, not self._live.get(path))

    def report(self) -> dict[str, Any]:
        """Give the counters of MIDI, as JSON can hold them; once closed, as they were then.

        Notes
        -----
        Thread: [main]
        """
        if self._told is not None:
            return self._told
        if self._input is None:
            return {"port": None}
        return {
            "port": self._input.title,
            "open": self._input.is_open,
            **asdict(self._input.counters),
            "unmapped": self._control.ignored,
            "unknown": list(self._control.unknown),
            "late_commands": self._late,
            "lamps": self._output.title if self._output is not None else None,
        }

    def close(self) -> None:
        """Close the ports.

        Notes
        -----
        Thread: [main]
        """
        self._told = self.report()
        for port in (self._input, self._output):
            if port is not None:
                port.close()

    def _hear(self, message: bytes, _seconds: float) -> None:
        with self._lock:
            self._live.note(message)
            self._send(self._control.commands(message))

    def _send(self, commands: list[Command]) -> None:
        for command in commands:
            try:
                self._live.send(command.path, command.value)
            except (DeviceError, SpecError):
                self._late += 1
        self._light()

    def _light_anew(self) -> None:
        with self._lock:
            self._control.forget()
            self._light()

    def _light(self) -> None:
        if self._output is not None:
            for message in self._control.feedback():
                self._output.send(message)
