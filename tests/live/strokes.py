"""Drum strokes and bass notes as an independent client hears them, beside the MIDI they cause.

One JACK client plays strokes and tones into the device of `plugin-bridge live --midi-out` and
captures what comes out; its MIDI input is connected to what the session plays. Sound and message
are counted in samples of the same cycles, so a delay is that of the server's time, a driver's own
latency aside.

The model gives equal stems, so each stem is a quarter of what goes in.
"""

import json
import os
import signal as signal_module
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from plugin_bridge.dsp import FloatArray
from tests.live.jackd import Jackd, Peer, environment
from tests.tiny import hiss, write_model

RATE = 44100
# From one stroke to the next, in seconds: silence lies between them. No multiple of a block.
BETWEEN = 0.2503
KICK, HAT = 36, 42
BASS_KEYS = (33, 40, 36, 45)
NOTE_SECONDS, NOTE_BETWEEN = 0.4, 0.55
# Of what is captured: strokes begin at once, and what is separated is exact to far less.
AUDIBLE = 1e-3
NOTES = "plugin-bridge-notes"
# A stroke's place is known to a hop.
HOP = 256
# A busy machine may take so long.
START_SECONDS, END_SECONDS, SETTLE_SECONDS = 60.0, 30.0, 0.5


class Message(NamedTuple):
    """A MIDI message, and the sample of the capture at which it came."""

    at: int
    data: bytes


class Played(NamedTuple):
    """What was captured.

    Attributes
    ----------
    strokes : list of (int, int), the sample at which each left the bridge, and its key
    notes : list of (int, int), the same of bass notes
    messages : list of Message
    stats : dict, what the session wrote at its end
    """

    strokes: list[tuple[int, int]]
    notes: list[tuple[int, int]]
    messages: list[Message]
    stats: dict[str, Any]

    def delays(self) -> list[int]:
        """Give the samples from a stroke's sound to its first message, of those that have one."""
        within = round(0.8 * BETWEEN * RATE)
        near = [self._begun(10, begin - HOP, begin + within) for begin, _ in self.strokes]
        pairs = zip(self.strokes, near, strict=True)
        return [mine[0].at - begin for (begin, _), mine in pairs if mine]

    def note_delays(self) -> list[int]:
        """Give the samples from a bass note's sound to its message, of those that have one."""
        found = []
        for begin, key in self.notes:
            near = self._begun(2, begin, begin + round(NOTE_BETWEEN * RATE))
            found += [m.at - begin for m in near if m.data[1] == key][:1]
        return found

    def _begun(self, channel: int, first: int, last: int) -> list[Message]:
        """Give the messages of notes that begin on a channel."""
        status = 0x90 + channel - 1
        return [m for m in self.messages if m.data[0] == status and first <= m.at < last]


class Ears(Peer):
    """A peer that also hears MIDI."""

    def __init__(self, server: Jackd) -> None:
        super().__init__(server)
        self.messages: list[Message] = []
        self._midi = self._recorder.midi_inports.register("midi")

    def listen(self) -> None:
        """Wait until the session plays."""
        limit = time.monotonic() + START_SECONDS
        while not (self._notes() and self._recorder.get_ports("PortAudio.*:", is_audio=True)):
            assert time.monotonic() < limit, "the session does not start"
            time.sleep(0.05)
        time.sleep(SETTLE_SECONDS)

    def plug(self) -> None:
        """Connect to what it plays as MIDI; the clients have been activated."""
        (port,) = self._notes()
        self._recorder.connect(port, self._midi)
        time.sleep(SETTLE_SECONDS)

    def _notes(self) -> list[Any]:
        found: list[Any] = self._recorder.get_ports(f"{NOTES}.*", is_midi=True, is_output=True)
        return found

    def _record(self, samples: int) -> None:
        if self._block is not None:
            start = self._block[0]
            for offset, data in self._midi.incoming_midi_events():
                self.messages.append(Message(start + offset, bytes(data)))
        super()._record(samples)


