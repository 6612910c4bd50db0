"""What the comparisons of networks have in common: train all, score all, lay the tables out."""

import csv
import shlex
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from models.configuration import Configuration
from models.evaluation import bss, report
from models.evaluation.ledger import Ledger
from models.evaluation.scores import SetScores, measure
from models.evaluation.separators import Row
from models.evaluation.songs import SongSet, generated, own, seeds
from models.train import train
from plugin_bridge.errors import hint

# What their commands are asked with.
Runs = Annotated[Path, typer.Option(help="the folder of the runs")]
Numbers = Annotated[str, typer.Option("--seeds", help="generated songs")]
Seconds = Annotated[float, typer.Option(help="of each")]
Songs = Annotated[list[Path] | None, typer.Option(help="a song's stems, FOLDER/<stem>.wav")]
Museval = Annotated[bool, typer.Option("--museval", help="also SIR and SAR; slow")]


def songs_of(numbers: str, seconds: float, folders: Sequence[Path] | None) -> SongSet:
    """Give generated songs, or those of folders where these are named.

    Notes
    -----
    Thread: [main]
    """
    return own(list(folders)) if folders else generated(seeds(numbers), seconds)


def train_all(trainings: Iterable[Configuration], only: Collection[str] | None = None) -> None:
    """Train what is not finished, one after the other; interrupted, it goes on from there.

    Raises
    ------
    ValueError
        If a configuration is wrong, or `only` names none: before anything is trained.
    typer.Exit
        If one was stopped.

    Notes
    -----
    Thread: [main]
    """
    all_of_them = {each.run.out.name: each for each in trainings}
    for name in only or ():
        if name not in all_of_them:
            known = list(all_of_them)
            raise ValueError(f"--only {name} is no run; {hint(name, known)}use {', '.join(known)}")
    for name, configuration in all_of_them.items():
        if only and name not in only:
            continue
        typer.echo(configuration.run.out)
        if not train(configuration):
            raise typer.Exit(1)


def measured(
    songs: SongSet, rows: Mapping[str, Row], ledger: Ledger, museval: bool = False
) -> SetScores:
    """Score all rows on all songs, telling each song; what the ledger holds is not done again.

    Notes
    -----
    Thread: [main]
    """
    if museval:
        bss.museval()
    scores = SetScores(songs.title, tuple(rows))
    for i, name in enumerate(measure(songs, rows, scores, museval, ledger), 1):
        note = scores.skipped.get(name, "done")
        print(f"{i}/{len(songs.entries)} {name}: {note}", file=sys.stderr)
    return scores


def publish(scores: SetScores, lines: Sequence[str], module: str, stem: Path) -> None:
    """Print the scores and what follows from them; write them as STEM.md and STEM.json.

    Notes
    -----
    Thread: [main]
    """
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    text = "\n".join([report.markdown([scores], {}, command), *lines])
    typer.echo(text)
    report.write(stem.with_suffix(".md"), text)
    report.write(stem.with_suffix(".json"), report.document([scores], {}, command))


def curves(panels: Mapping[str, Sequence[str]], runs: Path, path: Path) -> None:
    """Draw loss and validation score of runs over their steps, a column for each panel.

    Notes
    -----
    Thread: [main]
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colours = colormaps["tab20"].colors  # type: ignore[attr-defined]  # of those in a list
    figure = Figure(figsize=(12, 9), layout="constrained")
    grid = figure.subplots(2, len(panels), squeeze=False)
    for column, (title, names) in enumerate(panels.items()):
        for number, name in enumerate(names):
            table = runs / name / "log.csv"
            if not table.exists():
                continue
            with table.open(newline="") as file:
                rows = list(csv.DictReader(file))
            for axis, key in zip(grid[:, column], ("loss", "mean"), strict=True):
                points = [(int(r["step"]), float(r[key])) for r in rows if r[key]]
                colour = colours[number % len(colours)]
                drawn = zip(*points, strict=True) if points else ([], [])
                axis.plot(*drawn, ".-", color=colour, label=name, lw=0.9, ms=4)
                axis.set_title(f"{title}: {key}", loc="left", fontsize=10)
    for axis in grid.flat:
        axis.set_xlabel("steps")
        axis.legend(fontsize=6)
    figure.savefig(path, dpi=90)
