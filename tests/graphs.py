"""Small ONNX networks of every kind, with weights that a test can compute with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from plugin_bridge.model.card import METADATA_KEY

Weights = NDArray[np.float32]
Shape = list[int | str]

CARD: dict[str, Any] = {
    "format": 1,
    "name": "graph",
    "version": "1",
    "license": "CC0-1.0",
    "trained_on": "nothing",
    "sample_rate": 44100,
    "channels": 2,
    "stems": ["vocals", "drums", "bass", "other"],
}
SPECTRAL = {"n_fft": 2048, "synthesis": 512, "hop": 256, "window": "asymmetric"}


def weights(*shape: int) -> Weights:
    """Give fixed weights of a sensible size."""
    return 0.5 * np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


def write(
    path: Path,
    card: object,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape],
    constants: dict[str, NDArray[Any]],
    element: int = TensorProto.FLOAT,
) -> Path:
    """Write a graph with a card: a dict, a text that is no JSON, or None for no card."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, element, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, element, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if card is not None:
        text = card if isinstance(card, str) else json.dumps(card)
        helper.set_model_props(model, {METADATA_KEY: text})
    onnx.save(model, path)
    return path


def edit_card(path: Path, **fields: Any) -> Path:
    """Change fields of a file's card; its graph stays."""
    model = onnx.load(path)
    card = json.loads(model.metadata_props[0].value) | fields
    helper.set_model_props(model, {METADATA_KEY: json.dumps(card)})
    onnx.save(model, path)
    return path


def streaming(
    path: Path,
    *,
    planes: int = 2,
    rows: int = 8,
    bins: int = 1025,
    frames: int | str = "frames",
    **card: Any,
) -> Path:
    """Write a streaming model: each mask is a weighted sum of planes, now and a frame ago.

    The frame before comes from a state. Weights: `weights(rows, planes, 2, 1)`.
    """
    fields = CARD | SPECTRAL | {"kind": "streaming", "features": ["magnitude"], "head": "softmax"}
    fields |= {"states": [{"input": "before", "output": "last", "shape": [1, planes, 1, bins]}]}
    return write(
        path,
        fields | card,
        [
            helper.make_node("Concat", ["before", "x"], ["both"], axis=2),
            helper.make_node("Slice", ["both", "minus_one", "end", "axis"], ["last"]),
            helper.make_node("Conv", ["both", "w"], ["y"]),
        ],
        {"x": [1, planes, frames, bins], "before": [1, planes, 1, bins]},
        {"y": [1, rows, frames, bins], "last": [1, planes, 1, bins]},
        {
            "w": weights(rows, planes, 2, 1),
            "minus_one": np.array([-1]),
            "end": np.array([2**60]),
            "axis": np.array([2]),
        },
    )


def windowed(
    path: Path,
    *,
    planes: int = 1,
    rows: int = 4,
    bins: int = 1025,
    frames: int = 5,
    cached: bool = False,
    **card: Any,
) -> Path:
    """Write a windowed model: each mask is a weighted sum over planes and context.

    Weights: `weights(rows, planes, 1, frames)`. `cached` keeps the context in a state.
    """
    fields = CARD | SPECTRAL | {"kind": "windowed", "features": ["magnitude"], "head": "sigmoid"}
    fields |= {"frames": frames, "target": "last"}
    nodes = [
        helper.make_node("Conv", ["context", "w"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["y"]),
    ]
    inputs: dict[str, Shape] = {"x": ["batch", planes, bins, 1 if cached else frames]}
    outputs: dict[str, Shape] = {"y": ["batch", rows, bins]}
    constants: dict[str, NDArray[Any]] = {
        "w": weights(rows, planes, 1, frames),
        "axis": np.array([3]),
    }
    if cached:
        held = [planes, bins, frames - 1]
        fields["states"] = [{"input": "held", "output": "kept", "shape": [1, *held]}]
        inputs["held"] = outputs["kept"] = ["batch", *held]
        constants |= {"one": np.array([1]), "end": np.array([2**60])}
        nodes = [
            helper.make_node("Concat", ["held", "x"], ["context"], axis=3),
            helper.make_node("Slice", ["context", "one", "end", "axis"], ["kept"]),
            *nodes,
        ]
    else:
        nodes[0].input[0] = "x"
    return write(path, fields | card, nodes, inputs, outputs, constants)


def waves(
    path: Path, *, samples: int = 256, stems: int = 4, channels: int = 2, **card: Any
) -> Path:
    """Write a waveform (default) or segment model: stem i is the mix times weights(stems)[i].

    A waveform model adds half of the hop before, from a state.
    """
    fields = CARD | {"kind": "waveform", "hop": samples}
    held: Shape = [1, 1, channels, samples]
    inputs: dict[str, Shape] = {"x": [1, channels, samples]}
    outputs: dict[str, Shape] = {"y": [1, stems, channels, samples]}
    constants: dict[str, NDArray[Any]] = {
        "w": weights(stems).reshape(1, stems, 1, 1),
        "axis": np.array([1]),
    }
    if card.get("kind") == "segment":
        del fields["hop"]
        fields |= {"segment": samples, "overlap": 0.5}
        nodes = [helper.make_node("Unsqueeze", ["x", "axis"], ["heard"])]
    else:
        fields["states"] = [{"input": "before", "output": "now", "shape": held}]
        inputs["before"] = outputs["now"] = held
        constants["half"] = np.array([0.5], np.float32)
        nodes = [
            helper.make_node("Unsqueeze", ["x", "axis"], ["now"]),
            helper.make_node("Mul", ["before", "half"], ["echo"]),
            helper.make_node("Add", ["now", "echo"], ["heard"]),
        ]
    nodes.append(helper.make_node("Mul", ["heard", "w"], ["y"]))
    return write(path, fields | card, nodes, inputs, outputs, constants)


def slow(path: Path, *, size: int = 1000) -> Path:
    """Write a streaming model of equal stems that takes many hops of a core for each of its own.

    A product of two square matrices of the input's mean, times zero: nothing to be folded.
    """
    fields = CARD | SPECTRAL | {"kind": "streaming", "features": ["magnitude"], "head": "softmax"}
    return write(
        path,
        fields,
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
            helper.make_node("Expand", ["mean", "square"], ["matrix"]),
            helper.make_node("MatMul", ["matrix", "matrix"], ["product"]),
            helper.make_node("ReduceMean", ["product"], ["worked"], keepdims=0),
            helper.make_node("Mul", ["worked", "zero"], ["nothing"]),
            helper.make_node("Mul", ["x", "nothing"], ["silent"]),
            helper.make_node("Concat", ["silent"] * 4, ["y"], axis=1),
        ],
        {"x": [1, 2, "frames", 1025]},
        {"y": [1, 8, "frames", 1025]},
        {"square": np.array([size, size]), "zero": np.array(0, np.float32)},
    )
