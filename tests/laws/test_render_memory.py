"""A render takes the same memory for a short and a long file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import hiss, write_audio

ROOT = Path(__file__).resolve().parents[2]
# Room for the allocator; ten minutes of four stems are 850 MB.
GROWTH_MB = 20.0
PEAK_MB = 250.0

# A process of its own, since a peak never falls; at 8 kHz, so that it is quick. (getrusage would
# also count the memory of the test that started it.)
CODE = """
import re, sys
from pathlib import Path
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from tests.tiny import equal_model
model = equal_model(sample_rate=8000, n_fft=256, synthesis=128, hop=64)
render(sys.argv[1], RenderOptions(out=Path(sys.argv[2]), bit_depth='16'), model=model)
print(re.search(r"VmHWM:\\s+(\\d+)", Path('/proc/self/status').read_text())[1])
"""


def _peak_mb(path: Path, out: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024


@pytest.mark.linux
def test_memory_is_flat(tmp_path: Path) -> None:
    """Ten minutes take at most 20 MB more than one minute, and less than 250 MB in all."""
    peaks = []
    for minutes in (1, 10):
        samples = hiss(60 * 8000).repeat(minutes, axis=1)
        path = write_audio(tmp_path / f"{minutes}.wav", samples, 8000, bits=16)
        peaks.append(_peak_mb(path, tmp_path))
    assert peaks[1] - peaks[0] < GROWTH_MB
    assert peaks[1] < PEAK_MB
