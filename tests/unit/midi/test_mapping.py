"""Messages become commands by table, never raise, and come back as lamps."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plugin_bridge.console import Command
from plugin_bridge.errors import MidiError
from plugin_bridge.midi import Binding, MidiMap
from plugin_bridge.midi.binding import Value

PAD: dict[str, Any] = {"source": "note", "number": 36, "target": "drums.mute"}
FADER: dict[str, Any] = {"source": "cc", "number": 7, "target": "drums.gain_db"}
LIT = bytes([0x90, 36, 127])
DOWN, UP = bytes([0x90, 36, 100]), bytes([0x80, 36, 64])


def cc(value: int, number: int = 7, channel: int = 1) -> bytes:
    """Give a controller's message."""
    return bytes([0xB0 | channel - 1, number, value])


class Desk:
    """A console of numbers, to which commands are applied."""

    def __init__(self, **settings: Value) -> None:
        self.settings: dict[str, Value] = {k.replace("_of_", "."): v for k, v in settings.items()}

    def play(self, midi_map: MidiMap, *messages: bytes) -> list[Command]:
        """Apply what the messages command, one after the other."""
        commands = []
        for position, message in enumerate(messages):
            for command in midi_map.commands(message, position, self.settings.__getitem__):
                self.settings[command.path] = command.value
                commands.append(command)
        return commands


def test_a_toggle_reads_the_state_of_the_console() -> None:
    """Whoever changed it last, a press gives the other state, and a release nothing."""
    midi_map, desk = MidiMap([Binding(**PAD, mode="toggle")]), Desk(drums_of_mute=False)
    assert desk.play(midi_map, DOWN, UP) == [Command(0, "drums.mute", True)]
    desk.settings["drums.mute"] = False  # from a screen
    assert desk.play(midi_map, DOWN)[0].value is True


def test_a_toggle_of_a_number_goes_between_its_ends() -> None:
    """High unless it is there already, then low."""
    binding = Binding(source="note", number=36, target="a.gain_db", mode="toggle", low=-12, high=3)
    desk = Desk(a_of_gain_db=0.0)
    assert [c.value for c in desk.play(MidiMap([binding]), *[DOWN] * 3)] == [3, -12, 3]


@pytest.mark.parametrize("release", [UP, bytes([0x90, 36, 0])])
def test_momentary_lasts_as_long_as_the_key(release: bytes) -> None:
    """On with the note, off with note off or with velocity 0."""
    midi_map = MidiMap([Binding(**PAD, mode="momentary")])
    commands = Desk().play(midi_map, DOWN, release)
    assert commands == [Command(0, "drums.mute", True), Command(1, "drums.mute", False)]


def test_set_gives_its_value_once() -> None:
    """On the press, not on the release; a program change as well."""
    rows = [
        Binding(**PAD, value=False),
        Binding(source="program", number=3, target="preset", value="karaoke"),
        Binding(source="cc", number=64, target="drums.gain_db", value=-6),
    ]
    commands = Desk().play(MidiMap(rows), DOWN, UP, bytes([0xC5, 3]), cc(127, 64), cc(0, 64))
    assert [c.value for c in commands] == [False, "karaoke", -6.0]
    assert MidiMap(rows).presets == ("karaoke",)


@pytest.mark.parametrize("release", [UP, bytes([0x90, 36, 0])])
def test_a_level_by_velocity_stays_when_the_key_is_released(release: bytes) -> None:
    """Only the press has a velocity that was meant."""
    pad = Binding(source="note", number=36, target="drums.gain_db", low=-20, high=0)
    desk = Desk(drums_of_gain_db=0.0)
    (command,) = desk.play(MidiMap([pad]), DOWN, release)
    assert command.value == pytest.approx(-20 + 20 * 100 / 127)


def test_solo_exclusive_leaves_one_strip() -> None:
    """One strip alone; pressed again, none; strips without a button are unsoloed too."""
    rows = [
        Binding(source="note", number=n, target=f"{name}.solo", mode="solo-exclusive")
        for n, name in ((36, "drums"), (37, "bass"))
    ]
    midi_map = MidiMap(rows, strips=["vocals", "drums", "bass"])
    desk = Desk(drums_of_solo=False, bass_of_solo=True, vocals_of_solo=True)
    desk.play(midi_map, DOWN)
    assert desk.settings == {"drums.solo": True, "bass.solo": False, "vocals.solo": False}
    desk.play(midi_map, DOWN)
    assert not any(desk.settings.values())
    desk.settings.update({"drums.solo": True, "vocals.solo": True})
    desk.play(midi_map, DOWN)  # soloed, but not alone: it is now
    assert desk.settings == {"drums.solo": True, "bass.solo": False, "vocals.solo": False}


