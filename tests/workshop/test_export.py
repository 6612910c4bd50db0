"""Export: the file does what the network does, says where it is from, or is not written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from torch import Tensor

from models import checkpoints, command
from models.ablation import CONFIGS
from models.architectures import masks_of
from models.batches import spectra
from models.configuration import Network
from models.export import example_inputs, export, streaming_card, write
from models.features import features
from models.merge import merge
from models.spectrograms import picture
from models.study import train_all
from models.train import train
from models.trainer import Trainer
from models.zoo.fragment import FragmentNetwork
from models.zoo.lastframe import STEMS, TRANSFORM, LastFrame
from plugin_bridge.dsp.features import FeaturePlane
from plugin_bridge.dsp.stft import Analysis, Transform
from plugin_bridge.errors import ModelError
from plugin_bridge.model.fuse import fuse
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import Separator
from plugin_bridge.testing import noise
from tests.workshop.conftest import TINY, Configure

WEIGHTS = Path("models/weights").resolve()


@pytest.fixture
def run(configure: Configure) -> Path:
    """Train for some steps."""
    assert train(configure())
    return configure().run.out


def test_the_exported_model_does_what_the_network_does(run: Path, tmp_path: Path) -> None:
    """Masks from the file, streamed, equal the network's on the whole signal."""
    export(run / "best.pt", tmp_path / "made.onnx", trained_on="a test")
    model = Model(tmp_path / "made.onnx")
    assert (model.card.kind, model.card.stems) == ("streaming", STEMS)
    held = checkpoints.load(run / "best.pt")
    network = LastFrame(**held["config"]).eval()
    network.load_state_dict(held["weights"])
    assert network.mean.abs().max() > 0.1
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


def test_what_both_channels_have_together(configure: Configure, tmp_path: Path) -> None:
    """A network that sees phase differences sees the bridge's; fused it does the same."""
    wanted = configure(network={"pairs": ("cos_ipd",), "low": 16}, run={"out": tmp_path / "run"})
    assert train(wanted)
    export(wanted.run.out / "best.pt", tmp_path / "made.onnx")
    model = Model(tmp_path / "made.onnx")
    assert model.card.features == ("power:0.3:0.01", "cos_ipd")
    spectrum = spectra(torch.from_numpy(noise(0.3)))
    planes = [FeaturePlane(text)(spectrum.numpy()) for text in model.card.features]
    seen = features(spectrum[None], ("cos_ipd",))[0]
    np.testing.assert_allclose(seen, np.concatenate(planes), atol=1e-5)
    assert fuse(tmp_path / "made.onnx", tmp_path / "one.onnx").difference < 1e-4


def test_a_transform_of_shorter_hops(configure: Configure, run: Path, tmp_path: Path) -> None:
    """Trained on from a network of longer ones; its card says so, and the bridge is as fast."""
    short = {"synthesis": 256, "hop": 128}
    begun = configure(network=short, run={"start": run / "best.pt", "out": tmp_path / "short"})
    assert train(begun)
    export(begun.run.out / "best.pt", tmp_path / "made.onnx", trained_on="a test")
    model = Model(tmp_path / "made.onnx")
    assert model.card.transform == Transform(2048, 256, 128)
    separator = Separator(model, block=128)
    assert separator.latency_samples == 128
    mix = noise(128 * 60 / 44100)
    blocks = [separator.push(mix[:, at : at + 128]) for at in range(0, mix.shape[1], 128)]
    found = np.concatenate(blocks, axis=-1).sum(0)
    assert found.shape[1] == mix.shape[1] - 128
    np.testing.assert_allclose(found, mix[:, :-128], atol=1e-5)
    with pytest.raises(ValueError, match=r"hop is 256 there and 128 here"):
        Trainer(configure(network=short), torch.device("cpu"))
    with pytest.raises(ValueError, match="hop"):
        configure(network={"synthesis": 300, "hop": 256})


def test_the_card_says_where_it_is_from(run: Path, tmp_path: Path) -> None:
    """Scores and data of the run, unless something else is said; from a checkpoint as well."""
    export(run / "best.pt", tmp_path / "made.onnx")
    card = Model(tmp_path / "made.onnx").card
    held = checkpoints.load(run / "best.pt")
    (scores,) = card.scores.values()
    assert scores["mean"] == round(held["scores"]["mean"], 2)
    assert card.trained_on.startswith("stems in the library: generated ")
    export(run / "checkpoint.pt", tmp_path / "other.onnx", scores='{"a set": {"SDR": 1.5}}')
    card = Model(tmp_path / "other.onnx").card
    assert card.scores == {"a set": {"SDR": 1.5}}


def test_what_was_trained_can_be_fused(run: Path, tmp_path: Path) -> None:
    """One graph on samples, equal to 1e-4."""
    export(run / "best.pt", tmp_path / "made.onnx")
    assert fuse(tmp_path / "made.onnx", tmp_path / "one.onnx").difference < 1e-4


