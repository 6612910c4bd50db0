"""What shape a graph's input and output must have, by the card."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugin_bridge.errors import ModelContractError
from plugin_bridge.model.card import Card

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@dataclass(frozen=True)
class Axis:
    """One axis: its length, None where any length must go, and the card's fields behind it."""

    length: int | None
    fields: str


Axes = tuple[Axis, ...]


def signature(card: Card) -> tuple[Axes, Axes]:
    """Give the axes of the graph's main input and main output.

    Notes
    -----
    Thread: [any]
    """
    return _SIGNATURES[card.kind](card)


def _streaming(card: Card) -> tuple[Axes, Axes]:
    maps = card.mask_head.maps
    masks = len(card.graph_stems) * card.channels * maps
    batch, frames = Axis(1, "batch of one"), Axis(None, "frames")
    bins = Axis(card.transform.bins, "n_fft / 2 + 1 bins")
    planes = Axis(card.planes, "planes of features and channels")
    outputs = Axis(masks, f"stems without residual_stem x channels x {maps} maps of head")
    return (batch, planes, frames, bins), (batch, outputs, frames, bins)


def _windowed(card: Card) -> tuple[Axes, Axes]:
    maps = card.mask_head.maps
    batch = Axis(None, "batch")
    bins = Axis(card.transform.bins, "n_fft / 2 + 1 bins")
    # With states the past is in the states: only the newest column goes in.
    frames = Axis(1, "newest frame, as there are states") if card.states else None
    frames = frames or Axis(card.frames, "frames")
    outputs = Axis(len(card.graph_stems) * maps, f"stems without residual_stem x {maps} maps")
    return (batch, Axis(card.planes, "planes of features"), bins, frames), (batch, outputs, bins)


def _waves(card: Card, samples: int | None, field: str) -> tuple[Axes, Axes]:
    batch, channels = Axis(1, "batch of one"), Axis(card.channels, "channels")
    stems, length = Axis(len(card.graph_stems), "stems without residual_stem"), Axis(samples, field)
    return (batch, channels, length), (batch, stems, channels, length)


def _waveform(card: Card) -> tuple[Axes, Axes]:
    return _waves(card, card.hop, "samples of hop")


def _segment(card: Card) -> tuple[Axes, Axes]:
    return _waves(card, card.segment, "samples of segment")


_SIGNATURES = {
    "streaming": _streaming,
    "windowed": _windowed,
    "waveform": _waveform,
    "segment": _segment,
}


def check_signature(session: "InferenceSession", card: Card, source: str) -> None:
    """Compare the graph's inputs and outputs with the card.

    Raises
    ------
    ModelContractError
        At the first difference: what was found, what is expected, what to do.

    Notes
    -----
    Thread: [main]
    """
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    outputs = {tensor.name: tensor for tensor in session.get_outputs()}
    for state in card.states:
        shape = [Axis(length, "state") for length in state.shape]
        if card.kind == "windowed":
            shape[0] = Axis(None, "batch of state")
        for name, tensors, word in (
            (state.input, inputs, "input"),
            (state.output, outputs, "output"),
        ):
            if name not in tensors:
                raise ModelContractError(
                    f"{source}: the card's state {name!r} is not an {word} of the graph, which "
                    f"has {', '.join(tensors)}; correct the card's states"
                )
            _check(tensors.pop(name), tuple(shape), f"{word} {name!r}", source)
    for tensors, axes, word in zip(
        (inputs, outputs), signature(card), ("input", "output"), strict=True
    ):
        if len(tensors) != 1:
            raise ModelContractError(
                f"{source}: the graph has {len(tensors)} {word}s beside the card's states "
                f"({', '.join(tensors) or 'none'}), there must be one; name the others in states"
            )
        name, tensor = tensors.popitem()
        _check(tensor, axes, f"{word} {name!r}", source)


def _check(tensor: Any, axes: Axes, what: str, source: str) -> None:
    if tensor.type != "tensor(float)":
        raise ModelContractError(
            f"{source}: {what} is {tensor.type}, it must be tensor(float); export in float32"
        )
    if len(tensor.shape) != len(axes):
        raise ModelContractError(
            f"{source}: {what} has {len(tensor.shape)} axes {list(tensor.shape)}, the card makes "
            f"it {len(axes)}: {', '.join(axis.fields for axis in axes)}"
        )
    for found, axis in zip(tensor.shape, axes, strict=True):
        if not isinstance(found, int):
            continue  # open in the graph; the first call checks what comes out
        if axis.length is None:
            raise ModelContractError(
                f"{source}: the {axis.fields} axis of {what} is fixed at {found}, it must be "
                "dynamic; export with dynamic axes"
            )
        if found != axis.length:
            raise ModelContractError(
                f"{source}: {what} has {found} where the card makes it {axis.length} "
                f"({axis.fields}); correct the card or export again"
            )