@pytest.mark.parametrize(
    ("fields", "data", "wanted"),
    [
        ({}, 0, -60.0),
        ({}, 127, 0.0),
        ({"low": -20, "high": 6}, 127, 6.0),
        ({"low": 6, "high": -20}, 127, -20.0),
        ({"curve": "decibel"}, 0, -math.inf),
        ({"curve": "decibel", "high": 6}, 127, 6.0),
        # The standard's own worked value: half of full travel is 12 dB down.
        ({"curve": "decibel"}, 64, 40 * math.log10(64 / 127)),
        ({"curve": "decibel", "low": -30}, 1, -30.0),
        ({"curve": "decibel", "high": -60}, 1, -120.0),
    ],
)
def test_a_fader_follows_its_curve(fields: dict[str, Any], data: int, wanted: float) -> None:
    """Both ends are met exactly, and silence is silence."""
    assert Desk().play(MidiMap([Binding(**FADER, **fields)]), cc(data))[0].value == wanted


@given(
    st.sampled_from(["linear", "decibel"]),
    st.floats(-40, 24),
    st.floats(0.5, 60),
    st.lists(st.integers(0, 127), min_size=2, max_size=2, unique=True),
)
def test_a_curve_rises_and_feedback_undoes_it(
    curve: Any, high: float, span: float, values: list[int]
) -> None:
    """More travel is never softer; what the fader sent is what is shown."""
    low = None if curve == "decibel" else high - span
    binding = Binding(**FADER, curve=curve, low=low, high=high)
    first, second = sorted(values)
    assert binding.scaled(first) < binding.scaled(second)
    assert MidiMap([binding]).feedback("drums.gain_db", binding.scaled(first)) == [cc(first)]


def test_channel_and_number_choose_the_binding() -> None:
    """A binding of a channel hears that channel, one without hears all; several rows may answer."""
    rows = [
        Binding(**PAD, mode="toggle", channel=10),
        Binding(source="note", number=36, target="bass.mute", mode="toggle"),
    ]
    midi_map, desk = MidiMap(rows), Desk(drums_of_mute=False, bass_of_mute=False)
    assert [c.path for c in desk.play(midi_map, bytes([0x99, 36, 1]))] == [
        "drums.mute",
        "bass.mute",
    ]
    assert [c.path for c in desk.play(midi_map, bytes([0x90, 36, 1]))] == ["bass.mute"]
    assert desk.play(midi_map, bytes([0x99, 35, 1])) == []
    assert midi_map.ignored == 1


@given(st.binary(max_size=5))
def test_no_message_raises(message: bytes) -> None:
    """Any bytes give commands or are counted."""
    midi_map = MidiMap([Binding(**PAD, mode="momentary"), Binding(**FADER)])
    commands = midi_map.commands(message, 0, Desk().settings.__getitem__)
    assert len(commands) + midi_map.ignored == 1


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x90",
        b"\x90\x24",
        b"\x90\x24\x64\x00",
        b"\x90\x24\x80",
        b"\x24\x64",
        b"\xf8",
        b"\xc0",
    ],
)
def test_malformed_messages_are_counted(message: bytes) -> None:
    """Short, long, without status, with a data byte over 127, realtime: ignored."""
    midi_map = MidiMap([Binding(**PAD, mode="momentary")])
    assert midi_map.commands(message, 0, Desk().settings.__getitem__) == []
    assert midi_map.ignored == 1


@pytest.mark.parametrize(
    ("fields", "path", "value", "wanted"),
    [
        ({**PAD, "mode": "toggle"}, "drums.mute", True, [bytes([0x90, 36, 127])]),
        ({**PAD, "mode": "toggle", "channel": 10}, "drums.mute", False, [bytes([0x99, 36, 0])]),
        ({**PAD, "mode": "toggle"}, "bass.mute", True, []),
        (
            {**PAD, "target": "a.solo", "mode": "solo-exclusive"},
            "a.solo",
            True,
            [LIT],
        ),
        ({**FADER, "curve": "decibel"}, "drums.gain_db", -math.inf, [cc(0)]),
        ({**FADER, "curve": "decibel"}, "drums.gain_db", 24.0, [cc(127)]),
        ({**FADER, "value": -6}, "drums.gain_db", -6.0, [cc(127)]),
        ({**PAD, "target": "preset", "value": "a"}, "preset", "a", [LIT]),
        ({**PAD, "target": "preset", "value": "a"}, "preset", "b", [DOWN[:2] + b"\x00"]),
        ({"source": "program", "number": 1, "target": "preset", "value": "a"}, "preset", "a", []),
    ],
)
def test_feedback_shows_a_setting(
    fields: dict[str, Any], path: str, value: Value, wanted: list[bytes]
) -> None:
    """One message per lamp or motor fader of that path, and none for others."""
    assert MidiMap([Binding(**fields)]).feedback(path, value) == wanted


