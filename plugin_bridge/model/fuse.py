"""Transform and network of a streaming model as one graph on samples: a `waveform` model.

Rules of this file
  1. The network's own nodes are not touched: they stand between what comes before and after.
  2. What is written computes what the model does: it is run beside it before it has its name.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugin_bridge.errors import PluginBridgeError, SpecError
from plugin_bridge.model import graph, operators
from plugin_bridge.model.card import METADATA_KEY, Card
from plugin_bridge.model.frames import FrameKind
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.waves import WaveKind

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

# Two float32 transforms and a network of exponentials differ by less; music peaks at 1.
TOLERANCE = 1e-4
CHECKED_HOPS = 48
# The oldest form of the operators' inputs that is written here.
OPSET = 13


@dataclass(frozen=True)
class Fused:
    """What was written.

    Attributes
    ----------
    path : Path
    difference : largest difference to the model's own way on noise of RMS 0.1
    """

    path: Path
    difference: float


def fuse(model: str | Path, out: str | Path, *, overwrite: bool = False) -> Fused:
    """Write a streaming model and its transform as one graph.

    Parameters
    ----------
    model : str or Path, a name or an .onnx file
    out : str or Path, the .onnx file to write
    overwrite : bool, whether a file that is there may be replaced

    Raises
    ------
    SpecError
        If the model is of another kind, or `out` may not be written.
    ModelError
        If the model cannot be used.
    PluginBridgeError
        If the graph does not compute the same; nothing is written then.

    Notes
    -----
    Thread: [main]
    """
    opened = Model(model, "cpu")
    path = Path(out).expanduser()
    _refuse(opened, path, overwrite=overwrite)
    content = fused_graph(opened).SerializeToString()
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            partial.write_bytes(content)
            difference = compare(opened, Model(partial.absolute(), "cpu"))
            _refuse_difference(opened.card, difference)
            partial.replace(path)
        except OSError as error:
            raise SpecError(
                f"{path} cannot be written ({error.strerror}); name a file in a folder that exists "
                "and that you may write to"
            ) from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return Fused(path, difference)


def _refuse(model: Model, path: Path, *, overwrite: bool) -> None:
    card = model.card
    if card.kind != "streaming":
        raise SpecError(
            f"{card.name} is a {card.kind} model; only streaming models can be fused with their "
            "transform: name one that plugin-bridge models list shows as streaming"
        )
    if path.suffix.lower() != ".onnx":
        raise SpecError(f"{path} does not end in .onnx; give it that ending, so that it is found")
    if path.exists() and path.samefile(model.path):
        raise SpecError(f"{path} is the model itself; name another file for the fused one")
    if path.exists() and not overwrite:
        raise SpecError(f"{path} exists; name another file, or replace it with --overwrite")


def _refuse_difference(card: Card, difference: float) -> None:
    # A threshold flips on rounding: such masks differ in single bins.
    exact = not (card.head or "").startswith("binary")
    if exact and not difference <= TOLERANCE:
        raise PluginBridgeError(
            f"{card.name} fused differs by {difference:.1e} of full scale from the model, allowed "
            f"are {TOLERANCE:g}, and was not kept; please report the model"
        )


def fused_card(card: Card) -> dict[str, Any]:
    """Give the card of the fused model: the same stems and scores, another kind.

    Notes
    -----
    Thread: [any]
    """
    people = ("format", "name", "version", "license", "trained_on", "scores")
    kept = card.model_dump(include={*people, "sample_rate", "channels", "stems", "hop"})
    return kept | {"kind": "waveform", "delay": card.transform.latency}


def fused_graph(model: Model) -> "ModelProto":
    """Build the graph: samples (1, channels, hop) -> stems (1, stems, channels, hop).

    Beside the network's states it has two: what the analysis has heard, and the tail of the
    overlap-add.

    Raises
    ------
    SpecError
        If the network was exported with operators older than OPSET.

    Notes
    -----
    Thread: [main]
    """
    import onnx
    from onnx import helper

    made = onnx.load(model.path)
    opset = max((o.version for o in made.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if opset < OPSET:
        raise SpecError(
            f"{model.path.name} was exported with opset {opset}, fusing needs {OPSET} or later; "
            "export it again"
        )
    card, t = model.card, model.card.transform
    prefix = _free_prefix(made)
    samples, stems = f"{prefix}samples", f"{prefix}stems"
    states = [
        (f"{prefix}heard", f"{prefix}next_heard", (1, card.channels, t.n_fft - t.hop)),
        (f"{prefix}tail", f"{prefix}next_tail", (1, len(card.stems), card.channels, t.latency)),
    ]
    states += [(state.input, state.output, state.shape) for state in card.states]
    before, after = graph.Graph(f"{prefix}a"), graph.Graph(f"{prefix}b")
    given = {tensor.name for tensor in made.graph.initializer}
    given |= {state.input for state in card.states}
    network_in = next(i.name for i in made.graph.input if i.name not in given)
    held = {state.output for state in card.states}
    network_out = next(o.name for o in made.graph.output if o.name not in held)
    spectrum = _before(before, card, samples, states[0], network_in)
    _after(after, card, network_out, spectrum, states[1], stems)
    nodes = [*before.nodes, *made.graph.node, *after.nodes]
    del made.graph.node[:], made.graph.input[:], made.graph.output[:], made.graph.value_info[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend([*before.constants, *after.constants])
    made.graph.input.append(_tensor(samples, (1, card.channels, t.hop)))
    made.graph.output.append(_tensor(stems, (1, len(card.stems), card.channels, t.hop)))
    made.graph.input.extend(_tensor(name, shape) for name, _, shape in states)
    made.graph.output.extend(_tensor(name, shape) for _, name, shape in states)
    fields = fused_card(card)
    fields["states"] = [{"input": i, "output": o, "shape": shape} for i, o, shape in states]
    # Read back once, so that a card which breaks the contract is never written.
    text = Card.model_validate(fields).model_dump_json(exclude_none=True, exclude_defaults=True)
    helper.set_model_props(made, {METADATA_KEY: text})
    onnx.checker.check_model(made)
    return made


State = tuple[str, str, tuple[int, ...]]


def _before(g: graph.Graph, card: Card, samples: str, state: State, to: str) -> str:
    """Append what precedes the network; give the spectrum's name."""
    t = card.transform
    stream = g.join(2, state[0], samples)
    g.cut(stream, 2, t.hop, t.n_fft, to=state[1])
    stream = g.reshape(stream, card.channels, t.n_fft)
    spectrum = graph.analysis(g, stream, card.channels, t)
    planes = operators.planes(g, spectrum, card.features or (), card.channels, t.bins)
    g.reshape(planes, 1, card.planes, 1, t.bins, to=to)
    return spectrum