def stroke(key: int) -> FloatArray:
    """Give a kick or a hat, (samples,), that begins with its first sample."""
    time = np.arange(RATE // 7) / RATE
    if key == KICK:
        tone = np.cos(2 * np.pi * (50 * time + 2 * (1 - np.exp(-time / 0.02))))
        return np.asarray(0.8 * tone * np.exp(-time / 0.04), np.float32)
    noise = np.diff(hiss(len(time) + 1, 1, seed=2)[0])
    return np.asarray(4 * noise * np.exp(-time / 0.02), np.float32)


def tone(key: int) -> FloatArray:
    """Give a bass note, (samples,)."""
    time = np.arange(round(NOTE_SECONDS * RATE)) / RATE
    hertz = 440 * 2 ** ((key - 69) / 12)
    wave = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 7))
    fade = np.minimum(1, np.arange(len(time))[::-1] / 2000)
    return np.asarray(0.3 * wave * fade, np.float32)


def signal(strokes: int) -> tuple[FloatArray, list[tuple[int, int]], list[tuple[int, int]]]:
    """Give what is played, (2, samples), and where strokes and notes begin in it."""
    begins = [
        (round((0.3 + n * BETWEEN) * RATE), KICK if n % 2 == 0 else HAT) for n in range(strokes)
    ]
    first = 0.6 + strokes * BETWEEN
    notes = [(round((first + n * NOTE_BETWEEN) * RATE), k) for n, k in enumerate(BASS_KEYS)]
    made = np.zeros(round((first + len(notes) * NOTE_BETWEEN + 0.3) * RATE), np.float32)
    for begin, key in begins:
        made[begin : begin + RATE // 7] += stroke(key)
    for begin, key in notes:
        sound = tone(key)
        made[begin : begin + len(sound)] += sound
    return np.stack([made, made]), begins, notes


def measure(folder: Path, block: int, mode: str, strokes: int) -> Played:
    """Play so many strokes and a few bass notes by the clock, and capture sound and MIDI."""
    stats = folder / "stats.json"
    options = {"--model": write_model(folder / "tiny.onnx"), "--mode": mode, "--stats": stats}
    command = [sys.executable, "-m", "plugin_bridge.cli", "live", "--midi-out", "virtual"]
    command += [str(part) for option in options.items() for part in option]
    sound, begins, notes = signal(strokes)
    with Jackd(RATE, block) as server:
        program = subprocess.Popen(
            command, env={**os.environ, **environment(server.name)}, stdout=subprocess.DEVNULL
        )
        try:
            captured, messages = _play(server, sound)
        finally:
            program.send_signal(signal_module.SIGINT)
            try:
                program.wait(END_SECONDS)
            finally:
                program.kill()  # one that does not end would play for ever
                program.wait()
    found = json.loads(stats.read_text())
    lead = sum(n for part, n in found["latency_samples"].items() if part not in ("device", "sum"))
    left = captured[0]
    return Played(
        [(_begin(left, at, lead), key) for at, key in begins],
        [(_begin(left, at, lead), key) for at, key in notes],
        messages,
        found,
    )


def _play(server: Jackd, sound: FloatArray) -> tuple[FloatArray, list[Message]]:
    peer = Ears(server)
    try:
        peer.listen()
        peer.connect()
        peer.plug()
        captured = peer.play(sound, tail=RATE // 2)
    finally:
        peer.close()
    return captured, peer.messages


def _begin(captured: FloatArray, at: int, lead: int) -> int:
    """Find where a sound begins in what was captured, near where it ought to."""
    first = max(0, at + lead - RATE // 20)
    loud = np.flatnonzero(np.abs(captured[first : first + RATE // 5]) > AUDIBLE)
    assert len(loud), "a sound is missing in what was captured"
    return first + int(loud[0])
