"""The article's claims, tried: twelve networks trained alike, scored on the same songs.

    python -m models.results train --library LIBRARY --runs RUNS      # whatever is not finished
    python -m models.results keep --runs RUNS                         # finished ones, in the clone
    python -m models.results score --runs RUNS --seeds 0-23 --museval --out DIR
    python -m models.results maps --runs RUNS --out DIR               # model 3 from inside

Models 1 to 4 are taught with squared error and with cross-entropy for the last frame, and with
cross-entropy for the middle one. What is kept in models/weights/article is not trained again.
`score` takes the rows that are there and goes on where it was stopped, also with more rows or
songs; SIR and SAR take most of the time. DIR gets results.md, results.json, curves.png and the
models; every network is used twice, thresholded at 0.5 and soft.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from models import checkpoints, command, kept
from models.configuration import AnyNetwork, Configuration, load
from models.data.score import STEMS
from models.evaluation import claims
from models.evaluation.ideal import ideal
from models.evaluation.ledger import Ledger
from models.evaluation.scores import ZERO
from models.evaluation.separators import Row, by_model, mixture, quarter, row
from models.evaluation.songs import generated
from models.export import network_of, windowed_card, write_windowed
from models.masks import MASKS
from models.merge import merged
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
from models.zoo.fragment import LAST, MIDDLE
from plugin_bridge.model.onnx import Model

CONFIGS = Path(__file__).parent / "configs"
TARGETS = {"last": LAST, "middle": MIDDLE}
LOSSES = {"mse": "mask_mse", "bce": "mask_bce"}
HEADS = {claims.HARD: "binary:0.5", claims.SOFT: "sigmoid"}
# What a network is held against: the masks that it was taught, and the best of its kind.
ORACLES = {"ideal b1": "b1", "ideal ratio": "ratio"}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@dataclass(frozen=True)
class Entry:
    """A row of the table: a model, how it was taught, and for which frame."""

    model: str
    loss: str
    target: str

    @property
    def name(self) -> str:
        """Name of the row, and of its run's folder."""
        return f"{self.model}-{self.loss}-{self.target}"

    @property
    def runs(self) -> dict[str, AnyNetwork]:
        """Names of the runs that it takes, with what each trains."""
        target = {"target": TARGETS[self.target]}
        if self.model != "model1":
            network = load(CONFIGS / f"{self.model}.toml").network
            return {self.name: network.model_copy(update=target)}
        network = load(CONFIGS / "branch.toml").network
        return {
            f"branch-{stem}-{self.loss}-{self.target}": network.model_copy(
                update={**target, "stem": stem}
            )
            for stem in STEMS
        }

    def held(self, runs: Path) -> checkpoints.Content | None:
        """Give its weights, kept ones first, or None where a run has not got any yet."""
        paths = [kept.find(name) or runs / name / "best.pt" for name in self.runs]
        if not all(path.exists() for path in paths):
            return None
        found = [kept.load(path) for path in paths]
        return merged(found) if len(found) > 1 else found[0]


# In the order in which they are trained: what most claims need comes first.
ENTRIES = (
    *(Entry(model, loss, "last") for loss in ("bce", "mse") for model in claims.MODELS),
    *(Entry(model, "bce", "middle") for model in claims.MODELS),
)


def trainings(library: Path, runs: Path) -> Iterator[Configuration]:
    """Give the trainings of all rows; those of one architecture differ in nothing else.

    Notes
    -----
    Thread: [any]
    """
    for entry in ENTRIES:
        for name, network in entry.runs.items():
            base = load(CONFIGS / f"{network.architecture}.toml")
            terms = {LOSSES[entry.loss]: 1.0}
            yield base.model_copy(
                update={
                    "data": base.data.model_copy(update={"library": library}),
                    "network": network,
                    "loss": base.loss.model_copy(update={"terms": terms, "late_terms": terms}),
                    "run": base.run.model_copy(update={"out": runs / name}),
                }
            )


