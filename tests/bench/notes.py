"""How late notes by MIDI are, and what it costs to hear them: `python -m tests.bench.notes`.

The delay is between a sound's leaving the bridge and the MIDI that an independent client gets, in
samples of one JACK server; see tests/live/strokes.py. The cost is the CPU time of the causal
analysis of generated stems, of the time that a hop has.
"""

import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from models.data.songs import generate
from plugin_bridge.analysis import Analyst
from plugin_bridge.testing import STEMS
from tests.bench.tables import spread, table
from tests.live.strokes import RATE, measure

STROKES = 60
CASES = ((256, "inline"), (256, "worker"), (128, "inline"), (128, "worker"), (512, "inline"))
SECONDS = 15.0


def main() -> int:
    """Measure, and print two tables; give the exit code."""
    # Started with a shell's &, a process and its children are deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(costs(), flush=True)
    print(delays())
    return 0


def delays() -> str:
    """Play strokes and notes in every case."""
    rows = []
    for block, mode in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), block, mode, STROKES)
        strokes, notes = (1000 * np.array(d) / RATE for d in (found.delays(), found.note_delays()))
        own = found.stats["midi_out"]["delay_ms"]
        rows.append(
            [
                f"{block}, {mode}",
                f"{len(strokes)} of {STROKES}",
                *(f"{value:.1f} ms" for value in np.percentile(strokes, (50, 95, 100))),
                f"{own['p50']:.1f} ms",
                f"{np.median(notes):.0f} ms" if len(notes) else "none",
            ]
        )
    head = ["block", "strokes", "p50", "p95", "max", "before JACK, p50", "bass notes p50"]
    return table("From a sound's leaving the bridge to its MIDI; aim 20 ms", head, rows)


def costs() -> str:
    """Time the detectors, each stem by itself and all together."""
    made = generate(3, SECONDS).stems
    budget = Analyst(STEMS, RATE).hop / RATE
    rows = [[name, *spread(_times(made, stems), budget)] for name, stems in _parts()]
    return table("Listening, CPU time per hop; aim 10 % for each", ["", "p50", "p99", "max"], rows)


def _parts() -> list[tuple[str, tuple[str, ...]]]:
    return [*((stem, (stem,)) for stem in STEMS), ("all", STEMS)]


def _times(made: dict[str, np.ndarray], stems: tuple[str, ...]) -> list[float]:
    analyst = Analyst(stems, RATE)
    sound = np.stack([made[stem] for stem in stems])
    took = []
    for start in range(0, sound.shape[2] - analyst.hop + 1, analyst.hop):
        hop = sound[..., start : start + analyst.hop]
        begin = time.thread_time()
        analyst.push(hop)
        took.append(time.thread_time() - begin)
    return took


if __name__ == "__main__":
    sys.exit(main())
