"""The article's networks: counts, three ways to the same scores, files that run everywhere."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pedalboard.io import AudioFile
from torch import Tensor

from models import checkpoints
from models.architectures import ARCHITECTURES
from models.batches import samples_of, spectra
from models.data.library import Library
from models.data.mixing import Mixer
from models.export import export as export_file
from models.export import windowed_card, write_windowed
from models.fragments import fragments
from models.masks import MASKS
from models.merge import merge
from models.train import train
from models.zoo.columns import Plan
from models.zoo.fragment import DENSE_DROPOUT, FragmentNetwork
from models.zoo.incremental import Incremental
from models.zoo.thirds import every_third
from plugin_bridge import Separator, StemBridge
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests.live_desk import cranked, engine_of
from tests.workshop.conftest import Configure

TEXTS: dict[str, Any] = {"name": "x", "version": "1", "license": "x", "trained_on": "nothing"}
# float32 sums of some thousand products, in another order
ROUNDING = 1e-5
EXACT = 1e-9  # the same in float64, where no order of a maximum changes by rounding
BINS = 65  # of networks that are made small; they keep their widths


def made(**sizes: Any) -> FragmentNetwork:
    """Make a network with weights and biases that are not zero."""
    torch.manual_seed(0)
    network = FragmentNetwork(**sizes).eval()
    with torch.no_grad():
        network.spread.fill_(1.7)
        for value in network.parameters():
            if value.dim() == 1 or value.shape[1] == 1:
                value.uniform_(-0.3, 0.3)
    return network


def windows(columns: Tensor, frames: int = 25) -> Tensor:
    """Cut (batch, 1, bins, frames) into (batch, windows, 1, bins, frames)."""
    return columns.unfold(3, frames, 1).permute(0, 3, 1, 2, 4)


@pytest.mark.parametrize(
    ("architecture", "sizes", "article", "padded"),
    [
        ("branch", {"stems": ("vocals",)}, 323_233, 439_969),
        ("model1", {}, 1_292_932, 1_759_876),
        ("model2", {}, 324_037, 394_261),
        ("model3", {}, 1_278_100, 1_745_044),
        ("model4", {}, 1_292_932, 1_759_876),
    ],
)
def test_parameters(architecture: str, sizes: dict[str, Any], article: int, padded: int) -> None:
    """As many as the article's; with padded poolings a third group of columns more."""
    for keeps, count in ((False, article), (True, padded)):
        network = ARCHITECTURES[architecture](sizes | {"padded": keeps}).build()
        assert sum(p.numel() for p in network.parameters()) == count


def test_the_article_s_pooling_drops_the_newest_column() -> None:
    """Behind the first pooling it is seen through two convolutions only; padded, it is kept."""
    plain, padded = Plan(25, padded=False), Plan(25, padded=True)
    # groups of columns: 24 of 25, then 6 of 8
    pooled = [stream for stream in plain.streams if stream.kind == "pool" and stream.level == 2]
    assert max(len(stream.parts) for stream in pooled) == 3
    assert (len(plain.columns), len(padded.columns)) == (2, 3)
    x = torch.rand(1, 1, BINS, 25)
    changed = x.clone()
    changed[..., -1] += 1
    with torch.no_grad():
        moved = [
            float((network(changed) - network(x)).abs().mean() / network(x).abs().mean())
            for network in (made(bins=BINS), made(bins=BINS, padded=True))
        ]
    assert 0 < moved[0] < moved[1]


