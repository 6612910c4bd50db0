"""Laws of StemBridge: it behaves as a native plugin of its latency does, call by call."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pedalboard_native._internal import AddLatency

from plugin_bridge import StemBridge
from plugin_bridge.console import Console
from plugin_bridge.console.effects import EFFECTS
from plugin_bridge.errors import ModelFileError, SpecError
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests import graphs
from tests.cuts import blocks
from tests.tiny import equal_model, halves_model

Wave = NDArray[np.float32]
Build = Callable[[], list[pedalboard.Plugin]]
RATE = 44100
# Analysis, masks that sum to one, and synthesis, in single precision.
NULL = 1e-6

# Each as its user would put it into a strip; all of them give the same for the same hops.
INSERTS: dict[str, Build] = {
    "Bitcrush": lambda: [pedalboard.Bitcrush(8)],
    "BrickwallLimiter": lambda: [pedalboard.BrickwallLimiter(-20)],
    "Chorus": lambda: [pedalboard.Chorus()],
    "Clipping": lambda: [pedalboard.Clipping(-20)],
    "Compressor": lambda: [pedalboard.Compressor(-30, 4)],
    "Convolution": lambda: [pedalboard.Convolution(noise(0.05), 0.5, RATE)],
    "Delay": lambda: [pedalboard.Delay(0.01, 0.5)],
    "Distortion": lambda: [pedalboard.Distortion(12)],
    "Gain": lambda: [pedalboard.Gain(-3)],
    "HighShelfFilter": lambda: [pedalboard.HighShelfFilter()],
    "HighpassFilter": lambda: [pedalboard.HighpassFilter(200)],
    "Invert": lambda: [pedalboard.Invert()],
    "LadderFilter": lambda: [pedalboard.LadderFilter()],
    "Limiter": lambda: [pedalboard.Limiter(-20)],
    "LowShelfFilter": lambda: [pedalboard.LowShelfFilter()],
    "LowpassFilter": lambda: [pedalboard.LowpassFilter(2000)],
    "NoiseGate": lambda: [pedalboard.NoiseGate(-25)],
    "PeakFilter": lambda: [pedalboard.PeakFilter()],
    "Phaser": lambda: [pedalboard.Phaser()],
    "Reverb": lambda: [pedalboard.Reverb(0.3)],
    "AddLatency": lambda: [AddLatency(480)],
    "series": lambda: [pedalboard.Compressor(-20), AddLatency(100), pedalboard.Reverb()],
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Give a streaming network with a state, softmax over four stems."""
    return Model(graphs.streaming(tmp_path_factory.mktemp("model") / "m.onnx"))


def stream(plugin: Any, audio: Wave, cuts: list[int], rate: float = RATE) -> list[Wave]:
    """Push the audio in blocks of these sizes and the rest."""
    return [plugin(block, rate, reset=False) for block in blocks(audio, cuts)]


def shaped(samples: Wave, layout: str) -> Wave:
    """Lay out (2, n) as stereo, interleaved stereo, mono of two axes, or mono of one."""
    forms = {"(2, n)": samples, "(n, 2)": samples.T, "(1, n)": samples[:1], "(n,)": samples[0]}
    laid_out: Wave = forms[layout]
    return laid_out


