"""A MIDI map: message bytes in, console commands out, and lamps back.

Rules of this file
 1. A message never raises. What is malformed, short or bound to nothing is counted in `ignored`.
 2. The map keeps no state of the console: it asks, so that two controllers and a screen agree.
 3. The port joins running status; here every message is whole.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from plugin_bridge.console import Command
from plugin_bridge.errors import MidiError
from plugin_bridge.midi.binding import ON, PRESET, TOP, Binding, Value

Controls = Callable[[str], Value]
"""Gives the present value of a path."""

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM = 0x80, 0x90, 0xB0, 0xC0
# Status -> the binding's source, and the message's length in bytes.
KINDS = {NOTE_OFF: ("note", 3), NOTE_ON: ("note", 3), CONTROL: ("cc", 3), PROGRAM: ("program", 2)}
# What lamps are sent as; a program change has no lamp.
LAMPS = {"note": NOTE_ON, "cc": CONTROL}


class Event(NamedTuple):
    """A message that a binding may answer to.

    Attributes
    ----------
    source : `note`, `cc` or `program`
    channel : int, 1 to 16
    number : int, 0 to 127
    data : int, 0 to 127, velocity or controller value; 127 for a program change
    pressed : bool, whether a button behind it goes down
    """

    source: str
    channel: int
    number: int
    data: int
    pressed: bool


def parse(message: bytes) -> Event | None:
    """Give what a message says, or None if it is not one that can be bound.

    Parameters
    ----------
    message : bytes, one whole message

    Examples
    --------
    >>> parse(bytes([0x99, 36, 0]))
    Event(source='note', channel=10, number=36, data=0, pressed=False)

    Notes
    -----
    Thread: [any]
    """
    status = message[0] & 0xF0 if message else 0
    source, length = KINDS.get(status, ("", 0))
    if len(message) != length or not length or max(message[1:]) > TOP:
        return None
    data = message[2] if length == 3 else TOP
    if status == NOTE_OFF:
        data = 0
    # A soft touch presses a key as well; a controller is a button only from half way on.
    pressed = data > 0 if source == "note" else data >= ON
    return Event(source, (message[0] & 0x0F) + 1, message[1], data, pressed)


class MidiMap:
    """Bindings, looked up by message and by path.

    Parameters
    ----------
    bindings : Binding, any number; one message may move several settings
    strips : names of the strips that `solo-exclusive` takes out of solo, beside those that have
        a `solo-exclusive` binding themselves

    Attributes
    ----------
    bindings : tuple of Binding
    presets : tuple of str, the presets that a message can switch to
    ignored : int, messages so far that were malformed or bound to nothing

    Raises
    ------
    MidiError
        If two bindings give the same message to the same setting.

    Examples
    --------
    >>> pad = Binding(source="note", number=36, target="drums.mute", mode="toggle")
    >>> MidiMap([pad]).commands(bytes([0x90, 36, 100]), 0, {"drums.mute": True}.__getitem__)
    [Command(position=0, path='drums.mute', value=False)]

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, bindings: Iterable[Binding] = (), strips: Sequence[str] = ()) -> None:
        self.bindings = tuple(bindings)
        self.ignored = 0
        _refuse_conflicts(self.bindings)
        named = [b.target for b in self.bindings if b.mode == "solo-exclusive"]
        self._solos = tuple(dict.fromkeys([*(f"{strip}.solo" for strip in strips), *named]))
        self.presets = tuple(
            dict.fromkeys(str(b.value) for b in self.bindings if b.target == PRESET)
        )
        self._by_number: dict[tuple[str, int], list[Binding]] = {}
        for binding in self.bindings:
            self._by_number.setdefault((binding.source, binding.number), []).append(binding)

    def commands(self, message: bytes, position: int, controls: Controls) -> list[Command]:
        """Give what a message asks of the console.

        Parameters
        ----------
        message : bytes, one whole message
        position : int, the absolute input sample at which it came
        controls : callable
            The present value of a path, e.g. `console.get`; asked by toggles and solos.

        Returns
        -------
        commands : list of Command, in the order in which they are to be applied

        Notes
        -----
        Thread: [any], one at a time
        """
        event = parse(message)
        bound = [] if event is None else self._by_number.get((event.source, event.number), [])
        bound = [b for b in bound if event and b.channel in (None, event.channel)]
        if event is None or not bound:
            self.ignored += 1
            return []
        return [
            Command(position, path, value)
            for binding in bound
            for path, value in self._moves(binding, event, controls)
        ]

    def feedback(self, path: str, value: Value) -> list[bytes]:
        """Give the messages that show a setting on the controller: lamps and motor faders.

        Parameters
        ----------
        path : str, the setting's; `preset` for the active preset
        value : float, bool or str, its value now

        Returns
        -------
        messages : list of bytes
            One per binding of that path: note on with velocity 127 or 0, or the controller's
            value. A binding of any channel is shown on channel 1; a program change has no lamp.

        Notes
        -----
        Thread: [any]
        """
        return [
            bytes([LAMPS[b.source] | (b.channel or 1) - 1, b.number, _shown(b, value)])
            for b in self.bindings
            if b.target == path and b.source in LAMPS
        ]

    def _moves(self, binding: Binding, event: Event, controls: Controls) -> list[tuple[str, Value]]:
        target = binding.target
        if binding.mode == "momentary":
            return [(target, _ends(binding)[event.pressed])]
        if binding.mode == "set" and binding.value is None:
            released = event.source == "note" and not event.pressed
            return [] if released else [(target, binding.scaled(event.data))]
        if not event.pressed:
            return []
        if binding.mode == "set":
            return [(target, binding.value)] if binding.value is not None else []
        off, on = _ends(binding)
        now = controls(target)
        if binding.mode == "toggle":
            return [(target, off if now == on else on)]
        others = [path for path in self._solos if path != target and controls(path)]
        # Pressed again, alone as it is, it gives way; with others soloed it remains alone.
        return [*((path, False) for path in others), (target, not now or bool(others))]


def _ends(binding: Binding) -> tuple[float | bool, float | bool]:
    return (False, True) if binding.kind == "switch" else binding.bounds


def _shown(binding: Binding, value: Value) -> int:
    if binding.mode == "set" and binding.value is not None:
        return TOP if value == binding.value else 0
    if isinstance(value, str):
        return 0
    if binding.mode == "set" and binding.source == "cc":
        return binding.unscaled(value)
    return TOP if value == _ends(binding)[1] else 0


def _refuse_conflicts(bindings: Sequence[Binding]) -> None:
    seen: dict[tuple[str, int, str], list[Binding]] = {}
    for binding in bindings:
        same = seen.setdefault((binding.source, binding.number, binding.target), [])
        for other in same:
            if None in (binding.channel, other.channel) or binding.channel == other.channel:
                raise MidiError(
                    f"two MIDI bindings give the same message to the same setting: {other.name} "
                    f"and {binding.name}; keep one of them"
                )
        same.append(binding)
