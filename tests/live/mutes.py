"""Mutes by MIDI as an independent client hears them: how late they are, and how steep.

A JACK client plays a constant into the session's device and captures what comes out; another
one, with nothing but MIDI, hits a pad. The model gives equal stems, so that a mute of one of four
takes a quarter of the level away, in its ramp and in nothing else.

Time is counted in samples of the stream: what the engine had taken just before and just after the
command was written, with a graph that runs free of the clock. So a machine that is late changes
none of it. Only a message's way to the command is measured by the clock, before.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.hands import Hands
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live, Value
from tests.live.jackd import Jackd, environment, peer_of
from tests.tiny import read_audio, write_model

RATE, LEVEL = 44100, 0.5
PRESET = """
format = 1
name = "pads"

[[midi]]
source = "note"
number = 37
target = "drums.mute"
mode = "toggle"
"""
PAD = bytes([0x90, 37, 100])
CONTROLLER = """
import sys, time, rtmidi
while True:  # a server on a busy machine may take too long for RtMidi's patience
    try:
        pad = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="pad")
        break
    except rtmidi.SystemError:
        time.sleep(0.1)
port = next(n for n, name in enumerate(pad.get_ports()) if "plugin-bridge:control" in name)
pad.open_port(port)
for line in sys.stdin:
    print(time.monotonic(), flush=True)
    pad.send_message(bytes.fromhex(sys.argv[1]))
pad.delete()
"""
# From one hit to the next, in seconds; longer than a mute and its ramp take.
BETWEEN = 0.05
# Far more than the hits take.
MOST_SECONDS = 90


class Mutes(NamedTuple):
    """What was found.

    Attributes
    ----------
    early, late : list of int
        Samples from the command's write to the begin of its mute in the captured audio: from what
        the engine had taken after the write, and before it.
    most : int, samples: block, hop and the worker's share
    steepest : float, the largest step between two samples, as a share of a mute's own change
    transport : list of float, seconds from the pad's send to the command's write
    """

    early: list[int]
    late: list[int]
    most: int
    steepest: float
    transport: list[float]


class Written(NamedTuple):
    """A command that was written: samples taken before and after, and when."""

    before: int
    after: int
    seconds: float


class Pad:
    """A controller: a process of its own, with a MIDI output at the session's port."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CONTROLLER, PAD.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def hit(self) -> float:
        """Send a message; give when it was sent."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("hit\n")
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """Unplug it."""
        self._process.communicate()


def measure(folder: Path, block: int, mode: str, hits: int) -> Mutes:
    """Play, hit the pad so often, and find every hit in what was captured."""
    preset = folder / "pads.toml"
    preset.write_text(PRESET)
    settings = LiveSettings(
        model=str(write_model(folder / "tiny.onnx")),
        preset=str(preset),
        mode=mode,
        clock="wait",
        record=str(folder / "take"),
        reach=True,
    )
    with Jackd(RATE, block) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(server.name).items():
            patch.setenv(name, value)
        live = Live(settings)
        live.start()
        try:
            step, worker = live.described["step"], live.described["latency_samples"]["worker"]
            delay = sum(live.described["latency_samples"].values())
            written, transport, captured = _play(server, live, hits)
        finally:
            live.stop()
    heard = np.flatnonzero(read_audio(folder / "take" / "input.wav")[0])[0]
    changes = _changes(captured[0][delay:])
    steps = np.abs(np.diff(captured[:2, delay:])).max()
    begins = [int(heard) + delay + at for at in changes]
    assert len(begins) == len(written) == hits, "a hit is missing in what was captured"
    return Mutes(
        [begin - w.after for begin, w in zip(begins, written, strict=True)],
        [begin - w.before for begin, w in zip(begins, written, strict=True)],
        block + step + worker,
        float(steps / (LEVEL / 4)),
        transport,
    )


def _play(server: Jackd, live: Live, hits: int) -> tuple[list[Written], list[float], FloatArray]:
    """Hit by the clock, then free of it; give what was written then, the times, the capture."""
    hands = Hands(live, Desk(live.settings).midi_map(live.described["stems"]), "virtual")
    written: list[Written] = []
    _watch(live, written.append)
    captured: list[FloatArray] = []
    pad = Pad()
    try:
        _settle(pad, live, written)
        sent = [_hit(pad, live, written) for _ in range(hits)]
        transport = [w.seconds - at for w, at in zip(written, sent, strict=True)]
        with peer_of(server) as peer:
            if live.get("drums.mute"):
                _hit(pad, live, written)
            written.clear()
            signal = np.full((2, MOST_SECONDS * RATE), LEVEL, np.float32)
            player = threading.Thread(target=lambda: captured.append(peer.play(signal, 0)))
            player.start()
            _until(lambda: peer.played > BETWEEN * RATE)
            for _ in range(hits):
                _hit(pad, live, written)
            peer.enough()
            player.join()
    finally:
        pad.close()
        hands.close()
    return written, transport, captured[0]


def _settle(pad: Pad, live: Live, written: list[Written]) -> None:
    """Hit until it is heard, as JACK loses what is sent before a connection works; then unmute."""
    while not written:
        pad.hit()
        time.sleep(BETWEEN)
    _pass(live)
    if live.get("drums.mute"):
        _hit(pad, live, written)
    written.clear()


def _hit(pad: Pad, live: Live, written: list[Written]) -> float:
    """Hit, and wait until the mute has been heard; give when it was sent."""
    count = len(written)
    sent = pad.hit()
    _until(lambda: len(written) > count)
    _pass(live)
    return sent


def _pass(live: Live) -> None:
    """Let samples go by: more than a mute and its ramp take."""
    place = live.position
    _until(lambda: live.position > place + BETWEEN * RATE)


def _watch(live: Live, note: Callable[[Written], None]) -> None:
    """Note every command of the session, as it is written."""
    send = live.send

    def watched(path: str, value: Value) -> None:
        before = live.position
        send(path, value)
        note(Written(before, live.position, time.monotonic()))

    live.send = watched  # type: ignore[method-assign]


def _changes(level: FloatArray) -> list[int]:
    """Give where the level begins to leave a quarter of the stems, or all of them."""
    still = np.minimum(np.abs(level - LEVEL), np.abs(level - 0.75 * LEVEL)) < 1e-5
    moves = np.flatnonzero(still[:-1] & ~still[1:]) + 1
    return [int(at) for at in moves]


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.001)
