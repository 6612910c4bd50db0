"""The soak itself, for two seconds: it prints what it promises, and leaves nothing running."""

import os
from pathlib import Path

import pytest

from plugin_bridge.live.settings import LiveSettings
from tests.bench import soak
from tests.processes import children
from tests.tiny import write_model

pytestmark = pytest.mark.system("jackd2", "libportaudio2")


def test_a_short_soak_counts_and_ends(tmp_path: Path) -> None:
    """Two block sizes are two rows with as many cells as the head, and every process has ended.

    Under them is every second that had a miss.
    """
    before = set(children(os.getpid()))
    model = str(write_model(tmp_path / "tiny.onnx"))
    text = soak.measure(LiveSettings(model=model, preset="four-outs"), (256, 128), 1.0)
    title, head, *lines = text.splitlines()
    rows, late = lines[:2], lines[2:]
    assert "tiny, 1 s at 44100 Hz" in title
    assert [row.split()[0] for row in rows] == ["256", "128"]
    assert all(len(row) == len(rows[0]) and row.rstrip().endswith("%") for row in rows)
    assert all(int(row.split()[2]) > 20 for row in rows)  # hops
    assert head.split()[-1] == "stolen"
    misses = sum(int(row.split()[3]) for row in rows)
    assert sum(int(line.split()[3]) for line in late if "missed" in line) == misses
    assert set(children(os.getpid())) == before
