"""A take is played on numbers before a sample sounds."""

from plugin_bridge.console import Command
from plugin_bridge.midi import Binding, MidiMap
from plugin_bridge.midi.binding import Value
from plugin_bridge.midi.performance import Performance, perform

TOGGLE = Binding(source="note", number=36, target="drums.mute", mode="toggle")
HALL = Binding(source="cc", number=1, target="drums.sends.hall")
SWITCHES = [
    Binding(source="program", number=n, target="preset", value=name)
    for n, name in enumerate(("first", "second", "third"))
]
PRESS = bytes([0x90, 36, 100])


def play(*messages: bytes, start: dict[str, dict[str, Value]] | None = None) -> Performance:
    """Play one message per sample on two presets."""
    controls = start or {"first": {"drums.mute": False}, "second": {"drums.mute": True}}
    return perform(enumerate(messages), MidiMap([TOGGLE, HALL, *SWITCHES]), controls, "first")


def test_a_toggle_sees_the_commands_before_it() -> None:
    """Three presses are on, off, on, even within one hop."""
    assert [c.value for c in play(PRESS, PRESS, PRESS).commands] == [True, False, True]


def test_each_preset_keeps_its_own_settings() -> None:
    """After a switch a toggle reads the other console; back again, the first as it was left."""
    second, first = bytes([0xC0, 1]), bytes([0xC0, 0])
    commands = play(PRESS, second, PRESS, first, PRESS).commands
    assert [c.value for c in commands] == [True, "second", False, "first", False]


def test_what_the_console_lacks_is_left_out_and_named() -> None:
    """No command reaches the engine that it would have to refuse."""
    performance = play(bytes([0xB0, 1, 5]), bytes([0xC0, 2]), PRESS)
    assert performance.commands == (Command(2, "drums.mute", True),)
    assert performance.unknown == ("drums.sends.hall", "preset third")


def test_unmapped_messages_are_counted() -> None:
    """Notes without a binding, clock, noise; a release that means nothing is mapped."""
    performance = play(bytes([0x90, 1, 1]), b"\xf8", b"", bytes([0x80, 36, 0]))
    assert (performance.commands, performance.unmapped) == ((), 3)


def test_the_start_is_left_as_it_was() -> None:
    """Playing changes no settings but its own copy."""
    start: dict[str, dict[str, Value]] = {"first": {"drums.mute": False}}
    play(PRESS, start=start)
    assert start == {"first": {"drums.mute": False}}
