"""Losses against references in float64, written out element by element."""

import itertools
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from models.configuration import LossName
from models.losses import (
    ABSENT_WEIGHT,
    FLOOR,
    LOSSES,
    Judged,
    band_slices,
    banded_snr_loss,
    energies,
    mask_bce,
    mask_mse,
    resynthesise,
    snr_loss,
    together,
    waveform_l1,
)
from plugin_bridge.dsp.stft import Analysis, Synthesis, Transform

TRANSFORM = Transform(64, 32, 16)
SHAPE = (2, 3, 2, 5, TRANSFORM.bins)  # batch, stems, channels, frames, bins
Example = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def example() -> Example:
    """Give masks, stems and mix; the last stem of the first entry is absent."""
    generator = torch.Generator().manual_seed(0)
    stems = torch.complex(*(torch.randn(SHAPE, generator=generator) for _ in range(2)))
    stems[0, 2] = 0
    masks = torch.softmax(2 * torch.randn(SHAPE, generator=generator), 1)
    return masks, stems, stems.sum(1)


def exact(*tensors: Tensor) -> list[Any]:
    """Give them in double precision, for numpy."""
    return [
        np.asarray(tensor.numpy(), np.result_type(tensor.numpy(), np.float64)) for tensor in tensors
    ]


def snr_reference(masks: Any, stems: Any, mix: Any) -> Any:
    """Weighted decibels (batch, stems), from the error itself."""
    values = np.zeros(masks.shape[:2])
    for entry, stem in itertools.product(*map(range, masks.shape[:2])):
        error = (np.abs(masks[entry, stem] * mix[entry] - stems[entry, stem]) ** 2).sum()
        energy, whole = (np.abs(stems[entry, stem]) ** 2).sum(), (np.abs(mix[entry]) ** 2).sum()
        floor = FLOOR * whole + 1e-8
        weight = 1 if energy > 1e-4 * whole else ABSENT_WEIGHT
        values[entry, stem] = weight * 10 * np.log10((error + floor) / (energy + floor))
    return values


def test_snr(example: Example) -> None:
    """The error's energy in dB over the stem's, with a floor; absent stems count less."""
    wanted = snr_reference(*exact(*example)).mean()
    assert float(snr_loss(*energies(*example))) == pytest.approx(wanted, abs=1e-4)
    silent = example[1][0, 2]
    assert not silent.any()


def test_snr_of_known_stems(example: Example) -> None:
    """The mean goes by weight; what is unknown does not change it."""
    values = snr_reference(*exact(*example))
    known = torch.tensor([[1, 0, 0.5], [0, 1, 1]])
    wanted = (values * known.numpy()).sum() / known.numpy().sum()
    result = snr_loss(*energies(*example), known)
    assert float(result) == pytest.approx(wanted, abs=1e-4)
    masks, stems, mix = example
    stems = stems.clone()
    stems[0, 1] = 1e3
    assert float(snr_loss(*energies(masks, stems, mix), known)) == pytest.approx(wanted, abs=1e-4)
    nothing = snr_loss(*energies(*example), torch.zeros(2, 3))
    assert float(nothing) == 0


def test_energies_have_the_gradient_of_what_they_are(example: Example) -> None:
    """Against |M X - S|^2 in double precision, weighted at random, bin by bin."""
    masks, stems, mix = example
    weight = torch.randn(2, 3, TRANSFORM.bins, generator=torch.Generator().manual_seed(1))
    given = masks.clone().requires_grad_()
    (energies(given, stems, mix)[0] * weight).sum().backward()
    wanted = masks.double().requires_grad_()
    error = (wanted * mix.unsqueeze(1) - stems).abs().square().sum((2, 3))
    (error * weight).sum().backward()
    assert given.grad is not None
    assert wanted.grad is not None
    np.testing.assert_allclose(given.grad, wanted.grad, atol=1e-4)


def test_banded_snr(example: Example) -> None:
    """The mean over bands of the same in each band; bands share no bin and leave none out."""
    bands = band_slices(TRANSFORM.bins, 44100)
    bins = np.arange(TRANSFORM.bins)
    assert np.array_equal(np.concatenate([bins[band] for band in bands]), bins)
    wide = band_slices(1025, 44100)
    assert [band.stop for band in wide] == [7, 139, 1025]
    cut = [slice(0, 4), slice(4, 20), slice(20, None)]
    values = [snr_reference(*(part[..., band] for part in exact(*example))).mean() for band in cut]
    result = banded_snr_loss(*energies(*example), cut)
    assert float(result) == pytest.approx(np.mean(values), abs=1e-4)


def test_resynthesis_is_the_streaming_one(example: Example) -> None:
    """Against dsp/stft, from the first frame on."""
    spectra = Analysis(TRANSFORM, 2).push(
        np.random.default_rng(0).standard_normal((2, 160), np.float32)
    )
    wanted = Synthesis(TRANSFORM, 2).push(spectra)
    result = resynthesise(torch.from_numpy(spectra.copy()), TRANSFORM)
    np.testing.assert_allclose(result.numpy(), wanted, atol=1e-6)