def _after(g: graph.Graph, card: Card, raw: str, mix: str, state: State, to: str) -> None:
    """Append what follows the network: head, residual stem, transform back, overlap-add."""
    t, head = card.transform, card.mask_head
    shape = (len(card.graph_stems), card.channels, t.bins)
    spectra = operators.separated(g, raw, mix, card.head or "", head.maps, shape)
    if card.residual_stem is not None:
        total = g("ReduceSum", spectra, g.constant(np.array([0], np.int64)), keepdims=1)
        at, count = card.stems.index(card.residual_stem), len(card.graph_stems)
        ahead = [g.cut(spectra, 0, 0, at)] if at else []
        behind = [g.cut(spectra, 0, at, count)] if at < count else []
        spectra = g.join(0, *ahead, g("Sub", mix, total), *behind)
    stems = len(card.stems)
    parts = graph.synthesis(g, spectra, stems, card.channels, t)
    parts = g.reshape(parts, 1, stems, card.channels, t.synthesis)
    silence = g.constant(np.zeros((1, stems, card.channels, t.hop)))
    total = g("Add", g.join(3, state[0], silence), parts)
    g.cut(total, 3, 0, t.hop, to=to)
    g.cut(total, 3, t.hop, t.synthesis, to=state[1])


def _free_prefix(made: "ModelProto") -> str:
    names = {name for node in made.graph.node for name in (*node.input, *node.output)}
    names |= {tensor.name for tensor in made.graph.initializer}
    prefix = "fused_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return prefix


def _tensor(name: str, shape: tuple[int, ...]) -> "ValueInfoProto":
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def compare(model: Model, fused: Model) -> float:
    """Run both on noise, hop by hop; give the largest difference of a sample.

    Notes
    -----
    Thread: [main]
    """
    card = model.card
    wanted = range(len(card.stems))
    frames = FrameKind(model, card.sample_rate, card.channels, 1, wanted)
    waves = WaveKind(fused, card.channels, wanted)
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(CHECKED_HOPS):
        hop = 0.1 * rng.standard_normal((card.channels, frames.step), np.float32)
        error = np.abs(frames.process(hop) - waves.process(hop)).max()
        worst = max(worst, float(error))
    return worst
