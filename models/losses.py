"""Losses of networks that give masks, or the spectra themselves.

With real masks |M X - S|^2 is expanded to M^2 |X|^2 - 2 M Re(X* S) + |S|^2: real arithmetic
only, and the backward pass touches nothing but the mask.

Targets are stems, or sums of stems where the single ones are not known: an instrumental
and a vocal teach the vocals and the sum of the rest (`together`). A target that is not
known at all has no weight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.batches import Framing
from models.data.score import STEMS

# Errors below this share of the mix's energy stop counting: without it silence rules.
FLOOR = 1e-3
# A stem below this share of the mix's energy is absent, and counts less.
ABSENT, ABSENT_WEIGHT = 1e-4, 0.4
# Three bands, so that cymbals and consonants count: upper edges in Hz.
BAND_EDGES = (150.0, 3000.0)
# Mask losses leave out bins this far below the segment's mean energy: nobody hears them.
INAUDIBLE = 1e-6
TINY = 1e-8
ACCOMPANIMENT = "accompaniment"
REST = tuple(stem for stem in STEMS if stem != "vocals")


def band_slices(bins: int, sample_rate: float) -> list[slice]:
    """Cut the bins at BAND_EDGES."""
    edges = [round(edge / (sample_rate / 2) * (bins - 1)) for edge in BAND_EDGES]
    return [slice(a, b) for a, b in zip([0, *edges], [*edges, bins], strict=True)]


def together(values: Tensor, groups: Tensor) -> Tensor:
    """Add up the stems of each target.

    Parameters
    ----------
    values : (batch, stems, ...), masks or spectra
    groups : (batch, targets, stems), 1 where a stem belongs to a target, else 0

    Returns
    -------
    sums : (batch, targets, ...)
    """
    flat = groups.to(values.dtype) @ values.flatten(2)
    return flat.unflatten(2, values.shape[2:])


def members(targets: Sequence[str]) -> Tensor:
    """Give which stems each target is the sum of, (targets, stems), 1 or 0.

    Examples
    --------
    >>> members(["vocals", "accompaniment"]).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]]
    """
    names = [REST if target == ACCOMPANIMENT else (target,) for target in targets]
    return torch.tensor([[float(stem in each) for stem in STEMS] for each in names])


def resolved(groups: Tensor, rows: Tensor) -> Tensor:
    """Tell which targets are known where only sums of stems are.

    Parameters
    ----------
    groups : (batch, sums, stems), which stems each known sum is of
    rows : (targets, stems), see `members`

    Returns
    -------
    known : (batch, targets), 1 where every sum lies within the target or outside of it, else 0
    """
    inside = groups @ rows.T
    size = groups.sum(2, keepdim=True)
    return ((inside == 0) | (inside == size)).all(1).float()


def mean_of_known(values: Tensor, known: Tensor | None) -> Tensor:
    """Mean of (batch, targets) by weight; the plain mean without weights."""
    if known is None:
        return values.mean()
    return (known * values).sum() / known.sum().clamp(min=TINY)


def energies(masks: Tensor, stems: Tensor, mix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Per-bin energies of error, stem and mix.

    Parameters
    ----------
    masks : (batch, stems, channels, frames, bins), real; or complex: the spectra that were made
    stems : same shape, complex
    mix : (batch, channels, frames, bins), complex

    Returns
    -------
    error, stem : (batch, stems, bins)
    mix : (batch, 1, bins)
    """
    if masks.is_complex():
        off = masks - stems
        return tuple(_product(each, each).sum((2, 3)) for each in (off, stems, mix.unsqueeze(1)))
    error, stem, whole = Energies.apply(masks, stems, mix)
    return error, stem, whole


