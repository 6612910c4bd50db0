"""Mute a stem from a MIDI controller while it plays.

    python examples/midi_mute.py --midi pads --input Scarlett

Without --input nothing is heard: noise goes through, most of it in the stem `other`. Without --midi
the pad is hit by the program, through a virtual port where the system has MIDI.
`plugin-bridge midi ports` lists the ports.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from plugin_bridge import presets
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.midi import MidiControl
from plugin_bridge.midi.ports import MidiInput, MidiOutput, usable

# Note on 39: the pad that the shipped preset dj-pads binds to other.mute.
PRESET, PAD = "dj-pads", bytes([0x90, 39, 100])


class Desk:
    """What a controller does to a session, and what it says about it."""

    def __init__(self, live: Live) -> None:
        self._live = live
        midi_map = presets.load(PRESET).midi_map(live.described["stems"])
        self._control = MidiControl(midi_map, live.controls(), str(live.get("preset")))
        print(f"{len(self._control.feedback())} lamps and faders show the preset")

    def hear(self, message: bytes, _seconds: float = 0.0) -> None:
        """Do what a message asks for."""
        for command in self._control.commands(message):
            self._live.send(command.path, command.value)
            lamps = ", ".join(lamp.hex(" ") for lamp in self._control.feedback())
            print(f"{message.hex(' ')}: {command.path} is {command.value}; lamps: {lamps}")

    def levels(self) -> str:
        """Give how loud the left channels were in the last moment."""
        levels = self._live.status()["levels"]
        return f"in {levels['input.1']['rms_db']:.0f} dB, out {levels['output.1']['rms_db']:.0f} dB"


def main() -> None:
    """Play, and mute and unmute a stem by a pad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", help="audio device to hear and play on")
    parser.add_argument("--midi", help="MIDI port of the controller")
    parser.add_argument("--seconds", type=float, default=1.0, help="between two hits of the pad")
    arguments = parser.parse_args()

    device = None if arguments.input else "null"
    live = Live(LiveSettings(input=arguments.input, device=device, preset=PRESET))
    live.start()
    try:
        play(Desk(live), arguments.midi, arguments.seconds)
    finally:
        live.stop()


def play(desk: Desk, port: str | None, seconds: float) -> None:
    """Hand what the port sends to the desk; without a port, hit the pad twice."""
    if port is not None:
        with MidiInput(port, desk.hear):
            input("hit the pads; Enter ends\n")
        return
    with ExitStack() as ports:
        hit: Callable[[bytes], None] = desk.hear
        if usable():
            source = ports.enter_context(MidiInput("virtual", desk.hear))
            hit = ports.enter_context(MidiOutput(source.title)).send
        for _ in range(2):
            hit(PAD)
            time.sleep(seconds)
            print(desk.levels())


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