@given(
    sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=8),
    resets=st.lists(st.booleans(), min_size=8, max_size=8),
    layout=st.sampled_from(["(2, n)", "(n, 2)", "(1, n)", "(n,)"]),
    dtype=st.sampled_from(["float32", "float64"]),
    constant=st.booleans(),
)
def test_a_bridge_is_a_native_plugin_of_its_latency(
    model: Model, sizes: list[int], resets: list[bool], layout: str, dtype: str, constant: bool
) -> None:
    """For constant and shrinking blocks, either reset, any layout: lengths, types and samples."""
    sizes = [sizes[0]] * len(sizes) if constant else sorted(sizes, reverse=True)
    # Stereo of one sample is mono of two to Pedalboard; a square must not come first.
    sizes = [max(3, sizes[0]), *(max(2, size) for size in sizes[1:])]
    bridge = StemBridge(model)
    native = AddLatency(bridge.latency_samples)
    for index, (size, reset) in enumerate(zip(sizes, resets, strict=False)):
        audio = shaped(noise(1, seed=index)[:, :size], layout).astype(dtype)
        wanted = native(audio, RATE, reset=reset)
        given_ = bridge(audio, RATE, reset=reset)
        assert (given_.shape, given_.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(given_, wanted, atol=NULL)


@pytest.mark.parametrize("frames_per_call", [1, 64])
@pytest.mark.parametrize("block", [128, 256, 480, 512, 1000])
def test_a_promised_block_has_the_exact_latency(
    model: Model, block: int, frames_per_call: int
) -> None:
    """A native plugin of that latency, also after a call with reset of another length."""
    bridge = StemBridge(model, block=block, frames_per_call=frames_per_call)
    native = AddLatency(bridge.latency_samples)
    for count in (777, None, 5001):
        if count is not None:
            audio = noise(1)[:, :count]
            bridge(audio, RATE)
            native(noise(1), RATE)  # as long a call first, or the next one would be larger
            native(audio, RATE)
        for index in range(40):
            audio = noise(1, seed=index)[:, :block]
            wanted = native(audio, RATE, reset=False)
            np.testing.assert_allclose(bridge(audio, RATE, reset=False), wanted, atol=NULL)


@pytest.mark.parametrize(
    ("block", "latency"), [(None, 511), (64, 448), (128, 384), (256, 256), (480, 480), (512, 256)]
)
def test_latency_by_the_formula(block: int | None, latency: int) -> None:
    """Of the default transform; inserts add the longest of theirs."""
    bridge = StemBridge(equal_model(), block=block)
    assert bridge.latency_samples == latency
    bridge["vocals"].inserts = [AddLatency(480)]
    bridge["drums"].inserts = [AddLatency(100)]
    assert bridge.latency_samples == latency + 480


def test_other_blocks_than_the_promised_are_refused_while_streaming() -> None:
    """A whole signal may have any length."""
    bridge = StemBridge(equal_model(), block=256)
    assert bridge(noise(1)[:, :999], RATE).shape == (2, 999)
    assert bridge(noise(1)[:, :0], RATE, reset=False).shape == (2, 0)
    with pytest.raises(SpecError, match="has 128 samples, the engine was made for blocks of 256"):
        bridge(noise(1)[:, :128], RATE, reset=False)


@given(sizes=st.lists(st.integers(3, 3000), max_size=12))
def test_growing_blocks_are_a_plain_delay_line(model: Model, sizes: list[int]) -> None:
    """Where a native plugin is prepared anew inside, and loses what it held."""
    bridge = StemBridge(model)
    line: deque[Wave] = deque()
    taken = given_ = 0
    for index, size in enumerate(sorted(sizes)):
        audio = noise(1, seed=index)[:, :size]
        line.extend(audio.T)
        taken += size
        due = max(0, taken - bridge.latency_samples - given_)
        given_ += due
        wanted = np.array([line.popleft() for _ in range(due)], np.float32).reshape(due, 2)
        np.testing.assert_allclose(bridge(audio, RATE, reset=False), wanted.T, atol=NULL)
    rest = np.array(line, np.float32).reshape(-1, 2)
    np.testing.assert_allclose(bridge.flush().T, rest, atol=NULL)


def test_the_inserts_tested_are_all_that_presets_may_have() -> None:
    """And some more."""
    assert set(EFFECTS) <= set(INSERTS)


@pytest.mark.parametrize("name", INSERTS)
@given(cuts=st.lists(st.integers(1, 3) | st.integers(1, 3000), max_size=6))
def test_cuts_change_no_bit(model: Model, name: str, cuts: list[int]) -> None:
    """With inserts of every kind on two strips and a bus: inserts see hops, never blocks."""
    bridge = StemBridge(model)
    bridge["vocals"].inserts = INSERTS[name]()
    bridge["bass"].inserts = [pedalboard.Gain(-6)]
    bridge.add_bus("room").inserts = INSERTS[name]()
    bridge["drums"].sends["room"] = -3
    audio = noise(0.15)
    whole = bridge(audio, RATE)
    bridge.reset()
    parts = stream(bridge, audio, cuts)
    np.testing.assert_array_equal(np.concatenate([*parts, bridge.flush()], axis=1), whole)


def test_a_block_of_64_frames_per_call_is_the_same(model: Model) -> None:
    """To 1e-6 of the input's peak, inserts and all."""
    audio = noise(1)
    audio /= np.abs(audio).max()
    mixes = []
    for frames_per_call in (1, 64):
        bridge = StemBridge(model, frames_per_call=frames_per_call)
        bridge["drums"].inserts = [pedalboard.HighpassFilter(100), AddLatency(33)]
        bridge["bass"].mute = True
        mixes.append(bridge(audio, RATE))
    np.testing.assert_allclose(mixes[1], mixes[0], atol=1e-6)


@pytest.mark.parametrize("other", [(48000, 2), (RATE, 1), (96000, 1)])
def test_another_rate_or_width_starts_anew(model: Model, other: tuple[int, int]) -> None:
    """As a new bridge would."""
    rate, channels = other
    bridge = StemBridge(model)
    stream(bridge, noise(0.1), [])
    audio = noise(0.1, rate, channels)
    fresh = StemBridge(model)
    for given_, wanted in zip(
        stream(bridge, audio, [400, 3000], rate),
        stream(fresh, audio, [400, 3000], rate),
        strict=True,
    ):
        np.testing.assert_array_equal(given_, wanted)
    assert (bridge.latency_samples, bridge.sample_rate) == (fresh.latency_samples, rate)


@given(samples=st.integers(0, 3000))
def test_a_flush_gives_what_is_held(model: Model, samples: int) -> None:
    """As many samples as went in, and nothing after it, or after a whole signal."""
    bridge = StemBridge(model)
    audio = np.ascontiguousarray(noise(1)[:1, :samples])
    out = np.concatenate([bridge(audio, RATE, reset=False), bridge.flush()], axis=1)
    np.testing.assert_allclose(out, audio, atol=NULL)
    assert bridge.flush().shape == (1, 0)
    bridge(audio, RATE)
    assert bridge.flush().shape == (1, 0)


def test_reset_equals_a_new_bridge(model: Model) -> None:
    """In the stream, and in that a square array says nothing again."""
    bridge, audio = StemBridge(model), noise(0.1)
    fresh = stream(bridge, audio, [700])
    bridge.reset()
    for given_, wanted in zip(stream(bridge, audio, [700]), fresh, strict=True):
        np.testing.assert_array_equal(given_, wanted)
    assert bridge(audio[:, :2], RATE, reset=False).shape == (2, 2)
    bridge.reset()
    with pytest.raises(RuntimeError, match="not square first"):
        bridge(audio[:, :2], RATE, reset=False)


@pytest.mark.parametrize("reset", [True, False])
def test_silence_of_no_length_passes(reset: bool) -> None:
    """In every layout; with reset it starts anew, as natively."""
    bridge, native = StemBridge(equal_model()), AddLatency(511)
    for shape in [(2, 900), (2, 0), (0, 2), (0,), (2, 900)]:
        audio = np.zeros(shape, np.float32)
        wanted = native(audio, RATE, reset=reset and not audio.size)
        assert bridge(audio, RATE, reset=reset and not audio.size).shape == wanted.shape


@given(cuts=st.lists(st.integers(1, 3) | st.integers(1, 3000), max_size=4))
def test_stems_add_up_to_the_mix(model: Model, cuts: list[int]) -> None:
    """After the faders, cut or not; a muted one is silent."""
    bridge, audio = StemBridge(model), noise(0.1)
    bridge["drums"].mute = True
    bridge["bass"].gain_db = -6
    bridge["vocals"].inserts = [AddLatency(99)]
    mix, stems = bridge(audio, RATE), bridge.process_stems(audio, RATE)
    assert list(stems) == ["vocals", "drums", "bass", "other"]
    assert not stems["drums"].any()
    np.testing.assert_allclose(sum(stems.values()), mix, atol=NULL)
    bridge.reset()
    parts = [bridge.process_stems(block.T, RATE, reset=False) for block in blocks(audio, cuts)]
    for name, rest in bridge.flush_stems().items():
        streamed = np.concatenate([*(part[name] for part in parts), rest], axis=1)
        np.testing.assert_array_equal(streamed, stems[name])


def test_a_change_between_calls_acts_at_the_next_hop(model: Model) -> None:
    """With its ramp of 5 ms, and never before."""
    bridge, audio = StemBridge(model, block=256), noise(0.5)
    before = [bridge(part, RATE, reset=False) for part in np.split(audio[:, :2560], 10, axis=1)]
    for strip in bridge.stems:
        bridge[strip].mute = True
    after = [bridge(part, RATE, reset=False) for part in np.split(audio[:, 2560:5120], 10, axis=1)]
    heard = np.concatenate([*before, *after], axis=1)
    np.testing.assert_allclose(heard[:, :2304], audio[:, :2304], atol=NULL)
    ramp = np.clip(1 - np.arange(1, heard.shape[1] - 2303) / round(0.005 * RATE), 0, 1)
    np.testing.assert_allclose(heard[:, 2304:], ramp * audio[:, 2304:4864], atol=NULL)


def test_new_inserts_are_heard_from_the_next_reset_on() -> None:
    """A stream that runs keeps the old ones, and their latency."""
    bridge, audio = StemBridge(equal_model()), noise(0.1)
    stream(bridge, audio, [])
    for strip in bridge.stems:
        bridge[strip].inserts = [pedalboard.Invert(), AddLatency(50)]
    assert bridge.latency_samples == 511
    out = bridge(audio, RATE, reset=False)
    np.testing.assert_allclose(out[:, 511:], audio[:, :-511], atol=NULL)
    np.testing.assert_allclose(bridge(audio, RATE), -audio, atol=NULL)
    assert bridge.latency_samples == 561


def test_what_is_added_to_a_board_is_heard_from_the_next_stream_on(model: Model) -> None:
    """Also in the first one, and told by the latency; never in the midst of one."""
    bridge, audio = StemBridge(model), noise(0.1)
    plain = bridge.process(audio, RATE, reset=False)
    bridge.flush()
    bridge["vocals"].inserts.append(AddLatency(100))
    assert bridge.latency_samples == 511 + 100
    given_ = bridge.process(audio[:, :2000], RATE, reset=False)
    bridge["vocals"].inserts.append(pedalboard.Gain(-120))
    rest = bridge.process(audio[:, 2000:], RATE, reset=False)
    streamed = np.concatenate([given_, rest], axis=1)
    np.testing.assert_allclose(streamed, plain[:, : streamed.shape[1]], atol=NULL)
    fresh = StemBridge(model)
    fresh["vocals"].inserts.append(pedalboard.Gain(-120))
    fresh["drums"].mute = fresh["bass"].mute = fresh["other"].mute = True
    assert np.abs(fresh.process(audio, RATE, reset=False)).max() < NULL


def test_a_console_may_have_some_of_the_stems(model: Model) -> None:
    """In an order of its own; the mix is their sum."""
    bridge = StemBridge(model, console=Console(["bass", "vocals"]))
    audio = noise(0.1)
    stems = StemBridge(model).process_stems(audio, RATE)
    assert bridge.stems == ("bass", "vocals")
    np.testing.assert_allclose(bridge(audio, RATE), stems["bass"] + stems["vocals"], atol=NULL)


def test_it_says_what_it_is(model: Model) -> None:
    """As native plugins do."""
    bridge = StemBridge(model)
    assert (bridge.is_effect, bridge.is_instrument) == (True, False)
    assert bridge["drums"] is bridge.console["drums"]
    assert bridge.sample_rate == 44100
    assert repr(bridge) == "<plugin_bridge.StemBridge model=graph stems=vocals, drums, bass, other>"
    bridge.add_bus("room")
    strips = "strips=vocals, drums, bass, other buses=room"
    assert repr(bridge.console) == f"<plugin_bridge.Console {strips}>"
    with pytest.raises(AttributeError):  # its audio would not follow
        bridge.console = Console(bridge.stems)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("audio", "rate", "says"),
    [
        (noise(0.1), 0, "sample_rate is 0; give that of the audio"),
        (noise(0.1), -44100, "sample_rate is -44100"),
        (noise(0.1), float("nan"), "sample_rate is nan"),
        (noise(0.1), float("inf"), "sample_rate is inf"),
        (noise(0.1), 32000, "does not run at 32000 Hz .its own rate is 44100 Hz.; resample first"),
        (noise(0.1, channels=3), RATE, "the audio has 3 channels; 1 or 2 are separated"),
    ],
)
@pytest.mark.parametrize("reset", [True, False])
def test_what_cannot_be_processed_says_why(
    audio: Wave, rate: float, says: str, reset: bool
) -> None:
    """One sentence, and the bridge goes on as before."""
    bridge = StemBridge(equal_model())
    with pytest.raises(SpecError, match=says) as error:
        bridge(audio, rate, reset=reset)
    assert ". " not in str(error.value)
    assert bridge(noise(0.1), RATE).shape == (2, 4410)


