"""Real MIDI through JACK: ports of plugin-bridge and another client of the same server."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugin_bridge import presets
from plugin_bridge.cli.main import main
from plugin_bridge.console import Console
from plugin_bridge.midi import Binding, MidiControl, MidiMap
from plugin_bridge.midi.intake import PortCounters
from plugin_bridge.midi.ports import MidiInput, MidiOutput, PortInfo, listing, usable
from tests.live.jackd import Jackd, environment
from tests.processes import until
from tests.tiny import write_model

pytestmark = pytest.mark.system("jackd2")

NOTE = bytes([0x90, 36, 100])
SYSEX = bytes([0xF0, 0x7D, *[1] * 197, 0xF7])
assert len(SYSEX) == 200


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Jackd]:
    """Give a server of our own, and make it the one that clients use."""
    with Jackd(48000, 256) as server:
        for name, value in environment(server.name).items():
            monkeypatch.setenv(name, value)
        yield server


@contextmanager
def client(kind: str, name: str, port: str) -> Iterator[Any]:
    """Give another program's client with a port of its own."""
    import rtmidi

    found = getattr(rtmidi, kind)(rtmidi.API_UNIX_JACK, name=name)
    found.open_virtual_port(port)
    try:
        yield found
    finally:
        found.delete()


@contextmanager
def program(environment: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start plugin-bridge midi; it ends with the test, however that ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "plugin_bridge.cli", "midi", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Heard(list[bytes]):
    """What a port handed on."""

    def __call__(self, message: bytes, seconds: float) -> None:
        self.append(message)


def connected(pad: Any, heard: Heard, port: MidiInput) -> PortCounters:
    """Play until it is heard: JACK loses what is sent before a connection works.

    Returns
    -------
    counters : PortCounters, as they are then; `heard` is empty
    """
    until(lambda: pad.send_message(NOTE) is None and bool(heard))
    last = bytes([0x80, 0, 0])
    pad.send_message(last)
    until(lambda: last in heard)
    heard.clear()
    return replace(port.counters)


def test_ten_thousand_messages_lose_none(server: Jackd) -> None:
    """All arrive in order, and SysEx, clock and active sensing among them pass by unseen."""
    heard = Heard()
    sent = [bytes([0xB0 + n % 16, n % 128, n // 128]) for n in range(10_000)]
    with client("MidiOut", "pad", "out") as pad, MidiInput("pad", heard) as port:
        assert port.title == "JACK:pad:out"
        before = connected(pad, heard, port)
        for place, message in enumerate(sent):
            pad.send_message(message)
            if place % 1000 == 500:
                for other in (SYSEX, b"\xf8", b"\xfe"):
                    pad.send_message(other)
        until(lambda: len(heard) >= len(sent))
        assert port.counters == replace(before, messages=before.messages + len(sent))
    assert heard == sent


def test_noise_is_counted(server: Jackd) -> None:
    """Half messages and stray bytes are counted, and what follows them arrives."""
    heard = Heard()
    with client("MidiOut", "pad", "out") as pad, MidiInput("pad", heard) as port:
        before = connected(pad, heard, port)
        for noise in (b"\xb0\x07", b"\xb0\x07\xc8", b"\x07\x07", b"\xf7"):
            pad.send_message(noise)
        pad.send_message(NOTE)
        until(lambda: heard == [NOTE])
        assert port.counters.malformed - before.malformed >= 3


def test_others_see_the_virtual_port(server: Jackd) -> None:
    """Another program finds it by name and sends to it; it is gone when it is closed."""
    heard = Heard()
    ours = PortInfo("JACK", "plugin-bridge:control", "output")
    with MidiInput("virtual", heard) as port:
        assert port.title == ours.title
        assert ours in listing("output")
        with MidiOutput("bridge:control") as other:
            other.send(NOTE)  # waits for the connection by itself
            until(lambda: heard == [NOTE])
    assert ours not in listing("output")


def test_a_pad_mutes_and_its_lamp_shows_it(server: Jackd) -> None:
    """A message becomes a command, and the lamp comes back to the device that sent it."""
    row = Binding(source="note", number=36, target="drums.mute", mode="toggle")
    control = MidiControl(MidiMap([row]), {"a": Console(["drums"]).controls()}, "a")
    commands: list[Any] = []
    heard = Heard()

    def hear(message: bytes, seconds: float) -> None:
        heard(message, seconds)
        if ready.is_set():
            commands.extend(control.commands(message))

    ready = threading.Event()
    with (
        client("MidiOut", "pad", "out") as pad,
        client("MidiIn", "lights", "in") as lights,
        MidiInput("pad", hear) as port,
        MidiOutput("lights") as output,
    ):
        connected(pad, heard, port)
        ready.set()
        pad.send_message(NOTE)
        until(lambda: [command.value for command in commands] == [True])
        for message in control.feedback():
            output.send(message)
        shown: list[list[int]] = []

        def light() -> bool:
            entry = lights.get_message()
            shown.extend([] if entry is None else [entry[0]])
            return bool(shown)

        until(light)
        assert shown == [[0x90, 36, 127]]


def test_a_controller_comes_back(server: Jackd) -> None:
    """The port of a client that closes and opens again is heard again, and its lamps lit."""
    heard, lit = Heard(), threading.Event()
    with client("MidiOut", "pad", "out"):
        port = MidiInput("pad", heard)
    with port:
        until(lambda: not port.is_open)
        with client("MidiOut", "pad", "out") as pad, client("MidiIn", "lights", "in"):
            until(lambda: port.is_open)
            connected(pad, heard, port)
            assert port.counters.reopened == 1
            lamps = MidiOutput("lights", lit.set)
        with lamps:
            until(lambda: not lamps.is_open)
            with client("MidiIn", "lights", "in"):
                assert lit.wait(20)


def test_the_server_dies_and_comes_back(server: Jackd) -> None:
    """Ports are there on the next server without a crash, and nothing was printed or hung."""
    heard = Heard()
    with MidiInput("virtual", heard) as port, MidiOutput("virtual") as lamps:
        assert usable() == ["JACK"]
        server.kill()
        until(lambda: not port.is_open and not lamps.is_open)
        # RtMidi spins for ever when its buffer for a dead server is full.
        for _ in range(5000):
            lamps.send(NOTE)
        assert usable() == []
        assert listing() == []
        server.start()
        until(lambda: port.is_open and lamps.is_open)
        with MidiOutput("bridge:control") as other:
            other.send(NOTE)
            until(lambda: heard == [NOTE])


def test_learn_hears_the_control(
    server: Jackd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The touched pad is in the preset, by the command line and real ports."""
    monkeypatch.setenv("PLUGIN_BRIDGE_PRESETS", str(tmp_path / "own"))
    monkeypatch.setenv("PLUGIN_BRIDGE_MODELS", str(tmp_path))
    write_model(tmp_path / "lastframe.onnx")
    with client("MidiOut", "pad", "out") as pad:
        stop = threading.Event()

        def hand() -> None:
            while not stop.wait(0.05):
                pad.send_message(NOTE)

        player = threading.Thread(target=hand)
        player.start()
        try:
            assert main(["midi", "learn", "drums.mute", "--port", "JACK:pad:out"]) == 0
        finally:
            stop.set()
            player.join()
    assert "note 36: toggles mute drums, on channel 1" in capsys.readouterr().out
    (row,) = presets.load("mine").midi
    assert (row.target, row.number, row.channel) == ("drums.mute", 36, 1)


def test_without_a_server_it_is_one_sentence() -> None:
    """The programs say that JACK does not run, and no library prints anything."""
    told = {}
    for arguments in (["ports"], ["monitor", "--port", "JACK:pad"]):
        with program(environment("plugin-bridge-nowhere"), *arguments) as process:
            told[arguments[0]] = (*process.communicate(timeout=60), process.returncode)
    shown, said, code = told["ports"]
    assert (said, code) == ("", 0)
    assert "JACK runs" not in shown
    _, said, code = told["monitor"]
    assert code == 2
    assert said.startswith("plugin-bridge: ")
    assert "running; start" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("arguments", [["monitor"], ["learn", "drums.mute"]])
def test_ctrl_c_ends_it(server: Jackd, arguments: list[str]) -> None:
    """Waiting ends at Ctrl-C, with the counters or a sentence, and without noise."""
    with program(environment(server.name), *arguments, "--port", "virtual") as process:
        assert process.stderr is not None
        assert "JACK:plugin-bridge:control" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=60)
    if arguments == ["monitor"]:
        assert (process.returncode, said) == (0, "")
        assert shown.endswith("0 messages, 0 malformed, 0 dropped, reopened 0 times\n")
    else:
        assert (process.returncode, shown) == (130, "")
        assert said.count("\n") == 1
