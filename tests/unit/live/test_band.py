"""A band that plays along, on a MIDI system without a driver and a session without an engine."""

from typing import Any

import pytest

from plugin_bridge.live.band import Band
from plugin_bridge.live.heard import HeardEvent
from plugin_bridge.live.supervisor import Hearing
from plugin_bridge.midi.voice import DEFAULT_VOICES
from tests.midi_system import MidiSystem, install
from tests.processes import until

RATE, BLOCK = 44100, 256
QUIET = [bytes([0xB1, 123, 0]), bytes([0xB9, 123, 0])]


class Listening:
    """Stands for Live: tells what the test puts in."""

    def __init__(self) -> None:
        self.described = {
            "stems": ["vocals", "drums", "bass"],
            "device": {"rate": RATE, "block": BLOCK},
        }
        self.engine, self.samples, self.lost = 1, 0, 0
        self.events: list[HeardEvent] = []

    def heard(self) -> Hearing:
        events, self.events = self.events, []
        lost, self.lost = self.lost, 0
        return Hearing(self.engine, events, lost, self.samples, 0.0)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> MidiSystem:
    """Give a MIDI system with JACK and one instrument."""
    made = install(monkeypatch)
    made.run("API_UNIX_JACK", [], ["synth:in"])
    return made


@pytest.fixture
def live() -> Any:
    """Give a session that listens."""
    return Listening()


def band_of(live: Any) -> Band:
    """Give a band that is at the instrument."""
    return Band(live, DEFAULT_VOICES, "synth")


def hit(due: int, key: int = 36) -> HeardEvent:
    """Give a stroke of the drums."""
    return HeardEvent(due, due + 300, 1, "hit", key, 1.0)


def test_a_note_waits_for_its_sound(system: MidiSystem, live: Any) -> None:
    """Not before its sample has left; what is due goes at once, and is ended by itself."""
    band = band_of(live)
    live.events = [hit(1000), hit(2000, 42)]
    live.samples = 1000
    until(lambda: system.sent[: len(QUIET)] == QUIET and not live.events)
    assert bytes([0x99, 36, 127]) not in system.sent
    live.samples = 1001
    until(lambda: bytes([0x89, 36, 0]) in system.sent)
    assert bytes([0x99, 42, 127]) not in system.sent
    live.samples = 2001
    until(lambda: bytes([0x99, 42, 127]) in system.sent)
    band.close()
    assert band.report()["notes"] == 2
    assert system.sent[-len(QUIET) :] == QUIET
    assert system.opened() == []


@pytest.mark.parametrize("change", ["engine", "port"])
def test_nothing_is_left_sounding(system: MidiSystem, live: Any, change: str) -> None:
    """A new engine, or a port that comes back: what sounded is ended, what waited is dropped."""
    band = band_of(live)
    live.samples = 500
    live.events = [
        HeardEvent(100, 900, 2, "note_on", 40, 1.0),
        HeardEvent(9999, 9999, 2, "note_off", 40, 0.0),
    ]
    until(lambda: bytes([0x91, 40, 127]) in system.sent)
    system.sent.clear()
    if change == "engine":
        live.engine, live.samples = 0, 0
    else:
        ports = system.plugged[3]["output"]
        name = ports.pop()
        until(lambda: not band.report()["open"])
        live.events = [hit(100)]
        until(lambda: band.report()["dropped"] > 0)
        ports.append(name)
    until(lambda: QUIET[0] in system.sent)
    assert bytes([0x81, 40, 0]) in system.sent
    live.engine, live.samples = 2, 10**6
    live.events = [hit(100, 42)]
    until(lambda: bytes([0x99, 42, 127]) in system.sent)
    report = band.report()
    assert report["reopened"] == (change == "port")
    band.close()
    assert bytes([0x99, 36, 127]) not in system.sent
    assert band.report()["open"] is True


def test_what_was_lost_is_counted(system: MidiSystem, live: Any) -> None:
    """And how late notes were: a block's samples leave while the block passes."""
    band = band_of(live)
    live.lost, live.samples = 5, 44100
    live.events = [hit(44100 - BLOCK - 441)]
    until(lambda: band.report()["notes"] == 1)
    band.close()
    report = band.report()
    assert report["lost"] == 5
    assert report["delay_ms"]["max"] == pytest.approx(10.0)
