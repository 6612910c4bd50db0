"""A file that breaks the contract is refused: what was found, what is expected, what to do."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from plugin_bridge.errors import ModelContractError, ModelFileError, PluginBridgeWarning
from plugin_bridge.model.onnx import Model
from tests import graphs

Writer = Callable[..., Path]
segment = partial(graphs.waves, kind="segment")
GOOD_STATE = {"input": "before", "output": "last", "shape": [1, 2, 1, 1025]}

# writer, what is wrong, and what the message must say
CASES: list[tuple[Writer, dict[str, Any], str]] = [
    (graphs.streaming, {"name": ""}, "card's name is ''"),
    (graphs.streaming, {"kind": "causal"}, "card's kind is 'causal'.*'streaming', 'windowed'"),
    (graphs.streaming, {"sample_rate": 0}, "card's sample_rate is 0"),
    (graphs.streaming, {"sample_rate": "fast"}, "card's sample_rate is 'fast'"),
    (graphs.streaming, {"channels": 1}, "'x' has 2 where the card makes it 1 .planes"),
    (graphs.streaming, {"channels": 6}, "card's channels is 6"),
    (graphs.streaming, {"stems": ["vocals", "rest"]}, "'y' has 8 where the card makes it 4 .stems"),
    (graphs.streaming, {"stems": ["a", "a"]}, "repeat a name"),
    (graphs.streaming, {"stems": ["../up", "b", "c", "d"]}, "'../up' cannot name a strip"),
    (graphs.streaming, {"stems": ["", "b", "c", "d"]}, "stem '' cannot name a strip"),
    (graphs.streaming, {"stems": ["lead.vox", "b", "c", "d"]}, "'lead.vox' cannot name a strip"),
    (graphs.streaming, {"stems": ["Master", "b", "c", "d"]}, "but not mix, dry, master, clip"),
    (graphs.streaming, {"stems": ["Vocals", "vocals", "c", "d"]}, "repeat a name"),
    (graphs.streaming, {"sample_rate": "44100"}, "sample_rate is '44100'"),
    (graphs.streaming, {"format": "2"}, "card's format is '2'"),
    (graphs.streaming, {"format": True}, "card's format is True"),
    (graphs.streaming, {"features": ["log:0"]}, "is no number at silence; use an eps above 0"),
    (graphs.streaming, {"n_fft": 1024}, "'x' has 1025 where the card makes it 513 .n_fft"),
    (graphs.streaming, {"synthesis": 700}, "synthesis 700, hop 256 cannot reconstruct"),
    (graphs.streaming, {"hop": 300}, "hop 300 cannot reconstruct"),
    (graphs.streaming, {"hop": None}, "a streaming model needs hop; add to the card"),
    (graphs.streaming, {"window": "kaiser"}, "'kaiser' is unknown; use one of asymmetric"),
    (graphs.streaming, {"features": ["magnitude", "ild"]}, "has 2 where the card makes it 3"),
    (graphs.streaming, {"features": ["loudness"]}, "feature 'loudness' is unknown"),
    (graphs.streaming, {"head": "complex"}, "'y' has 8 where the card makes it 16"),
    (graphs.streaming, {"head": "hard"}, "head 'hard' is unknown; use one of none"),
    (graphs.streaming, {"residual_stem": "piano"}, "'piano' is not one of the stems"),
    (graphs.streaming, {"residual_stem": "other"}, "softmax sums to one already"),
    (graphs.streaming, {"head": "none", "residual_stem": "other"}, "8 where the card makes it 6"),
    (graphs.streaming, {"states": []}, "has 2 inputs beside the card's states .x, before."),
    (graphs.streaming, {"states": [GOOD_STATE | {"input": "b"}]}, "'b' is not an input of"),
    (graphs.streaming, {"states": [GOOD_STATE | {"output": "b"}]}, "'b' is not an output of"),
    (graphs.streaming, {"states": [GOOD_STATE | {"shape": [1, 2, 1, 9]}]}, "makes it 9 .state"),
    (graphs.streaming, {"frames": 25}, "a streaming model has no use for frames"),
    (graphs.streaming, {"target": 3}, "a streaming model has no use for target"),
    (graphs.streaming, {"segment": 9}, "a streaming model has no use for segment"),
    (graphs.streaming, {"overlap": 0.5}, "a streaming model has no use for overlap"),
    (graphs.streaming, {"format": 2, "future": 1}, "format 2 with the unknown fields future"),
    (graphs.streaming, {"format": 2}, "has format 2, this program reads format 1; upgrade"),
    (graphs.streaming, {"format": 0}, "card's format is 0"),
    (graphs.windowed, {"target": 5}, "target 5 lies outside the 5 frames; use 0 to 4"),
    (graphs.windowed, {"target": None}, "a windowed model needs target"),
    (graphs.windowed, {"frames": 9}, "'x' has 5 where the card makes it 9 .frames"),
    (
        graphs.windowed,
        {"kind": "streaming", "frames": None, "target": None},
        "'x' has 1 where the card makes it 2",
    ),
    (graphs.waves, {"hop": 128}, "'x' has 256 where the card makes it 128 .samples of hop"),
    (graphs.waves, {"n_fft": 2048}, "a waveform model has no use for n_fft"),
    (segment, {"segment": 99}, "has 256 where the card makes it 99"),
    (segment, {"overlap": 1.0}, "card's overlap is 1.0"),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "wrong", "says"), CASES, ids=[repr(case[1]) for case in CASES])
def test_card_and_graph_that_disagree_are_refused(
    tmp_path: Path, writer: Writer, wrong: dict[str, Any], says: str
) -> None:
    """One case per field; the sentence names the file."""
    path = graphs.edit_card(writer(tmp_path / "bad.onnx"), **wrong)
    with pytest.raises(ModelContractError, match=says) as caught:
        Model(path)
    assert str(caught.value).startswith("bad.onnx")
    assert "\n" not in str(caught.value)


def test_a_fixed_frames_axis_is_refused(tmp_path: Path) -> None:
    """Live needs one frame per call, offline 64."""
    path = graphs.streaming(tmp_path / "bad.onnx", frames=1)
    with pytest.raises(ModelContractError, match="fixed at 1, it must be dynamic"):
        Model(path)


@pytest.mark.parametrize(
    ("card", "says"),
    [(None, "has no card; add it"), ("{", "card is not JSON"), ([1], "must be a JSON object")],
)
def test_a_missing_or_broken_card_is_refused(tmp_path: Path, card: object, says: str) -> None:
    """Nothing is guessed."""
    node = helper.make_node("Identity", ["x"], ["y"])
    path = graphs.write(tmp_path / "bad.onnx", card, [node], {"x": [1]}, {"y": [1]}, {})
    with pytest.raises(ModelContractError, match=says):
        Model(path)


def test_a_field_that_is_missing_is_named(tmp_path: Path) -> None:
    """Every required field in turn."""
    node = helper.make_node("Identity", ["x"], ["y"])
    for field in graphs.CARD:
        card = {key: value for key, value in graphs.CARD.items() if key != field}
        card |= graphs.SPECTRAL | {"kind": "streaming", "features": ["magnitude"], "head": "none"}
        path = graphs.write(tmp_path / "bad.onnx", card, [node], {"x": [1]}, {"y": [1]}, {})
        with pytest.raises(ModelContractError, match=f"the card has no {field}; add it"):
            Model(path)


def test_other_element_types_are_refused(tmp_path: Path) -> None:
    """float64 graphs say what to do."""
    card = graphs.CARD | graphs.SPECTRAL | {"kind": "streaming", "features": ["magnitude"]}
    path = graphs.write(
        tmp_path / "bad.onnx",
        card | {"head": "none", "stems": ["all"]},
        [helper.make_node("Identity", ["x"], ["y"])],
        {"x": [1, 2, "t", 1025]},
        {"y": [1, 2, "t", 1025]},
        {},
        element=TensorProto.DOUBLE,
    )
    with pytest.raises(ModelContractError, match=r"must be tensor\(float\); export in float32"):
        Model(path)


def test_an_output_of_another_length_is_found_at_the_first_call(tmp_path: Path) -> None:
    """The graph leaves its output open, and gives too little."""
    card = graphs.CARD | graphs.SPECTRAL | {"kind": "streaming", "features": ["magnitude"]}
    path = graphs.write(
        tmp_path / "bad.onnx",
        card | {"head": "none", "stems": ["all"]},
        [
            # 1, but known only when it runs
            helper.make_node("Mul", ["x", "zero"], ["nothing"]),
            helper.make_node("ReduceMax", ["nothing"], ["most"], keepdims=0),
            helper.make_node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Add", ["whole", "one"], ["rows"]),
            helper.make_node("Slice", ["x", "start", "rows", "one"], ["y"]),
        ],
        {"x": [1, 2, "t", 1025]},
        {"y": [1, "rows", "t", 1025]},
        {"zero": np.zeros(1, np.float32), "one": np.array([1]), "start": np.array([0])},
    )
    with pytest.raises(ModelContractError, match=r"has the shape \[1, 1, 4, 1025\]"):
        Model(path).stream(4)


def test_external_data_is_refused(tmp_path: Path) -> None:
    """A model is one file."""
    path = graphs.streaming(tmp_path / "whole.onnx")
    model = onnx.load(path)
    onnx.save(
        model, tmp_path / "split.onnx", save_as_external_data=True, location="w", size_threshold=0
    )
    with pytest.raises(ModelFileError, match="in another file; a model is exactly one"):
        Model(tmp_path / "split.onnx")


@pytest.mark.parametrize("content", [b"", b"These are the lyrics.\n", b"location"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    """Text, nothing, and what looks like external data."""
    path = tmp_path / "text.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"^text\.onnx is not an ONNX model") as caught:
        Model(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_field_is_a_warning(tmp_path: Path) -> None:
    """A misspelt optional field does not stop the show, but is said."""
    path = graphs.streaming(tmp_path / "odd.onnx", tranied_on="x")
    with pytest.warns(PluginBridgeWarning, match="fields tranied_on are unknown"):
        Model(path)


def test_all_heads_and_features_load(tmp_path: Path) -> None:
    """What the contract lists, a graph may use."""
    rows = {"none": 8, "sigmoid": 8, "binary:0.4": 8, "binary_argmax": 8, "complex": 16}
    for head, count in (rows | {"decoupled": 32}).items():
        model = Model(graphs.streaming(tmp_path / "a.onnx", rows=count, head=head))
        raw = model.stream(3).run()
        assert raw.shape == (1, count, 3, 1025)
    features = ["magnitude", "power:0.3", "log", "ild", "cos_ipd", "sin_ipd", "real", "imag"]
    model = Model(graphs.streaming(tmp_path / "a.onnx", planes=13, features=features))
    assert model.card.planes == 13


def test_states_go_on_from_call_to_call_and_reset(tmp_path: Path) -> None:
    """The second call sees the first one's frame; a reset forgets it."""
    stream = Model(graphs.streaming(tmp_path / "a.onnx", head="none")).stream(1)
    generator = np.random.default_rng(0)
    frames = generator.random((3, 2, 1025), np.float32)
    kernel = graphs.weights(8, 2, 2, 1)[..., 0]
    before = np.zeros((2, 1025), np.float32)
    for frame in frames:
        stream.input[0, :, 0] = frame
        wanted = kernel[:, :, 0] @ before + kernel[:, :, 1] @ frame
        np.testing.assert_allclose(stream.run()[0, :, 0], wanted, atol=1e-5)
        before = frame
    stream.reset()
    np.testing.assert_allclose(stream.run()[0, :, 0], kernel[:, :, 1] @ before, atol=1e-5)


def test_a_state_that_is_no_number_resets(tmp_path: Path) -> None:
    """Infinity in, NaN out once; then the stream is as new."""
    stream = Model(graphs.streaming(tmp_path / "a.onnx", head="none")).stream(1)
    stream.input[...] = np.inf
    assert np.isnan(stream.run()).all()
    stream.input[...] = 0
    assert not stream.run().any()
