"""How much faster than playback a file is separated: the Separator, `render`, two jobs."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from plugin_bridge import Separator
from plugin_bridge.files.options import FAST_FRAMES
from plugin_bridge.files.render import CHUNK
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests.bench.program import make_song, run
from tests.bench.tables import table

# Two jobs start two interpreters more: compared on songs of a usual length, this many times longer.
PAIR_LENGTH = 3


def measure(model: Model, folder: Path, seconds: float, rounds: int) -> str:
    """Time each way through the same noise; `rounds` times `render`, and two jobs against one."""
    song = make_song(folder / "song.wav", seconds)
    songs = [make_song(folder / f"song{n}.wav", PAIR_LENGTH * seconds) for n in (1, 2)]
    options = ["--model", str(model.path), "--out", str(folder / "stems")]
    whole, inside = zip(*(_render([song], options) for _ in range(rounds)), strict=True)
    pairs = [_pair(songs, options, odd=bool(index % 2)) for index in range(rounds)]
    ratios = [one / two for one, two in pairs]
    separator, cpu = _separate(model, seconds)
    note = f"median of {rounds}"
    return table(
        f"Offline: {seconds:g} s of noise, one core, {FAST_FRAMES} frames per call",
        ["", "", "", "target"],
        [
            ["Separator", f"{separator:.1f} x realtime", f"{cpu:.1f} by CPU time", ">= 30"],
            ["render, four 32f files", f"{seconds / median(whole):.1f} x realtime", note, ">= 22"],
            ["  without the start", f"{seconds / median(inside):.1f} x realtime", note, ""],
            [
                f"two files of {PAIR_LENGTH * seconds:g} s, --jobs 2 over 1",
                f"{median(ratios):.2f} times",
                " ".join(f"{ratio:.2f}" for ratio in ratios),
                ">= 1.7",
            ],
        ],
    )


def _separate(model: Model, seconds: float) -> tuple[float, float]:
    """Give times realtime, by the clock and by the CPU time of this thread."""
    mix = noise(seconds, model.card.sample_rate)
    separator = Separator(model, model.card.sample_rate, frames_per_call=FAST_FRAMES)
    start, start_cpu = time.perf_counter(), time.thread_time()
    for first in range(0, mix.shape[1], CHUNK):
        separator.push(mix[:, first : first + CHUNK])
    separator.flush()
    cpu = time.thread_time() - start_cpu
    return seconds / (time.perf_counter() - start), seconds / cpu


def _render(songs: Sequence[Path], options: Sequence[str]) -> tuple[float, float]:
    """Give the seconds of the whole program, and those that the reports state."""
    start = time.perf_counter()
    output = run(["render", *map(str, songs), *options, "--json"])
    whole = time.perf_counter() - start
    reports: list[dict[str, Any]] = json.loads(output)
    return whole, sum(report["seconds"] for report in reports)


def _pair(songs: Sequence[Path], options: Sequence[str], *, odd: bool) -> tuple[float, float]:
    """Give the seconds of one job and of two, each first in turn; needs two idle cores."""
    seconds = {}
    for jobs in (2, 1) if odd else (1, 2):
        seconds[jobs], _ = _render(songs, [*options, "--jobs", str(jobs)])
    return seconds[1], seconds[2]
