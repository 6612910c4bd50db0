"""What is scored: models, and what stands beside them for scale.

`mixture` and `quarter` are the zero of the scale, `oracle` is what a mask of a given transform can
reach at most when it may look at the true stems.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np

import plugin_bridge
from models.data.score import STEMS
from models.data.songs import Song
from models.data.sound import Floats
from models.evaluation.metrics import COLUMNS
from plugin_bridge.dsp import rates
from plugin_bridge.dsp.stft import Analysis, Synthesis, Transform
from plugin_bridge.model.onnx import Model

Stems = Mapping[str, Floats]
Separator = Callable[[Floats, int], Stems]  # (mixture (2, samples), sample rate) -> stems
Row = Callable[[Song], Stems]  # as the table's rows are made: an oracle needs the song

TRANSFORM = Transform(2048, 512, 256)  # for the oracle where no model brings one
FRAMES = 64  # per call of a model, and per step of the oracle
TINY = np.float32(1e-9)


def quarter(mixture: Floats, sample_rate: int) -> dict[str, Floats]:
    """Give a quarter of the mixture for every stem: the zero of the scale.

    Notes
    -----
    Thread: [any]
    """
    del sample_rate
    return {stem: mixture / np.float32(len(STEMS)) for stem in STEMS}


def mixture(given: Floats, sample_rate: int) -> dict[str, Floats]:
    """Give the mixture for every stem, and for the accompaniment.

    Notes
    -----
    Thread: [any]
    """
    del sample_rate
    return dict.fromkeys(COLUMNS, given)


def row(separator: Separator) -> Row:
    """Give a separator as a row of the table.

    Notes
    -----
    Thread: [any]
    """
    return lambda song: separator(song.mixture, song.sample_rate)


def by_model(model: str | Path | Model, provider: str = "auto") -> Separator:
    """Give a separator that runs a model file, 64 frames per call.

    Raises
    ------
    ModelError
        If the model cannot be used.

    Notes
    -----
    Stems beyond the four, such as guitar, are added to other if the model has one.
    Thread: [main]
    """
    opened = model if isinstance(model, Model) else Model(model, provider)

    def run(mixture: Floats, sample_rate: int) -> dict[str, Floats]:
        stream = plugin_bridge.Separator(opened, sample_rate, frames_per_call=FRAMES)
        stems = np.concatenate([stream.push(mixture), stream.flush()], axis=-1)
        return _folded(dict(zip(stream.stems, stems, strict=True)))

    return run


def _folded(stems: dict[str, Floats]) -> dict[str, Floats]:
    for name in set(stems) - set(COLUMNS):
        beyond = stems.pop(name)
        if "other" in stems:
            stems["other"] = stems["other"] + beyond
    return stems


def refuse_fewer(name: str, stems: Collection[str]) -> None:
    """Refuse a model that lacks one of the four stems.

    Raises
    ------
    ValueError
        Names those that it lacks.

    Notes
    -----
    Thread: [any]
    """
    lacking = [stem for stem in STEMS if stem not in stems]
    if lacking:
        raise ValueError(f"{name} gives no {', no '.join(lacking)}; name a model of all four")


def transform_of(model: Model) -> Transform:
    """Give the transform of a model's card; that of `lastframe` for models without one.

    Notes
    -----
    Thread: [any]
    """
    return model.card.transform if model.card.n_fft else TRANSFORM


def oracle(song: Song, transform: Transform = TRANSFORM, rate: int = 44100) -> dict[str, Floats]:
    """Separate with the ideal ratio mask, made from the true stems.

    Parameters
    ----------
    song : Song
    transform : Transform
        Through the streaming analysis and synthesis that models use.
    rate : int
        Samples per second that the transform is meant for.

    Returns
    -------
    stems : dict, stem -> float32 (channels, samples)
        The mixture times |stem| / sum of |stems| per bin, channel and frame. They add up to
        the mixture where any stem sounds.

    Notes
    -----
    Thread: [any]
    """
    transform = transform.scaled(rates.scale_of(song.sample_rate, rate))
    true = np.stack([song.stems[stem] for stem in STEMS])
    count, channels, samples = true.shape
    signals = np.concatenate([true.reshape(count * channels, samples), song.mixture])
    analysis = Analysis(transform, len(signals))
    synthesis = Synthesis(transform, count, channels)
    out = np.empty((count, channels, samples), np.float32)
    step, late = FRAMES * transform.hop, transform.latency
    for start in range(0, samples + late, step):
        block = np.zeros((len(signals), step), np.float32)
        part = signals[:, start : start + step]
        block[:, : part.shape[1]] = part
        spectra = analysis.push(block)
        size = np.abs(spectra[:-channels]).reshape(count, channels, FRAMES, transform.bins)
        masks = size / (size.sum(0) + TINY)
        made = synthesis.push(masks * spectra[-channels:])
        # the synthesis is `late` samples behind
        first = max(start - late, 0)
        last = min(start - late + step, samples)
        out[..., first:last] = made[..., first - start + late : last - start + late]
    return dict(zip(STEMS, out, strict=True))
