"""A whole session on a JACK server: its server killed and restarted, and what does not fit."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from plugin_bridge.errors import DeviceError
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import LOST, RUNNING, Live
from tests.live.jackd import Jackd, environment
from tests.processes import seconds_until, until
from tests.tiny import write_model

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

RATE, PERIOD = 44100, 256
# The project's promise; a loaded machine is late by itself.
NOTICED, ENDED, MARGIN = 1.0, 2.0, 1.0


StartServer = Callable[..., Jackd]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartServer]:
    """Start a server that engines see; nothing of this process is its client."""
    with ExitStack() as stack:

        def start(outputs: int = 8) -> Jackd:
            server = stack.enter_context(Jackd(RATE, PERIOD, outputs=outputs))
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
        assert seconds_until(lambda: live.state == LOST) < NOTICED + MARGIN
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
    assert time.monotonic() - begin < ENDED + MARGIN
    server.start()


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
