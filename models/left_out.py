"""What a song gains from being heard: each real song separated by a network that never heard it.

    python -m models.left_out train --library LIBRARY --songs ROOT --runs RUNS
    python -m models.left_out score --songs ROOT --runs RUNS --out DIR

ROOT/<song>/ holds the stems of the real songs in LIBRARY. Each is left out of one training, all of
one budget, which hears everything else; then it is separated by that network alone. DIR gets
left_out.md, left_out.json and the models.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from models import command
from models.ablation import Entry
from models.baseline import separate
from models.configuration import Configuration
from models.evaluation.report import table
from models.evaluation.scores import ZERO, SetScores, columns, measure
from models.evaluation.separators import Row, by_model, oracle, quarter, row
from models.evaluation.songs import SongSet, own
from models.export import export
from models.study import Runs, publish, train_all

STEPS = 600
RUNS = Path("build/left-out")
ROW = "left out"
SHOWN = (ZERO, "baseline", ROW, "oracle")

Songs = Annotated[Path, typer.Option("--songs", help="ROOT, of folders with a song's stems each")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def folders(root: Path) -> list[Path]:
    """Give the songs' folders, by name.

    Raises
    ------
    ValueError
        If there is none.

    Notes
    -----
    Thread: [any]
    """
    found = sorted(path for path in root.glob("*") if path.is_dir())
    if not found:
        raise ValueError(f"{root} holds no folders; give the parent of the songs' folders")
    return found


def trainings(
    library: Path, songs: list[Path], runs: Path, steps: int, config: str
) -> Iterator[Configuration]:
    """Give a training without each of the songs.

    Notes
    -----
    Thread: [any]
    """
    for song in songs:
        entry = Entry(song.name, config, {"data": {"held_out": (song.name,)}})
        yield entry.configuration(library, runs, steps)


@app.command()
def train(
    library: Annotated[Path, typer.Option(help="made by python -m models.data build")],
    songs: Songs,
    runs: Runs = RUNS,
    steps: Annotated[int, typer.Option(min=1, help="budget of each")] = STEPS,
    config: Annotated[str, typer.Option(help="a name in models/configs")] = "lastframe",
) -> None:
    """Train what is not finished, one after the other; interrupted, it goes on from there."""
    train_all(trainings(library, folders(songs), runs, steps, config))


@app.command()
def score(
    songs: Songs,
    out: Annotated[Path, typer.Option(help="the folder to write")],
    runs: Runs = RUNS,
) -> None:
    """Separate each song by the network that never heard it; write the tables."""
    given = own(folders(songs))
    (out / "models").mkdir(parents=True, exist_ok=True)
    scores = SetScores(given.title, SHOWN)
    for entry in given.entries:
        # Not best.pt: what that is was chosen with the song that was left out.
        last = runs / entry.name / "checkpoint.pt"
        if not last.exists():
            print(f"{entry.name}: not trained yet", file=sys.stderr)
            continue
        model = out / "models" / f"{entry.name}.onnx"
        export(last, model)
        made: dict[str, Row] = {
            ZERO: row(quarter),
            "baseline": row(separate),
            ROW: row(by_model(model)),
            "oracle": oracle,
        }
        for name in measure(SongSet(given.title, (entry,)), made, scores):
            print(f"{name}: {scores.skipped.get(name, 'done')}", file=sys.stderr)
    if not scores.songs:
        raise ValueError(f"{runs} holds no run of these songs; train them first")
    publish(scores, lines(scores), "models.left_out", out / "left_out")


def lines(scores: SetScores) -> list[str]:
    """Say song by song how far its network came, and what it gained over the baseline.

    Notes
    -----
    Thread: [any]
    """
    body = []
    for song, rows in scores.songs.items():
        one = SetScores(song, scores.rows, {song: rows})
        above = [
            one.mean(ROW, "si_sdr_gain", c) - one.mean("baseline", "si_sdr_gain", c)
            for c in columns()
        ]
        way = f"{one.way(ROW, 'oracle'):.0f} %"
        body.append([song, way, *("-" if a != a else f"{a:+.1f}" for a in above)])
    heading = ["SI-SDR above the baseline", "of the way", *columns()]
    return ["## Song by song", "", *table(heading, body), ""]


if __name__ == "__main__":
    command.run(app)
