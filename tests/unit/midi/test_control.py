"""MIDI on a console that runs elsewhere."""

from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.console import Command, Console
from plugin_bridge.midi import Binding, MidiControl, MidiMap

STEMS = ("vocals", "drums")
NOTE_ON, CONTROL, PROGRAM = 0x90, 0xB0, 0xC0
MAP = [
    Binding(source="note", number=36, target="drums.mute", mode="toggle"),
    Binding(source="note", number=37, target="vocals.mute", mode="toggle"),
    Binding(source="note", number=38, target="drums.solo", mode="momentary"),
    Binding(source="cc", number=7, target="drums.gain_db", curve="decibel"),
    Binding(source="note", number=39, target="preset", value="b"),
    Binding(source="program", number=1, target="preset", value="a"),
    Binding(source="program", number=2, target="preset", value="lost"),
    Binding(source="note", number=40, target="hall.mute", mode="toggle"),
]
MESSAGES = [
    *([NOTE_ON, note, velocity] for note in range(36, 42) for velocity in (0, 100)),
    *([CONTROL, 7, value] for value in (0, 64, 127)),
    *([PROGRAM, number] for number in range(3)),
    [NOTE_ON, 36],
]


def control() -> MidiControl:
    """Give a control of two presets, of which one has the drums muted."""
    muted = Console(STEMS)
    muted["drums"].mute = True
    return MidiControl(MidiMap(MAP), {"a": Console(STEMS).controls(), "b": muted.controls()}, "a")


def lamps(messages: list[bytes]) -> dict[tuple[int, int], int]:
    """Give what lamps show after these messages."""
    return {(message[0], message[1]): message[2] for message in messages}


@given(st.lists(st.sampled_from(MESSAGES), max_size=30))
def test_the_copy_is_the_console(played: list[list[int]]) -> None:
    """The settings kept here are those of consoles that the commands are applied to."""
    mirror = control()
    consoles = {"a": Console(STEMS), "b": Console(STEMS)}
    consoles["b"]["drums"].mute = True
    active = "a"
    for message in played:
        for command in mirror.commands(bytes(message), 5):
            assert command.position == 5
            if command.path == "preset":
                active = str(command.value)
            else:
                assert not isinstance(command.value, str)
                consoles[active].set(command.path, command.value)
    assert mirror.active == active
    for path in ("drums.mute", "vocals.mute", "drums.solo", "drums.gain_db"):
        assert mirror.get(path) == consoles[active].get(path)


def test_commands_from_keys_are_followed() -> None:
    """A toggle goes on from what a key has set."""
    mirror = control()
    assert mirror.follow(Command(0, "drums.mute", True))
    (command,) = mirror.commands(bytes([NOTE_ON, 36, 1]))
    assert command.value is False


def test_what_does_not_exist_is_told_and_dropped() -> None:
    """Commands to settings or presets that are not there do not reach the engine."""
    mirror = control()
    assert mirror.commands(bytes([NOTE_ON, 40, 1])) == []
    assert mirror.commands(bytes([PROGRAM, 2])) == []
    assert mirror.unknown == ("hall.mute", "preset lost")
    assert mirror.commands(bytes([NOTE_ON, 99, 1])) == []
    assert mirror.ignored == 1


def test_lamps_show_what_is_set() -> None:
    """At first all lamps are told, later those that changed, after a replug all again."""
    mirror = control()
    everything = mirror.feedback()
    assert lamps(everything)[NOTE_ON, 36] == 0
    assert mirror.feedback() == []
    mirror.follow(Command(0, "vocals.mute", True))
    assert mirror.feedback() == [bytes([NOTE_ON, 37, 127])]
    mirror.forget()
    assert len(mirror.feedback()) == len(everything)


@given(st.lists(st.sampled_from(MESSAGES), max_size=30))
def test_lamps_that_follow_changes_show_all(played: list[list[int]]) -> None:
    """Told of changes only, a controller shows what one shows that was just plugged in."""
    mirror = control()
    shown = lamps(mirror.feedback())
    for message in played:
        mirror.commands(bytes(message))
        if message[0] == CONTROL:
            shown[CONTROL, message[1]] = message[2]  # a fader shows where it stands
        shown |= lamps(mirror.feedback())
    mirror.forget()
    assert shown == lamps(mirror.feedback())


def test_a_preset_switch_lights_its_lamps() -> None:
    """Switching the preset shows the other one's settings."""
    mirror = control()
    mirror.feedback()
    (command,) = mirror.commands(bytes([NOTE_ON, 39, 1]))
    assert command == Command(0, "preset", "b")
    assert lamps(mirror.feedback()) == {(NOTE_ON, 36): 127, (NOTE_ON, 39): 127}


def test_a_motor_does_not_pull_the_hand() -> None:
    """A fader is not sent where it says it is; a pad's lamp is sent after each hit."""
    mirror = control()
    mirror.feedback()
    mirror.commands(bytes([CONTROL, 7, 100]))
    assert mirror.feedback() == []
    mirror.commands(bytes([NOTE_ON, 36, 1]))
    assert mirror.feedback() == [bytes([NOTE_ON, 36, 127])]
    mirror.commands(bytes([NOTE_ON, 36, 0]))
    assert mirror.feedback() == [bytes([NOTE_ON, 36, 127])]


def test_two_settings_on_one_lamp_do_not_make_it_flicker() -> None:
    """A lamp of two settings that differ is sent once."""
    rows = [
        Binding(source="note", number=1, target=f"{stem}.mute", mode="toggle") for stem in STEMS
    ]
    mirror = MidiControl(
        MidiMap(rows), {"a": Console(STEMS).controls() | {"drums.mute": True}}, "a"
    )
    assert len(mirror.feedback()) == 1
    assert mirror.feedback() == []
