"""The log of a training: a CSV file, and a picture of it."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = dict[str, str]


class Journal:
    """Rows of loss and of scores, in the order of the steps.

    A run that goes on from a checkpoint forgets the rows that came after it: these steps
    are taken again.

    Parameters
    ----------
    folder : Path, for log.csv and curve.png
    scores : names of the columns that only validations fill
    step : the checkpoint's step; rows after it are dropped

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, folder: Path, scores: Sequence[str], step: int) -> None:
        self._table, self._curve = folder / "log.csv", folder / "curve.png"
        self._scores = list(scores)
        self._columns = ["step", "minutes", "heard_minutes", "rate", "loss", *scores]
        self._rows = [row for row in self._read() if _number(row, "step") <= step]
        self._write()

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row; columns that it lacks stay empty.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        self._rows.append({key: f"{value:.6g}" for key, value in row.items()})
        self._write()

    def draw(self) -> None:
        """Draw loss and scores over the minutes.

        Raises
        ------
        OSError
            If the disk is full or fails.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 7), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.plot(*self._line("loss"), color="black", linewidth=0.8)
        upper.set_ylabel("training loss")
        for name in self._scores:
            lower.plot(*self._line(name), label=name, linewidth=2 if name == "mean" else 1)
        lower.set_ylabel("SDR of validation, dB")
        lower.set_xlabel("minutes")
        lower.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        partial = self._curve.with_name("curve.part.png")
        figure.savefig(partial, dpi=90)
        partial.replace(self._curve)

    def _line(self, column: str) -> tuple[list[float], list[float]]:
        points = [(_number(row, "minutes"), _number(row, column)) for row in self._rows]
        filled = [point for point in points if not math.isnan(point[1])]
        return [x for x, _ in filled], [y for _, y in filled]

    def _read(self) -> list[Row]:
        if not self._table.exists():
            return []
        with self._table.open(newline="") as file:
            return [{k: v for k, v in row.items() if k and v} for row in csv.DictReader(file)]

    def _write(self) -> None:
        partial = self._table.with_name("log.csv.part")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self._rows)
        partial.replace(self._table)


def _number(row: Row, column: str) -> float:
    try:
        return float(row.get(column, "nan"))
    except ValueError:
        return math.nan
