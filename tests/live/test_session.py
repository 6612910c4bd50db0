"""A whole session on a JACK server: its server killed and restarted, and what does not fit."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugin_bridge.errors import DeviceError
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import LOST, RUNNING, Live
from tests.live.jackd import Jackd, environment
from tests.processes import lateness, seconds_until, until
from tests.tiny import read_audio, write_model

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

RATE, PERIOD = 44100, 256
# The project's promise; a loaded machine is late by itself.
NOTICED, ENDED = 1.0, 2.0


StartServer = Callable[..., Jackd]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartServer]:
    """Start a server that engines see; nothing of this process is its client."""
    with ExitStack() as stack:

        def start(outputs: int = 8, inputs: int = 2) -> Jackd:
            server = stack.enter_context(Jackd(RATE, PERIOD, inputs, outputs))
            for name, value in environment(server.name).items():
                monkeypatch.setenv(name, value)
            return server

        yield start


@pytest.fixture
def settings(tmp_path: Path) -> LiveSettings:
    """Give a session of a tiny model on eight outputs."""
    return LiveSettings(model=str(write_model(tmp_path / "tiny.onnx")), preset="four-outs")


def callbacks(live: Live) -> int:
    """Give how often the device has called."""
    return int(live.status()["counters"]["callbacks"])


def test_a_server_that_dies_and_comes_back(serve: StartServer, settings: LiveSettings) -> None:
    """Noticed within a second, reopened, with the console as it was; ended while it is gone."""
    server = serve()
    live = Live(settings)
    live.start()
    try:
        assert live.described["device"]["outputs"] == 8
        live.send("bass.mute", True)
        until(lambda: callbacks(live) > 20)
        server.kill()
        assert seconds_until(lambda: live.state == LOST) < NOTICED + lateness()
        live.send("drums.solo", True)
        until(lambda: bool(live.trouble))
        server.start()
        until(lambda: live.state == RUNNING)
        before = callbacks(live)
        until(lambda: callbacks(live) > before + 20)
        assert live.get("bass.mute") is True
        assert live.get("drums.solo") is True
        assert live.restarts == 1
        assert live.trouble == ""
        server.kill()
        until(lambda: live.state == LOST)
    finally:
        begin = time.monotonic()
        live.stop()
    assert time.monotonic() - begin < ENDED + lateness()
    server.start()


def test_a_server_that_shortens_its_period_gets_a_new_stream(
    serve: StartServer, settings: LiveSettings
) -> None:
    """One that fits: no hop is missing any more, and block and latency are stated anew."""
    server = serve()
    live = Live(replace(settings, mode="inline", clock="wait"))
    live.start()
    other = server.client("other")
    try:
        assert live.described["latency_samples"]["fifo"] == 0
        live.send("bass.mute", True)
        until(lambda: callbacks(live) > 20)
        other.blocksize = PERIOD // 4
        until(lambda: live.restarts == 1 and live.state == RUNNING)
        assert live.described["device"]["block"] == PERIOD // 4
        assert live.described["latency_samples"]["fifo"] == PERIOD * 3 // 4
        assert live.get("bass.mute") is True
        missed, before = live.status()["counters"]["misses"], callbacks(live)
        assert missed > 0
        until(lambda: callbacks(live) > before + 200)
        assert live.status()["counters"]["misses"] == missed
        other.blocksize = PERIOD  # cut into blocks: the stream stays
        before = callbacks(live)
        until(lambda: callbacks(live) > before + 200)
        assert live.restarts == 1
    finally:
        live.stop()
        other.close()


@pytest.mark.parametrize("change", ["outputs", "rate", "name", "gone"])
def test_what_does_not_fit_is_one_sentence(
    serve: StartServer, settings: LiveSettings, change: str
) -> None:
    """A preset of eight outputs on two, another rate, another name, no server: asked and there."""
    outputs = 2 if change == "outputs" else 8
    server = serve(outputs)
    changes: dict[str, dict[str, Any]] = {"rate": {"rate": 48000.0}, "name": {"output": "odd"}}
    if change == "gone":
        server.stop()
    said = {"outputs": "8", "rate": "48000", "name": "odd", "gone": "device"}[change]
    live = Live(LiveSettings(**{**vars(settings), **changes.get(change, {})}))
    with pytest.raises(DeviceError, match=said):
        live.start()
    live.stop()


def test_a_microphone_alone_is_told(
    serve: StartServer, settings: LiveSettings, tmp_path: Path
) -> None:
    """The program says that one input feeds both channels, and a take of it has two."""
    serve(outputs=8, inputs=1)
    take = tmp_path / "take"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "plugin_bridge.cli", "live", "--seconds", "0.5"),
            *("--model", str(settings.model), "--record", str(take)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "its one input feeds both channels" in run.stderr
    assert read_audio(take / "input.wav").shape[0] == 2
