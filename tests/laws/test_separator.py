"""Laws of the separator: partition, latency, reset, sum, rates."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plugin_bridge.dsp.rates import scale_of
from plugin_bridge.errors import SpecError
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import Separator, supports_rate
from plugin_bridge.testing import IdentityModel, measure_latency, noise, sine
from tests import graphs

Wave = NDArray[np.float32]
RATES = [22050, 44100, 48000, 88200, 96000, 176400, 192000]
EDGES = [1, 2, 63, 64, 65, 127, 128, 255, 256, 257, 441, 480, 511, 512, 513, 1024, 8192, 8193]
SUM_DB = -120
# T=1 against T=64: the same sums in another order, of the input's peak
CALLS = 1e-6


def run(separator: Separator, mix: Wave, cuts: list[int] | None = None) -> Wave:
    """Push the mix, cut into blocks of these sizes and the rest, and flush."""
    edges = np.cumsum([0, *(cuts or [])])
    blocks = [mix[:, a:b] for a, b in pairwise(edges)]
    parts = [separator.push(block) for block in [*blocks, mix[:, edges[-1] :]]]
    return np.concatenate([*parts, separator.flush()], axis=-1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Give a streaming network with a state, softmax over four stems."""
    return Model(graphs.streaming(tmp_path_factory.mktemp("model") / "m.onnx"))


@pytest.mark.parametrize("frames_per_call", [1, 8])
@given(cuts=st.lists(st.integers(0, 700), max_size=20))
def test_any_partition_gives_the_same_bits(
    model: Model, frames_per_call: int, cuts: list[int]
) -> None:
    """Cut anywhere, empty blocks included."""
    mix = noise(0.2)
    separator = Separator(model, frames_per_call=frames_per_call)
    np.testing.assert_array_equal(run(separator, mix, cuts), run(separator, mix))


@pytest.mark.parametrize("block", EDGES)
@pytest.mark.parametrize("frames_per_call", [1, 64])
def test_latency_is_what_the_formula_says(block: int, frames_per_call: int) -> None:
    """By impulse, for blocks of one size."""
    separator = Separator(IdentityModel(), block=block, frames_per_call=frames_per_call)
    step = 256 * frames_per_call
    wanted = 512 - 256 + step - math.gcd(block, step)
    assert separator.latency_samples == wanted
    assert measure_latency(separator, block, at=1000) == wanted


@pytest.mark.parametrize("block", [1, 480, 512, 8193])
@pytest.mark.parametrize("rate", RATES)
def test_latency_at_every_rate(rate: int, block: int) -> None:
    """The transform scales with the rate, so the time stays."""
    separator = Separator(IdentityModel(), rate, block=block)
    scale = scale_of(rate, 44100)
    hop = int(256 * scale)
    wanted = int(512 * scale) - hop + hop - math.gcd(block, hop)
    assert measure_latency(separator, block, at=3000) == wanted


