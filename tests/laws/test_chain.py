"""Laws of Chain: the same as its plugins by hand, in one call or streamed."""

from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pedalboard import Chorus, Compressor, Gain, HighpassFilter, Limiter, Pedalboard, Reverb
from pedalboard_native._internal import AddLatency

from plugin_bridge import Chain, StemBridge
from plugin_bridge.errors import SpecError
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests import graphs
from tests.cuts import blocks
from tests.tiny import equal_model

Wave = NDArray[np.float32]
RATE = 44100
NULL = 1e-6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Give a streaming network with a state, softmax over four stems."""
    return Model(graphs.streaming(tmp_path_factory.mktemp("model") / "m.onnx"))


def stream(plugin: Any, audio: Wave, cuts: list[int]) -> Wave:
    """Push block by block, and flush."""
    parts = [plugin(block, RATE, reset=False) for block in blocks(audio, cuts)]
    return np.concatenate([*parts, plugin.flush()], axis=1)


def bridge_of(model: Model) -> StemBridge:
    """Give a bridge that changes what goes through it."""
    bridge = StemBridge(model)
    bridge["vocals"].inserts = [Compressor(-30), AddLatency(77)]
    bridge["drums"].mute = True
    return bridge


def natives() -> list[list[pedalboard.Plugin]]:
    """Give plugins for before, between and behind bridges, some of them late."""
    return [
        [HighpassFilter(60), AddLatency(10)],
        [Compressor(-20), Chorus()],
        [AddLatency(100), Pedalboard([Reverb(0.2), Gain(-3)]), Limiter(-6)],
    ]


def by_hand(model: Model, audio: Wave) -> Wave:
    """Run what `chain_of` has, one after the other."""
    before, between, behind = natives()
    audio = Pedalboard(before)(audio, RATE)
    audio = bridge_of(model)(audio, RATE)
    audio = Pedalboard(between)(audio, RATE)
    audio = StemBridge(model)(audio, RATE)
    return Pedalboard(behind)(audio, RATE)


def chain_of(model: Model) -> Chain:
    """Give two bridges with plugins around them, a part of it as a chain in the chain."""
    before, between, behind = natives()
    return Chain([*before, Chain([bridge_of(model), *between]), StemBridge(model), *behind])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_chain_is_its_plugins_by_hand(model: Model, channels: int) -> None:
    """Bit for bit, again and again."""
    chain, audio = chain_of(model), noise(0.3, channels=channels)
    for _ in range(2):
        np.testing.assert_array_equal(chain(audio, RATE), by_hand(model, audio))


@given(cuts=st.lists(st.integers(1, 3) | st.integers(1, 3000), max_size=12))
def test_a_streamed_chain_is_its_plugins_by_hand(model: Model, cuts: list[int]) -> None:
    """Bit for bit, however the stream was cut."""
    audio = noise(0.2)
    np.testing.assert_array_equal(stream(chain_of(model), audio, cuts), by_hand(model, audio))


@given(block=st.integers(3, 3000))
def test_a_chain_is_a_native_plugin_of_its_latency(block: int) -> None:
    """Call by call, for blocks of one size, with plugins that leave the signal as it is."""
    chain = Chain([AddLatency(10), StemBridge(equal_model()), Gain(0), AddLatency(100)])
    assert chain.latency_samples == 10 + 511 + 100 + 2
    native = AddLatency(chain.latency_samples)
    for index in range(1500 // block + 3):
        audio = noise(0.1, seed=index)[:, :block]
        wanted = native(audio, RATE, reset=False)
        np.testing.assert_allclose(chain(audio, RATE, reset=False), wanted, atol=NULL)
    assert chain.latency_samples == 623


@given(
    sizes=st.lists(st.integers(3, 3000), max_size=8),
    resets=st.lists(st.booleans(), min_size=8, max_size=8),
    channels=st.sampled_from([1, 2, 5]),
)
def test_without_a_bridge_it_is_a_pedalboard(
    sizes: list[int], resets: list[bool], channels: int
) -> None:
    """Call by call, also where Pedalboard prepares its plugins anew."""
    made = [[HighpassFilter(60), AddLatency(100), Compressor(-30)] for _ in range(2)]
    chain, board = Chain([*made[0][:1], Chain(made[0][1:])]), Pedalboard(made[1])
    for size, reset in zip(sizes, resets, strict=False):
        audio = noise(0.1, channels=channels)[:, :size]
        np.testing.assert_array_equal(
            chain(audio, RATE, reset=reset), board(audio, RATE, reset=reset)
        )


def test_an_empty_chain_gives_a_copy() -> None:
    """As a Pedalboard without plugins does."""
    audio = noise(0.1)
    out = Chain()(audio, RATE)
    np.testing.assert_array_equal(out, audio)
    assert not np.shares_memory(out, audio)
    assert Chain().latency_samples == 0


@pytest.mark.parametrize("form", ["(n, 2)", "(n,)", "float64"])
def test_layouts_and_types_are_pedalboards(model: Model, form: str) -> None:
    """In and out are laid out alike, and what comes out is float32."""
    audio = noise(0.1)
    forms = {"(n, 2)": audio.T, "(n,)": audio[0], "float64": audio.astype(float)}
    planes = {"(n, 2)": audio, "(n,)": audio[:1], "float64": audio}
    out = chain_of(model)(forms[form], RATE)
    wanted = by_hand(model, planes[form])
    assert out.shape == forms[form].shape
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out if form == "float64" else out.T.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("other", [(48000, 2), (RATE, 1)])
def test_another_rate_or_width_starts_anew(model: Model, other: tuple[int, int]) -> None:
    """All plugins, so that they stay in step."""
    rate, channels = other
    chain, fresh = chain_of(model), chain_of(model)
    chain(noise(0.1), RATE, reset=False)
    for block in blocks(noise(0.2, rate, channels), [333, 2000]):
        np.testing.assert_array_equal(
            chain(block, rate, reset=False), fresh(block, rate, reset=False)
        )


def test_a_stream_after_a_whole_signal_is_primed() -> None:
    """As with native plugins: every block comes back whole, at first silent."""
    chain = Chain([AddLatency(10), StemBridge(equal_model()), AddLatency(100)])
    native = AddLatency(623)
    for index, reset in enumerate([False, True, False, False, True, False]):
        audio = noise(0.1, seed=index)[:, :900]
        wanted = native(audio, RATE, reset=reset)
        np.testing.assert_allclose(chain(audio, RATE, reset=reset), wanted, atol=NULL)


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_a_flush_gives_what_is_held(model: Model, samples: int) -> None:
    """Of very little, of nothing at all, and of nothing yet."""
    chain, audio = chain_of(model), np.ascontiguousarray(noise(1)[:1, :samples])
    assert chain.flush().shape == (2, 0)
    out = np.concatenate([chain(audio, RATE, reset=False), chain.flush()], axis=1)
    np.testing.assert_array_equal(out, by_hand(model, audio))


def test_reset_equals_a_new_chain(model: Model) -> None:
    """In the stream, and in that a square array says nothing again."""
    chain, audio = chain_of(model), noise(0.1)
    fresh = stream(chain, audio, [700])
    chain(audio, RATE, reset=False)
    chain.reset()
    np.testing.assert_array_equal(stream(chain, audio, [700]), fresh)
    chain.reset()
    with pytest.raises(RuntimeError, match="not square first"):
        chain(audio[:, :2], RATE)


def test_a_flush_forgets_the_layout(model: Model) -> None:
    """As the plugins do that it ends the stream of."""
    chain, audio = chain_of(model), noise(0.1)
    chain(audio, RATE, reset=False)
    chain.flush()
    with pytest.raises(RuntimeError, match="not square first"):
        chain(audio[:, :2], RATE, reset=False)


def test_settings_may_change_at_any_time(model: Model) -> None:
    """Of the plugins, of boards in it, and of the bridge's strips."""
    gain, bridge, board = Gain(0), StemBridge(model), Pedalboard([])
    chain, audio = Chain([gain, bridge, board]), noise(0.1)
    plain = chain(audio, RATE)
    gain.gain_db, board_gain = 6, Gain(-6)
    board.append(board_gain)
    np.testing.assert_allclose(chain(audio, RATE), plain, atol=NULL)
    bridge.console.master.mute = True
    assert not chain(audio, RATE).any()


@pytest.mark.parametrize(
    ("plugins", "says"),
    [
        (lambda: ["reverb"], "a chain cannot have 'reverb'; give Pedalboard's own plugins"),
        (lambda: [[Gain()] * 2], r"a chain cannot have \[.*; give"),
        (lambda: [Gain()] * 2, "Gain.* is in the chain twice; make one for each place"),
        (lambda: [StemBridge(equal_model())] * 2, "StemBridge.* is in the chain twice"),
    ],
)
def test_what_cannot_be_chained_says_why(plugins: Any, says: str) -> None:
    """One sentence each."""
    with pytest.raises(SpecError, match=says):
        Chain(plugins())


def test_what_cannot_be_processed_says_why(model: Model, tmp_path: Path) -> None:
    """As the bridge or Pedalboard would."""
    with pytest.raises(SpecError, match="does not run at 32000 Hz"):
        chain_of(model)(noise(0.1), 32000)
    with pytest.raises(SpecError, match="the audio has 3 channels"):
        chain_of(model)(noise(0.1, channels=3), RATE)
    for chain in (Chain([Gain()]), chain_of(model)):
        with pytest.raises(TypeError, match="int16, only float32 and float64"):
            chain(np.zeros((2, 9), np.int16), RATE)
