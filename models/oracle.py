"""What masks can reach: `python -m models.oracle --seeds 0-7 --museval --out DIR`.

Every variant of models/masks.py, made from the true stems on the bins of the article's networks,
is scored as a separator; DIR gets oracle.md and oracle.json, and masks.png with the left channel of
a song and the binary mask of each stem. `--choose` finds what THRESHOLDS and BEST should be.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from models import command
from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation import bss, report
from models.evaluation.ideal import RATE, TRANSFORM, ideal
from models.evaluation.scores import ZERO, SetScores, measure
from models.evaluation.separators import Row, mixture, quarter, row
from models.evaluation.songs import SongSet, generated, own, seeds
from models.masks import MASKS, VARIANTS, stem_thresholds
from plugin_bridge.dsp.rates import scale_of
from plugin_bridge.dsp.stft import Analysis

SHARED = tuple(name for name in VARIANTS if name.startswith("b"))
THRESHOLDS_TRIED = tuple(round(0.1 * i, 1) for i in range(2, 9))
PICTURED = (3.0, 8.0)  # seconds
DECIBELS = (-70.0, 0.0)


def rows() -> dict[str, Row]:
    """Give the rows of the oracle table.

    Notes
    -----
    Thread: [any]
    """
    made: dict[str, Row] = {"mixture": row(mixture), ZERO: row(quarter)}
    return made | {name: partial(ideal, variant=mask) for name, mask in MASKS.items()}


def choose(songs: SongSet) -> tuple[dict[str, float], dict[str, str]]:
    """Find each stem's best threshold for b2, and its best variant of b, by mean SDR.

    Notes
    -----
    Thread: [main]
    """
    tried: dict[str, Row] = {
        f"{share}": partial(
            ideal, variant=partial(stem_thresholds, thresholds=dict.fromkeys(STEMS, share))
        )
        for share in THRESHOLDS_TRIED
    }
    thresholds = {stem: float(name) for stem, name in _winners(songs, tried).items()}
    among: dict[str, Row] = {name: partial(ideal, variant=MASKS[name]) for name in SHARED}
    among["b2"] = partial(ideal, variant=partial(stem_thresholds, thresholds=thresholds))
    return thresholds, _winners(songs, among)


def _winners(songs: SongSet, tried: Mapping[str, Row]) -> dict[str, str]:
    scores = SetScores(songs.title, tuple(tried))
    for _ in measure(songs, tried, scores):
        pass
    found = {}
    for stem in STEMS:
        levels = {name: scores.mean(name, "sdr", stem) for name in tried}
        found[stem] = max(levels, key=levels.__getitem__)
    return found


def draw(path: Path, song: Song, variant: str = "best") -> None:
    """Draw the left channel's spectrogram and the mask of each stem.

    Notes
    -----
    Thread: [main]
    """
    from matplotlib.figure import Figure

    scale = scale_of(song.sample_rate, RATE)
    transform = TRANSFORM.scaled(scale)
    first, last = (round(second * song.sample_rate) for second in PICTURED)
    first = max(0, min(first, song.mixture.shape[1] - (last - first)))  # of a short song all
    stems = np.stack([song.stems[stem][:1, first:last] for stem in STEMS])
    whole = stems.shape[-1] // transform.hop * transform.hop
    spectra = Analysis(transform, len(STEMS)).push(stems[:, 0, :whole])[
        :, None, :, : TRANSFORM.bins
    ]
    levels = 20 * np.log10(abs(spectra.sum(0))[0] + 1e-6)
    masks = MASKS[variant](spectra)[:, 0]
    figure = Figure(figsize=(9, 11), layout="constrained")
    axes = figure.subplots(len(STEMS) + 1, 1, sharex=True, sharey=True)
    extent = (0, whole / song.sample_rate, 0, RATE / 2000)
    options = {"origin": "lower", "aspect": "auto", "extent": extent}
    low, high = (levels.max() + edge for edge in DECIBELS)
    axes[0].imshow(levels.T, vmin=low, vmax=high, cmap="magma", **options)
    axes[0].set_title("mixture, left channel", loc="left", fontsize=10)
    for axis, stem, mask in zip(axes[1:], STEMS, masks, strict=True):
        axis.imshow(mask.T, vmin=0, vmax=1, cmap="Greys", interpolation="nearest", **options)
        axis.set_title(f"{stem}: mask {variant}", loc="left", fontsize=10)
    for axis in axes:
        axis.set_ylabel("kHz")
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=90)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.oracle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seeds", default="0-7", help="generated songs (default 0-7)")
    add("--seconds", type=float, default=15.0, help="of each (default 15)")
    add("--song", type=Path, action="append", default=[], metavar="FOLDER",
        help="a song's stems, FOLDER/<stem>.wav; may be given again")  # fmt: skip
    add("--museval", action="store_true", help="also SIR and SAR; minutes for each song")
    add("--choose", action="store_true", help="find THRESHOLDS and BEST on these songs")
    add("--out", type=Path, metavar="DIR", help="write oracle.md, oracle.json, masks.png there")
    return parser


def main() -> None:
    """Print the oracle table.

    Notes
    -----
    Thread: [main]
    """
    given = _arguments().parse_args()
    sets = [generated(seeds(given.seeds), given.seconds)]
    if given.song:
        sets.append(own(given.song))
    if given.choose:
        for name, found in zip(("THRESHOLDS", "BEST"), choose(sets[0]), strict=True):
            print(f"{name} = {found}")
        return
    if given.museval:
        bss.museval()
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
    made = rows()
    all_scores = [SetScores(songs.title, tuple(made)) for songs in sets]
    for songs, scores in zip(sets, all_scores, strict=True):
        for name in measure(songs, made, scores, given.museval):
            print(f"{name}: {scores.skipped.get(name, 'done')}", file=sys.stderr)
    typed = shlex.join(["python", "-m", "models.oracle", *sys.argv[1:]])
    text = report.markdown(all_scores, {}, typed)
    print(text)
    if given.out:
        report.write(given.out / "oracle.md", text)
        report.write(given.out / "oracle.json", report.document(all_scores, {}, typed))
        used = [each for each in sets[-1].entries if each.name in all_scores[-1].songs]
        for entry in used[:1]:
            draw(given.out / "masks.png", entry.load())


if __name__ == "__main__":
    command.run(main)
