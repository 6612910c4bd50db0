"""Write a trained network as a model file: ``python -m models.export BEST.pt OUT.onnx``.

Rules of this file
  1. A file has its name only when it was checked: against torch, and streamed against chunked.
  2. What the network needs of its training data, mean and spread of the input, is in the graph.
"""

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import nn

from models import checkpoints
from models.batches import features, spectra
from models.zoo.lastframe import FEATURE, SAMPLE_RATE, STEMS, TRANSFORM, LastFrame
from plugin_bridge.model.card import FORMAT, METADATA_KEY

OPSET = 17
# Rounding of two float32 implementations, and of one in two orders. Scores are compared by
# their size, masks lie within one.
TORCH_TOLERANCE, STREAM_TOLERANCE = 1e-5, 1e-6
CHECKED_FRAMES = 64

Arrays = list[NDArray[np.float32]]


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
    """Export `network` with its card as one file, complete and checked or not at all.

    The first input and output carry frames on their third axis; the others are states.

    Raises
    ------
    ValueError
        If the file computes something else than the network, or than itself in other chunks.
    """
    import onnx

    partial = path.with_suffix(".part")
    states = card.get("states", [])
    try:
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
        check(partial, network, card, inputs)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check(
    path: Path, network: nn.Module, card: dict[str, Any], inputs: tuple[torch.Tensor, ...]
) -> None:
    """Compare a file with its network, and its frames one by one with all at once.

    Raises
    ------
    ValueError
        If they differ by more than rounding: tells by how much, and what is allowed.
    """
    whole, states = _run(path, card, [x.numpy() for x in inputs], inputs[0].shape[2])
    with torch.no_grad():
        wanted = [value.numpy() for value in network(*inputs)]
    error = max(
        float(np.abs(a - b).max() / max(1, np.abs(b).max()))
        for a, b in zip([whole, *states], wanted, strict=True)
    )
    if not error <= TORCH_TOLERANCE:
        raise ValueError(
            f"the exported graph differs from the network by {error:.1e}, allowed are "
            f"{TORCH_TOLERANCE:g}; nothing was written: check the exporter's version"
        )
    streamed, _ = _run(path, card, [x.numpy() for x in inputs], 1)
    error = float(np.abs(_masks(streamed, card) - _masks(whole, card)).max())
    if not error <= STREAM_TOLERANCE:
        raise ValueError(
            f"the exported graph differs by {error:.1e} between frames one by one and "
            f"{whole.shape[2]} at once, allowed are {STREAM_TOLERANCE:g}; nothing was written: "
            "check what the network carries from frame to frame"
        )


def _run(
    path: Path, card: dict[str, Any], inputs: Sequence[NDArray[np.float32]], size: int
) -> tuple[NDArray[np.float32], Arrays]:
    """Run the file over all frames, `size` at a time, from the given states."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x, *states = inputs
    names = [state["input"] for state in card.get("states", [])]
    parts = []
    for start in range(0, x.shape[2], size):
        feed = {"features": x[:, :, start : start + size], **dict(zip(names, states, strict=True))}
        scores, *states = session.run(None, feed)
        parts.append(scores)
    return np.concatenate(parts, axis=2), list(states)


def _masks(scores: NDArray[np.float32], card: dict[str, Any]) -> NDArray[np.float32]:
    raw = scores.reshape(len(card["stems"]), -1, *scores.shape[2:])
    weights = np.exp(raw - raw.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def example_inputs(network: LastFrame) -> tuple[torch.Tensor, ...]:
    """Give features of noise that comes and goes, down to silence, and zero states."""
    generator = torch.Generator().manual_seed(0)
    samples = TRANSFORM.n_fft + TRANSFORM.hop * (CHECKED_FRAMES - 1)
    swell = torch.linspace(0, 9.42, samples).sin().clamp(min=0)
    wave = 0.3 * swell * torch.randn(network.channels, samples, generator=generator)
    return features(spectra(wave))[None], *network.initial_states()


def heard(held: dict[str, Any]) -> str:
    """Say what a checkpoint was trained on, as far as it knows."""
    data = held.get("data")
    if not data:
        return "generated songs"
    sources = ", ".join(f"{source} {hours:g} h" for source, hours in data["stem_hours"].items())
    return f"stems in the library: {sources}; {data['heard_hours']:g} h of mixtures heard"


def export(
    weights: Annotated[Path, typer.Argument(help="best.pt of models.train")],
    out: Annotated[Path, typer.Argument(help="the .onnx file to write")],
    name: Annotated[str, typer.Option(help="default: the file's name")] = "",
    version: Annotated[str, typer.Option()] = "1",
    trained_on: Annotated[str, typer.Option(help="default: what the run noted down")] = "",
    scores: Annotated[
        str, typer.Option(help="JSON object for the card; default: the run's validation")
    ] = "",
) -> None:
    """Export a checkpoint of the last-frame network."""
    held = checkpoints.load(weights)
    trained = LastFrame(**held["config"])
    trained.load_state_dict(checkpoints.weights(held))
    network = trained.folded() if held["config"]["normed"] else trained
    found = {name: round(score, 2) for name, score in held.get("scores", {}).items()}
    validation = {"validation excerpts, SDR dB": found} if found else {}
    card = streaming_card(
        network,
        name=name or out.stem,
        version=version,
        license="GPL-3.0-or-later",
        trained_on=trained_on or heard(held),
        scores=json.loads(scores) if scores else validation,
    )
    write(network, card, example_inputs(network), out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        typer.run(export)
    except ValueError as error:
        sys.exit(f"{error}")
