"""What runs while audio plays leaves no memory behind, and a ring takes none at all."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge import Separator
from plugin_bridge.dsp.ring import Ring
from plugin_bridge.live.control import ControlBlock
from plugin_bridge.live.deck import Deck, Splice
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.live.tape import Tape
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import IdentityModel, noise
from tests import graphs
from tests.live_desk import RATE, cranked, engine_of

# Large against the few small Python objects of a call (about 2 KB in all).
BLOCK = np.zeros((2, 2048), np.float32)
CALLS = 200
HOPS = 500
HOP = 256
# A hop of four stereo stems is 8 KB: one that stayed behind would show. Numbers may be replaced.
GROWTH_BYTES = 2048


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace allocations, with nothing waiting for the collector."""
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak_over(calls: int, work: Callable[[], object]) -> int:
    """Give the highest memory above the start, in bytes, over a number of calls."""
    work()
    start, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for _ in range(calls):
        work()
    return tracemalloc.get_traced_memory()[1] - start


@pytest.mark.usefixtures("traced")
def test_a_ring_allocates_less_than_a_block() -> None:
    """200 writes and reads of 16 KB peak below one block, also across the ring's end."""
    ring = Ring((2,), 3000)
    out = np.zeros_like(BLOCK)
    assert peak_over(CALLS, lambda: (ring.write(BLOCK), ring.read(out))) < BLOCK.nbytes


@pytest.mark.usefixtures("traced")
def test_a_temporary_would_be_seen() -> None:
    """The measure above sees one temporary array per call."""
    assert peak_over(CALLS, lambda: BLOCK + 1) >= BLOCK.nbytes


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("kind", ["onnx", "identity"])
def test_a_separator_does_not_grow(kind: str, tmp_path: Path) -> None:
    """500 hops, one frame per call, leave no memory behind."""
    model = Model(graphs.streaming(tmp_path / "m.onnx"), "cpu") if kind == "onnx" else None
    separator = Separator(model or IdentityModel(["a", "b", "c", "d"]), block=HOP)
    mix = noise(1)[:, :HOP]
    for _ in range(HOPS):  # onnxruntime's objects for its calls grow at first, to about 20 KB
        separator.push(mix)
    gc.collect()
    start, _ = tracemalloc.get_traced_memory()
    for _ in range(HOPS):
        separator.push(mix)
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - start < GROWTH_BYTES


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("missing", [False, True])
def test_a_callback_allocates_less_than_a_block(missing: bool) -> None:
    """200 callbacks peak below one block of 16 KB, be every hop there or every one missing."""
    length = BLOCK.shape[1]
    device = NullDevice(RATE, length, 2, 2, clocked=False)
    # Not started: the worker's part is played here.
    stream = LiveStream(engine_of(IdentityModel(["all"])), device, mode="worker")
    indata, outdata = np.ones((length, 2), np.float32), np.ones((length, 2), np.float32)
    hop = np.ones((2, HOP), np.float32)

    def callback() -> None:
        for _ in range(0 if missing else length // HOP):
            stream._player.write(hop, hop)
        stream.callback(indata, outdata, 0)

    assert peak_over(CALLS, callback) < BLOCK.nbytes
    assert bool(stream._player.missed_samples) == missing


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("missing", [False, True])
def test_a_play_head_allocates_less_than_a_block(missing: bool) -> None:
    """200 blocks of 16 KB of a song, with a jump in each or for want of stems at a stand."""
    length = BLOCK.shape[1]
    tape = Tape(2, RATE)
    deck = Deck(tape, RATE, HOP, length, ControlBlock().cells)
    out = np.zeros_like(BLOCK)
    tape.write(np.ones((2, RATE), np.float32))

    def play() -> None:
        if not missing:
            deck.seek(1000)
            deck.splice = Splice(deck.order.number, tape.end, 1000)
            deck.play(out)
            tape.skip(RATE)
        deck.play(out)

    assert peak_over(CALLS, play) < BLOCK.nbytes
    assert deck.head == 0 if missing else out.any()


@pytest.mark.usefixtures("traced")
def test_a_stream_does_not_grow() -> None:
    """500 hops through a console with meters and a control block leave no memory behind."""
    stream, device = cranked(engine_of(IdentityModel(["a", "b"])), HOP, mode="inline", clock="wait")
    mix = noise(1)[:, :HOP]
    for _ in range(HOPS):
        device.crank(mix)
    gc.collect()
    start, _ = tracemalloc.get_traced_memory()
    for _ in range(HOPS):
        device.crank(mix)
    gc.collect()
    assert tracemalloc.get_traced_memory()[0] - start < GROWTH_BYTES
    stream.stop()
