"""A take of MIDI messages, played on a console of numbers: what it commands, and when.

The map asks for present values (a toggle needs them), but a file is read before a sample sounds. So
the settings of every preset are kept here as numbers, and follow each command.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugin_bridge.console import Command
from plugin_bridge.midi.binding import Value
from plugin_bridge.midi.control import MidiControl
from plugin_bridge.midi.mapping import MidiMap


@dataclass(frozen=True)
class Performance:
    """What a take does to the console.

    Attributes
    ----------
    commands : tuple of Command, by position
    unmapped : int, messages that no binding answers to
    unknown : tuple of str, paths that the console of their moment lacked; left out of `commands`
    """

    commands: tuple[Command, ...]
    unmapped: int
    unknown: tuple[str, ...]


def perform(
    messages: Iterable[tuple[int, bytes]],
    midi_map: MidiMap,
    controls: Mapping[str, Mapping[str, Value]],
    active: str,
) -> Performance:
    """Play messages on a map, from the settings that the console starts with.

    Parameters
    ----------
    messages : pairs of int and bytes
        Absolute input sample and message, by position.
    midi_map : MidiMap
        The starting preset's; it stays in charge when the preset is switched, so that every
        button keeps its meaning.
    controls : mapping: preset -> path -> value
        The settings at the start, as `Console.controls` gives them; not changed.
    active : str, the preset at the start

    Returns
    -------
    performance : Performance

    Examples
    --------
    >>> from plugin_bridge.midi import Binding
    >>> pad = Binding(source="note", number=36, target="drums.mute", mode="toggle")
    >>> take = [(0, bytes([0x90, 36, 1])), (9, bytes([0x90, 36, 1]))]
    >>> played = perform(take, MidiMap([pad]), {"x": {"drums.mute": False}}, "x")
    >>> [(command.position, command.value) for command in played.commands]
    [(0, True), (9, False)]

    Notes
    -----
    Thread: [any]
    """
    control = MidiControl(midi_map, controls, active)
    commands = [c for at, message in messages for c in control.commands(message, at)]
    return Performance(tuple(commands), control.ignored, control.unknown)
