"""The message that was touched becomes a row of a map."""

import pytest
from pydantic import ValidationError

from plugin_bridge.midi import Binding
from plugin_bridge.midi.learning import binding_for, learned, usable
from plugin_bridge.midi.mapping import Event

PAD = Event("note", 10, 36, 100, True)
FADER = Event("cc", 1, 16, 93, True)
BUTTON = Event("cc", 1, 20, 127, True)
PROGRAM = Event("program", 2, 5, 127, True)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ([0x99, 36, 100], PAD),
        ([0xB0, 16, 93], FADER),
        ([0xC1, 5], PROGRAM),
        ([0x99, 36, 0], None),
        ([0x89, 36, 64], None),
        ([0xB0, 0, 1], None),
        ([0xB0, 32, 1], None),
        ([0xB0, 123, 0], None),
        ([0xE0, 0, 64], None),
        ([0xF8], None),
        ([], None),
    ],
)
def test_only_what_a_hand_means_is_learned(message: list[int], event: Event | None) -> None:
    """Releases, bank selects, channel modes and what no binding can name are passed over."""
    assert usable(bytes(message)) == event


@pytest.mark.parametrize(
    ("event", "target", "mode", "curve"),
    [
        (PAD, "drums.mute", "toggle", "linear"),
        (PAD, "drums.gain_db", "toggle", "linear"),
        (FADER, "drums.gain_db", "set", "decibel"),
        (FADER, "drums.sends.hall", "set", "decibel"),
        (FADER, "drums.pan", "set", "linear"),
        (FADER, "drums.mute", "set", "linear"),
        (BUTTON, "drums.mute", "toggle", "linear"),
        (BUTTON, "drums.gain_db", "set", "decibel"),
        (PROGRAM, "drums.mute", "toggle", "linear"),
    ],
)
def test_the_control_suggests_what_it_does(
    event: Event, target: str, mode: str, curve: str
) -> None:
    """Buttons toggle, faders follow, levels have a fader's taper, on the channel that was heard."""
    row = binding_for(event, target)
    assert (row.mode, row.curve, row.channel, row.number) == (
        mode,
        curve,
        event.channel,
        event.number,
    )


def test_mode_and_value_can_be_given() -> None:
    """What is asked for counts, and what cannot work is refused."""
    assert binding_for(PAD, "drums.solo", mode="momentary").mode == "momentary"
    assert binding_for(PROGRAM, "preset", value="karaoke").value == "karaoke"
    assert binding_for(PAD, "drums.gain_db", value=-6.0).mode == "set"
    for options in ({"mode": "sideways"}, {"mode": "solo-exclusive"}, {"value": "loud"}):
        with pytest.raises(ValidationError):
            binding_for(PAD, "drums.mute", **options)
    with pytest.raises(ValidationError):
        binding_for(PAD, "preset")


@pytest.mark.parametrize(
    ("number", "channel", "gone"),
    [(36, None, 1), (36, 10, 1), (36, 9, 0), (37, None, 0)],
)
def test_a_control_does_one_thing_after_learning(
    number: int, channel: int | None, gone: int
) -> None:
    """Rows of the same message give way, others stay, in order; the new one is last."""
    other = Binding(source="cc", number=36, target="bass.pan")
    old = Binding(source="note", number=number, channel=channel, target="bass.mute", mode="toggle")
    new = binding_for(PAD, "drums.mute")
    rows, replaced = learned([old, other], new)
    assert replaced == [old][:gone]
    assert rows == (*[old][gone:], other, new)
