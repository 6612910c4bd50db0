"""Losses of mask networks, on spectra.

|M X - S|^2 is expanded to M^2 |X|^2 - 2 M Re(X* S) + |S|^2: real arithmetic only, and
the backward pass touches nothing but the mask.
"""

import torch
from torch import Tensor

# Errors below this share of the mix's energy stop counting: without it silence rules.
FLOOR = 1e-3
# A stem below this share of the mix's energy is absent, and counts less.
ABSENT, ABSENT_WEIGHT = 1e-4, 0.4
# Three bands, so that cymbals and consonants count: upper edges in Hz.
BAND_EDGES = (150.0, 3000.0)


def band_slices(bins: int, sample_rate: float) -> list[slice]:
    """Cut the bins at BAND_EDGES."""
    edges = [round(edge / (sample_rate / 2) * (bins - 1)) for edge in BAND_EDGES]
    return [slice(a, b) for a, b in zip([0, *edges], [*edges, bins], strict=True)]


def energies(masks: Tensor, stems: Tensor, mix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per-bin energies of error, stem and mix.

    Parameters
    ----------
    masks : (batch, stems, channels, frames, bins), real
    stems : same shape, complex
    mix : (batch, channels, frames, bins), complex

    Returns
    -------
    error, stem : (batch, stems, bins)
    mix : (batch, 1, bins)
    """
    mix_energy = (mix.real.square() + mix.imag.square()).unsqueeze(1)
    product = stems.real * mix.real.unsqueeze(1) + stems.imag * mix.imag.unsqueeze(1)
    stem_energy = (stems.real.square() + stems.imag.square()).sum((2, 3))
    error = ((masks * mix_energy - 2 * product) * masks).sum((2, 3)) + stem_energy
    return error, stem_energy, mix_energy.sum((2, 3))


def snr_loss(error: Tensor, stem: Tensor, mix: Tensor) -> Tensor:
    """Mean negative signal-to-noise ratio in dB, with a floor and absent stems.

    Parameters
    ----------
    error, stem : (batch, stems, bins), energies
    mix : (batch, 1, bins)
    """
    error, stem, mix = error.sum(2).clamp(min=0), stem.sum(2), mix.sum(2)
    floor = FLOOR * mix + 1e-8
    weight = torch.where(stem > ABSENT * mix, 1.0, ABSENT_WEIGHT)
    return (weight * 10 * torch.log10((error + floor) / (stem + floor))).mean()


def banded_snr_loss(error: Tensor, stem: Tensor, mix: Tensor, bands: list[slice]) -> Tensor:
    """Give the mean of `snr_loss` over bands."""
    losses = [snr_loss(error[..., band], stem[..., band], mix[..., band]) for band in bands]
    return torch.stack(losses).mean()
