"""What the tests of the plugin share: a server, a CLAP host, and a peer of hosts on JACK."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge import StemBridge
from plugin_bridge.console import Command, Console
from plugin_bridge.console.route import side_by_side
from plugin_bridge.daw import protocol
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.live.daw.runtime import FOLDER_VARIABLE
from plugin_bridge.live.daw.server import ask
from tests.live.jackd import Jackd, Peer

# A shared machine may be slow; these end a test that would hang.
START_S, PLAY_S = 60.0, 100.0
STATE, MISSES = protocol.VALUES, protocol.VALUES + 1


def wait_for(condition: Callable[[], Any], what: str, seconds: float = START_S) -> Any:
    """Give what the condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come in {seconds} s"
        time.sleep(0.05)
    return found


class Serving:
    """`plugin-bridge daw serve` in a process."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        folder.mkdir(mode=0o700, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a host needs to find it."""
        return {**os.environ, FOLDER_VARIABLE: str(self.folder)}

    def start(self) -> None:
        """Start, and wait until an engine is ahead."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "plugin_bridge.cli", "daw", "serve", "--model", str(self.model)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        wait_for(self._ahead, "an engine")

    def _ahead(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._process.stderr.read()  # type: ignore[union-attr]
        return bool((ask(self.folder) or {}).get("ahead"))

    def plugins(self) -> list[dict[str, Any]]:
        """Give the reports of the plugins that are served now."""
        return list((ask(self.folder) or {}).get("plugins", []))

    def plays_in(self, host: int) -> bool:
        """Tell whether a plugin plays in this process."""
        playing = {"host": host, "state": "playing"}.items()
        return any(playing <= plugin.items() for plugin in self.plugins())

    def stop(self) -> str:
        """End, well; give what was said."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.terminate()
        return process.communicate(timeout=START_S)[1].decode()


@contextmanager
def serving(folder: Path, model: Path) -> Iterator[Serving]:
    """Serve, from start to end."""
    server = Serving(folder, model)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@dataclass
class Played:
    """What a host got.

    Attributes
    ----------
    out : float32, shape (10, samples), every activation after the other
    latency : int, of the last activation
    values : last values printed by index
    times_ns : int64, of every block, if asked for
    """

    out: FloatArray
    latency: int
    values: dict[int, float]
    text: str
    times_ns: list[int] = field(default_factory=list)

    def aligned(self, samples: int) -> FloatArray:
        """Give what belongs to the first `samples` of the input."""
        return self.out[:, self.latency : self.latency + samples]


class ClapHost:
    """Runs the plugin in a host process of its own; the words are told in host.cpp."""

    def __init__(self, program: Path, plugin: Path, folder: Path) -> None:
        self._program, self._plugin, self._folder = program, plugin, folder

    def start(
        self,
        server: Serving | Path,
        signal: FloatArray,
        *words: object,
        rate: int = 44100,
        most: int = 512,
        offline: bool = True,
    ) -> "subprocess.Popen[str]":
        """Start, and return at once; `finish` takes what came out."""
        environment = (
            server.environment
            if isinstance(server, Serving)
            else {**os.environ, FOLDER_VARIABLE: str(server)}
        )
        np.ascontiguousarray(signal.T, np.float32).tofile(self._folder / "in.f32")
        command = [self._program, self._plugin, rate, most, int(offline), "in.f32", "out.f32"]
        return subprocess.Popen(
            [str(word) for word in (*command, *words)],
            cwd=self._folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: "subprocess.Popen[str]") -> Played:
        """Wait for the end of a host that went well."""
        text, errors = process.communicate(timeout=PLAY_S)
        assert process.returncode == 0, f"{process.returncode}: {errors}"
        lines = [line.split() for line in text.splitlines()]
        latency = [int(words[1]) for words in lines if words[0] == "latency"][-1]
        values = {int(words[1]): float(words[2]) for words in lines if words[0] == "value"}
        raw = np.fromfile(self._folder / "out.f32", np.float32).reshape(-1, protocol.OUTPUTS)
        times = self._folder / "times.txt"
        found = [int(line) for line in times.read_text().split()] if times.exists() else []
        return Played(np.ascontiguousarray(raw.T), latency, values, text, found)

    def play(
        self, server: Serving | Path, signal: FloatArray, *words: object, **how: Any
    ) -> Played:
        """Play from start to end."""
        return self.finish(self.start(server, signal, *words, **how))


class Patched(Peer):
    """A peer of any JACK client, found by the names of its ports.

    `midi` is a port, and a message for it with its sample.
    """

    def __init__(
        self, server: Jackd, into: list[str], out_of: list[str], midi: tuple[str, int, bytes]
    ) -> None:
        super().__init__(server)
        self._into, self._out_of = into, out_of
        self._keys, self._at, self._message = midi
        self._pad = self._player.midi_outports.register("midi")

    def connect(self) -> None:
        """Take the place of whoever is connected to these ports."""
        player, recorder = self._player, self._recorder
        self._sinks = [recorder.inports.register(f"in_{i}") for i in range(len(self._out_of))]
        player.activate()
        recorder.activate()
        for name in (*self._into, *self._out_of):
            port = player.get_port_by_name(name)
            for other in player.get_all_connections(port):
                pair = (other, port) if name in self._into else (port, other)
                player.disconnect(*pair)
        for source, name in zip(self._sources, self._into, strict=True):
            player.connect(source, name)
        for name, sink in zip(self._out_of, self._sinks, strict=True):
            player.connect(name, sink)
        player.connect(self._pad, self._keys)

    def _play(self, samples: int) -> None:
        self._pad.clear_buffer()
        here = self._at - self._position
        if self._playing and 0 <= here < samples:
            self._pad.write_midi_event(here, self._message)
        super()._play(samples)


def reference(
    model: Path, signal: FloatArray, rate: float, console: Console | None = None
) -> FloatArray:
    """Give mix and stems as StemBridge does, shape (10, samples)."""
    bridge = StemBridge(model, console=console)
    mix = bridge(signal, sample_rate=rate)
    stems = bridge.process_stems(signal, sample_rate=rate)
    return np.concatenate([mix, *stems.values()])


def commanded(
    model: Path, signal: FloatArray, rate: float, console: Console, commands: Iterable[Command]
) -> FloatArray:
    """Give mix and stems of an engine that obeys commands, shape (10, whole hops)."""
    hop = 256
    routes = side_by_side(["mix", *protocol.STEMS], 2)
    engine = Engine(model, rate, console, block=hop, routes=routes)
    for command in commands:
        engine.send(command)
    whole = -(-signal.shape[1] // hop) * hop + hop
    padded = np.pad(signal, ((0, 0), (0, whole - signal.shape[1])))
    return np.concatenate(
        [engine.push(padded[:, at : at + hop]) for at in range(0, whole, hop)], axis=1
    )


def hear(process: "subprocess.Popen[str]", word: str) -> None:
    """Read a host's output up to a word that `signal` prints."""
    for line in process.stdout or ():
        if line.strip() == word:
            return
    raise AssertionError(f"the host ended before {word}")


def answer(process: "subprocess.Popen[str]") -> None:
    """Let a host go on that waits in `signal`."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def layout_of(program: Path) -> dict[str, Any]:
    """Give what the C++ side says about the layout."""
    found: dict[str, Any] = json.loads(subprocess.check_output([str(program)]))
    return found
