"""Real audio for tests: a JACK server with a dummy device, and PortAudio on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from plugin_bridge.live.devices import portaudio
from plugin_bridge.live.devices.driver import process
from tests.live.jackd import Jackd, environment

StartServer = Callable[..., Jackd]


@pytest.fixture
def start_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartServer]:
    """Start servers that PortAudio sees, one at a time; they end with the test."""
    with ExitStack() as stack:

        def start(rate: int, period: int, outputs: int = 8, inputs: int = 2) -> Jackd:
            portaudio.release()
            server = stack.enter_context(Jackd(rate, period, inputs, outputs))
            for name, value in environment(server.name).items():
                monkeypatch.setenv(name, value)
            portaudio.refresh()
            return server

        yield start
        for device in list(process.opened):
            device.stop()
        # PortAudio leaves before its server does, or it ends the process.
        portaudio.release()
