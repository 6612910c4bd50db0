"""Live playing gives the samples of the engine, at the latency that is stated."""

import numpy as np
import pytest
from pedalboard import Compressor, Reverb
from pedalboard_native._internal import AddLatency

from plugin_bridge.console import Command, Console, Route
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import STEMS, IdentityModel, impulse, noise
from tests import graphs
from tests.live_desk import RATE, cranked, engine_of

BLOCKS = (128, 256, 480, 512, 441)
ADDED = {128: 256, 256: 256, 480: 480, 512: 512, 441: 441}
WORKER_TOTAL = {128: 640, 256: 512, 480: 960, 512: 768, 441: 952}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Give a streaming network with a state, softmax over four stems."""
    return Model(graphs.streaming(tmp_path_factory.mktemp("model") / "m.onnx"), "cpu")


def full() -> Console:
    """Give a console with something of everything."""
    console = Console(STEMS)
    console["vocals"].inserts = [Compressor(-30), AddLatency(300)]
    console.add_bus("room").inserts = [Reverb()]
    console["other"].sends["room"] = -6
    console.routes = [Route("mix", (1, 2)), Route("dry", (3, 4)), Route("room", (5, 6))]
    return console


@pytest.mark.parametrize("mode", ["inline", "worker"])
@pytest.mark.parametrize("block", BLOCKS)
def test_an_impulse_comes_out_at_the_stated_latency(block: int, mode: str) -> None:
    """The formula, by brute force: the sum of the parts is where the click is."""
    engine = engine_of(IdentityModel(["all"]))
    stream, device = cranked(engine, block, mode=mode, clock="wait")
    at = 3 * block + 7
    out = device.crank(impulse(-(-(at + 2000) // block) * block, at))
    stream.stop()
    total = WORKER_TOTAL[block]
    assert stream.latency_samples == (total if mode == "worker" else total - ADDED[block])
    assert sum(stream.latency.values()) == stream.latency_samples
    assert int(np.abs(out).sum(axis=0).argmax()) == at + stream.latency_samples


@pytest.mark.parametrize("shape", [{"hop": 128, "synthesis": 256}, {"synthesis": 2048, "hop": 512}])
def test_other_transforms_have_their_own_latency(shape: dict[str, int]) -> None:
    """128 samples for 2048/256/128 at blocks of 128; 1536 for 2048/512 at its multiples."""
    engine = engine_of(IdentityModel(["all"], **shape))
    stream, device = cranked(engine, shape["hop"], mode="inline", clock="wait")
    out = device.crank(impulse(8192, 1000))
    stream.stop()
    assert stream.latency_samples == shape["synthesis"] - shape["hop"]
    assert int(np.abs(out).sum(axis=0).argmax()) == 1000 + stream.latency_samples


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("mode", ["inline", "worker"])
@pytest.mark.parametrize("block", BLOCKS)
def test_live_is_the_engine_bit_for_bit(model: Model, block: int, mode: str, rate: int) -> None:
    """With inserts, sends and a command at a sample: the same bits, so much later."""
    command = Command(5000, "drums.mute", True)
    mix = noise(0.5, rate)
    mix = mix[:, : mix.shape[1] // block * block]
    reference = engine_of(model, full(), rate)
    reference.send(command)
    expected = reference.whole(mix)
    stream, device = cranked(engine_of(model, full(), rate), block, mode=mode, clock="wait")
    stream.control.send(stream.paths.index(command.path), True, command.position)
    out = device.crank(mix)
    stream.stop()
    late = stream.latency_samples
    assert not out[:, :late].any()
    assert np.array_equal(out[:, late:], expected[:, : mix.shape[1] - late])


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_blocks_that_vary_change_the_place_of_no_sample(model: Model, mode: str) -> None:
    """Blocks shorter than agreed come out at their places; what could not be ready is counted."""
    engine = engine_of(model)
    stream, device = cranked(engine, 512, mode=mode, clock="wait")
    mix = noise(0.3)
    out = np.concatenate([device.crank(mix[:, a : a + 256]) for a in range(0, 12800, 256)], axis=1)
    stream.stop()
    late = stream.latency_samples
    expected = engine_of(model).whole(mix[:, :12800])
    assert np.array_equal(out[:, late:], expected[:, : 12800 - late])


def test_unused_outputs_are_silent() -> None:
    """A device with more outputs than are routed gets zeros there, not what was in its memory."""
    engine = engine_of(IdentityModel(["all"]))
    device = NullDevice(RATE, 256, 4, 8, clocked=False)
    from plugin_bridge.live.stream import LiveStream

    stream = LiveStream(engine, device, mode="inline", clock="wait")
    stream.start()
    out = device.crank(noise(0.1, channels=4))
    assert np.isfinite(out).all()
    assert not out[2:].any()
    assert out[:2].any()