def test_a_model_on_samples_runs_at_its_own_rate_only() -> None:
    """It says so."""
    bridge, audio = StemBridge(halves_model()), noise(0.1)
    np.testing.assert_allclose(bridge(audio, RATE), audio, atol=NULL)
    with pytest.raises(SpecError, match="does not run at 48000 Hz"):
        bridge(audio, 48000)


def test_what_cannot_be_made_says_why(tmp_path: Path) -> None:
    """No such model; a console for other stems."""
    with pytest.raises(ModelFileError, match="does not exist"):
        StemBridge(tmp_path / "none.onnx")
    with pytest.raises(SpecError, match="there is no stem 'drms'; did you mean drums"):
        StemBridge(equal_model(), console=Console(["drms"]))
    with pytest.raises(SpecError, match="frames_per_call is 0"):
        StemBridge(equal_model(), frames_per_call=0)


@pytest.mark.model
@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_shipped_model_is_transparent_with_faders_at_zero(rate: int) -> None:
    """Its stems add up to the mix, at once and streamed."""
    bridge, audio = StemBridge(), noise(0.5, rate)
    np.testing.assert_allclose(bridge(audio, rate), audio, atol=NULL)
    bridge.reset()
    out = np.concatenate([*stream(bridge, audio, [480] * 40, rate), bridge.flush()], axis=1)
    np.testing.assert_allclose(out, audio, atol=NULL)