@pytest.mark.parametrize("channels", [(None, None), (None, 3), (3, None), (3, 3)])
def test_a_conflict_is_a_sentence(channels: tuple[int | None, int | None]) -> None:
    """One message cannot mean two things for one setting."""
    rows = [Binding(**PAD, mode=m, channel=c) for m, c in zip(("toggle", "set"), channels)]  # type: ignore[arg-type]  # noqa: B905
    with pytest.raises(MidiError, match=r"note 36.* -> drums\.mute and note 36.*keep one"):
        MidiMap(rows)


def test_one_pad_on_two_channels_is_two_pads() -> None:
    """Different channels do not conflict, nor do different settings."""
    MidiMap([Binding(**PAD, mode="toggle", channel=c) for c in (1, 2)])
    MidiMap([Binding(**PAD, mode="toggle"), Binding(**{**PAD, "target": "bass.mute"})])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**PAD, "target": "drums.mut"}, "names no setting; give e.g. drums.mute"),
        ({**PAD, "target": "drums"}, "names no setting"),
        ({**PAD, "target": "drums.clip"}, "names no setting"),
        ({**PAD, "target": "drums.sends"}, "names no setting"),
        ({**PAD, "mode": "solo-exclusive"}, "give a target such as drums.solo"),
        ({**PAD, "value": 1.0}, "is a switch; give value true or false"),
        ({**PAD, "value": "on"}, "takes no text"),
        ({**PAD, "low": 1}, "leave low, high, curve out"),
        ({**PAD, "mode": "toggle", "value": True}, "uses no value; take mode set"),
        ({**PAD, "target": "preset"}, "preset's name as value"),
        ({**PAD, "target": "preset", "mode": "toggle", "value": "a"}, "needs mode set"),
        ({**FADER, "value": True}, "is a number; give e.g. 0.0"),
        ({**FADER, "high": math.nan}, "allows no such number"),
        ({**FADER, "value": math.inf}, "-inf for silence"),
        ({**FADER, "high": 25}, "give -120 to 24 dB"),
        ({**FADER, "target": "a.pan", "low": -2}, "give -1 (left) to 1 (right)"),
        ({**FADER, "low": 0}, "low 0 and high 0; give low below high"),
        ({**FADER, "low": 3, "curve": "decibel"}, "low 3 and high 0"),
        ({**FADER, "low": -math.inf}, "use curve decibel"),
        ({**FADER, "target": "a.pan", "curve": "decibel"}, "use curve linear"),
        ({"source": "program", "number": 1, "target": "a.mute"}, "give value"),
        ({"source": "program", "number": 1, "target": "a.mute", "mode": "momentary"}, "no release"),
        ({**PAD, "number": 128}, "less than or equal to 127"),
        ({**PAD, "channel": 0}, "greater than or equal to 1"),
        ({**PAD, "source": "sysex"}, "'note', 'cc' or 'program'"),
        ({**PAD, "chanel": 3}, "not permitted"),
    ],
)
def test_a_row_that_cannot_work_is_refused(fields: dict[str, Any], words: str) -> None:
    """When it is made, with the row's own words and the way out."""
    with pytest.raises(ValidationError) as caught:
        Binding(**fields)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("target", "value"),
    [("a.gain_db", -6), ("a.pan", 1), ("a.mute", True), ("a.sends.hall", -3.5), ("clip", False)],
)
def test_a_value_keeps_its_kind(target: str, value: Value) -> None:
    """A number stays a number and a switch a switch, as a preset's file has them."""
    binding = Binding(source="note", number=1, target=target, value=value)
    assert binding.value == value
    assert isinstance(binding.value, bool) == isinstance(value, bool)


def _messages(build: Callable[[int], bytes]) -> list[bytes]:
    return [build(value) for value in range(128)]


def test_a_controller_is_a_button_from_half_way_on() -> None:
    """MIDI 1.0: 0 to 63 is off, 64 to 127 on."""
    midi_map = MidiMap([Binding(source="cc", number=7, target="a.mute", mode="momentary")])
    values = [c.value for c in Desk().play(midi_map, *_messages(cc))]
    assert values == [False] * 64 + [True] * 64


def test_a_send_to_a_bus_that_is_called_solo_is_a_level() -> None:
    """What a target takes does not depend on how somebody has named a bus."""
    row = Binding(source="cc", number=7, target="drums.sends.solo", curve="decibel")
    assert row.scaled(0) == -math.inf
    with pytest.raises(ValueError, match="cannot solo"):
        Binding(source="note", number=7, target="drums.sends.solo", mode="solo-exclusive")
