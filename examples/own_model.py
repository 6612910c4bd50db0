"""Put a network of your own into the model contract: write it, check it, separate with it.

    python examples/own_model.py --crossover 200

The network here is a table: one mask per bin, bass below the crossover and the rest above it. A
trained one differs in its nodes only: torch.onnx.export writes them, the card is added as below.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from plugin_bridge import Separator
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.testing import measure_model, sine

RATE, N_FFT, HOP = 44100, 2048, 256
BINS = N_FFT // 2 + 1
STEMS = ("bass", "rest")
# What the network sees, hears and says about itself; plugin_bridge refuses what does not agree.
CARD = {
    "format": 1,
    "name": "crossover",
    "version": "1",
    "license": "CC0-1.0",
    "trained_on": "nothing",
    "kind": "streaming",
    "sample_rate": RATE,
    "channels": 2,
    "stems": STEMS,
    "n_fft": N_FFT,
    "synthesis": 2 * HOP,
    "hop": HOP,
    "window": "asymmetric",
    "features": ["magnitude"],
    "head": "softmax",
}


def write_model(path: Path, crossover: float) -> None:
    """Write the graph and its card; `crossover` in Hz."""
    octaves = np.log2(np.maximum(np.arange(BINS), 0.5) * RATE / N_FFT / crossover)
    # Raw scores, before the softmax over stems; rows in the order stem, channel.
    scores = np.stack([-octaves, -octaves, octaves, octaves]).astype(np.float32) * 10
    rows = len(scores)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["features"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),  # gives frames their number
            helper.make_node("Add", ["nothing", "scores"], ["raw"]),
        ],
        "crossover",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 2, "frames", BINS])],
        [helper.make_tensor_value_info("raw", TensorProto.FLOAT, [1, rows, "frames", BINS])],
        [
            numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
            numpy_helper.from_array(scores.reshape(1, rows, 1, BINS), "scores"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"plugin_bridge.card": json.dumps(CARD)})
    onnx.save(model, path)


def main() -> None:
    """Write the model, check it, and separate two tones with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("crossover.onnx"))
    parser.add_argument("--crossover", type=float, default=200, help="Hz")
    arguments = parser.parse_args()
    if not 0 < arguments.crossover < RATE / 2 or arguments.out.suffix != ".onnx":
        parser.error(f"give a --crossover of 0 to {RATE // 2} Hz, and an --out that ends in .onnx")
    write_model(arguments.out, arguments.crossover)

    measured = measure_model(arguments.out)  # `plugin-bridge models check` prints the same
    print(f"{arguments.out}: latency {measured.measured_latency_samples} samples")
    print(f"time per hop: {measured.hop_ms_p50:.2f} ms of {measured.hop_budget_ms:.2f}")
    print(f"sum of the stems against the input: {measured.sum_to_mix_db:.0f} dB")

    separator = Separator(arguments.out, RATE)
    for frequency in (arguments.crossover / 4, arguments.crossover * 4):
        tone = sine(frequency, 1, RATE)
        stems = np.concatenate([separator.push(tone), separator.flush()], axis=-1)
        power = np.square(stems).sum(axis=(1, 2)) / np.square(tone).sum()
        shares = ", ".join(f"{100 * p:.0f} % {s}" for s, p in zip(STEMS, power, strict=True))
        print(f"a tone of {frequency:g} Hz: {shares}")


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
