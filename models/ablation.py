"""What the parts of ResUNetDecouple are worth: networks that differ in one thing, trained alike.

    python -m models.ablation train --library LIBRARY --runs RUNS      # whatever is not finished
    python -m models.ablation score --runs RUNS --seeds 0-23 --out DIR

Two studies, each with one budget: `deep` takes the narrow network apart (bounded mask; with phase;
with direct magnitude; deep; without mix-audio), `live` changes one thing of `lastframe` at a time:
its head, a part of the network, the loss, the optimiser; with that what it sees, its width, what
it hears, a teacher. By the same seed all rows of a study hear
the same mixtures. `score` takes the rows that are there, on songs that none of them heard. DIR gets
ablation.md, ablation.json, curves.png and the models.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from models import checkpoints, command
from models.configuration import SHARED, Configuration, load
from models.data.score import STEMS
from models.evaluation.bootstrap import interval
from models.evaluation.claims import decibels, difference, verdict
from models.evaluation.ledger import Ledger
from models.evaluation.report import table
from models.evaluation.scores import MEAN, ZERO, SetScores
from models.evaluation.separators import Row, by_model, mixture, oracle, quarter, row
from models.export import export
from models.study import (
    Museval,
    Numbers,
    Runs,
    Seconds,
    Songs,
    curves,
    measured,
    publish,
    songs_of,
    train_all,
)
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import measure_model

CONFIGS = Path(__file__).parent / "configs"
SEGMENT_SECONDS = 6.0  # of the exported rows: what is compared are networks, not memories
BANDED: dict[str, float] = {"snr": 1.0, "banded_snr": 0.25}
BASE = "lastframe-softmax"
HEADS = ("sigmoid", "complex", "decoupled")
TEACHER = Path(__file__).parent / "weights" / "lastframe.pt"
MUON: dict[str, Any] = {"optimizer": "muon"}
LONG: dict[str, Any] = {"batch": 2, "frames": 320, "late_batch": 1, "late_frames": 640}
STEREO: dict[str, Any] = {"pairs": ("cos_ipd",)}
WIDE: dict[str, Any] = {"widths": (32, 96, 144, 192), "hidden": 192, "last": 16}  # 1.7 M


@dataclass(frozen=True)
class Entry:
    """A row: a configuration of configs/, and what of it is changed, table by table."""

    name: str
    base: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def configuration(self, library: Path, runs: Path, steps: int) -> Configuration:
        """Give its training."""
        made = load(CONFIGS / f"{self.base}.toml")
        changes = {name: dict(table) for name, table in self.changes.items()}
        changes.setdefault("data", {})["library"] = library
        changes.setdefault("run", {})["out"] = runs / self.name
        changes.setdefault("schedule", {}).update({"steps": steps, "minutes": None})
        held = made.model_dump()
        content = {name: held[name] | changes.get(name, {}) for name in held}
        return Configuration.model_validate(content)


@dataclass(frozen=True)
class Study:
    """Rows with one budget.

    Attributes
    ----------
    rows : tuple of Entry
    steps : the budget of each
    columns : what is scored
    questions : what is asked, and which row should be better than which
    """

    rows: tuple[Entry, ...]
    steps: int
    columns: tuple[str, ...]
    questions: tuple[tuple[str, str, str], ...]


def _narrow(name: str, **changes: dict[str, Any]) -> Entry:
    return Entry(f"resunet-{name}", "resunet-narrow", changes)


def _live(name: str, **changes: dict[str, Any]) -> Entry:
    return Entry(f"lastframe-{name}", "lastframe", changes)


def _shares(real: float) -> dict[str, dict[str, float]]:
    """Give what of stems and whole songs is real, and of what kinds the rest."""
    rest = {"generated": 0.8, "sampled": 0.1, "voices": 0.1}
    return {
        name: {"real": real, **{kind: (1 - real) * n for kind, n in rest.items()}}
        for name in SHARED
    }


STUDIES = {
    "deep": Study(
        (
            _narrow("mask", network={"head": "sigmoid"}),
            _narrow("phase", network={"head": "phase"}),
            _narrow("decoupled"),
            _narrow("deep", network={"units": 4, "centres": 4}),
            _narrow("single", data={"mix_audio": 0.0}),
        ),
        20_000,
        ("vocals", "accompaniment"),
        (
            ("phase beside a bounded mask helps", "resunet-phase", "resunet-mask"),
            ("direct magnitude beside both helps", "resunet-decoupled", "resunet-phase"),
            ("the whole head helps", "resunet-decoupled", "resunet-mask"),
            ("depth helps", "resunet-deep", "resunet-decoupled"),
            ("mix-audio helps", "resunet-decoupled", "resunet-single"),
        ),
    ),
    "live": Study(
        (
            _live("softmax"),
            *(_live(head, network={"head": head}) for head in HEADS),
            _live("plain", network={"low": 0}),
            _live("memories", network={"memories": (0, 128, 256)}),
            _live("banded", loss={"terms": BANDED}),
            _live("muon", schedule=MUON),
            _live("stereo", schedule=MUON, network=STEREO),
            _live("wide", schedule=MUON, network=STEREO | WIDE),
            _live("generated", schedule=MUON, data={"shares": _shares(0.0)}),
            _live("taught", schedule=MUON, loss={"teacher": TEACHER}),
            _live("real", schedule=MUON, data={"shares": _shares(0.7)}),
            _live("raw", schedule=MUON, network={"standardised": False}),
            _live("even", schedule=MUON, loss={"absent_weight": 1.0}),
            _live("long", schedule=MUON | LONG),
        ),
        20_000,
        (MEAN, *STEMS),
        (
            *((f"{head} is better than softmax", f"lastframe-{head}", BASE) for head in HEADS),
            ("the path for the lowest bins helps", BASE, "lastframe-plain"),
            ("memory at finer levels helps", "lastframe-memories", BASE),
            ("three bands in the loss from the start help", "lastframe-banded", BASE),
            ("Muon learns faster", "lastframe-muon", BASE),
            ("phase differences of both channels help", "lastframe-stereo", "lastframe-muon"),
            ("more width helps", "lastframe-wide", "lastframe-stereo"),
            ("a teacher helps", "lastframe-taught", "lastframe-muon"),
            ("some real songs help", "lastframe-muon", "lastframe-generated"),
            ("mostly real songs help", "lastframe-real", "lastframe-muon"),
            ("a standardised input helps", "lastframe-muon", "lastframe-raw"),
            ("less weight for absent stems helps", "lastframe-muon", "lastframe-even"),
            ("segments twice as long, half as many, help", "lastframe-long", "lastframe-muon"),
        ),
    ),
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def trainings(library: Path, runs: Path, steps: dict[str, int]) -> Iterator[Configuration]:
    """Give the trainings of all rows; `steps` by study, its own budget where it is not named.

    Notes
    -----
    Thread: [any]
    """
    for name, study in STUDIES.items():
        for entry in study.rows:
            yield entry.configuration(library, runs, steps.get(name, study.steps))


@app.command()
def train(
    library: Annotated[Path, typer.Option(help="made by python -m models.data build")],
    runs: Runs = Path("build/ablation"),
    only: Annotated[list[str] | None, typer.Option(help="names of rows; default: all")] = None,
    deep_steps: Annotated[int, typer.Option(help="budget of each deep row")] = STUDIES[
        "deep"
    ].steps,
    live_steps: Annotated[int, typer.Option(help="budget of each live row")] = STUDIES[
        "live"
    ].steps,
) -> None:
    """Train what is not finished, one after the other; interrupted, it goes on from there."""
    train_all(trainings(library, runs, {"deep": deep_steps, "live": live_steps}), only)


@app.command()
def score(
    out: Annotated[Path, typer.Option(help="the folder to write")],
    runs: Runs = Path("build/ablation"),
    numbers: Numbers = "0-23",
    seconds: Seconds = 15.0,
    song: Songs = None,
    museval: Museval = False,
) -> None:
    """Score the rows that are trained; write tables, answers with their intervals, the curves."""
    (out / "models").mkdir(parents=True, exist_ok=True)
    made: dict[str, Row] = {"mixture": row(mixture), ZERO: row(quarter), "oracle": oracle}
    models = exported(runs, out / "models")
    if not models:
        raise ValueError(f"{runs} holds no run of a row; train some first")
    made |= {name: row(by_model(model)) for name, model in models.items()}
    ledger = Ledger(out / "figures", {name: model.path for name, model in models.items()})
    scores = measured(songs_of(numbers, seconds, song), made, ledger, museval)
    lines = [*answers(scores), *costs(scores, models, runs)]
    publish(scores, lines, "models.ablation", out / "ablation")
    panels = {name: [entry.name for entry in study.rows] for name, study in STUDIES.items()}
    curves(panels, runs, out / "curves.png")


def exported(runs: Path, folder: Path) -> dict[str, Model]:
    """Write the models of the rows that are trained; name those that are not.

    Notes
    -----
    Thread: [main]
    """
    models = {}
    for entry in (entry for study in STUDIES.values() for entry in study.rows):
        best = runs / entry.name / "best.pt"
        if not best.exists():
            print(f"{entry.name}: not trained yet", file=sys.stderr)
            continue
        path = folder / f"{entry.name}.onnx"
        export(best, path, seconds=SEGMENT_SECONDS)
        models[entry.name] = Model(path, "cpu")
    return models


def answers(scores: SetScores) -> list[str]:
    """Lay every question beside the mean difference in SDR and its interval.

    Notes
    -----
    Thread: [any]
    """
    lines = ["## Answers", "", "Mean difference over songs, dB, and its 95 % interval.", ""]
    for name, study in STUDIES.items():
        body = []
        for question, one, other in study.questions:
            for column in study.columns:
                found = difference(scores, one, other, column=column)
                body.append([question, column, decibels(found, "SDR"), verdict(found)])
        lines += [f"### {name}", "", *table(["question", "of", "found", "verdict"], body), ""]
        lines += [*table(["above the mixture", *study.columns], _above(scores, study)), ""]
    return lines


def _above(scores: SetScores, study: Study) -> list[list[str]]:
    """Give how far each row is above the mixture, by a figure that no gain changes."""
    body = []
    for entry in study.rows:
        if entry.name in scores.rows:
            gains = [scores.values(entry.name, "si_sdr_gain", c) for c in study.columns]
            body.append([f"{entry.name}, SI-SDR", *(decibels(interval(g)) for g in gains)])
    return body


def costs(scores: SetScores, models: dict[str, Model], runs: Path) -> list[str]:
    """Lay out what each row takes: budget, time, and whether its stems add up.

    Notes
    -----
    Thread: [main]
    """
    body = []
    for name, model in models.items():
        held = checkpoints.load(runs / name / "best.pt")
        found = measure_model(model)
        body.append(
            [
                name,
                f"{held['step']:,}",
                f"{held['data']['heard_hours']:g} h",
                f"{found.hop_ms_p50:.2f} of {found.hop_budget_ms:.1f} ms",
                _sum(scores.mean(name, "sum_error", "")),
            ]
        )
    heading = ["row", "steps of the best", "heard", "time per step of the model", "sum below mix"]
    return ["## What it takes", "", *table(heading, body), ""]


def _sum(decibels_below: float) -> str:
    return "-" if decibels_below != decibels_below else f"{decibels_below:.0f} dB"


if __name__ == "__main__":
    command.run(app)
