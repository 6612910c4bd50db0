"""Play live for minutes under load, and print what was counted: `python -m tests.bench.soak`.

A JACK server of its own with a dummy device, the shipped model, a thread of this process that
never rests, the last core loaded by another process, and a mute a second. Nothing is asserted: a
machine that is late is so without us. Everything that was started ends with it.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.model.store import DEFAULT
from tests.bench.tables import table
from tests.live.jackd import Jackd, environment

RATE = 44100
BLOCKS = (256, 128)
SECONDS = 600.0
# What a controller does meanwhile, in seconds.
MUTE_EVERY = 1.0
BURN = "while True: sum(range(1000))"
HEAD = (
    "block", "mode", "hops", "misses", "skipped", "xruns in", "out", "late calls", "waits",
    "callback p99", "hop p50", "p99", "max", "of", "load", "stolen",
)  # fmt: skip


def main() -> int:
    """Soak at every block size; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="per block size")
    parser.add_argument("--blocks", type=int, nargs="+", default=BLOCKS, metavar="N")
    parser.add_argument("--model", default=DEFAULT, help="a model's name or .onnx file")
    parser.add_argument("--mode", default="auto", help="auto, inline or worker")
    parser.add_argument("--idle", action="store_true", help="without the load")
    arguments = parser.parse_args()
    settings = LiveSettings(model=arguments.model, mode=arguments.mode, preset="four-outs")
    print(measure(settings, arguments.blocks, arguments.seconds, loaded=not arguments.idle))
    return 0


def measure(
    settings: LiveSettings, blocks: Sequence[int], seconds: float, *, loaded: bool = True
) -> str:
    """Play so long at each of the block sizes; give the table."""
    rows: list[list[str]] = []
    told: dict[str, Any] = {}
    for block in blocks:
        told, row = _play(settings, block, seconds, loaded)
        rows.append(row)
    load = "a busy thread beside it, a busy core" if loaded else "no load of ours"
    realtime = "jackd -R" if _may_be_realtime() else "jackd -r"
    return table(
        f"Live: {told['model']['name']}, {seconds:g} s at {RATE} Hz, {realtime}, {load}; "
        f"worker {told['priority']}, memory {told['memory']}",
        HEAD,
        rows,
    )


def _play(
    settings: LiveSettings, block: int, seconds: float, loaded: bool
) -> tuple[dict[str, Any], list[str]]:
    """Give the status at the end, and its row."""
    with (
        Jackd(RATE, block, realtime=_may_be_realtime()) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment(server.name).items():
            patch.setenv(name, value)
        live = Live(settings)
        live.start()
        try:
            before = _ticks()
            with _load() if loaded else _nothing():
                _turn_knobs(live, seconds)
                status = live.status()
            stolen = _stolen(before, _ticks())
        finally:
            live.stop()
    return status, _row(block, status, stolen)


def _turn_knobs(live: Live, seconds: float) -> None:
    """Mute and unmute until the time is over."""
    end, muted = time.monotonic() + seconds, False
    while (left := end - time.monotonic()) > 0:
        muted = not muted
        live.send("drums.mute", muted)
        time.sleep(min(MUTE_EVERY, left))


def _row(block: int, status: dict[str, Any], stolen: str) -> list[str]:
    counters, hop = status["counters"], status["hop_ms"]
    share = 100 * status["callback_ms"]["p99"] / status["block_ms"]
    return [
        str(block),
        status["mode"] + (f" ({status['restarts']} restarts)" if status["restarts"] else ""),
        *(
            str(counters[name])
            for name in (
                "hops", "misses", "skipped_hops", "input_xruns", "output_xruns", "late_callbacks",
                "waits",
            )
        ),
        f"{share:.0f} %",
        *(f"{hop[name]:.2f}" for name in ("p50", "p99", "max")),
        f"{status['step_ms']:.2f} ms",
        f"{os.getloadavg()[0]:.1f}",
        stolen,
    ]  # fmt: skip


@contextmanager
def _load() -> Iterator[None]:
    """Keep a thread of this process and the last core busy."""
    ended = threading.Event()

    def burn() -> None:
        while not ended.is_set():
            sum(range(1000))

    thread = threading.Thread(target=burn, daemon=True)
    process = subprocess.Popen([sys.executable, "-c", BURN])
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        process.kill()
        process.wait()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _may_be_realtime() -> bool:
    """Tell whether the sound server gets realtime priority."""
    found: list[bool] = []

    def ask() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            return
        found.append(True)

    # What is granted to this thread ends with it.
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return bool(found)


def _ticks() -> list[int]:
    """Give the time of all cores by kind: user, nice, system, idle, waiting, irqs, stolen."""
    return [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def _stolen(before: Sequence[int], after: Sequence[int]) -> str:
    """Give the share of time in which the machine's own host ran something else."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    return f"{100 * spent[-1] / max(1, sum(spent)):.1f} %"


if __name__ == "__main__":
    sys.exit(main())