class Energies(torch.autograd.Function):
    """`energies` of real masks; by hand the gradient keeps three arrays instead of eleven."""

    @staticmethod
    def forward(ctx: Any, masks: Tensor, stems: Tensor, mix: Tensor) -> tuple[Tensor, ...]:
        """Give the energies of error, stem and mix; the gradient is that of masks alone."""
        energy = _product(mix, mix).unsqueeze(1)
        product = _product(stems, mix.unsqueeze(1))
        stem = _product(stems, stems).sum((2, 3))
        ctx.save_for_backward(masks, energy, product)
        error = ((masks * energy).sub_(product, alpha=2)).mul_(masks).sum((2, 3)) + stem
        return error, stem, energy.sum((2, 3))

    @staticmethod
    def backward(ctx: Any, error: Tensor, *_unused: Tensor) -> tuple[Tensor, None, None]:
        """Give 2 (M |X|^2 - Re(X* S)) times the gradient of the error."""
        masks, energy, product = ctx.saved_tensors
        slope = (masks * energy).sub_(product).mul_(2 * error[:, :, None, None])
        return slope, None, None


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Re(a b*), bin by bin."""
    return (a.real * b.real).addcmul_(a.imag, b.imag)


def snr_loss(
    error: Tensor,
    stem: Tensor,
    mix: Tensor,
    known: Tensor | None = None,
    *,
    floor: float = FLOOR,
    absent_weight: float = ABSENT_WEIGHT,
) -> Tensor:
    """Mean negative signal-to-noise ratio in dB, with a floor and absent stems.

    Parameters
    ----------
    error, stem : (batch, stems, bins), energies
    mix : (batch, 1, bins)
    known : (batch, stems), weight of each; all alike without it
    floor : share of the mix's energy below which errors stop counting
    absent_weight : weight of stems that are not heard
    """
    error, stem, mix = error.sum(2).clamp(min=0), stem.sum(2), mix.sum(2)
    least = floor * mix + TINY
    weight = torch.where(stem > ABSENT * mix, 1.0, absent_weight)
    return mean_of_known(weight * 10 * torch.log10((error + least) / (stem + least)), known)


def banded_snr_loss(
    error: Tensor,
    stem: Tensor,
    mix: Tensor,
    bands: list[slice],
    known: Tensor | None = None,
    *,
    floor: float = FLOOR,
    absent_weight: float = ABSENT_WEIGHT,
) -> Tensor:
    """Give the mean of `snr_loss` over bands."""
    levels = {"floor": floor, "absent_weight": absent_weight}
    losses = [
        snr_loss(error[..., band], stem[..., band], mix[..., band], known, **levels)
        for band in bands
    ]
    return torch.stack(losses).mean()


def resynthesise(spectra: Tensor, transform: Framing) -> Tensor:
    """Overlap-add frames: (..., frames, bins) -> (..., frames * hop).

    Sample 0 is the first that the first frame reaches, so the ends are not complete.
    """
    window = torch.from_numpy(transform.pair[1]).to(spectra.device)
    waves = torch.fft.irfft(spectra, transform.n_fft)[..., -transform.synthesis :] * window
    count = -(-transform.synthesis // transform.hop)
    waves = functional.pad(waves, (0, count * transform.hop - transform.synthesis))
    parts = waves.unflatten(-1, (count, transform.hop))
    frames = spectra.shape[-2]
    total = parts.new_zeros((*parts.shape[:-3], frames + count - 1, transform.hop))
    for i in range(count):
        total[..., i : i + frames, :] += parts[..., i, :]
    return total[..., :frames, :].flatten(-2)


def waveform_l1(
    masks: Tensor, stems: Tensor, mix: Tensor, transform: Framing, known: Tensor | None = None
) -> Tensor:
    """Mean size of the error's samples, as a share of the mix's.

    Parameters
    ----------
    masks, stems, mix : as in `energies`
    transform : the STFT they are of
    known : (batch, stems), weight of each
    """
    made = masks if masks.is_complex() else masks * mix.unsqueeze(1)
    error = resynthesise(made - stems, transform)
    whole = resynthesise(mix, transform).abs().mean((1, 2))
    return mean_of_known(error.abs().mean((2, 3)) / (whole.unsqueeze(1) + TINY), known)


def _audible(mix: Tensor) -> Tensor:
    energy = mix.real.square() + mix.imag.square()
    return (energy > INAUDIBLE * energy.mean((1, 2, 3), keepdim=True)).unsqueeze(1)


def _mean_where(values: Tensor, audible: Tensor, known: Tensor | None) -> Tensor:
    count = audible.sum((2, 3, 4)).clamp(min=1)
    return mean_of_known((values * audible).sum((2, 3, 4)) / count, known)


def mask_mse(
    masks: Tensor,
    stems: Tensor,
    mix: Tensor,
    known: Tensor | None = None,
    wanted: Tensor | None = None,
) -> Tensor:
    """Mean squared difference to the wanted masks, over audible bins.

    Without any, to the ratio mask |S| / sum |S|.
    """
    if wanted is None:
        size = stems.abs()
        wanted = size / (size.sum(1, keepdim=True) + TINY)
    return _mean_where((masks - wanted).square(), _audible(mix), known)


def mask_bce(
    masks: Tensor,
    stems: Tensor,
    mix: Tensor,
    known: Tensor | None = None,
    wanted: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy to the wanted masks, over audible bins, in nats.

    Without any, to "the loudest stem takes the bin".
    """
    if wanted is None:
        size = stems.abs()
        wanted = (size == size.amax(1, keepdim=True)).to(masks.dtype)
    entropy = functional.binary_cross_entropy(masks.clamp(0, 1), wanted, reduction="none")
    return _mean_where(entropy, _audible(mix), known)


@dataclass(frozen=True)
class Judged:
    """Masks beside the truth; what several losses need is computed once.

    Attributes
    ----------
    masks : (batch, targets, channels, frames, bins), real; or complex: the spectra that were
        made, which mask losses cannot judge
    stems : same shape, complex
    mix : (batch, channels, frames, bins)
    known : (batch, targets) or None
    transform : Transform
    sample_rate : Hz
    floor, absent_weight : see `snr_loss`
    wanted : (batch, targets, channels, frames, bins) or None, what mask losses teach
    """

    masks: Tensor
    stems: Tensor
    mix: Tensor
    known: Tensor | None
    transform: Framing
    sample_rate: float
    floor: float = FLOOR
    absent_weight: float = ABSENT_WEIGHT
    wanted: Tensor | None = None

    @cached_property
    def energies(self) -> tuple[Tensor, Tensor, Tensor]:
        """Energies of error, stem and mix."""
        return energies(self.masks, self.stems, self.mix)

    @property
    def bands(self) -> list[slice]:
        """The bins of each band."""
        return band_slices(self.transform.bins, self.sample_rate)

    @property
    def levels(self) -> dict[str, float]:
        """What the SNR losses are set to."""
        return {"floor": self.floor, "absent_weight": self.absent_weight}


# The losses that a training's configuration may name.
LOSSES: dict[str, Callable[[Judged], Tensor]] = {
    "snr": lambda j: snr_loss(*j.energies, j.known, **j.levels),
    "banded_snr": lambda j: banded_snr_loss(*j.energies, j.bands, j.known, **j.levels),
    "waveform_l1": lambda j: waveform_l1(j.masks, j.stems, j.mix, j.transform, j.known),
    "mask_mse": lambda j: mask_mse(j.masks, j.stems, j.mix, j.known, j.wanted),
    "mask_bce": lambda j: mask_bce(j.masks, j.stems, j.mix, j.known, j.wanted),
}