@pytest.mark.parametrize("head", ["sigmoid", "complex", "decoupled"])
def test_other_heads(configure: Configure, tmp_path: Path, head: str) -> None:
    """Learnt, written with their name, heard through the bridge, and fused to the same."""
    wanted = configure(network={"head": head})
    assert train(wanted)
    export(wanted.run.out / "best.pt", tmp_path / "made.onnx")
    model = Model(tmp_path / "made.onnx")
    assert (model.card.head, model.card.mask_head.sums_to_one) == (head, False)
    stems = Separator(model, frames_per_call=8).push(noise(0.2))
    assert np.isfinite(stems).all()
    assert np.abs(stems).max() > 1e-3
    assert fuse(tmp_path / "made.onnx", tmp_path / "one.onnx").difference < 1e-4


class Forgetful(LastFrame):
    """A network whose states come back as zeros: streamed, it forgets."""

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Run, and drop what there is to remember."""
        scores, *following = super().forward(features, *states)
        return scores, *(0 * state for state in following)


def test_a_file_that_the_bridge_would_refuse_is_not_written(run: Path, tmp_path: Path) -> None:
    """Nor one whose options are of another network."""
    branch = FragmentNetwork(stems=("bass",), trunks=1, branches=1)
    held = {"architecture": "branch", "config": branch.config, "weights": branch.state_dict()}
    checkpoints.save(tmp_path / "branch.pt", held)
    out = tmp_path / "made" / "out.onnx"
    with pytest.raises(ModelError, match="binry"):
        export(tmp_path / "branch.pt", out, head="binry")
    with pytest.raises(ValueError, match="--head sigmoid is for models of fragments"):
        export(run / "best.pt", out, head="sigmoid")
    with pytest.raises(ValueError, match=r"--scores '\{bad' is not JSON"):
        export(run / "best.pt", out, scores="{bad")
    best = checkpoints.load(run / "best.pt")
    checkpoints.save(tmp_path / "odd.pt", best | {"config": {"size": 3}})
    with pytest.raises(ValueError, match="network cannot be made here"):
        export(tmp_path / "odd.pt", out)
    checkpoints.save(tmp_path / "none.pt", {"config": best["config"]})
    with pytest.raises(ValueError, match="holds no weights"):
        export(tmp_path / "none.pt", out)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".onnx", ".part")]
    export(run / "checkpoint.pt", out)
    assert Model(out).card.trained_on.startswith("stems in the library: generated")


def test_commands_end_in_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And in 2."""
    blind = CONFIGS / "lastframe.toml"
    for begun in (
        lambda: merge([WEIGHTS / "lastframe.pt"], tmp_path / "out.pt"),
        lambda: export(WEIGHTS / "none.pt", tmp_path / "out.onnx"),
        lambda: export(blind, tmp_path / "out.onnx"),
        lambda: picture(tmp_path, tmp_path / "out"),
        lambda: train_all([], ["nosuch"]),
        lambda: checkpoints.save(tmp_path, {}),
    ):
        with pytest.raises(SystemExit) as ended:
            command.run(begun)
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def write_one(network: LastFrame, path: Path) -> None:
    """Write a network with a card."""
    texts: dict[str, Any] = {"name": "x", "version": "1", "license": "x", "trained_on": "x"}
    write(network, streaming_card(network, **texts), example_inputs(network), path)


def test_a_network_that_forgets_is_refused(tmp_path: Path) -> None:
    """Streamed it gives something else than in chunks; nothing is written."""
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="between frames one by one and 64 at once"):
        write_one(Forgetful(**TINY), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_is_not_the_network_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the exporter takes something for a constant; what stood there stays."""
    torch.manual_seed(0)
    network = LastFrame(**TINY)
    write_one(network, tmp_path / "x.onnx")
    before = (tmp_path / "x.onnx").read_bytes()
    plain = torch.onnx.export

    def other(network: LastFrame, *arguments: Any, **options: Any) -> None:
        plain(network, *arguments, **options)
        with torch.no_grad():
            network.out_place += 0.01

    monkeypatch.setattr(torch.onnx, "export", other)
    with pytest.raises(ValueError, match="differs from the network by"):
        write_one(network, tmp_path / "x.onnx")
    assert (tmp_path / "x.onnx").read_bytes() == before


@pytest.mark.parametrize("name", ["lastframe", "lastframe-hq"])
def test_a_shipped_model_can_be_trained_on(configure: Configure, name: str) -> None:
    """Its weights lie beside it: the file computes what they do, and a run starts with them."""
    weights = WEIGHTS / f"{name}.pt"
    held = checkpoints.load(weights)
    network = LastFrame(**held["config"]).eval()
    network.load_state_dict(checkpoints.weights(held))
    model = Model(WEIGHTS / f"{name}.onnx")
    inputs = example_inputs(network)
    names = ["features", *(state.input for state in model.card.states)]
    feeds = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    found = InferenceSession(WEIGHTS / f"{name}.onnx").run(None, feeds)
    with torch.no_grad():
        wanted = network(*inputs)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=2e-5 * max(1, float(b.abs().max())))
    sizes = {key: value for key, value in held["config"].items() if key in Network.model_fields}
    made = Trainer(configure(network=sizes, run={"start": weights}), torch.device("cpu"))
    torch.testing.assert_close(made.network.state_dict()["out.bias"], held["weights"]["out.bias"])
