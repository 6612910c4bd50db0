"""Write a trained network as a model file: ``python -m models.export BEST.pt OUT.onnx``.

Rules of this file
  1. A file has its name only when it was checked: against torch, streamed against chunked, and
     as the bridge reads it.
  2. What the network needs of its training data, mean and spread of the input, is in the graph.
  3. What is open in a graph is what the contract leaves open: frames of a streaming model, the
     batch of a windowed one, nothing of a segment model.
"""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import nn

from models import checkpoints, command
from models.architectures import ARCHITECTURES
from models.batches import spectra
from models.features import features
from models.zoo import fragment, resunet
from models.zoo.fragment import FragmentNetwork
from models.zoo.incremental import Incremental
from models.zoo.lastframe import FEATURE, SAMPLE_RATE, STEMS, LastFrame
from models.zoo.resunet import ResUNet, Segment
from plugin_bridge.dsp.heads import head as head_of
from plugin_bridge.model.card import FORMAT, METADATA_KEY
from plugin_bridge.model.onnx import Model

OPSET = 17
# Rounding of two float32 implementations, and of one in two orders. Scores are compared by
# their size, masks lie within one.
TORCH_TOLERANCE, STREAM_TOLERANCE = 1e-5, 1e-6
CHECKED_FRAMES = 64
CHECKED_COLUMNS = 8  # beyond the first window
# What the contract leaves open in a graph's main input and output, and where.
OPEN = {"streaming": "frames", "windowed": "batch"}
AXIS = {"streaming": 2, "windowed": 0}
HEAD = "binary:0.5"  # of windowed models, as in the article
SEGMENT_SECONDS, OVERLAP = 30.0, 0.5  # of segment models, as in theirs
# What goes into a graph beside the states, and what comes out.
NAMES = {"segment": ("samples", "stems")}
OTHERWISE = ("features", "scores")

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
        "n_fft": network.transform.n_fft,
        "synthesis": network.transform.synthesis,
        "hop": network.transform.hop,
        "window": network.transform.window,
        "features": [FEATURE, *network.pairs],
        "head": network.head,
        "states": states,
    }


def write(
    network: nn.Module, card: dict[str, Any], inputs: tuple[torch.Tensor, ...], path: Path
) -> None:
    """Export `network` with its card as one file, complete and checked or not at all.

    The first input and output are features and scores; the others are states.

    Raises
    ------
    ValueError
        If the file computes something else than the network, or than itself in other chunks.
    ModelError
        If the bridge would refuse it.
    """
    import onnx

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    states = card.get("states", [])
    first_in, first_out = NAMES.get(card["kind"], OTHERWISE)
    names_in = [first_in, *(state["input"] for state in states)]
    names_out = [first_out, *(state["output"] for state in states)]
    try:
        # With gradients every activation would be kept: 18 GB for ten seconds at full size.
        with warnings.catch_warnings(), torch.no_grad():
            # The tracing exporter is announced to go one day; it gives the same graph ten times
            # faster than its successor, and needs no further package.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network.eval(),
                inputs,
                str(partial),
                dynamo=False,
                opset_version=OPSET,
                input_names=names_in,
                output_names=names_out,
                dynamic_axes=_open_axes(card, [*names_in, *names_out]),
            )
        graph = onnx.load(partial)
        onnx.helper.set_model_props(graph, {METADATA_KEY: json.dumps(card)})
        onnx.checker.check_model(graph)
        onnx.save(graph, partial)
        check(partial, network, card, inputs)
        Model(partial, "cpu")
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
    arrays = [x.numpy() for x in inputs]
    whole, states = _run(path, card, arrays, whole=True)
    with torch.no_grad():
        made = network(*inputs)
    wanted = [x.numpy() for x in (made if isinstance(made, tuple) else (made,))]
    error = max(
        float(np.abs(a - b).max() / max(1, np.abs(b).max()))
        for a, b in zip([whole, *states], wanted, strict=True)
    )
    if not error <= TORCH_TOLERANCE:
        raise ValueError(
            f"the exported graph differs from the network by {error:.1e}, allowed are "
            f"{TORCH_TOLERANCE:g}; nothing was written: check the exporter's version"
        )
    if card["kind"] not in OPEN:
        return
    single, _ = _run(path, card, arrays, whole=False)
    masks = _masks(whole, card)
    error = float(np.abs(_masks(single, card) - masks).max() / max(1, np.abs(masks).max()))
    if not error <= STREAM_TOLERANCE:
        axis = AXIS[card["kind"]]
        raise ValueError(
            f"the exported graph differs by {error:.1e} between {OPEN[card['kind']]} one by one "
            f"and {whole.shape[axis]} at once, allowed are {STREAM_TOLERANCE:g}; nothing was "
            "written: check what the network carries from one to the next"
        )