@app.command()
def train(
    library: Annotated[Path, typer.Option(help="made by python -m models.data build")],
    runs: Runs = Path("build/runs"),
    only: Annotated[list[str] | None, typer.Option(help="names of runs; default: all")] = None,
) -> None:
    """Train what is neither finished nor kept; interrupted, it goes on from there."""
    waiting = (each for each in trainings(library, runs) if not kept.find(each.run.out.name))
    train_all(waiting, only)


@app.command()
def keep(runs: Runs = Path("build/runs")) -> None:
    """Keep the weights of the runs that are over in models/weights/article."""
    for configuration in trainings(Path(), runs):
        run = configuration.run.out
        if (run / "checkpoint.pt").exists() and not kept.find(run.name):
            try:
                typer.echo(kept.keep(run, configuration.schedule.steps or 0))
            except ValueError as error:
                typer.echo(error, err=True)


@app.command()
def score(
    out: Annotated[Path, typer.Option(help="the folder to write")],
    runs: Runs = Path("build/runs"),
    numbers: Numbers = "0-23",
    seconds: Seconds = 15.0,
    song: Songs = None,
    museval: Museval = False,
) -> None:
    """Score the rows that are trained; write the table, what became of the claims, the curves."""
    (out / "models").mkdir(parents=True, exist_ok=True)
    made: dict[str, Row] = {"mixture": row(mixture), ZERO: row(quarter)}
    made |= {name: partial(ideal, variant=MASKS[mask]) for name, mask in ORACLES.items()}
    files = {
        claims.row(entry.name, use): path
        for entry in ENTRIES
        for use, path in _exported(entry, runs, out / "models").items()
    }
    if not files:
        raise ValueError(f"{runs} holds no run of a row; train some first")
    made |= {name: row(by_model(Model(path, "cpu"))) for name, path in files.items()}
    ledger = Ledger(out / "figures", files)
    scores = measured(songs_of(numbers, seconds, song), made, ledger, museval)
    publish(scores, claims.markdown(scores), "models.results", out / "results")
    panels = {loss: [n for e in ENTRIES if e.loss == loss for n in e.runs] for loss in LOSSES}
    curves(panels, runs, out / "curves.png")


def _exported(entry: Entry, runs: Path, folder: Path) -> dict[str, Path]:
    held = entry.held(runs)
    if held is None:
        print(f"{entry.name}: not trained yet", file=sys.stderr)
        return {}
    network, paths = network_of(held), {}
    for use, head in HEADS.items():
        texts = {"name": f"{entry.name} {use}", "version": "1", "license": "GPL-3.0-or-later"}
        card = windowed_card(network, head, **texts, trained_on=f"{held['step']} steps")
        paths[use] = folder / f"{entry.name}-{use}.onnx"
        write_windowed(network, card, paths[use], incremental=True)
    return paths


@app.command()
def maps(
    out: Annotated[Path, typer.Option(help="the folder to write")],
    runs: Runs = Path("build/runs"),
    entry: Annotated[str, typer.Option(help="the row, one of model 3's")] = "model3-bce-last",
    seed: Annotated[int, typer.Option(help="of the generated song")] = 0,
    seconds: Annotated[float, typer.Option(help="of it")] = 8.0,
) -> None:
    """Draw the feature maps of a network, and how each goes with each stem's mask."""
    from models.evaluation.featuremaps import draw, feature_maps, specificity

    held = next((each.held(runs) for each in ENTRIES if each.name == entry), None)
    if held is None:
        raise ValueError(
            f"{entry} is not trained; name one of {', '.join(each.name for each in ENTRIES)}"
        )
    (loaded,) = generated(range(seed, seed + 1), seconds).entries
    found = feature_maps(network_of(held), loaded.load())
    out.mkdir(parents=True, exist_ok=True)
    draw(out / "maps.png", found)
    for layer in found:
        typer.echo(
            f"{layer.name}: {len(layer.maps)} maps, mean specificity "
            f"{float(np.mean(specificity(layer))):.2f}"
        )


if __name__ == "__main__":
    command.run(app)
