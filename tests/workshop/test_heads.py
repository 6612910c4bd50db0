"""Heads in torch: their equations in float64, cases made by hand, and what the bridge makes."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.heads import HEADS, made
from plugin_bridge.dsp import heads as bridge

SHAPE = (2, 3, 2, 5, 9)  # batch, stems, channels, frames, bins
Doubles = NDArray[np.float64]
Complexes = NDArray[np.complex128]
# float32 next to float64
ROUNDING = 2e-6


def sigmoid(x: Doubles) -> Doubles:
    """Give 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def turned(size: Doubles, p: Doubles, q: Doubles, mix: Complexes) -> Complexes:
    """Take the cosines and sines of mix and mask together, as the article writes it."""
    p, q = np.tanh(p), np.tanh(q)
    cos_m, sin_m = p / np.hypot(p, q), q / np.hypot(p, q)
    cos_x, sin_x = mix.real / np.abs(mix), mix.imag / np.abs(mix)
    cos_y = cos_x * cos_m - sin_x * sin_m
    sin_y = sin_x * cos_m + cos_x * sin_m
    return size * cos_y + 1j * size * sin_y


def reference(name: str, raw: Doubles, mix: Complexes) -> Complexes:
    """Give the stems' spectra of raw maps (batch, stems, channels, maps, frames, bins)."""
    a, *more = np.moveaxis(raw, 3, 0)
    if name == "softmax":
        return np.exp(a) / np.exp(a).sum(1, keepdims=True) * mix
    if name == "sigmoid":
        return sigmoid(a) * mix
    if name == "complex":
        return (a + 1j * more[0]) * mix
    direct = more[2] if name == "decoupled" else 0
    size = np.maximum(np.abs(mix) * sigmoid(a) + direct, 0)
    return turned(size, more[0], more[1], mix)


def example(name: str) -> tuple[Tensor, Tensor]:
    """Give raw maps and a mix."""
    generator = torch.Generator().manual_seed(0)
    maps = HEADS[name].maps
    raw = 2 * torch.randn(*SHAPE[:3], maps, *SHAPE[3:], generator=generator)
    parts = (torch.randn(SHAPE[0], *SHAPE[2:], generator=generator) for _ in range(2))
    return raw, torch.complex(*parts)


def spectra(name: str, raw: Tensor, mix: Tensor) -> Tensor:
    """Give the stems' spectra, whichever a head makes."""
    found = made(name, raw, mix)
    return found if found.is_complex() else found * mix.unsqueeze(1)


@pytest.mark.parametrize("name", HEADS)
def test_heads_follow_their_equations(name: str) -> None:
    """Written out in float64 with cosines and sines, the spectra are the same."""
    raw, mix = example(name)
    wanted = reference(name, raw.double().numpy(), mix.to(torch.complex128).numpy()[:, None])
    found = spectra(name, raw, mix)
    np.testing.assert_allclose(found.numpy(), wanted, atol=ROUNDING * np.abs(wanted).max())


@pytest.mark.parametrize("name", sorted(HEADS.keys() & bridge.HEADS.keys()))
def test_what_is_learnt_is_what_the_bridge_does(name: str) -> None:
    """The heads of the same name in plugin_bridge give the same spectra."""
    raw, mix = example(name)
    head = bridge.head(name)
    for entry in range(SHAPE[0]):
        maps = head.activate(raw[entry].numpy().copy())
        wanted = head.apply(maps, mix[entry].numpy(), 1.0)
        found = spectra(name, raw, mix)[entry].numpy()
        np.testing.assert_allclose(found, wanted, atol=ROUNDING * np.abs(wanted).max())


def one(mix: complex, *maps: float) -> complex:
    """Give what the decoupled head makes of a single bin."""
    raw = torch.tensor(maps).reshape(1, 1, 1, 4, 1, 1)
    return complex(made("decoupled", raw, torch.full((1, 1, 1, 1), mix)).item())


@pytest.mark.parametrize(
    ("mix", "maps", "wanted"),
    [
        # a mask of one half and the mix's own phase
        (3 + 4j, (0.0, 1.0, 0.0, 0.0), 1.5 + 2j),
        # louder than the mix: |Y| = 5 + 5, so the ratio is 2, which no bounded mask reaches
        (3 + 4j, (40.0, 1.0, 0.0, 5.0), 6 + 8j),
        # a quarter turn, half a turn
        (3 + 4j, (40.0, 0.0, 1.0, 0.0), -4 + 3j),
        (3 + 4j, (40.0, -1.0, 0.0, 0.0), -3 - 4j),
        # an eighth of a turn, however long the direction is
        (2 + 0j, (40.0, 0.3, 0.3, 0.0), np.sqrt(2) * (1 + 1j)),
        # what is taken away beyond nothing is nothing
        (3 + 4j, (0.0, 1.0, 0.0, -9.0), 0j),
        # silence has no phase, and a direction of nothing none either
        (0j, (40.0, 1.0, 0.0, 5.0), 0j),
        (3 + 4j, (40.0, 0.0, 0.0, 5.0), 0j),
    ],
)
def test_cases_made_by_hand(mix: complex, maps: tuple[float, ...], wanted: complex) -> None:
    """Ratios above one, rotations, silence: known from the drawing of the two arrows."""
    assert one(mix, *maps) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_gradients_are_numbers(name: str) -> None:
    """Also in silence, where a phase is not defined."""
    raw, mix = example(name)
    mix[:, :, :2] = 0
    raw.requires_grad_()
    spectra(name, raw, mix).abs().square().sum().backward()
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()
    assert raw.grad[..., 2:, :].abs().max() > 0


def test_silence_can_be_unlearnt() -> None:
    """Where the decoupled head's gain is zero, a step against the gradient still raises it."""
    raw = torch.tensor((0.0, 1.0, 0.0, -9.0)).reshape(1, 1, 1, 4, 1, 1).requires_grad_()
    mix = torch.full((1, 1, 1, 1), 3 + 4j)
    error = (made("decoupled", raw, mix) - mix).abs().square().sum()
    assert error == 25
    error.backward()
    assert raw.grad is not None
    assert raw.grad[0, 0, 0, 3] < 0


@pytest.mark.parametrize("name", HEADS)
def test_a_network_begins_with_the_mix_s_phase(name: str) -> None:
    """What the biases begin with gives a real factor, nothing for `complex`."""
    head = HEADS[name]
    raw = torch.tensor(head.rest).reshape(1, 1, 1, -1, 1, 1)
    found: Any = spectra(name, raw, torch.full((1, 1, 1, 1), 3 + 4j)).item()
    assert found.imag * 3 == pytest.approx(found.real * 4, abs=1e-5)
