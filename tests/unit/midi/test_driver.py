"""Which MIDI systems run and what is plugged in, on a system without a driver."""

import sys
from pathlib import Path

import pytest

from plugin_bridge.errors import MissingExtraError
from plugin_bridge.midi import driver
from plugin_bridge.midi.names import PortInfo
from tests.midi_system import MidiSystem, install


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> MidiSystem:
    """Give a MIDI system where nothing runs."""
    return install(monkeypatch)


def test_jack_is_preferred_while_it_is_up(system: MidiSystem) -> None:
    """The systems that run are told in the order of preference; none is no error."""
    assert driver.usable() == []
    assert driver.listing() == []
    system.run("API_LINUX_ALSA", ["keys 20:0"], [])
    assert driver.usable() == ["ALSA"]
    system.run("API_UNIX_JACK", ["pad:out"], ["synth:in"])
    assert driver.usable() == ["JACK", "ALSA"]
    assert driver.listing() == [
        PortInfo("JACK", "pad:out", "input"),
        PortInfo("ALSA", "keys 20:0", "input"),
        PortInfo("JACK", "synth:in", "output"),
    ]
    assert driver.listing("output") == [PortInfo("JACK", "synth:in", "output")]
    assert system.clients == []


def test_alsa_without_a_sequencer_is_not_asked(
    system: MidiSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel has no sequencer, ALSA's library would complain on the terminal."""
    system.run("API_LINUX_ALSA", ["keys"], [])
    monkeypatch.setattr(driver, "SEQUENCER", Path("/dev/null/none"))
    assert driver.usable() == []


def test_an_api_that_was_not_built_in_is_not_there(
    system: MidiSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An rtmidi that was built without JACK has none, whether a server is up or not."""
    system.run("API_UNIX_JACK", ["pad"], [])
    monkeypatch.setattr(system, "get_compiled_api", lambda: [2])
    assert driver.usable() == []


def test_a_client_of_a_dead_server_is_left_alone(system: MidiSystem) -> None:
    """It raises instead of touching the library, is not freed, and the next server is new."""
    system.run("API_UNIX_JACK", ["pad:out"], ["synth:in"])
    client = driver.Client(driver.APIS["JACK"], "output", "x")
    client.open(0, "out")
    system.stop("API_UNIX_JACK")
    assert not client.lives
    for act in (client.ports, lambda: client.open(None, "x"), lambda: client.send(b"\x90\0\0")):
        with pytest.raises(OSError, match="JACK server went"):
            act()
    system.run("API_UNIX_JACK", ["pad:out"], [])
    assert driver.usable() == ["JACK"]
    client.close()
    assert system.touched_dead == []
    assert driver.usable() == ["JACK"]


def test_without_rtmidi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where python-rtmidi is not installed, one sentence tells how to get it."""
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(MissingExtraError, match=r"-e \"\.\[midi\]\".*plugin-bridge\[midi\]"):
        driver.listing()
