"""Write a trained network as a model file: ``python -m models.export BEST.pt OUT.onnx``."""

import json
import warnings
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import nn

from models.zoo.lastframe import FEATURE, SAMPLE_RATE, STEMS, TRANSFORM, LastFrame
from plugin_bridge.model.card import FORMAT, METADATA_KEY

OPSET = 17


def streaming_card(network: LastFrame, **texts: Any) -> dict[str, Any]:
    """Give the card of a streaming network; `texts` are the fields for people."""
    states = [
        {"input": f"state{i}", "output": f"next_state{i}", "shape": list(state.shape)}
        for i, state in enumerate(network.initial_states())
    ]
    return {
        "format": FORMAT,
        **texts,
        "kind": "streaming",
        "sample_rate": SAMPLE_RATE,
        "channels": network.channels,
        "stems": list(STEMS),
        "n_fft": TRANSFORM.n_fft,
        "synthesis": TRANSFORM.synthesis,
        "hop": TRANSFORM.hop,
        "window": TRANSFORM.window,
        "features": [FEATURE],
        "head": "softmax",
        "states": states,
    }


def write(
    network: nn.Module, card: dict[str, Any], inputs: tuple[torch.Tensor, ...], path: Path
) -> None:
    """Export `network` with its card as one file, complete or not at all.

    The first input and output carry frames on their third axis; the others are states.
    """
    import onnx

    partial = path.with_suffix(".part")
    states = card.get("states", [])
    with warnings.catch_warnings():
        # The tracing exporter is announced to go one day; it gives the same graph ten times
        # faster than its successor, and needs no further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            inputs,
            str(partial),
            dynamo=False,
            opset_version=OPSET,
            input_names=["features", *(state["input"] for state in states)],
            output_names=["scores", *(state["output"] for state in states)],
            dynamic_axes={"features": {2: "frames"}, "scores": {2: "frames"}},
        )
    graph = onnx.load(partial)
    onnx.helper.set_model_props(graph, {METADATA_KEY: json.dumps(card)})
    onnx.checker.check_model(graph)
    onnx.save(graph, partial)
    partial.replace(path)


def export(
    weights: Annotated[Path, typer.Argument(help="best.pt of models.train")],
    out: Annotated[Path, typer.Argument(help="the .onnx file to write")],
    name: Annotated[str, typer.Option(help="default: the file's name")] = "",
    version: Annotated[str, typer.Option()] = "1",
    trained_on: Annotated[str, typer.Option()] = "generated songs",
    scores: Annotated[str, typer.Option(help="JSON object for the card")] = "{}",
) -> None:
    """Export a checkpoint of the last-frame network."""
    held = torch.load(weights, weights_only=True)
    trained = LastFrame(**held["config"])
    trained.load_state_dict(held["weights"])
    network = trained.folded() if held["config"]["normed"] else trained
    card = streaming_card(
        network,
        name=name or out.stem,
        version=version,
        license="GPL-3.0-or-later",
        trained_on=trained_on,
        scores=json.loads(scores),
    )
    inputs = (torch.rand(1, network.channels, 3, network.bins + 1), *network.initial_states())
    write(network, card, inputs, out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(export)
