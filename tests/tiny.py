"""Tiny models and audio files for the tests of files and the command line."""

from pathlib import Path
from typing import Any

import mido
import numpy as np
import onnx
from onnx import TensorProto, helper
from pedalboard.io import AudioFile

from plugin_bridge.dsp import FloatArray
from plugin_bridge.model.card import METADATA_KEY, Card
from plugin_bridge.testing import FunctionModel, card

DEFAULT_BITS = {".wav": 32, ".flac": 24, ".aiff": 24}


def equal_model(**fields: Any) -> FunctionModel:
    """Give a model whose stems are equal shares of the mix."""
    made = card(**fields)
    rows = len(made.stems) * made.channels
    return FunctionModel(made, lambda x: np.zeros((1, rows, *x.shape[2:]), np.float32))


def halves_model() -> FunctionModel:
    """Give a waveform model of two halves of the mix, which runs at 44.1 kHz only."""
    fields = dict.fromkeys(("n_fft", "synthesis", "window", "features", "head"))
    made = card(kind="waveform", stems=("vocals", "other"), **fields)
    return FunctionModel(made, lambda x: np.stack([x, x], axis=1) * np.float32(0.5))


def write_model(path: Path, **fields: Any) -> Path:
    """Write an .onnx file of a model whose stems are equal shares of the mix."""
    made = card(name=path.stem, **fields)
    bins = made.transform.bins
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "zero"], ["silent"]),
            helper.make_node("Concat", ["silent"] * len(made.stems), ["y"], axis=1),
        ],
        "equal",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, "frames", bins])],
        [
            helper.make_tensor_value_info(
                "y", TensorProto.FLOAT, [1, 2 * len(made.stems), "frames", bins]
            )
        ],
        [helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])],
    )
    return save_graph(path, graph, made)


def save_graph(path: Path, graph: onnx.GraphProto, made: Card) -> Path:
    """Write a graph with its card as one .onnx file."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key = METADATA_KEY
    entry.value = made.model_dump_json(exclude_none=True, exclude_defaults=True)
    onnx.save(model, str(path))
    return path


def hiss(samples: int, channels: int = 2, seed: int = 0) -> FloatArray:
    """Give noise of RMS 0.1, shape (channels, samples)."""
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal((channels, samples))).astype(np.float32)


def write_audio(
    path: Path, samples: FloatArray, rate: int = 44100, bits: int | None = None
) -> Path:
    """Write (channels, samples); as deep as the format allows unless told otherwise."""
    options: dict[str, Any] = {"bit_depth": bits or DEFAULT_BITS.get(path.suffix, 16)}
    with AudioFile(str(path), "w", rate, samples.shape[0], **options) as file:
        file.write(samples)
    return path


def read_audio(path: Path) -> FloatArray:
    """Read all of a file, shape (channels, samples)."""
    with AudioFile(str(path)) as file:
        samples: FloatArray = file.read(file.frames)
    return samples


def write_midi(path: Path, *tracks: list[Any], ticks_per_beat: int = 480) -> Path:
    """Write a MIDI file of type 1 from lists of mido's messages, their times in ticks."""
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_beat)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    file.save(str(path))
    return path