SHAPES = [
    {"stems": ("vocals",)},
    {"units": 77},
    {"branches": 4},
    {"trunks": 4, "branches": 4},
]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("sizes", SHAPES, ids=["branch", "model2", "model3", "model4"])
def test_a_stretch_gives_what_its_fragments_give(sizes: dict[str, Any], padded: bool) -> None:
    """Computed once for all windows or window by window: the same scores."""
    network = made(**sizes, padded=padded, bins=BINS)
    columns = 5 * torch.rand(2, 1, BINS, 25 + 6)
    with torch.no_grad():
        wanted = network(windows(columns).flatten(0, 1)).unflatten(0, (2, -1))
        found = network.stretch(columns.transpose(2, 3))
    torch.testing.assert_close(found.transpose(1, 2), wanted, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("sizes", SHAPES, ids=["branch", "model2", "model3", "model4"])
def test_column_by_column(sizes: dict[str, Any], padded: bool) -> None:
    """From states of zero, which stand for silence, and for much longer than a window."""
    network = made(**sizes, padded=padded, bins=BINS)
    incremental = Incremental(network)
    columns = 5 * torch.rand(2, 1, BINS, 40)
    states = incremental.initial_states(2)
    past = torch.cat([torch.zeros(2, 1, BINS, 24), columns], 3)
    with torch.no_grad():
        for frame, window in enumerate(windows(past).unbind(1)):
            scores, *states = incremental(columns[..., frame : frame + 1], *states)
            torch.testing.assert_close(scores, network(window), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("sizes", SHAPES, ids=["branch", "model2", "model3", "model4"])
def test_every_third_window_teaches_the_same(sizes: dict[str, Any]) -> None:
    """Scores and gradients are those of the fragments, each taken by itself."""
    network = made(**sizes, bins=BINS).double()
    columns = 5 * torch.rand(2, 1, BINS, 25 + 9, dtype=torch.float64)
    cut = windows(columns)[:, ::3]
    wanted = network(cut.flatten(0, 1)).unflatten(0, (2, -1)).transpose(1, 2)
    found = every_third(network, columns.transpose(2, 3))
    torch.testing.assert_close(found, wanted, rtol=0, atol=EXACT)
    gradients = [
        torch.autograd.grad((scores.sin()).sum(), list(network.parameters()))
        for scores in (found, wanted)
    ]
    for made_here, made_there in zip(*gradients, strict=True):
        torch.testing.assert_close(made_here, made_there, rtol=EXACT, atol=EXACT)


def test_the_gradient_reaches_every_weight() -> None:
    """Also through what windows share."""
    network = made(bins=BINS, branches=4).train()
    network.stretch(torch.rand(2, 1, 30, BINS)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
    assert DENSE_DROPOUT == 0.5


def test_fragments_are_what_the_bridge_will_show_the_network(library: Path) -> None:
    """Seeded; magnitudes of the mixture at half the scale; masks of the frame asked for."""

    def mixer() -> Mixer:
        return Mixer(Library.open(library), "train", seed=3)

    for target in (24, 12):
        first, second = islice(fragments(mixer(), target=target, windows=5), 2)
        assert first.magnitudes.shape == (10, 1, 513, 25)
        assert first.masks.shape == (10, 4, 513)
        again = next(fragments(mixer(), target=target, windows=5))
        torch.testing.assert_close(again.magnitudes, first.magnitudes, rtol=0, atol=0)
        assert not torch.equal(second.magnitudes, first.magnitudes)
        hearing = replace(ARCHITECTURES["branch"]({"target": target}).hearing, every=1)
        waves, gains = (torch.from_numpy(x) for x in mixer().batch(1, samples_of(5, hearing)))
        stems = (spectra(waves, hearing.transform) * gains.unsqueeze(3))[0, ..., :513] / 2
        whole = stems.sum(0).abs()
        for fragment, (channel, start) in enumerate((c, s) for c in range(2) for s in range(5)):
            seen = whole[channel, start : start + 25].T
            torch.testing.assert_close(first.magnitudes[fragment, 0], seen)
            wanted = MASKS["b1"](stems)[:, channel, start + target]
            torch.testing.assert_close(first.masks[fragment], wanted)
    with pytest.raises(ValueError, match="target 25 lies outside"):
        next(fragments(mixer(), target=25))


SHORT: dict[str, dict[str, Any]] = {
    "schedule": {"steps": 3, "batch": 1, "frames": 4, "late_share": 0, "precision": "fp32"},
    "loss": {"terms": {"mask_bce": 1.0}, "masks": "b1"},
}


def trained(configure: Configure, folder: Path, loss: str = "mask_bce", **network: Any) -> Path:
    """Train for three steps; give the run's best.pt."""
    run = {"out": folder, "validation_excerpts": 1, "validation_seconds": 0.3}
    tables = SHORT | {"loss": {"terms": {loss: 1.0}, "masks": "b1"}, "run": run}
    assert train(configure(**tables, network=network))
    return folder / "best.pt"


def test_four_branches_become_one_graph(tmp_path: Path) -> None:
    """Merged, they give what each gave alone; one stem twice, or another target, is refused."""
    networks, paths = [], []
    for i, stem in enumerate(("vocals", "drums", "bass", "other")):
        networks.append(made(stems=(stem,), target=12, bins=BINS))
        with torch.no_grad():
            networks[-1].spread.fill_(0.5 + i)  # each run measures its own
            networks[-1].out_bias += i
        content = {"architecture": "branch", "weights": networks[-1].state_dict(), "step": 1}
        content |= {"config": networks[-1].config, "scores": {stem: float(i), "mean": float(i)}}
        paths.append(tmp_path / f"{stem}.pt")
        checkpoints.save(paths[-1], content | {"data": {"stem_hours": {}, "heard_hours": 1.0}})
    merge(paths, tmp_path / "model1.pt")
    held = checkpoints.load(tmp_path / "model1.pt")
    networks.append(ARCHITECTURES[held["architecture"]](held["config"]).build().eval())
    networks[-1].load_state_dict(held["weights"])
    assert held["scores"]["mean"] == 1.5
    x = torch.rand(2, 1, BINS, 25)
    with torch.no_grad():
        alone = torch.cat([network(x) for network in networks[:4]], 1)
        torch.testing.assert_close(networks[4](x), alone, rtol=0, atol=ROUNDING)
    with pytest.raises(ValueError, match="branches of different stems"):
        merge([paths[0], paths[0]], tmp_path / "wrong.pt")
    assert not (tmp_path / "wrong.pt").exists()


@pytest.mark.parametrize("loss", ["mask_mse", "mask_bce"])
def test_a_model_that_was_trained_is_exported(
    configure: Configure, tmp_path: Path, loss: str
) -> None:
    """For the middle frame, whole or incremental: both files do the same in the separator."""
    best = trained(configure, tmp_path / "run", loss, architecture="model3", target=12)
    outs = []
    for whole in (False, True):
        path = tmp_path / f"{whole}.onnx"
        export_file(best, path, head="sigmoid", whole=whole)
        model = Model(path, "cpu")
        assert bool(model.card.states) is not whole
        assert (model.card.lookahead, model.card.sample_rate) == (12, 22050)
        separator = Separator(model, 44100)
        assert separator.latency_samples == 2047 + 12 * 512
        mix = noise(0.3)
        outs.append(np.concatenate([separator.push(mix), separator.flush()], axis=-1))
    np.testing.assert_allclose(outs[0], outs[1], atol=1e-6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file of model 2 with weights of chance."""
    path = tmp_path_factory.mktemp("model") / "chance.onnx"
    network = made(units=77)
    write_windowed(network, windowed_card(network, "sigmoid", **TEXTS), path, incremental=True)
    return path


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_it_runs_in_the_bridge(model: Path, rate: int) -> None:
    """At its own rate and at those of interfaces, in any blocks, as every model does."""
    mix = noise(0.3, rate)
    bridge = StemBridge(model=model)
    stems = bridge.process_stems(mix, rate)
    assert list(stems) == ["vocals", "drums", "bass", "other"]
    separator = Separator(Model(model), rate)
    parts = [separator.push(mix[:, i : i + 700]) for i in range(0, mix.shape[1], 700)]
    whole = np.concatenate([*parts, separator.flush()], axis=-1)
    for stem, wanted in zip(stems.values(), whole, strict=True):
        np.testing.assert_array_equal(stem, wanted)
    assert 0.01 < np.abs(whole).max() < 10


def test_a_song_is_rendered_with_it(model: Path, tmp_path: Path) -> None:
    """Four files, as long as the song."""
    with AudioFile(str(tmp_path / "song.wav"), "w", 44100, 2) as file:
        file.write(noise(0.5))
    render(tmp_path / "song.wav", RenderOptions(tmp_path / "out", model=model))
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 4


@pytest.mark.parametrize(("target", "ahead"), [(24, 0), (12, 12)])
def test_it_plays_live(tmp_path: Path, target: int, ahead: int) -> None:
    """The bits of an offline engine, late by the overlap-add and the frames that it looks ahead."""
    path = tmp_path / "chance.onnx"
    network = made(units=77, target=target)
    write_windowed(network, windowed_card(network, **TEXTS), path, incremental=True)
    opened = Model(path, "cpu")
    stream, device = cranked(engine_of(opened), 512, mode="inline", clock="wait")
    mix = noise(40 * 512 / 44100)
    out = device.crank(mix)
    stream.stop()
    late = stream.latency_samples
    assert late == 1536 + ahead * 512
    expected = engine_of(opened).whole(mix)
    np.testing.assert_array_equal(out[:, late:], expected[:, : mix.shape[1] - late])
    assert np.abs(out).max() > 0.01
