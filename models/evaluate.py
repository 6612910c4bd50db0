"""Score separations: `python -m models.evaluate --baseline --model lastframe`.

A separator here is any callable (mixture (2, samples), sample_rate) -> dict of stems.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

import plugin_bridge
from models.baseline import separate
from models.data import material
from models.data.library import RATE
from models.data.score import STEMS
from models.data.songs import Song, generate
from models.data.sound import Floats
from plugin_bridge.model.onnx import Model

Stems = Mapping[str, Floats]
Separator = Callable[[Floats, int], Stems]
Scores = dict[str, float]


def sdr(reference: Floats, estimate: Floats) -> float:
    """Signal-to-distortion ratio over all channels and samples at once, in dB.

    Parameters
    ----------
    reference, estimate : float32, shape (channels, samples)

    Returns
    -------
    ratio : float
        10 log10 of the reference's energy over the error's; nan where the reference is
        silent, 100 at most.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Thread: [any]
    """
    if reference.shape != estimate.shape:
        raise ValueError(
            f"reference is {reference.shape}, estimate {estimate.shape}; give equal shapes "
            "(channels, samples)"
        )
    signal = float((reference.astype(np.float64) ** 2).sum())
    error = float(((reference.astype(np.float64) - estimate) ** 2).sum())
    if signal < 1e-8 * reference.size:
        return float("nan")
    return 10 * float(np.log10(signal / max(error, 1e-10 * signal)))


def quarter(mixture: Floats, sample_rate: int) -> dict[str, Floats]:
    """Give a quarter of the mixture for every stem: the zero of the scale.

    Notes
    -----
    Thread: [any]
    """
    del sample_rate
    return {stem: mixture / np.float32(len(STEMS)) for stem in STEMS}


def mean_sdr(songs: Iterable[Song], separator: Separator) -> Scores:
    """Mean SDR per stem over songs in which the stem sounds, in dB.

    Parameters
    ----------
    songs : iterable of Song
    separator : callable
        (mixture float32 (2, samples), sample_rate) -> dict, stem -> float32 (2, samples).

    Returns
    -------
    scores : dict
        One entry per stem and `mean`, the mean of the four.

    Notes
    -----
    Thread: [any]
    """
    each: dict[str, list[float]] = {stem: [] for stem in STEMS}
    for song in songs:
        estimates = separator(song.mixture, song.sample_rate)
        for stem in STEMS:
            each[stem].append(sdr(song.stems[stem], estimates[stem]))
    scores = {
        stem: float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
        for stem, values in each.items()
    }
    scores["mean"] = float(np.nanmean(list(scores.values())))
    return scores


def table(rows: Mapping[str, Scores]) -> str:
    """Lay scores out as text, one row per separator, in dB.

    Notes
    -----
    Thread: [any]
    """
    columns = [*STEMS, "mean"]
    width = max(map(len, rows), default=0)
    lines = [" " * width + "".join(f"{name:>9}" for name in columns)]
    lines += [
        f"{name:<{width}}" + "".join(f"{scores[column]:9.2f}" for column in columns)
        for name, scores in rows.items()
    ]
    return "\n".join(lines)


def by_model(model: str | Path, provider: str = "auto") -> Separator:
    """Give a separator that runs a model file, 64 frames per call.

    Raises
    ------
    ModelError
        If the model cannot be used.

    Notes
    -----
    Thread: [main]
    """
    opened = Model(model, provider)

    def run(mixture: Floats, sample_rate: int) -> dict[str, Floats]:
        stream = plugin_bridge.Separator(opened, sample_rate, frames_per_call=64)
        stems = np.concatenate([stream.push(mixture), stream.flush()], axis=-1)
        return dict(zip(stream.stems, stems, strict=True))

    return run


def real_song(folder: Path) -> Song:
    """Read a folder of stems as a song; a stem that it lacks is silent.

    Raises
    ------
    ValueError
        If it holds no stem at all.

    Notes
    -----
    Thread: [any]
    """
    found = material.song(folder)
    if not found:
        raise ValueError(f"{folder} holds no stem; expected {folder}/vocals.wav and the like")
    silent = np.zeros_like(next(iter(found.values())))
    stems = {stem: found.get(stem, silent) for stem in STEMS}
    return Song(stems, sum(stems.values(), silent), RATE)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__)
    parser.add_argument("--model", action="append", default=[], help="name or path; repeatable")
    parser.add_argument("--baseline", action="store_true", help="score the no-learning baseline")
    parser.add_argument("--song", type=Path, action="append", default=[], help="folder of stems")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--songs", type=int, default=24, help="generated songs; 0 for none")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each generated song")
    return parser.parse_args()


def main() -> int:
    """Print mean SDR per stem on generated songs, and SDR per stem of real ones.

    Notes
    -----
    Thread: [main]
    """
    given = parsed()
    separators: dict[str, Separator] = {"mix/4": quarter}
    if given.baseline:
        separators["baseline"] = separate
    separators |= {Path(name).stem: by_model(name) for name in given.model}
    sets: dict[str, list[Song]] = {str(folder): [real_song(folder)] for folder in given.song}
    if given.songs:
        last = given.first_seed + given.songs - 1
        seeds = range(given.first_seed, last + 1)
        title = f"generated songs, seeds {given.first_seed}..{last}, {given.seconds:g} s each"
        sets[title] = [generate(seed, given.seconds) for seed in seeds]
    for title, songs in sets.items():
        print(f"{title}, SDR in dB")
        print(table({name: mean_sdr(songs, run) for name, run in separators.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
