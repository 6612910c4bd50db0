"""MIDI on a console that runs elsewhere: messages to commands, settings to lamps.

The engine is another process, and a toggle cannot wait for its answer. So the settings of every
preset are kept here as values, and follow each command, whoever gave it.
"""

from collections.abc import Mapping

from plugin_bridge.console import Command
from plugin_bridge.midi.binding import PRESET, Value
from plugin_bridge.midi.mapping import MidiMap, parse


class MidiControl:
    """A MIDI map, the settings it works on, and the lamps that show them.

    Parameters
    ----------
    midi_map : MidiMap
        The starting preset's; it stays in charge when the preset is switched, so that every
        button keeps its meaning.
    controls : mapping: preset -> path -> value
        The settings at the start, as `Console.controls` gives them; not changed.
    active : str, the preset at the start

    Attributes
    ----------
    active : str, the preset now
    ignored : int, messages that no binding answers to
    unknown : tuple of str, paths that were asked for and do not exist; such commands are dropped

    Examples
    --------
    >>> from plugin_bridge.midi import Binding
    >>> pad = Binding(source="note", number=36, target="drums.mute", mode="toggle")
    >>> control = MidiControl(MidiMap([pad]), {"x": {"drums.mute": False}}, "x")
    >>> [command.value for command in control.commands(bytes([0x90, 36, 1]))]
    [True]
    >>> [message.hex(" ") for message in control.feedback()]
    ['90 24 7f']

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(
        self, midi_map: MidiMap, controls: Mapping[str, Mapping[str, Value]], active: str
    ) -> None:
        self._map = midi_map
        self._settings = {name: dict(values) for name, values in controls.items()}
        self.active = active
        self._unknown: dict[str, None] = {}
        self._ignored_before = midi_map.ignored
        # Lamp -> the value it shows: the first two bytes of a message, and the third.
        self._lit: dict[bytes, int] = {}

    @property
    def ignored(self) -> int:
        """Messages so far that were malformed or bound to nothing."""
        return self._map.ignored - self._ignored_before

    @property
    def unknown(self) -> tuple[str, ...]:
        """What was asked for and does not exist."""
        return tuple(self._unknown)

    def get(self, path: str) -> Value:
        """Give a setting of the active preset, False if it has none such.

        Notes
        -----
        Thread: [any], one at a time
        """
        return self.active if path == PRESET else self._settings[self.active].get(path, False)

    def commands(self, message: bytes, position: int = 0) -> list[Command]:
        """Give what a message asks of the console; the settings here have followed.

        Parameters
        ----------
        message : bytes, anything
        position : int, the absolute input sample at which it came

        Notes
        -----
        Thread: [any], one at a time
        """
        self._hear(message)
        asked = self._map.commands(message, position, self.get)
        return [command for command in asked if self.follow(command)]

    def follow(self, command: Command) -> bool:
        """Keep up with a command from a key or a screen; tell whether its setting exists.

        Notes
        -----
        Thread: [any], one at a time
        """
        now = self._settings[self.active]
        if command.path == PRESET and command.value in self._settings:
            self.active = str(command.value)
        elif command.path in now:
            now[command.path] = command.value
        else:
            preset = command.path == PRESET
            self._unknown[f"{PRESET} {command.value}" if preset else command.path] = None
            return False
        return True

    def follow_map(self, midi_map: MidiMap) -> None:
        """Let another map move these settings from now on.

        Notes
        -----
        Thread: [any], one at a time
        """
        self._map, self._ignored_before = midi_map, midi_map.ignored
        self.forget()

    def feedback(self) -> list[bytes]:
        """Give the messages for lamps and motor faders that do not show what is set.

        Returns
        -------
        messages : list of bytes
            All of them at the first call and after `forget`, later only what changed.

        Notes
        -----
        Thread: [any], one at a time
        """
        shown: dict[bytes, int] = {}
        for path in dict.fromkeys(binding.target for binding in self._map.bindings):
            for message in self._map.feedback(path, self.get(path)):
                shown[message[:2]] = message[2]
        changed = [(lamp, value) for lamp, value in shown.items() if self._lit.get(lamp) != value]
        self._lit.update(changed)
        return [bytes([*lamp, value]) for lamp, value in changed]

    def forget(self) -> None:
        """Take all lamps for unknown, as those of a controller that was plugged in again.

        Notes
        -----
        Thread: [any], one at a time
        """
        self._lit.clear()

    def _hear(self, message: bytes) -> None:
        """Know what a message says about its own lamp."""
        event = parse(message)
        if event is None:
            return
        if event.source == "cc":
            # A fader stands where the hand left it; a motor must not pull it.
            self._lit[message[:2]] = message[2]
        elif event.source == "note":
            # Many pads switch their own light when they are hit.
            self._lit.pop(bytes([0x90 | event.channel - 1, event.number]), None)
