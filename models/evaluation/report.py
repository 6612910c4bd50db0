"""Scores as Markdown and as JSON."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.data.score import STEMS
from models.evaluation.metrics import COLUMNS
from models.evaluation.scores import MEAN, SetScores, columns

FORMAT = 1
# figure, title; every one in dB and the higher the better
TABLES = (
    ("sdr", "SDR in dB, whole song"),
    ("si_sdr_gain", "SI-SDR gain over the mixture in dB"),
    ("frame_sdr", "SDR in dB, median over a song's seconds (BSSEval v4)"),
    ("sir", "SIR in dB, interference, median over a song's seconds (BSSEval v4)"),
    ("sar", "SAR in dB, artifacts, median over a song's seconds (BSSEval v4)"),
    ("leakage", "Estimates where their stem is absent, dB below the mixture"),
)
LEGEND = (
    "Each song by itself, then mean / median over songs; higher is better. Read SDR and SI-SDR "
    "gain together: silence scores 0 dB SDR."
)


def markdown(sets: Iterable[SetScores], oracles: dict[str, str], command: str = "") -> str:
    """Lay scores out as Markdown.

    Parameters
    ----------
    sets : iterable of SetScores
    oracles : dict, row -> name of the oracle row that it is held against
    command : str
        What was asked for.

    Notes
    -----
    Thread: [any]
    """
    lines = ["# Separation scores", ""]
    if command:
        lines += [f"`{command}`", ""]
    lines += [LEGEND, ""]
    for scores in sets:
        lines += _set(scores, oracles)
    return "\n".join(lines)


def ways(scores: SetScores, oracles: dict[str, str]) -> list[str]:
    """Say for each row how far it has come from mix/4 to its oracle.

    Notes
    -----
    Thread: [any]
    """
    lines = []
    for row, goal in oracles.items():
        whole, *parts = (scores.way(row, goal, column) for column in (MEAN, *STEMS))
        of = "" if math.isnan(whole) else f"{whole:.0f} % of "
        by_stem = ", ".join(
            f"{stem} {part:.0f} %"
            for stem, part in zip(STEMS, parts, strict=True)
            if not math.isnan(part)
        )
        lines.append(f"{row}: {of}the way in dB SDR from mix/4 to {goal} ({by_stem})")
    return lines


def _set(scores: SetScores, oracles: dict[str, str]) -> list[str]:
    minutes = sum(scores.seconds.values()) / 60
    count = len(scores.songs)
    lines = [f"## {scores.title}", "", f"{count} song{'s' * (count != 1)}, {minutes:.1f} minutes"]
    if scores.skipped:
        lines[-1] += f"; {len(scores.skipped)} skipped:"
        lines += ["", *(f"- {song}: {why}" for song, why in scores.skipped.items())]
    lines.append("")
    if not count:
        return lines
    for figure, title in TABLES:
        if any(not math.isnan(scores.mean(r, figure, c)) for r in scores.rows for c in COLUMNS):
            body = [[row, *_cells(scores, row, figure)] for row in scores.rows]
            lines += [f"### {title}", "", *table(["", *columns()], body), ""]
    lines += [f"- {line}" for line in ways(scores, oracles)]
    lines += [
        f"- {row}: the estimates add up to the mixture, {scores.mean(row, 'sum_error', ''):.0f} dB "
        "below it"
        for row in oracles
        if not math.isnan(scores.mean(row, "sum_error", ""))
    ]
    lines.append("")
    for row in oracles:
        lines += [f"### Where the true stems are found: {row}, percent", ""]
        body = [
            [f"true {stem}", *(_number(100 * share, 0) for share in shares)]
            for stem, shares in zip(STEMS, scores.shares(row), strict=True)
        ]
        lines += [*table(["", *(f"in {stem}" for stem in STEMS)], body), ""]
    if count > 1 and oracles:
        body = [
            [song, row, *(_number(scores.values(row, "sdr", c)[i], 2) for c in columns())]
            for i, song in enumerate(scores.songs)
            for row in oracles
        ]
        lines += ["### SDR in dB of each song", "", *table(["song", "", *columns()], body), ""]
    return lines


def _cells(scores: SetScores, row: str, figure: str) -> list[str]:
    means = [_number(scores.mean(row, figure, column), 2) for column in columns()]
    if len(scores.songs) == 1:
        return means
    medians = [_number(scores.median(row, figure, column), 2) for column in columns()]
    pairs = zip(means, medians, strict=True)
    return [mean if mean == "-" else f"{mean} / {median}" for mean, median in pairs]


def _number(value: float, digits: int) -> str:
    # + 0.0: minus zero is zero
    return "-" if math.isnan(value) else f"{round(float(value), digits) + 0.0:.{digits}f}"


def table(heading: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a Markdown table that can be read as plain text too.

    Parameters
    ----------
    heading : sequence of str
    body : sequence of rows, each as long as the heading
        The first column is aligned left, the others right.

    Notes
    -----
    Thread: [any]
    """
    rows = [[cell.replace("|", "\\|") for cell in row] for row in (heading, *body)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    laid = [
        " | ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "|".join(
        ("-" * (width + 2)) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)
    )
    return [f"| {laid[0]} |", f"|{rule}|", *(f"| {line} |" for line in laid[1:])]


def document(sets: Iterable[SetScores], oracles: dict[str, str], command: str) -> dict[str, Any]:
    """Give everything that was measured as JSON values; what was not measured is null.

    Notes
    -----
    Thread: [any]
    """
    found: dict[str, Any] = {
        "format": FORMAT,
        "command": command,
        "sets": [
            {
                "title": scores.title,
                "skipped": scores.skipped,
                "percent_of_the_way": {
                    row: {c: scores.way(row, goal, c) for c in (*STEMS, MEAN)}
                    for row, goal in oracles.items()
                },
                "songs": [
                    {
                        "name": song,
                        "seconds": scores.seconds[song],
                        "figures": {row: asdict(each) for row, each in made.items()},
                    }
                    for song, made in scores.songs.items()
                ],
            }
            for scores in sets
        ],
    }
    return dict(_clean(found))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(path: Path, text: str | dict[str, Any]) -> None:
    """Write text, or JSON values, as a file that is whole or not there.

    Notes
    -----
    Thread: [any]
    """
    aside = path.with_name(f"{path.name}.part")
    aside.write_text(
        text if isinstance(text, str) else json.dumps(text, indent=1), encoding="utf-8"
    )
    aside.replace(path)
