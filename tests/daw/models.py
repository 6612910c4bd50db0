"""A tiny model whose stems can be told apart: constant shares of the mix."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from plugin_bridge.testing import card
from tests.tiny import save_graph

SHARES = (0.4, 0.3, 0.2, 0.1)


def write_shares(path: Path, **fields: Any) -> Path:
    """Write an .onnx file of a model that gives each stem its own share of the mix."""
    made = card(name=path.stem, head="none", **fields)
    bins = made.transform.bins
    rows = np.repeat(np.array(SHARES[: len(made.stems)], np.float32), 2).reshape(1, -1, 1, 1)
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "zero"], ["silent"]),
            helper.make_node("Concat", ["silent"] * len(made.stems), ["rows"], axis=1),
            helper.make_node("Add", ["rows", "shares"], ["y"]),
        ],
        "shares",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, "frames", bins])],
        [
            helper.make_tensor_value_info(
                "y", TensorProto.FLOAT, [1, 2 * len(made.stems), "frames", bins]
            )
        ],
        [
            helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
            helper.make_tensor("shares", TensorProto.FLOAT, rows.shape, rows.ravel().tolist()),
        ],
    )
    return save_graph(path, graph, made)
