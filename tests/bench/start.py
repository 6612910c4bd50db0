"""How long `plugin-bridge live` takes to its first sound: `python -m tests.bench.start`.

A JACK server with a dummy device; one client plays noise into the program's stream as soon as it
is there, another one hears its outputs. Measured is from the exec of the program to the cycle in
which the first sample that is not zero leaves it, and what its two processes had computed by then.
`--against FOLDER` alternates with another checkout, so that both meet the same machine.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.bench.delays import Delays
from tests.bench.program import ROOT
from tests.bench.tables import table
from tests.live.jackd import Jackd, environment
from tests.processes import children

RATE, BLOCK = 44100, 256
# Of the server; it is not what is measured.
PRIORITY = 70
TICK = os.sysconf("SC_CLK_TCK")
# A machine that is busy starts late; this ends a run that would hang.
PATIENCE_S = 60.0


class Ear:
    """Two clients: noise into every stream of PortAudio, and when the first sound left it."""

    def __init__(self, server: Jackd) -> None:
        self._voice, self._ear = server.client("voice"), server.client("ear")
        self._out = self._voice.outports.register("out")
        self._in = self._ear.inports.register("in")
        self._noise = np.random.default_rng(0).uniform(-0.1, 0.1, BLOCK).astype(np.float32)
        self._came, self.heard = threading.Event(), threading.Event()
        self.when = 0.0
        self._voice.set_process_callback(self._play)
        self._voice.set_port_registration_callback(self._note)
        self._ear.set_process_callback(self._listen)
        self._voice.activate()
        self._ear.activate()

    def wait(self, seconds: float) -> float:
        """Connect what comes, until something is heard; give when that was, monotonic."""
        self.heard.clear()
        end = time.monotonic() + seconds
        while not self.heard.is_set():
            if time.monotonic() > end:
                raise TimeoutError(f"nothing was heard in {seconds:g} s")
            self._came.wait(0.001)
            self._came.clear()
            for port in self._voice.get_ports("PortAudio.*:", is_audio=True, is_input=True):
                self._join(self._out, port)
            for port in self._voice.get_ports("PortAudio.*:", is_audio=True, is_output=True):
                self._join(port, self._in)
        return self.when

    def close(self) -> None:
        """Leave the server."""
        for client in (self._voice, self._ear):
            client.deactivate()
            client.close()

    def _join(self, source: Any, target: Any) -> None:
        ours = target if source is self._out else source
        mine = self._out if source is self._out else self._in
        if mine.name not in {port.name for port in self._voice.get_all_connections(ours)}:
            self._voice.connect(source, target)

    def _note(self, port: object, register: bool) -> None:
        if register:
            self._came.set()

    def _play(self, samples: int) -> None:
        self._out.get_array()[:] = self._noise[:samples]

    def _listen(self, samples: int) -> None:
        if not self.heard.is_set() and self._in.get_array().any():
            self.when = time.monotonic()
            self.heard.set()


class Start(NamedTuple):
    """What one start took.

    Attributes
    ----------
    seconds : float, to the first sound
    parent, engine : float, CPU seconds that they had computed by then
    laps : list, of the engine's start; empty where a version does not tell
    """

    seconds: float
    parent: float
    engine: float
    laps: list[dict[str, Any]]


def main() -> int:
    """Measure and print; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, metavar="N")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    arguments = parser.parse_args()
    folders = [ROOT, *([arguments.against.resolve()] if arguments.against else [])]
    print(measure(folders, arguments.runs))
    return 0


def measure(folders: Sequence[Path], runs: int) -> str:
    """Start so often from each of the checkouts, in turn; give the tables."""
    found: dict[Path, list[Start]] = {folder: [] for folder in folders}
    with (
        Jackd(RATE, BLOCK, realtime=PRIORITY) as server,
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as scratch,
    ):
        for name, value in environment(server.name).items():
            patch.setenv(name, value)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # users have compiled modules
        for folder in folders:
            _start(server, folder, Path(scratch))
        before = Delays.now({})
        loads = []
        for _ in range(runs):
            for folder in folders:
                found[folder].append(_start(server, folder, Path(scratch)))
                loads.append(os.getloadavg()[0])
        stolen = Delays.now({}).stolen(before)
    title = f"plugin-bridge live --preset four-outs, to its first sound; {runs} starts, load "
    title += f"{fmean(loads):.1f}, stolen {100 * stolen:.1f} %"
    head = ["checkout", "median", "shortest", "longest", "CPU: parent", "engine"]
    rows = [[folder.name, *_row(starts)] for folder, starts in found.items()]
    return table(title, head, rows) + "\n" + _parts(found[ROOT])


def _start(server: Jackd, folder: Path, scratch: Path) -> Start:
    """Start once, and end it as soon as it is heard."""
    stats = scratch / "stats.json"
    ear = Ear(server)
    begin = time.monotonic()
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "plugin_bridge.cli", "live", "--preset", "four-outs"),
            *("--stats", str(stats)),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        try:
            seconds = ear.wait(PATIENCE_S) - begin
            (engine,) = children(process.pid)
            cpu = _computed(process.pid), _computed(engine)
            process.stderr.readline()  # it greets when it knows that it plays
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            ear.close()
    laps = json.loads(stats.read_text()).get("start", [])
    return Start(seconds, *cpu, laps)


def _row(starts: Sequence[Start]) -> list[str]:
    times = [start.seconds for start in starts]
    return [
        *(f"{value:.2f} s" for value in (median(times), min(times), max(times))),
        f"{median(start.parent for start in starts):.2f} s",
        f"{median(start.engine for start in starts):.2f} s",
    ]


def _parts(starts: Sequence[Start]) -> str:
    """Give the parts of the engine's start, medians."""
    rows = []
    for place, lap in enumerate(starts[0].laps):
        laps = [start.laps[place] for start in starts]
        rows.append(
            [
                lap["part"],
                *(f"{1000 * median(lap[key] for lap in laps):.0f} ms" for key in KEYS),
            ]
        )
    return table("of it the engine", ["", "passed", "computed"], rows)


KEYS = ("seconds", "cpu_seconds")


def _computed(pid: int) -> float:
    """Give the CPU seconds of a process so far, those of the system for it too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == "__main__":
    sys.exit(main())
