"""The ablation: rows that differ in what they say, trained, resumed, scored from one command."""

import json
from pathlib import Path
from typing import Any

import pytest

from models import ablation, checkpoints
from models.ablation import STUDIES, Entry, Study, answers, exported, score, train, trainings
from tests.unit.models.test_claims import scores as scores_of
from tests.workshop.conftest import TINY, write_config

SMALL: dict[str, Any] = {"architecture": "resunet", "targets": ("vocals", "accompaniment"),
                         "widths": (2, 2), "units": 1, "centres": 1}  # fmt: skip


def test_rows_of_a_study_differ_in_one_thing() -> None:
    """From the row that the others are held against, all else being equal: data, budget, seed."""
    made = {each.run.out.name: each for each in trainings(Path("library"), Path("runs"), {})}
    plain = {"deep": "resunet-decoupled", "live": "lastframe-softmax"}
    for name, study in STUDIES.items():
        base = made[plain[name]].model_dump(exclude={"run": {"out"}})
        for entry in study.rows:
            other = made[entry.name].model_dump(exclude={"run": {"out"}})
            changed = {
                (table, key)
                for table in base
                for key in base[table]
                if base[table][key] != other[table][key]
            }
            wanted = {(table, key) for table, keys in entry.changes.items() for key in keys}
            assert changed == wanted - {("network", "head")} or changed == wanted
            assert entry.name == plain[name] or changed
            assert other["schedule"]["steps"] == study.steps


def test_questions_are_about_rows() -> None:
    """Every row that a question names is one of its study."""
    for study in STUDIES.values():
        names = {entry.name for entry in study.rows}
        assert all({one, other} <= names for _, one, other in study.questions)


def test_answers_follow_the_scores() -> None:
    """A row that is better by more than its interval agrees, one that is worse disagrees."""
    levels = {"lastframe-softmax": 3.0, "lastframe-complex": 2.0, "lastframe-decoupled": 4.0}
    found = scores_of(**{name.replace("-", "_"): level for name, level in levels.items()})
    rows = [[cell.strip() for cell in line.split("|")] for line in answers(found)]
    said = {row[1].split()[0]: row[4] for row in rows if "mean" in row and len(row) == 6}
    said.pop("question", None)
    assert (said.pop("complex"), said.pop("decoupled")) == ("disagrees", "agrees")
    assert set(said.values()) == {"not measured"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put two small rows in the place of the studies."""
    for name, network in {"pair": SMALL, "four": TINY}.items():
        write_config(tmp_path / f"{name}.toml", network)
    rows = (Entry("one", "pair"), Entry("two", "four", {"network": {"head": "decoupled"}}))
    monkeypatch.setattr(ablation, "CONFIGS", tmp_path)
    monkeypatch.setattr(ablation, "STUDIES", {"deep": Study(rows, 2, ("vocals",), ())})
    monkeypatch.setattr(ablation, "SEGMENT_SECONDS", 0.5)


@pytest.mark.usefixtures("small")
def test_one_command_trains_and_one_scores(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that are finished are not trained again; rows that are not trained are left out."""
    runs, out = tmp_path / "runs", tmp_path / "out"
    train(library, runs, ["one"], deep_steps=2)
    first = (runs / "one" / "checkpoint.pt").read_bytes()
    tmp_path.joinpath("models").mkdir()
    assert set(exported(runs, tmp_path / "models")) == {"one"}
    assert "two: not trained yet" in capsys.readouterr().err
    train(library, runs, None, deep_steps=2)
    assert (runs / "one" / "checkpoint.pt").read_bytes() == first
    score(out, runs, numbers="0", seconds=2.0, song=None)
    (found,) = json.loads((out / "ablation.json").read_text())["sets"]
    figures = found["songs"][0]["figures"]
    assert set(figures) == {"mixture", "mix/4", "oracle", "one", "two"}
    assert figures["one"]["sdr"]["drums"] is None
    assert figures["one"]["sdr"]["accompaniment"] is not None
    text = (out / "ablation.md").read_text()
    assert "## Answers" in text
    assert "## What it takes" in text
    assert (out / "curves.png").exists()
    held = checkpoints.load(runs / "two" / "best.pt")
    assert (held["config"]["head"], held["step"]) == ("decoupled", 2)
