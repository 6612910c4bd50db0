"""How much memory `render` takes, for files of any length."""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from plugin_bridge.model.onnx import Model
from tests.bench.program import make_song, peak_memory
from tests.bench.tables import table


def measure(model: Model, folder: Path, minutes: Sequence[float]) -> str:
    """Render files of these lengths, each in a process of its own; remove what it wrote."""
    if sys.platform != "linux":
        return "Memory: measured on Linux only\n"
    rows = []
    for length in minutes:
        song = make_song(folder / "long.wav", 60 * length)
        stems = folder / "long"
        start = time.perf_counter()
        peak = peak_memory(
            ["render", str(song), "--model", str(model.path), "--out", str(folder)],
        )
        seconds = time.perf_counter() - start
        written = sum(path.stat().st_size for path in stems.glob("*.wav"))
        shutil.rmtree(stems)
        song.unlink()
        rows.append(
            [
                f"{length:g} min",
                f"{peak:.0f} MB",
                f"{written / 1e9:.2f} GB written in {seconds:.1f} s",
                "< 250 MB",
            ]
        )
    return table("Peak memory of render, four 32f files", ["", "", "", "target"], rows)