def _open_axes(card: dict[str, Any], names: Sequence[str]) -> dict[str, dict[int, str]]:
    kind = card["kind"]
    if kind not in OPEN:
        return {}
    held = names if kind == "windowed" else ("features", "scores")
    return {name: {AXIS[kind]: OPEN[kind]} for name in held}


def _run(
    path: Path, card: dict[str, Any], inputs: Sequence[NDArray[np.float32]], *, whole: bool
) -> tuple[NDArray[np.float32], Arrays]:
    """Run the file on all the inputs along the open axis, at once or one by one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x, *states = inputs
    axis = AXIS.get(card["kind"], 0)
    name = NAMES.get(card["kind"], OTHERWISE)[0]
    names = [state["input"] for state in card.get("states", [])]
    parts: list[Arrays] = []
    size = x.shape[axis] if whole else 1
    for start in range(0, x.shape[axis], size):
        here = range(start, start + size)
        # The entries of a batch have states of their own; frames hand theirs on.
        given = [s.take(here, axis) for s in inputs[1:]] if axis == 0 else states
        feed = {name: x.take(here, axis), **dict(zip(names, given, strict=True))}
        scores, *states = session.run(None, feed)
        parts.append([scores, *states])
    if axis == 0:
        scores, *states = (np.concatenate(held) for held in zip(*parts, strict=True))
        return scores, states
    return np.concatenate([scores for scores, *_ in parts], axis), list(states)


def _masks(scores: NDArray[np.float32], card: dict[str, Any]) -> NDArray[np.float32]:
    if card["kind"] == "windowed":
        return np.asarray(1 / (1 + np.exp(-scores)), np.float32)
    head = head_of(card["head"])
    shape = (len(card["stems"]), card["channels"], head.maps, *scores.shape[2:])
    return head.activate(scores.reshape(shape).copy())


def example_inputs(network: LastFrame) -> tuple[torch.Tensor, ...]:
    """Give features of noise that comes and goes, down to silence, and zero states."""
    generator = torch.Generator().manual_seed(0)
    transform = network.transform
    samples = transform.n_fft + transform.hop * (CHECKED_FRAMES - 1)
    swell = torch.linspace(0, 9.42, samples).sin().clamp(min=0)
    wave = 0.3 * swell * torch.randn(network.channels, samples, generator=generator)
    seen = features(spectra(wave, transform)[None], network.pairs)
    return seen, *network.initial_states()


def heard(held: dict[str, Any]) -> str:
    """Say what a checkpoint was trained on, as far as it knows."""
    data = held.get("data")
    if not data:
        return "not noted down"
    sources = ", ".join(f"{source} {hours:g} h" for source, hours in data["stem_hours"].items())
    return f"stems in the library: {sources}; {data['heard_hours']:g} h of mixtures heard"


def windowed_card(network: FragmentNetwork, head: str = HEAD, **texts: Any) -> dict[str, Any]:
    """Give the card of a network of fragments; `texts` are the fields for people."""
    return {
        "format": FORMAT,
        **texts,
        "kind": "windowed",
        "sample_rate": fragment.SAMPLE_RATE,
        "channels": 1,
        "stems": list(network.stems),
        "n_fft": 2 * (network.bins - 1),
        "synthesis": 2 * (network.bins - 1),
        "hop": (network.bins - 1) // 2,
        "window": fragment.TRANSFORM.window,
        "features": [fragment.FEATURE],
        "frames": network.frames,
        "target": "last" if network.target == network.frames - 1 else network.target,
        "head": head,
    }


def write_windowed(
    network: FragmentNetwork, card: dict[str, Any], path: Path, *, incremental: bool
) -> None:
    """Export a network of fragments, on whole windows or on their newest column.

    Raises
    ------
    ValueError
        If the file computes something else than the network.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (2, 1, network.bins, network.frames + CHECKED_COLUMNS - 1)
    swell = torch.linspace(0, 9.42, shape[-1]).sin().clamp(min=0)
    columns = 3 * network.spread * swell * torch.rand(shape, generator=generator)
    if not incremental:
        # (2, 1, bins, windows, frames) -> (windows, 1, bins, frames) of both channels
        windows = columns.unfold(3, network.frames, 1).permute(0, 3, 1, 2, 4).flatten(0, 1)
        write(network, card, (windows.contiguous(),), path)
        return
    made = Incremental(network).eval()
    states: tuple[torch.Tensor, ...] = tuple(made.initial_states(2))
    with torch.no_grad():
        for column in range(shape[-1] - 1):
            _, *following = made(columns[..., column : column + 1], *states)
            states = tuple(following)
        scores = made(columns[..., -1:], *states)[0]
        wanted = network(columns[..., -network.frames :])
    error = float((scores - wanted).abs().max() / max(1, wanted.abs().max()))
    if not error <= TORCH_TOLERANCE:
        raise ValueError(
            f"column by column the network differs by {error:.1e}, allowed are "
            f"{TORCH_TOLERANCE:g}; nothing was written: check models/zoo/columns.py"
        )
    names = [
        {"input": f"state{i}", "output": f"next_state{i}", "shape": [1, *state.shape[1:]]}
        for i, state in enumerate(states)
    ]
    write(made, card | {"states": names}, (columns[..., -1:], *states), path)


