"""The engine's process before it is told what to play."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from plugin_bridge.errors import PluginBridgeWarning
from plugin_bridge.live.child import Child
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import RUNNING, Live
from tests import graphs
from tests.processes import gone, lateness, until
from tests.tiny import write_model

pytestmark = pytest.mark.linux

# What takes long to load; a parent has none of it when it starts its engine's process.
SLOW = ("numpy", "pydantic", "pedalboard", "onnxruntime", "sounddevice")
PARTS = ["program", "orders", "presets", "model", "device", "engine", "trial", "stream"]
LOOK = f"""
import sys
import plugin_bridge.cli.main
from plugin_bridge.live.child import Child
from plugin_bridge.live.settings import LiveSettings
print(*({set(SLOW)!r} & set(sys.modules)))
"""
PARENT = """
import os
from plugin_bridge.live.child import Child
print(Child(hardware=False).pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_parent_has_loaded_nothing_slow_when_it_starts_one() -> None:
    """The command line, the settings and the process itself need only Python's own modules."""
    run = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_one_that_loads_already_becomes_the_first_engine(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """It is told once; the parts of the start are told, and last no longer than the whole."""
    model = write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    settings = LiveSettings(device="null", model=str(model))
    with Child(hardware=False) as child:
        live = Live(settings, child)
        live.start()
        status, pid = live.status(), live.pid
        live.stop()
    assert pid == child.pid
    assert status["state"] == RUNNING
    assert [lap["part"] for lap in status["start"]] == PARTS
    assert 0 < sum(lap["seconds"] for lap in status["start"]) <= status["start_seconds"] + 0.01
    assert all(lap["cpu_seconds"] >= 0 for lap in status["start"])


def test_what_the_engine_warns_of_is_said_by_its_parent(tmp_path: Path) -> None:
    """Once at its start; the session plays."""
    model = graphs.streaming(tmp_path / "odd.onnx", tranied_on="x")
    live = Live(LiveSettings(device="null", model=str(model)))
    try:
        with pytest.warns(PluginBridgeWarning, match="fields tranied_on are unknown"):
            live.start()
        assert live.state == RUNNING
    finally:
        live.stop()


def test_one_that_is_told_nothing_ends_with_its_block() -> None:
    """Where the parent cannot go on, at once; the memory is given back."""
    with Child(hardware=False) as child:
        assert child.lives
        begin = time.monotonic()
    assert time.monotonic() - begin < lateness()
    assert not child.lives
    assert child.memory.inherited == ()


def test_one_that_is_told_nothing_ends_with_its_parent() -> None:
    """A parent that was killed while both loaded leaves no orphan."""
    run = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, check=False)
    until(lambda: gone(int(run.stdout)))
