"""The program as its users start it, in a process of its own; and songs for it to read."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pedalboard.io import AudioFile

ROOT = Path(__file__).resolve().parents[2]
RATE = 44100
MINUTE = 60 * RATE
# getrusage would also count the process that started this one, so Linux is asked directly.
RUN_AND_TELL_MEMORY = """
import sys
from pathlib import Path
from plugin_bridge.cli.main import main
code = main(sys.argv[1:])
print(Path("/proc/self/status").read_text())
sys.exit(code)
"""


def run(arguments: Sequence[str], *, code: str | None = None) -> str:
    """Run plugin-bridge, or Python `code`, with these arguments; give what it prints."""
    command = ["-m", "plugin_bridge.cli"] if code is None else ["-c", code]
    done = subprocess.run(
        [sys.executable, *command, *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def peak_memory(arguments: Sequence[str]) -> float:
    """Run plugin-bridge; give its highest resident memory in MB (Linux only)."""
    output = run(arguments, code=RUN_AND_TELL_MEMORY)
    found = re.search(r"VmHWM:\s+(\d+) kB", output)
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def make_song(path: Path, seconds: float) -> Path:
    """Write a 16-bit stereo file of noise, a minute at a time."""
    generator = np.random.default_rng(0)
    minute = 0.1 * generator.standard_normal((2, MINUTE), np.float32)
    samples = round(seconds * RATE)
    with AudioFile(str(path), "w", RATE, 2, bit_depth=16) as file:
        for start in range(0, samples, MINUTE):
            file.write(minute[:, : samples - start])
    return path