def segment_card(
    network: ResUNet,
    seconds: float = SEGMENT_SECONDS,
    overlap: float = OVERLAP,
    rest: str = "",
    **texts: Any,
) -> dict[str, Any]:
    """Give the card of a network of segments; `rest` names what the mix has beside its targets."""
    return {
        "format": FORMAT,
        **texts,
        "kind": "segment",
        "sample_rate": resunet.SAMPLE_RATE,
        "channels": network.channels,
        "stems": [*network.targets, *([rest] if rest else [])],
        "segment": round(seconds * resunet.SAMPLE_RATE),
        "overlap": overlap,
        **({"residual_stem": rest} if rest else {}),
    }


def write_segment(network: ResUNet, card: dict[str, Any], path: Path) -> None:
    """Export a network with its transform, samples in and samples out.

    Raises
    ------
    ValueError
        If the file computes something else than the network.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (1, card["channels"], card["segment"])
    swell = torch.linspace(0, 9.42, shape[-1]).sin().clamp(min=0)
    write(Segment(network), card, (0.3 * swell * torch.randn(shape, generator=generator),), path)


def network_of(held: checkpoints.Content) -> nn.Module:
    """Give the network of a checkpoint, ready for use.

    Raises
    ------
    ValueError
        If it is of no architecture that there is, or its weights are not those of its sizes.
    """
    try:
        made = ARCHITECTURES[held.get("architecture", "lastframe")](held["config"]).build()
        made.load_state_dict(checkpoints.weights(held))
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(
            f"the checkpoint's network cannot be made here ({error}); export it with the version "
            "that trained it"
        ) from error
    if isinstance(made, LastFrame) and held["config"]["normed"]:
        made = made.folded()
    return made.eval()


def export(
    weights: Annotated[Path, typer.Argument(help="best.pt of models.train")],
    out: Annotated[Path, typer.Argument(help="the .onnx file to write")],
    name: Annotated[str, typer.Option(help="default: the file's name")] = "",
    version: Annotated[str, typer.Option()] = "1",
    trained_on: Annotated[str, typer.Option(help="default: what the run noted down")] = "",
    scores: Annotated[
        str, typer.Option(help="JSON object for the card; default: the run's validation")
    ] = "",
    head: Annotated[
        str, typer.Option(help="of models of fragments: binary:0.5, or sigmoid for soft masks")
    ] = HEAD,
    whole: Annotated[
        bool, typer.Option("--whole", help="of these: take whole windows, without states")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="of a resunet's segment; memory grows with it")
    ] = SEGMENT_SECONDS,
    overlap: Annotated[
        float, typer.Option(help="share of a segment that is faded into the next")
    ] = OVERLAP,
    rest: Annotated[
        str, typer.Option(help="of a resunet: a stem for all but its targets, as accompaniment")
    ] = "",
) -> None:
    """Export a checkpoint."""
    held = checkpoints.load(weights)
    network = network_of(held)
    if head != HEAD and not isinstance(network, FragmentNetwork):
        raise ValueError(f"--head {head} is for models of fragments; leave it out")
    found = {name: round(score, 2) for name, score in held.get("scores", {}).items()}
    validation = {"validation excerpts, SDR dB": found} if found else {}
    texts: dict[str, Any] = {
        "name": name or out.stem,
        "version": version,
        "license": "GPL-3.0-or-later",
        "trained_on": trained_on or heard(held),
        "scores": _object(scores) if scores else validation,
    }
    if isinstance(network, FragmentNetwork):
        card = windowed_card(network, head, **texts)
        write_windowed(network, card, out, incremental=not whole)
    elif isinstance(network, ResUNet):
        write_segment(network, segment_card(network, seconds, overlap, rest, **texts), out)
    else:
        write(network, streaming_card(network, **texts), example_inputs(network), out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"--scores {text!r} is not JSON ({error}); give an object") from error


if __name__ == "__main__":
    command.run(lambda: typer.run(export))