def test_waveform_l1(example: Example) -> None:
    """Mean size of the error's samples over the mix's, per stem, overlap-added by hand."""
    masks, stems, mix = exact(*example)

    def waves(spectra: Any) -> Any:
        frames = np.fft.irfft(spectra)[..., -TRANSFORM.synthesis :] * TRANSFORM.pair[1].astype(
            float
        )
        out = np.zeros((*spectra.shape[:-2], spectra.shape[-2] * 16 + 16))
        for i in range(spectra.shape[-2]):
            out[..., 16 * i : 16 * i + 32] += frames[..., i, :]
        return out[..., : 16 * spectra.shape[-2]]

    wanted = np.zeros((2, 3))
    for entry, stem in itertools.product(range(2), range(3)):
        error = waves(masks[entry, stem] * mix[entry]) - waves(stems[entry, stem])
        wanted[entry, stem] = np.abs(error).mean() / (np.abs(waves(mix[entry])).mean() + 1e-8)
    assert float(waveform_l1(*example, TRANSFORM)) == pytest.approx(wanted.mean(), rel=1e-5)
    known = torch.tensor([[0, 1, 0], [0, 0, 1]])
    picked = (wanted[0, 1] + wanted[1, 2]) / 2
    assert float(waveform_l1(*example, TRANSFORM, known)) == pytest.approx(picked, rel=1e-5)


@pytest.mark.parametrize("name", ["mse", "bce"])
def test_mask_losses(name: str, example: Example) -> None:
    """Squared error to |S| / sum |S|; cross-entropy to the loudest; silent bins are left out."""
    masks, stems, mix = example
    stems = stems.clone()
    stems[1, :, :, :, 7] = 0
    mix = stems.sum(1)
    m, s, x = exact(masks, stems, mix)
    values = np.zeros((2, 3))
    for entry, stem in itertools.product(range(2), range(3)):
        cells = []
        energy = np.abs(x[entry]) ** 2
        for place in itertools.product(*map(range, energy.shape)):
            if energy[place] <= 1e-6 * energy.mean():
                continue
            sizes = [abs(s[entry, i][place]) for i in range(3)]
            mask = m[entry, stem][place]
            if name == "mse":
                cells.append((mask - sizes[stem] / (sum(sizes) + 1e-8)) ** 2)
            else:
                wins = sizes[stem] == max(sizes)
                cells.append(-np.log(mask if wins else 1 - mask))
        values[entry, stem] = np.mean(cells)
    loss = {"mse": mask_mse, "bce": mask_bce}[name]
    assert float(loss(masks, stems, mix)) == pytest.approx(values.mean(), rel=1e-4)
    known = torch.tensor([[1, 0, 0], [0, 1, 1]])
    picked = (values[0, 0] + values[1, 1] + values[1, 2]) / 3
    assert float(loss(masks, stems, mix, known)) == pytest.approx(picked, rel=1e-4)


def test_sums_of_stems(example: Example) -> None:
    """Vocals and the sum of the rest: wherever the rest stands in the stems, the same loss."""
    masks, stems, mix = example
    groups = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]).expand(2, 3, 3)
    sums = together(stems, groups)
    torch.testing.assert_close(sums[:, 1], stems[:, 1] + stems[:, 2])
    assert not sums[:, 2].any()
    known = (groups.sum(2) > 0).float()
    whole = snr_loss(*energies(together(masks, groups), sums, mix), known)
    moved = torch.stack([stems[:, 0], stems[:, 1] + stems[:, 2], 0 * stems[:, 2]], 1)
    other = snr_loss(*energies(together(masks, groups), together(moved, groups), mix), known)
    torch.testing.assert_close(whole, other)
    values = snr_reference(*exact(together(masks, groups), sums, mix))
    assert float(whole) == pytest.approx(values[:, :2].mean(), abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_teaches(name: str, example: Example) -> None:
    """Its gradient leads from random masks to better ones; perfect masks are best."""
    _, stems, mix = example
    stems = stems.abs() * torch.exp(1j * torch.angle(mix)).unsqueeze(1)  # all in phase
    mix = stems.sum(1)
    raw = torch.zeros(SHAPE, requires_grad=True)

    def loss(masks: Tensor) -> Tensor:
        return LOSSES[name](Judged(masks, stems, mix, None, TRANSFORM, 44100))

    optimizer = torch.optim.Adam([raw], 0.1)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(torch.softmax(raw, 1))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < losses[0] - 0.1 * abs(losses[0])
    ideal = stems.abs() / stems.abs().sum(1, keepdim=True)
    if name == "mask_bce":  # its ideal is binary
        ideal = (stems.abs() == stems.abs().amax(1, keepdim=True)).float()
    assert float(loss(ideal)) <= losses[-1] + 1e-6


def test_the_configuration_knows_the_losses() -> None:
    """Both tables have the same names."""
    assert set(get_args(LossName)) == set(LOSSES)
