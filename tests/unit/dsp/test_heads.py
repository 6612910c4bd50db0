"""Heads against a float64 reference and hand-made cases."""

import numpy as np
import pytest
from numpy.typing import NDArray

from plugin_bridge.dsp.heads import HEADS, head
from plugin_bridge.errors import SpecError

Raw = NDArray[np.float32]
STEMS, CHANNELS, FRAMES, BINS = 4, 2, 3, 50
CLOSE = 1e-5  # a few float32 roundings of values up to about 10


def drawn(maps: int, spread: float = 4.0) -> tuple[Raw, NDArray[np.complex64]]:
    """Draw raw maps and a mix."""
    generator = np.random.default_rng(maps)
    raw = spread * generator.standard_normal((STEMS, CHANNELS, maps, FRAMES, BINS), np.float32)
    mix = generator.standard_normal((2, CHANNELS, FRAMES, BINS), np.float32)
    return raw, (mix[0] + 1j * mix[1]).astype(np.complex64)


def run(name: str, raw: Raw, mix: NDArray[np.complex64], scale: float = 1) -> NDArray[np.complex64]:
    """Activate and apply."""
    part = head(name)
    return part.apply(part.activate(raw.copy()), mix, scale)


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the logistic function."""
    return 1 / (1 + np.exp(-x))


def expected(
    name: str, raw: NDArray[np.float64], mix: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """Give what the head's equation says."""
    a = raw[:, :, 0]
    if name == "none":
        return np.asarray(a * mix)
    if name == "sigmoid":
        return np.asarray(sigmoid(a) * mix)
    if name == "softmax":
        return np.asarray(np.exp(a) / np.exp(a).sum(0) * mix)
    if name == "binary_argmax":
        return np.asarray((a == a.max(0)) * mix)
    if name == "complex":
        return np.asarray((a + 1j * raw[:, :, 1]) * mix)
    if name == "decoupled":
        p, q = np.tanh(raw[:, :, 1]), np.tanh(raw[:, :, 2])
        magnitude = np.maximum(np.abs(mix) * sigmoid(a) + raw[:, :, 3], 0)
        return np.asarray(magnitude * np.exp(1j * (np.angle(mix) + np.arctan2(q, p))))
    threshold = float(name.split(":")[1])
    return np.asarray((sigmoid(a) >= threshold) * mix)


@pytest.mark.parametrize("name", [*HEADS, "binary:0.5", "binary:0.2"])
def test_head_equals_the_reference(name: str) -> None:
    """float32 against float64 throughout."""
    raw, mix = drawn(head(name).maps)
    wanted = expected(name, raw.astype(np.float64), mix.astype(np.complex128))
    np.testing.assert_allclose(run(name, raw, mix), wanted, atol=CLOSE)


@pytest.mark.parametrize("name", [name for name in HEADS if HEADS[name].sums_to_one])
def test_sum_to_one_heads_add_up_to_the_mix(name: str) -> None:
    """Also for extreme scores."""
    raw, mix = drawn(1, spread=300.0)
    np.testing.assert_allclose(run(name, raw, mix).sum(0), mix, atol=CLOSE)


@pytest.mark.parametrize("name", [*HEADS, "binary:0.5"])
def test_silence_gives_no_nan(name: str) -> None:
    """A mix of zeros and scores of zero or of float32's range."""
    maps = head(name).maps
    for value in (0.0, 80.0, -80.0):
        raw = np.full((STEMS, CHANNELS, maps, 1, BINS), value, np.float32)
        assert np.isfinite(run(name, raw, np.zeros((CHANNELS, 1, BINS), np.complex64))).all()


def test_argmax_gives_ties_to_one_stem_only() -> None:
    """Winner takes all, also when all are equal."""
    raw = np.zeros((STEMS, 1, 1, 1, 1), np.float32)
    assert run("binary_argmax", raw, np.ones((1, 1, 1), np.complex64)).sum() == 1


def test_decoupled_can_exceed_the_mix_and_turn_its_phase() -> None:
    """A ratio above one by the direct magnitude, a quarter turn by the phase pair."""
    raw = np.zeros((1, 1, 4, 1, 1), np.float32)
    raw[0, 0, :, 0, 0] = [100, 0, 100, 2]  # mask 1, phase 90 degrees, 2 more
    stem = run("decoupled", raw, np.full((1, 1, 1), 3, np.complex64))
    np.testing.assert_allclose(stem[0, 0, 0, 0], 5j, atol=CLOSE)
    # the direct magnitude is in the model's scale: twice the transform, twice the magnitude
    double = run("decoupled", raw, np.full((1, 1, 1), 3, np.complex64), scale=2)
    np.testing.assert_allclose(double[0, 0, 0, 0], 7j, atol=CLOSE)


@pytest.mark.parametrize("name", ["soft", "binary", "binary:", "binary:1", "binary:x", ""])
def test_unknown_heads_are_refused(name: str) -> None:
    """The message lists the heads."""
    with pytest.raises(SpecError, match="use one of none, sigmoid, softmax"):
        head(name)
