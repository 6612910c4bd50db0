"""The plugin in Ardour: on JACK, and in a session that another program exports."""

from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.console import Command, Console
from plugin_bridge.daw import protocol
from tests.daw.ardour import INTO, KEYS, OUT_OF, Ardour
from tests.daw.hosts import Patched, Serving, commanded, reference, wait_for
from tests.live.jackd import Jackd
from tests.tiny import hiss, read_audio

pytestmark = [
    pytest.mark.system("dpf-source", "g++", "make", "ardour"),
    pytest.mark.timeout(600),
]
RATE = 48000
# Ardour's ports on JACK resample, at a ratio of one: half of this before the plugin, half behind.
PORTS_DELAY = 32
# A period of the dummy device that an export uses.
EXPORT_BLOCK = 1024


@pytest.fixture
def ardour(built: Path, server: Serving, tmp_path: Path) -> Ardour:
    """Give Ardour in a home of its own."""
    return Ardour(tmp_path / "home", built, server)


def quieter() -> Console:
    """Give the console that every session is made with."""
    console = Console(protocol.STEMS)
    console["vocals"].gain_db = -6.0
    return console


@pytest.mark.system("jackd2")
@pytest.mark.parametrize("kind", ["VST3", "LV2"])
def test_ardour_hears_every_bus(ardour: Ardour, server: Serving, kind: str) -> None:
    """On JACK every sample of ten channels is exact, in the session reopened as well.

    A parameter is saved with the session, and a pad mutes the drums at the hop after its sample.
    """
    period, pad, captured = 512, 24001, []
    signal, message = hiss(RATE), bytes([0x90, 37, 100])
    with Jackd(RATE, period) as jack:
        for again in (False, True):
            with ardour.on_jack(jack, kind, again=again):
                peer = Patched(jack, INTO, OUT_OF, (KEYS, pad, message))
                try:
                    peer.connect()
                    peer.free()
                    _until_it_is_told(peer)
                    captured.append(peer.play(signal, 8192))
                    peer.free(wanted=False)
                finally:
                    peer.close()
    # The stream's grid of hops begins with a period, the signal half a delay later.
    shift = PORTS_DELAY // 2
    padded = np.pad(signal, ((0, 0), (shift, period)))
    mute = Command(pad, "drums.mute", True)
    wanted = commanded(server.model, padded, RATE, quieter(), [mute])[:, shift : shift + RATE]
    assert not wanted[4:6, pad + 1024 :].any()
    late = 511 + period + 256 + PORTS_DELAY
    for heard in captured:
        assert np.array_equal(heard[:, late : late + RATE], wanted)


def _until_it_is_told(peer: Patched) -> None:
    """Play noise until all of it is heard.

    Ardour tells its plugins of freewheeling from another thread than that of the audio, so they
    may miss hops of the first cycles, as they would by the clock.
    """

    def is_heard() -> bool:
        return bool(peer.play(hiss(4096), 8192).any(axis=0).sum() >= 4096)

    wait_for(is_heard, "all of a noise")


@pytest.mark.parametrize("kind", ["VST3", "LV2"])
def test_ardour_exports_every_bus(
    ardour: Ardour, server: Serving, tmp_path: Path, kind: str
) -> None:
    """All ten channels of an export are exact, at the song's own place, as they were saved."""
    signal, target = hiss(RATE), tmp_path / "all.wav"
    ardour.make(kind, signal, RATE)
    ardour.export(target)
    # Ardour begins a latency before the song, with a block: there the grid of hops begins.
    early = -(511 + EXPORT_BLOCK + 256) % 256
    padded = np.pad(signal, ((0, 0), (early, 0)))
    wanted = reference(server.model, padded, RATE, quieter())[:, early:]
    assert np.array_equal(read_audio(target), wanted)
