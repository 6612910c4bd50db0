"""The fused graph against the numpy path, for every feature and head."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from plugin_bridge.dsp.features import FEATURES
from plugin_bridge.dsp.heads import HEADS, head
from plugin_bridge.dsp.stft import Transform
from plugin_bridge.errors import PluginBridgeError, SpecError
from plugin_bridge.model import graph, operators
from plugin_bridge.model.fuse import TOLERANCE, fuse
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import Separator
from plugin_bridge.testing import measure_model, noise, sine
from tests import graphs

Wave = NDArray[np.float32]
SAMPLES = 12_000


def music() -> Wave:
    """Give notes with harmonics, a beat of noise and a bass, peaking at 0.9."""
    time = np.arange(SAMPLES) / 44100
    notes = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 9))
    beat = noise(SAMPLES / 44100) * np.exp(-(time % 0.1) * 60) * 8
    wave = np.stack([notes, 0.6 * notes]) + beat + np.sin(2 * np.pi * 50 * time)
    return np.asarray(0.9 * wave / np.abs(wave).max(), np.float32)


SIGNALS: dict[str, Wave] = {
    "sine": 0.9 * sine(997, SAMPLES / 44100),
    "dc": np.full((2, SAMPLES), 0.5, np.float32),
    "music": music(),
    "silence": np.zeros((2, SAMPLES), np.float32),
}


def separate(model: str | Path, mix: Wave, **options: Any) -> Wave:
    """Push all at once, and flush."""
    separator = Separator(model, channels=len(mix), provider="cpu", **options)
    return np.concatenate([separator.push(mix), separator.flush()], axis=-1)


def numbered(name: str) -> str:
    """Write a feature with the numbers that it takes."""
    return ":".join([name, "0.3", "0.01"][: 1 + FEATURES[name].most])


def assert_same(path: Path, tmp_path: Path, leave_out: str = "") -> Path:
    """Fuse, and compare on every signal."""
    fused = fuse(path, tmp_path / "fused.onnx", overwrite=True)
    for name in SIGNALS.keys() - {leave_out}:
        wanted, result = (separate(model, SIGNALS[name]) for model in (path, fused.path))
        np.testing.assert_allclose(result, wanted, atol=TOLERANCE, err_msg=name)
    return fused.path


def assert_alike(path: Path, fused: Path, mix: Wave) -> None:
    """Compare where rounding decides single bins: by energy, -40 dB."""
    wanted, result = (separate(model, mix) for model in (path, fused))
    assert np.square(result - wanted).sum() < 1e-4 * np.square(wanted).sum()
    assert np.abs(wanted).max() > 0.05


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature(name: str, tmp_path: Path) -> None:
    """A graph sees in every feature what the numpy path shows it."""
    planes = 1 if FEATURES[name].pair else 2
    path = graphs.streaming(tmp_path / "m.onnx", planes=planes, features=[numbered(name)])
    assert_same(path, tmp_path)


@pytest.mark.parametrize("name", [name for name in HEADS if not name.startswith("binary")])
def test_every_head(name: str, tmp_path: Path) -> None:
    """A graph makes the same stems of raw values, and they are heard."""
    rows = 8 * head(name).maps
    options: dict[str, Any] = {"rows": rows, "head": name, "features": ["power:0.3"]}
    path = graphs.streaming(tmp_path / "m.onnx", **options)
    # Its direct magnitudes take the phase of the mix, which in bins without any is rounding.
    by_rounding = "dc" if name == "decoupled" else ""
    fused = assert_same(path, tmp_path, leave_out=by_rounding)
    assert_alike(path, fused, SIGNALS[by_rounding or "music"])


@pytest.mark.parametrize("name", ["binary:0.3", "binary_argmax"])
def test_binary_heads_differ_in_single_bins_only(name: str, tmp_path: Path) -> None:
    """A threshold flips on rounding: energy of the difference, not its peak."""
    path = graphs.streaming(tmp_path / "m.onnx", head=name)
    fused = fuse(path, tmp_path / "fused.onnx").path
    assert_alike(path, fused, SIGNALS["music"])


@pytest.mark.parametrize("residual", ["vocals", "bass", "other"])
def test_the_residual_stem_is_inside(residual: str, tmp_path: Path) -> None:
    """Wherever it stands in the order; all stems together are the mix."""
    path = graphs.streaming(tmp_path / "m.onnx", rows=6, head="sigmoid", residual_stem=residual)
    fused = assert_same(path, tmp_path)
    assert Model(fused).card.graph_stems == ("vocals", "drums", "bass", "other")
    total = separate(fused, SIGNALS["music"]).sum(0)
    np.testing.assert_allclose(total, SIGNALS["music"], atol=1e-5)


def test_one_channel_models(tmp_path: Path) -> None:
    """They run per channel, fused as not."""
    assert_same(graphs.streaming(tmp_path / "m.onnx", planes=1, rows=4, channels=1), tmp_path)


@pytest.mark.parametrize(
    "lengths",
    [(2048, 2048, 512, "sqrt-hann"), (1000, 200, 50, "asymmetric"), (62, 4, 2, "asymmetric")],
)
def test_any_transform(lengths: tuple[int, int, int, str], tmp_path: Path) -> None:
    """Also lengths that are no power of two, and several hops of overlap."""
    names = ("n_fft", "synthesis", "hop", "window")
    fields: dict[str, Any] = dict(zip(names, lengths, strict=True))
    bins = lengths[0] // 2 + 1
    assert_same(graphs.streaming(tmp_path / "m.onnx", bins=bins, **fields), tmp_path)


@pytest.mark.parametrize("n_fft", [16, 62, 100, 2048])
def test_the_transform_by_matrices_is_the_transform(n_fft: int) -> None:
    """Against numpy in float64, in both directions."""
    import onnxruntime

    made = Transform(n_fft, n_fft, n_fft // 2, "sqrt-hann")
    g = graph.Graph("t_")
    spectra = graph.analysis(g, "x", 2, made)
    doubled = g.reshape(spectra, 1, 2, 2, made.bins)
    g("Identity", graph.synthesis(g, doubled, 1, 2, made), to="y")
    g("Identity", spectra, to="s")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    outputs = {"y": [1, 2, n_fft], "s": [2, 2, made.bins]}
    model = helper.make_model(
        helper.make_graph(
            g.nodes,
            "transform",
            [helper.make_tensor_value_info("x", kind, [2, n_fft])],
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
            g.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = noise(n_fft / 44100)
    back, found = session.run(["y", "s"], {"x": x})
    wanted = np.fft.rfft(x.astype(np.float64) * made.pair[0])
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found[:, 0] + 1j * found[:, 1], wanted, atol=1e-6 * scale)
    round_trip = np.fft.irfft(wanted, n_fft) * made.pair[1]
    np.testing.assert_allclose(back[0], round_trip, atol=1e-6)


@pytest.mark.model
def test_the_shipped_model_fused_is_a_model(tmp_path: Path) -> None:
    """Same stems, scores and latency; another kind; any partition into blocks, same bits."""
    fused = assert_same(Model("lastframe", "cpu").path, tmp_path)
    card, model = Model("lastframe", "cpu").card, Model(fused, "cpu")
    assert (model.card.kind, model.card.delay) == ("waveform", 256)
    for field in ("name", "version", "license", "trained_on", "scores", "stems", "channels"):
        assert getattr(model.card, field) == getattr(card, field)
    for block in (None, 256, 480):
        lags = [Separator(m, block=block).latency_samples for m in (model, "lastframe")]
        assert lags[0] == lags[1]
    found = measure_model(model)
    assert found.latency_samples == found.measured_latency_samples == 256
    whole = separate(fused, SIGNALS["music"])
    separator = Separator(model)
    cuts = np.split(SIGNALS["music"], [1, 256, 300, 5000], axis=1)
    parts = [*(separator.push(np.ascontiguousarray(cut)) for cut in cuts), separator.flush()]
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)


def test_a_network_whose_names_are_taken(tmp_path: Path) -> None:
    """A network may use any names, also those of a fused one."""
    path = graphs.streaming(tmp_path / "m.onnx")
    model = onnx.load(path)
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["fused_samples" if name == "both" else name for name in names]
    onnx.save(model, path)
    assert_same(path, tmp_path)


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    """One sentence with the kind it is and the kind there has to be."""
    for path in (
        graphs.windowed(tmp_path / "windowed.onnx"),
        graphs.waves(tmp_path / "waveform.onnx"),
        graphs.waves(tmp_path / "segment.onnx", kind="segment"),
    ):
        with pytest.raises(SpecError, match=f"is a {path.stem} model; only streaming"):
            fuse(path, tmp_path / "out.onnx")
        assert not (tmp_path / "out.onnx").exists()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """Nothing is replaced unasked, nothing half-written stays, and it is said why."""
    path = graphs.streaming(tmp_path / "m.onnx")
    kept = tmp_path / "kept.onnx"
    kept.write_bytes(b"mine")
    with pytest.raises(SpecError, match="exists; name another file, or replace it"):
        fuse(path, kept)
    assert kept.read_bytes() == b"mine"
    with pytest.raises(SpecError, match="is the model itself"):
        fuse(path, path, overwrite=True)
    with pytest.raises(SpecError, match=r"does not end in \.onnx"):
        fuse(path, tmp_path / "out")
    for folder in (tmp_path / "none", kept):
        with pytest.raises(SpecError, match="cannot be written"):
            fuse(path, folder / "out.onnx")
    assert {entry.name for entry in tmp_path.iterdir()} == {"m.onnx", "kept.onnx"}


def test_a_graph_that_computes_something_else_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check that ends every fusing is a real one."""
    path = graphs.streaming(tmp_path / "m.onnx")
    monkeypatch.setitem(operators.FEATURES, "magnitude", lambda _, x: x[0])
    with pytest.raises(PluginBridgeError, match="fused differs by"):
        fuse(path, tmp_path / "out.onnx")
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.onnx"]


def test_old_operators_are_refused(tmp_path: Path) -> None:
    """Their inputs have another form."""
    path = graphs.streaming(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.opset_import[0].version = 11
    onnx.save(model, path)
    with pytest.raises(SpecError, match="opset 11, fusing needs 13"):
        fuse(path, tmp_path / "out.onnx")
