"""Training, export and the way back: from songs to a model file that separates."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data.__main__ import song_jobs
from models.data.library import Library
from models.data.mixing import Mixer
from models.export import export
from models.losses import band_slices, banded_snr_loss, energies, snr_loss
from models.train import draw, features, masks_of, spectra, train
from models.zoo.lastframe import STEMS, TRANSFORM, LastFrame
from plugin_bridge.dsp.features import FeaturePlane
from plugin_bridge.dsp.stft import Analysis
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import Separator
from plugin_bridge.testing import noise


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a library of two short songs, one of them for validation."""
    root = tmp_path_factory.mktemp("library")
    made = Library.open(root)
    for jobs in (song_jobs(1000, 2, 20), song_jobs(900, 2, 20)):
        list(made.fill(jobs))
    return root


@pytest.fixture(scope="module")
def run(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train for some seconds, in two sittings."""
    out = tmp_path_factory.mktemp("run")
    train(library, out, minutes=0.04)
    train(library, out, minutes=0.08)
    return out


def test_a_run_goes_on_where_it_stopped(run: Path) -> None:
    """The second sitting starts with the steps of the first; nothing half-written stays."""
    with (run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    steps = [float(row["step"]) for row in rows]
    assert steps == sorted(steps)
    assert float(rows[-1]["minutes"]) >= 0.08
    assert steps[-1] > steps[0] > 0
    assert float(rows[0]["minutes"]) < 0.08
    assert not list(run.glob("*.part"))


def test_the_exported_model_does_what_the_network_does(run: Path, tmp_path: Path) -> None:
    """Masks from the file, streamed, equal the network's on the whole signal."""
    export(run / "best.pt", tmp_path / "made.onnx", trained_on="a test")
    model = Model(tmp_path / "made.onnx")
    assert model.card.kind == "streaming"
    assert model.card.stems == STEMS
    held = torch.load(run / "best.pt", weights_only=True)
    network = LastFrame(**held["config"]).eval()
    network.load_state_dict(held["weights"])
    mix = noise(20 * 256 / 44100)
    padded = np.pad(mix, ((0, 0), (TRANSFORM.n_fft - TRANSFORM.hop, 0)))
    with torch.no_grad():
        masks = masks_of(network, features(spectra(torch.from_numpy(padded))[None]))[0].numpy()
    stream = model.stream(1)
    plane = FeaturePlane((model.card.features or ("",))[0])
    for frame, column in enumerate(Analysis(TRANSFORM, 2).push(mix).transpose(1, 0, 2)):
        stream.input[0] = plane(column[:, None])
        raw = stream.run().reshape(4, 2, -1)
        streamed = np.exp(raw) / np.exp(raw).sum(axis=0)
        np.testing.assert_allclose(streamed, masks[:, :, frame], atol=1e-5)
    assert Separator(model).push(mix).shape[0] == 4


def test_the_loss_is_the_error_energy_in_decibels() -> None:
    """Against the error computed sample by sample of the spectrum."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 4, 2, 5, 1025)
    stems = torch.complex(*(torch.randn(shape, generator=generator) for _ in range(2)))
    mix = stems.sum(1)
    masks = torch.softmax(torch.randn(shape, generator=generator), 1)
    error, stem, whole = (e.sum(2) for e in energies(masks, stems, mix))
    direct = (masks * mix.unsqueeze(1) - stems).abs().square().sum((2, 3, 4))
    torch.testing.assert_close(error, direct, rtol=1e-4, atol=1e-2)
    floor = 1e-3 * whole
    wanted = (10 * torch.log10((direct + floor) / (stem + floor))).mean()
    parts = energies(masks, stems, mix)
    torch.testing.assert_close(snr_loss(*parts), wanted, rtol=1e-4, atol=1e-3)
    assert torch.isfinite(banded_snr_loss(*parts, band_slices(1025, 44100)))


def test_a_perfect_mask_beats_an_even_one(library: Path) -> None:
    """The loss knows better from worse, on real draws."""
    stems, mix = draw(Mixer(Library.open(library), "train", seed=1), 4, 40)
    power = stems.abs()
    ideal = power / (power.sum(1, keepdim=True) + 1e-9)
    even = torch.full_like(ideal, 0.25)
    assert snr_loss(*energies(ideal, stems, mix)) < snr_loss(*energies(even, stems, mix)) - 5


def test_steps_on_one_batch_lower_its_loss(library: Path) -> None:
    """The gradient of the loss reaches all of the network."""
    torch.manual_seed(0)
    stems, mix = draw(Mixer(Library.open(library), "train", seed=1), 2, 40)
    network = LastFrame()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = snr_loss(*energies(masks_of(network, features(mix)), stems, mix))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_folding_the_normalisation_changes_nothing() -> None:
    """The exported network computes what the trained one does."""
    torch.manual_seed(0)
    network = LastFrame()
    x = torch.rand(2, 2, 30, 1025)
    for _ in range(3):  # gives the running statistics something to tell
        network(x, *network.initial_states(2))
    network.eval()
    with torch.no_grad():
        wanted = network(x, *network.initial_states(2))[0]
        result = network.folded()(x, *network.initial_states(2))[0]
    torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-5)


def test_the_network_is_causal_and_carries_its_states() -> None:
    """Frame by frame equals all at once; about 0.7 M parameters."""
    network = LastFrame().eval()
    assert 0.6e6 < sum(p.numel() for p in network.parameters()) < 0.8e6
    x = torch.rand(1, 2, 6, 1025)
    with torch.no_grad():
        whole = network(x, *network.initial_states())[0]
        states = network.initial_states()
        for frame in range(6):
            scores, *states = network(x[:, :, frame : frame + 1], *states)
            torch.testing.assert_close(scores[:, :, 0], whole[:, :, frame], rtol=1e-4, atol=1e-5)