@given(block=st.integers(1, 8193))
def test_latency_of_sampled_blocks(block: int) -> None:
    """Never more than synthesis - 1, and no smaller delay could always be kept."""
    separator = Separator(IdentityModel(), block=block)
    assert separator.latency_samples <= 511
    # the least that is ready when a block has come in, over one period of block against hop
    pushed = block * np.arange(1, 257 + 512 // block)
    ready = pushed // 256 * 256 - 256
    assert separator.latency_samples == (pushed - ready)[pushed >= 512].max()


def test_unknown_blocks_have_the_largest_latency() -> None:
    """One less than the synthesis window, without look-ahead."""
    assert Separator(IdentityModel()).latency_samples == 511


def test_other_block_sizes_are_refused_when_one_was_promised() -> None:
    """The lower latency could not be kept."""
    separator = Separator(IdentityModel(), block=256)
    with pytest.raises(
        SpecError, match="has 128 samples, the separator was made for blocks of 256"
    ):
        separator.push(noise(0.1)[:, :128])


@pytest.mark.parametrize("frames_per_call", [1, 8])
def test_reset_equals_a_new_instance(model: Model, frames_per_call: int) -> None:
    """In the middle of a hop, and after a flush."""
    mix = noise(0.2)
    separator = Separator(model, frames_per_call=frames_per_call)
    fresh = run(separator, mix)
    np.testing.assert_array_equal(run(separator, mix), fresh)
    separator.push(noise(0.11, seed=5))
    separator.reset()
    np.testing.assert_array_equal(run(separator, mix), fresh)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("head", ["softmax", "binary_argmax"])
def test_stems_add_up_to_the_mix(tmp_path: Path, rate: int, head: str) -> None:
    """Below -120 dB of its peak, also where masks are interpolated."""
    path = graphs.streaming(tmp_path / "m.onnx", head=head)
    mix = noise(0.2, rate)
    error = np.abs(run(Separator(path, rate), mix).sum(axis=0) - mix).max()
    assert 20 * math.log10(error / np.abs(mix).max()) < SUM_DB


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("channels", [1, 2])
def test_masks_of_one_reconstruct(rate: int, channels: int) -> None:
    """To 1e-6 of a full-scale signal."""
    mix = sine(997, 0.2, rate, channels)
    np.testing.assert_allclose(
        run(Separator(IdentityModel(), rate, channels=channels), mix)[0], mix, atol=1e-6
    )


@pytest.mark.parametrize("rate", RATES)
def test_one_frame_per_call_equals_64(model: Model, rate: int) -> None:
    """To 1e-6 of the input's peak."""
    mix = noise(0.5, rate)
    mix /= np.abs(mix).max()
    one = run(Separator(model, rate), mix)
    many = run(Separator(model, rate, frames_per_call=64), mix)
    np.testing.assert_allclose(one, many, atol=CALLS)


def test_a_subset_of_stems_has_the_same_bits(model: Model) -> None:
    """In the order asked for."""
    mix = noise(0.2)
    whole = run(Separator(model), mix)
    part = run(Separator(model, stems=["other", "drums"]), mix)
    np.testing.assert_array_equal(part, whole[[3, 1]])
    np.testing.assert_array_equal(run(Separator(model, stems="bass"), mix), whole[2:3])


def test_input_that_is_no_number_is_zero_and_counted(model: Model) -> None:
    """NaN and Inf are heard as zero, 1e30 as 16; all are counted, and states stay clean."""
    mix = noise(0.2)
    mended = mix.copy()
    bad = mix.copy()
    bad[0, 100], bad[1, 200], bad[0, 300] = np.nan, -np.inf, 1e30
    mended[0, 100], mended[1, 200], mended[0, 300] = 0, 0, 16
    separator = Separator(model)
    np.testing.assert_array_equal(run(separator, bad), run(Separator(model), mended))
    assert separator.counters.nonfinite_samples == 2
    assert separator.counters.clamped_samples == 1
    assert separator.counters.nonfinite_frames == 0


def test_counters_of_a_stream_end_with_it(model: Model) -> None:
    """After a flush they can be read; the next stream counts from zero."""
    separator = Separator(model)
    separator.push(np.full((2, 300), np.nan, np.float32))
    separator.flush()
    assert separator.counters.nonfinite_samples == 600
    separator.push(noise(0.1))
    assert separator.counters.nonfinite_samples == 0


def test_a_transform_that_cannot_be_scaled_is_not_supported() -> None:
    """Render resamples instead of failing."""
    assert not supports_rate(IdentityModel(n_fft=2050), 22050)
    assert not supports_rate(IdentityModel(), float("inf"))


def test_a_flush_gives_the_rest_for_any_length(model: Model) -> None:
    """Output and input have the same length, for nothing, one sample and odd lengths."""
    for samples in (0, 1, 255, 256, 257, 5000):
        assert run(Separator(model), noise(1)[:, :samples]).shape == (4, 2, samples)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": 6}, "6 channels given; 1 or 2"),
        ({"block": 0}, "block is 0"),
        ({"frames_per_call": 0}, "frames_per_call is 0"),
        ({"sample_rate": 32000}, r"does not run at 32000 Hz .its own rate is 44100 Hz.; resample"),
        ({"sample_rate": 0}, "does not run at 0 Hz"),
        ({"stems": ["drms"]}, "there is no stem 'drms'; did you mean drums"),
        ({"stems": []}, "name each once, at least one"),
        ({"stems": ["drums", "drums"]}, "name each once"),
    ],
)
def test_bad_options_say_what_is_allowed(
    model: Model, options: dict[str, object], says: str
) -> None:
    """One sentence each."""
    with pytest.raises(SpecError, match=says):
        Separator(model, **options)  # type: ignore[arg-type]


def test_bad_blocks_say_what_is_expected(model: Model) -> None:
    """Shape and dtype."""
    separator = Separator(model)
    with pytest.raises(SpecError, match=r"shape \(100, 2\), the separator was made for \(2, sam"):
        separator.push(np.zeros((100, 2), np.float32))
    with pytest.raises(SpecError, match="float64; convert it"):
        separator.push(np.zeros((2, 100)))  # type: ignore[arg-type]
