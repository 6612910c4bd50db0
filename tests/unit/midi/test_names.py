"""MIDI ports by name."""

import pytest

from plugin_bridge.errors import MidiError
from plugin_bridge.midi.names import PortInfo, again, choose, opposite

APIS = ["JACK", "ALSA", "CoreMIDI", "WinMM"]
PORTS = [
    PortInfo("JACK", "pad:out", "input"),
    PortInfo("JACK", "pad:out 2", "input"),
    PortInfo("JACK", "system:midi_capture_1", "input"),
    PortInfo("ALSA", "Launchpad:Launchpad MIDI 1 24:0", "input"),
    PortInfo("ALSA", "pad 28:0", "input"),
]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("JACK:pad:out 2", "JACK:pad:out 2"),
        ("pad:out", "JACK:pad:out"),  # a whole name beats a part of another
        ("out 2", "JACK:pad:out 2"),
        ("alsa: PAD 28", "ALSA:pad 28:0"),
        ("launch", "ALSA:Launchpad:Launchpad MIDI 1 24:0"),
        ("system:midi", "JACK:system:midi_capture_1"),  # a colon alone names no API
    ],
)
def test_a_name_or_a_part_of_it_is_enough(text: str, title: str) -> None:
    """A text means the port of that name, else the only one that has it in its name."""
    assert choose(text, PORTS, APIS).title == title


def test_the_preferred_system_counts() -> None:
    """A device that two systems show is that of the first."""
    both = [PortInfo("JACK", "a2j:keys", "input"), PortInfo("ALSA", "keys 20:0", "input")]
    assert choose("keys", both, APIS).api == "JACK"


@pytest.mark.parametrize("text", ["pad:o", "JACK:pad"])
def test_two_are_refused_and_listed(text: str) -> None:
    """A part that several have is an error that lists those."""
    with pytest.raises(MidiError, match=r"fits 2 MIDI ports.*JACK:pad:out, JACK:pad:out 2$"):
        choose(text, PORTS, APIS)


@pytest.mark.parametrize("text", ["organ", "ALSA:out", "WinMM:pad"])
def test_none_is_refused_with_what_there_is(text: str) -> None:
    """A name that no port has is an error that lists all."""
    with pytest.raises(MidiError, match=r"no MIDI port .*JACK:pad:out.*ALSA:pad 28:0, or give"):
        choose(text, PORTS, APIS)
    with pytest.raises(MidiError, match="there is none, plug one in"):
        choose(text, [], APIS)


@pytest.mark.parametrize(
    ("api", "before", "after"),
    [("ALSA", "pad 20:0", "pad 131:0"), ("WinMM", "pad 0", "pad 3"), ("JACK", "pad:1", "pad:1")],
)
def test_another_socket_is_the_same_device(api: str, before: str, after: str) -> None:
    """What a system appends to a name does not matter when the device is back."""
    found = again(PortInfo(api, before, "input"), [PortInfo(api, after, "input")])
    assert found is not None
    assert found.name == after


def test_another_device_is_not_taken_for_it() -> None:
    """Neither a similar name nor another system will do; the very port goes first."""
    pad = PortInfo("ALSA", "pad 20:0", "input")
    assert again(pad, [PortInfo("ALSA", "pads 20:0", "input")]) is None
    assert again(pad, [PortInfo("JACK", "pad 20:0", "input")]) is None
    assert again(pad, [PortInfo("ALSA", "pad 16:0", "input"), pad]) == pad
    jack = PortInfo("JACK", "pad 1:1", "input")
    assert again(jack, [PortInfo("JACK", "pad 2:2", "input")]) is None


def test_lamps_are_at_the_other_side_of_the_device() -> None:
    """The output of a device is found from its input; a device without one has none."""
    outputs = [
        PortInfo("JACK", "system:midi_playback_2", "output"),
        PortInfo("JACK", "system:midi_playback_1", "output"),
        PortInfo("ALSA", "pad 31:0", "output"),
        PortInfo("JACK", "pad:inlay", "output"),
        PortInfo("JACK", "pad:in 2", "output"),
    ]
    assert opposite(PORTS[2], outputs) == outputs[1]
    assert opposite(PORTS[4], outputs) == outputs[2]
    assert opposite(PORTS[1], outputs) == outputs[4]
    assert opposite(PORTS[0], outputs) is None
