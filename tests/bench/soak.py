"""Play live for minutes under load, and print what was counted: `python -m tests.bench.soak`.

A JACK server of its own with a dummy device, the shipped model, a thread of this process that
never rests, the last core loaded by another process, and a mute a second. A minute at a time is
told on stderr; the table comes at the end, and under it every second that had a miss, and what
the threads waited for a core in seconds with misses or xruns and without. Inline there is no miss:
the callback computes, and what takes too long is an xrun of the server's. Nothing is asserted: a
machine that is late is so without us. Everything that was started ends with it.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pytest

from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.model.store import DEFAULT
from tests.bench.delays import Delays
from tests.bench.tables import table
from tests.live.jackd import Jackd, environment

RATE = 44100
# Of the server, as studios have it: above the threads that serve other hardware, which have 50.
PRIORITY = 70
BLOCKS = (256, 128)
SECONDS = 600.0
# What a controller does meanwhile, in seconds.
MUTE_EVERY = 1.0
MINUTE = 60
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


@dataclass(frozen=True)
class Second:
    """A second of a soak, more or less.

    Attributes
    ----------
    misses, skipped : int, hops
    xruns : int, that the driver told
    engine_ms, server_ms : float, what the realtime threads of each waited for a core, added up
    stolen : float, share of the machine's time
    load : float, processes that want to run, of the last minute
    """

    misses: int
    skipped: int
    xruns: int
    engine_ms: float
    server_ms: float
    stolen: float
    load: float


def measure(
    settings: LiveSettings, blocks: Sequence[int], seconds: float, *, loaded: bool = True
) -> str:
    """Play so long at each of the block sizes; give the table, and the seconds with misses."""
    rows: list[list[str]] = []
    told: dict[str, Any] = {}
    late: list[str] = []
    for block in blocks:
        told, course = _play(settings, block, seconds, loaded)
        rows.append(_row(block, told, course))
        late += _late(block, course)
    load = "a busy thread beside it, a busy core" if loaded else "no load of ours"
    realtime = f"jackd -R -P {PRIORITY}" if _may_be_realtime() else "jackd -r"
    text = table(
        f"Live: {told['model']['name']}, {seconds:g} s at {RATE} Hz, {realtime}, {load}; "
        f"worker {told['priority']}, memory {told['memory']}",
        HEAD,
        rows,
    )
    return text + "".join(f"{line}\n" for line in late)


def _play(
    settings: LiveSettings, block: int, seconds: float, loaded: bool
) -> tuple[dict[str, Any], list[Second]]:
    """Give the status at the end, and second by second what happened."""
    with (
        Jackd(RATE, block, realtime=PRIORITY if _may_be_realtime() else 0) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment(server.name).items():
            patch.setenv(name, value)
        live = Live(settings)
        live.start()
        try:
            with _load() if loaded else _nothing():
                return _turn_knobs(live, server, seconds)
        finally:
            live.stop()


def _turn_knobs(live: Live, server: Jackd, seconds: float) -> tuple[dict[str, Any], list[Second]]:
    """Mute and unmute until the time is over; give the last status, and what came before it.

    The first second has what was missed since the start.
    """
    end, muted = time.monotonic() + seconds, False
    course: list[Second] = []
    status = live.status()
    counters, before = dict.fromkeys(status["counters"], 0), _delays(live, server)
    while (left := end - time.monotonic()) > 0:
        muted = not muted
        live.send("drums.mute", muted)
        time.sleep(min(MUTE_EVERY, left))
        status, now = live.status(), _delays(live, server)
        counted = status["counters"]
        course.append(
            Second(
                counted["misses"] - counters["misses"],
                counted["skipped_hops"] - counters["skipped_hops"],
                counted["output_xruns"] - counters["output_xruns"],
                now.waited_ms(before, "engine"),
                now.waited_ms(before, "server"),
                now.stolen(before),
                os.getloadavg()[0],
            )
        )
        counters, before = counted, now
        if len(course) % MINUTE == 0:
            _tell(server.period, course)
    return status, course


def _delays(live: Live, server: Jackd) -> Delays:
    return Delays.now({"engine": live.pid, "server": server.pid})


def _tell(block: int, course: Sequence[Second]) -> None:
    last = course[-MINUTE:]
    print(
        f"{block}: {len(course) // MINUTE} min, {sum(s.misses for s in last)} misses in the last, "
        f"load {last[-1].load:.1f}, stolen {100 * _mean(s.stolen for s in last):.1f} %",
        file=sys.stderr,
        flush=True,
    )


def _late(block: int, course: Sequence[Second]) -> list[str]:
    """Tell the seconds with misses, and what seconds with misses or xruns have more of."""
    late = [s for s in course if s.misses or s.xruns]
    usual = [s for s in course if not s.misses and not s.xruns]
    return [
        *(
            f"  {block}, second {number}: {s.misses} missed, {s.skipped} skipped; {_means([s])}"
            for number, s in enumerate(course, 1)
            if s.misses
        ),
        f"  {block}, {len(late)} seconds with misses or xruns: {_means(late)}",
        f"  {block}, {len(usual)} seconds without: {_means(usual)}",
    ]


def _means(seconds: Sequence[Second]) -> str:
    return (
        f"waited for a core: engine {_mean(s.engine_ms for s in seconds):.1f} ms, server "
        f"{_mean(s.server_ms for s in seconds):.1f} ms; stolen "
        f"{100 * _mean(s.stolen for s in seconds):.1f} %"
    )


def _row(block: int, status: dict[str, Any], course: Sequence[Second]) -> list[str]:
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
        f"{_mean(s.load for s in course):.1f}",
        f"{100 * _mean(s.stolen for s in course):.1f} %",
    ]  # fmt: skip


def _mean(values: Iterable[float]) -> float:
    return fmean([*values] or [0.0])


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


if __name__ == "__main__":
    sys.exit(main())
