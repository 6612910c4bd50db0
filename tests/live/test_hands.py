"""A MIDI controller on a session, through real ports of a JACK server."""

import time
from pathlib import Path

import pytest

from plugin_bridge.live.desk import Desk
from plugin_bridge.live.hands import Hands
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.midi.ports import MidiInput, MidiOutput, listing
from tests.live.jackd import Jackd, environment
from tests.processes import until
from tests.tiny import write_model

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

PRESET = """
format = 1
name = "pads"

[[midi]]
source = "note"
channel = 10
number = 37
target = "drums.mute"
mode = "toggle"

[[midi]]
source = "cc"
number = 20
target = "vocals.gain_db"
low = -60
high = 0
"""
PAD = bytes([0x99, 37, 100])
FADER = 0xB0, 20
FLOOD = 10_000


def port(direction: str, part: str) -> str:
    """Give the port of that direction whose name has this part, once it is there."""
    found: list[str] = []

    def there() -> bool:
        found[:] = [p.title for p in listing() if p.direction == direction and part in p.name]
        return bool(found)

    until(there)
    return found[0]


def test_a_controller_moves_the_console_and_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pad mutes and is lit, a key's mute lights it too, and of 10,000 messages none is lost."""
    preset = tmp_path / "pads.toml"
    preset.write_text(PRESET)
    model = write_model(tmp_path / "tiny.onnx")
    with Jackd(44100, 256) as server:
        for name, value in environment(server.name).items():
            monkeypatch.setenv(name, value)
        live = Live(LiveSettings(model=str(model), preset=str(preset), reach=True))
        live.start()
        hands = Hands(live, Desk(live.settings).midi_map(live.described["stems"]), "virtual")
        lamps: list[bytes] = []
        controller = MidiOutput(port("output", "control"))
        lights = MidiInput(port("input", "feedback"), lambda message, _: lamps.append(message))
        try:
            controller.send(PAD)
            until(lambda: live.get("drums.mute") is True)
            until(lambda: bytes([0x99, 37, 127]) in lamps)
            hands.toggle("drums.mute")
            until(lambda: bytes([0x99, 37, 0]) in lamps)
            assert live.get("drums.mute") is False
            before = live.status()["counters"]["commands"]
            for count in range(FLOOD):
                controller.send(bytes([*FADER, count % 128]))
                if count % 100 == 99:
                    time.sleep(0.005)  # as fast as no cable is, not as fast as memory
            until(lambda: live.status()["counters"]["commands"] >= before + FLOOD)
            report = hands.report()
            assert (report["malformed"], report["dropped"], report["late_commands"]) == (0, 0, 0)
            assert live.restarts == 0
        finally:
            for end in (controller, lights, hands):
                end.close()
            live.stop()
    assert hands.report()["open"] is True  # as it was when it closed: statistics come after that
