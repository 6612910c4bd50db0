"""Scores as a picture: a row per set of songs, a dot per song."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.data.score import STEMS
from models.evaluation.metrics import COLUMNS
from models.evaluation.scores import SetScores

POINTS = (("sdr", "SDR, dB"), ("si_sdr_gain", "SI-SDR gain over the mixture, dB"))
TABLES = 3  # tables of shares at most, beside each other
FLOOR = -20.0  # dB; what is lower is drawn there
DPI = 90


def draw(path: Path, sets: Sequence[SetScores], shown: Sequence[str]) -> None:
    """Draw SDR, SI-SDR gain and shares of each set.

    Parameters
    ----------
    path : Path
        The .png to write.
    sets : sequence of SetScores
        Those without songs are left out.
    shown : sequence of str
        Rows whose tables of shares are drawn.

    Notes
    -----
    Thread: [main]
    """
    from matplotlib.figure import Figure

    sets = [scores for scores in sets if scores.songs]
    if not sets:
        return
    shown = shown[-TABLES:]
    widths = [2.2] * len(POINTS) + [1.0] * len(shown)
    figure = Figure(figsize=(3.1 * sum(widths), 4.4 * len(sets)), layout="constrained")
    grid = figure.subplots(len(sets), len(widths), squeeze=False, width_ratios=widths)
    for axes, scores in zip(grid, sets, strict=True):
        for axis, (name, title) in zip(axes, POINTS, strict=False):
            _points(axis, scores, name)
            axis.set_title(f"{scores.title}\n{title}", fontsize=10, loc="left")
        axes[0].legend(fontsize=8, loc="best")
        for axis, row in zip(axes[len(POINTS) :], shown, strict=True):
            _shares(axis, scores, row)
    figure.savefig(path, dpi=DPI)


def _points(axis: Any, scores: SetScores, name: str) -> None:
    step = 0.8 / len(scores.rows)
    for i, row in enumerate(scores.rows):
        places = np.arange(len(COLUMNS)) - 0.4 + (i + 0.5) * step
        for place, column in zip(places, COLUMNS, strict=True):
            values = np.maximum(scores.values(row, name, column), FLOOR)
            jitter = np.linspace(-0.3, 0.3, len(values)) * step if len(values) > 1 else 0.0
            axis.plot(place + jitter, values, ".", color=f"C{i}", alpha=0.35, markersize=4)
        means = [max(scores.mean(row, name, column), FLOOR) for column in COLUMNS]
        axis.hlines(means, places - step / 2, places + step / 2, f"C{i}", lw=2.5, label=row)
    axis.axhline(0, color="grey", lw=0.5)
    axis.set_xticks(range(len(COLUMNS)), COLUMNS)
    axis.grid(axis="y", alpha=0.3)


def _shares(axis: Any, scores: SetScores, row: str) -> None:
    shares = scores.shares(row)
    axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for (y, x), share in np.ndenumerate(shares):
        if not np.isnan(share):
            ink = "white" if share > 0.6 else "black"
            axis.text(x, y, f"{100 * share:.0f}", ha="center", va="center", color=ink)
    axis.set_xticks(range(len(STEMS)), [f"in {stem}" for stem in STEMS], rotation=45, ha="right")
    axis.set_yticks(range(len(STEMS)), STEMS)
    axis.set_title(f"{row}: true stems\nfound in estimates, %", fontsize=10, loc="left")
