"""How late a mute by MIDI is, part by part: `python -m tests.bench.mute`.

The way of a message through JACK and Python is measured by the clock; what the bridge adds is
counted in samples of the stream. See tests/live/mutes.py.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.bench.tables import table
from tests.live.mutes import RATE, measure

HITS = 50
CASES = ((256, "inline"), (256, "worker"), (128, "inline"), (128, "worker"))


def main() -> int:
    """Measure every case, and print one table; give the exit code."""
    rows = []
    for block, mode in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), block, mode, HITS)
        p50, p99 = 1000 * np.percentile(found.transport, (50, 99))
        rows.append(
            [
                f"{block}, {mode}",
                *(f"{value:.2f} ms" for value in (p50, p99, 1000 * max(found.transport))),
                str(round(float(np.median(found.late)))),
                str(max(found.early)),
                f"{found.most} = {1000 * found.most / RATE:.1f} ms",
                f"{100 * found.steepest:.1f} %",
            ]
        )
    head = ["block", "MIDI p50", "p99", "max", "then samples p50", "max", "allowed", "largest step"]
    print(table(f"A mute by MIDI, {HITS} hits each; then its ramp of 5 ms", head, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
