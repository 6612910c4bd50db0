"""What a streaming network sees of a mixture's spectrum: plugin_bridge/dsp/features.py in torch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.zoo.lastframe import EPS, POWER


def _energy(spectra: Tensor) -> Tensor:
    return spectra.real.square() + spectra.imag.square()


def _cos_phase_difference(spectra: Tensor) -> Tensor:
    left, right = spectra[:, :1], spectra[:, 1:]
    product = left.real * right.real + left.imag * right.imag
    return product / (_energy(left) + EPS**2).sqrt() / (_energy(right) + EPS**2).sqrt()


PAIRS: dict[str, Callable[[Tensor], Tensor]] = {"cos_ipd": _cos_phase_difference}


def features(mix: Tensor, pairs: Sequence[str] = ()) -> Tensor:
    """Give the network's input: compressed magnitudes, then what both channels have together.

    Parameters
    ----------
    mix : (batch, channels, frames, bins), complex
    pairs : names in PAIRS

    Returns
    -------
    planes : (batch, channels + pairs, frames, bins)
    """
    magnitudes = (_energy(mix) + EPS**2) ** (POWER / 2)
    return torch.cat([magnitudes, *(PAIRS[name](mix) for name in pairs)], 1)
