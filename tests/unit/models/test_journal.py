"""The log of a training: what stays when a run goes on."""

import csv
from pathlib import Path

from models.journal import Journal

SCORES = ("vocals", "mean")


def rows(folder: Path) -> list[dict[str, str]]:
    """Read the table."""
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    """Their steps are taken again, so each step has one row."""
    journal = Journal(tmp_path, SCORES, 0)
    for step in (10, 20, 30):
        journal.add({"step": step, "minutes": step / 60, "loss": -step / 10})
    journal.add({"step": 30, "minutes": 0.5, "vocals": 3.5, "mean": 2.25})
    Journal(tmp_path, SCORES, 20).add({"step": 30, "minutes": 0.4, "loss": -7})
    assert [(row["step"], row["loss"]) for row in rows(tmp_path)] == [
        ("10", "-1"),
        ("20", "-2"),
        ("30", "-7"),
    ]
    assert rows(tmp_path)[0]["mean"] == ""


def test_a_torn_table_is_mended(tmp_path: Path) -> None:
    """A last line that was cut off, and columns of another version, do no harm."""
    (tmp_path / "log.csv").write_text("minutes,step,loss,old\n1.0,10,-3.5,x\n2.0,2")
    Journal(tmp_path, SCORES, 15).add({"step": 20, "minutes": 3})
    assert [row["step"] for row in rows(tmp_path)] == ["10", "2", "20"]
    (tmp_path / "log.csv").write_text("step,minutes\n10,1\n,")
    Journal(tmp_path, SCORES, 15)
    assert [row["step"] for row in rows(tmp_path)] == ["10"]


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    """A picture, also of a run that was never validated."""
    journal = Journal(tmp_path, SCORES, 0)
    journal.add({"step": 1, "minutes": 1, "loss": -3})
    journal.draw()
    journal.add({"step": 2, "minutes": 2, "vocals": 1, "mean": 1})
    journal.draw()
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", "curve.png"}
