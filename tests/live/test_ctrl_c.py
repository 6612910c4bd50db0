"""The program on a JACK server, in trouble: Ctrl-C ends it all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plugin_bridge.cli.terminal import FAILURE, OK
from tests import graphs
from tests.live.jackd import Jackd, environment
from tests.processes import children, gone, hear_ctrl_c, lateness, until
from tests.tiny import write_model

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

# Ctrl-C ends within two seconds.
ENDED = 2.0


@pytest.mark.parametrize("trouble", ["lost", "slow"])
def test_ctrl_c_ends_a_session_in_trouble(trouble: str, tmp_path: Path) -> None:
    """A server that died, a model that is too slow: within two seconds, and no process is left.

    That there was no sound at the end is told, and a failure.
    """
    make = graphs.slow if trouble == "slow" else write_model
    model, stats = make(tmp_path / "model.onnx"), tmp_path / "stats.json"
    with (
        Jackd(44100, 256) as server,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "plugin_bridge.cli", "live"),
                *("--model", str(model), "--stats", str(stats)),
            ],
            env={**os.environ, **environment(server.name)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            preexec_fn=hear_ctrl_c,
        ) as process,
    ):
        assert process.stderr is not None
        try:
            assert "latency" in process.stderr.readline()
            engines = children(process.pid)
            if trouble == "lost":
                server.kill()
                assert process.stderr.readline().startswith("plugin-bridge: no sound, and tried ")
            else:
                time.sleep(0.5)  # a hundred blocks that it cannot do
            engines += children(process.pid)
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == (FAILURE if trouble == "lost" else OK)
            assert time.monotonic() - begin < ENDED + lateness()
            assert ("had not come back" in process.stderr.read()) == (trouble == "lost")
        finally:
            process.kill()
    until(lambda: all(gone(engine) for engine in engines))
    found = json.loads(stats.read_text())
    assert found["counters"]["callbacks"] > 0
    if trouble == "slow":
        assert found["mode"] == "worker"
        assert found["counters"]["misses"] > 0
