from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.data.library import UnusableError
from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation.ledger import Ledger
from models.evaluation.metrics import COLUMNS
from models.evaluation.report import markdown, ways
from models.evaluation.scores import ZERO, SetScores, mean_sdr, measure
from models.evaluation.separators import Row, Stems, oracle, quarter, row
from models.evaluation.songs import Entry, SongSet
from plugin_bridge.dsp import FloatArray
from tests.tiny import hiss


def song(seed: int) -> Song:
    """One second of noise; in song 2 there is no bass."""
    stems = {stem: hiss(44100, seed=9 * seed + i) for i, stem in enumerate(STEMS)}
    if seed == 2:
        stems["bass"] = np.zeros_like(stems["bass"])
    return Song(stems, np.sum(list(stems.values()), axis=0, dtype=np.float32), 44100)


def scaled(factor: float) -> Row:
    """Give the true stems times a factor: an SDR of -20 log10 |1 - factor|."""

    def made(song: Song) -> dict[str, FloatArray]:
        return {stem: np.float32(factor) * song.stems[stem] for stem in STEMS}

    return made


def scores(rows: dict[str, Row], *seeds: int) -> SetScores:
    """Measure songs."""
    entries = [Entry(f"seed {seed}", partial(song, seed)) for seed in seeds]
    made = SetScores("some", tuple(rows))
    list(measure(SongSet("some", tuple(entries)), rows, made))
    return made


def test_songs_first_then_mean_and_median() -> None:
    """Each song has its own figure; mean and median are taken over songs, not over samples."""
    errors = iter((0.5, 0.1, 0.01))
    made = scores({"row": lambda given: scaled(1 - next(errors))(given)}, 0, 1, 3)
    wanted = [20 * np.log10(2), 20.0, 40.0]
    np.testing.assert_allclose(made.values("row", "sdr", "drums"), wanted, atol=1e-3)
    assert made.mean("row", "sdr", "drums") == pytest.approx(np.mean(wanted), abs=1e-3)
    assert made.median("row", "sdr", "mean") == pytest.approx(20, abs=1e-3)


def test_a_song_without_a_stem_does_not_count_for_it() -> None:
    """The mean of a stem is over the songs that have it; a stem that none has gives nan."""
    made = scores({"row": scaled(0.9)}, 0, 2)
    assert np.isnan(made.values("row", "sdr", "bass")[1])
    assert made.mean("row", "sdr", "bass") == pytest.approx(20, abs=1e-3)
    alone = scores({"row": scaled(0.9)}, 2)
    assert np.isnan(alone.mean("row", "sdr", "bass"))
    assert np.isnan(alone.shares("row")[STEMS.index("bass")]).all()
    assert alone.shares("row")[0, 0] == pytest.approx(0.9, abs=1e-5)


def test_a_model_of_some_stems_has_no_mean() -> None:
    """It stands beside means of four; how far it came is told stem by stem."""

    def voices(given: Song) -> Stems:
        return {"vocals": np.float32(0.9) * given.stems["vocals"]}

    rows: dict[str, Row] = {ZERO: row(quarter), "voices": voices, "oracle": oracle}
    made = scores(rows, 0, 2)
    assert made.mean("voices", "sdr", "vocals") == pytest.approx(20, abs=1e-3)
    assert np.isnan(made.mean("voices", "sdr", "mean"))
    assert np.isfinite(made.mean("oracle", "sdr", "mean"))
    (line,) = ways(made, {"voices": "oracle"})
    assert line.startswith("voices: the way in dB SDR from mix/4 to oracle (vocals ")
    assert "nan" not in line
    assert "nan" not in markdown([made], {"voices": "oracle"})


def test_the_way_goes_from_a_quarter_to_the_oracle() -> None:
    """A quarter of the mixture is at 0 %, the oracle at 100 %, half the decibels at 50 %."""
    rows = {ZERO: row(quarter), "oracle": oracle, "half": row(quarter)}
    made = scores(rows, 0, 1)
    for column in ("mean", *STEMS):
        assert made.way(ZERO, "oracle", column) == pytest.approx(0)
        assert made.way("oracle", "oracle", column) == pytest.approx(100)
    ends = [made.mean(name, "sdr", "drums") for name in (ZERO, "oracle")]
    factor = 1 - 10 ** (-np.mean(ends) / 20)
    rows["half"] = scaled(float(factor))
    assert scores(rows, 0, 1).way("half", "oracle", "drums") == pytest.approx(50, abs=0.01)


def test_a_song_that_cannot_be_used_is_named() -> None:
    """It is skipped, the others are measured."""

    def broken() -> Song:
        raise UnusableError("drums.wav is cut short")

    made = SetScores("some", ("row",))
    entries = (Entry("bad", broken), Entry("good", lambda: song(0)))
    names = list(measure(SongSet("some", entries), {"row": row(quarter)}, made))
    assert names == ["bad", "good"]
    assert made.skipped == {"bad": "drums.wav is cut short"}
    assert list(made.songs) == ["good"]


def test_mean_sdr_is_the_same_figure() -> None:
    """The short way that other code uses gives the table's means."""
    made = scores({"row": row(quarter)}, 0, 1)
    short = mean_sdr([song(0), song(1)], quarter)
    for column in (*STEMS, "mean"):
        assert short[column] == pytest.approx(made.mean("row", "sdr", column), abs=1e-8)
    assert set(COLUMNS) == set(made.songs["seed 0"]["row"].sdr)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    """Interrupted, a comparison goes on; another model file, or another song, is measured."""
    asked = []

    def counted(given: Song) -> Stems:
        asked.append(given)
        return scaled(0.9)(given)

    def tried(*numbers: int) -> SetScores:
        entries = tuple(Entry(f"seed {seed}", partial(song, seed)) for seed in numbers)
        made = SetScores("some", ("row",))
        list(measure(SongSet("some", entries), {"row": counted}, made, ledger=ledger))
        return made

    model = tmp_path / "row.onnx"
    model.write_bytes(b"one")
    ledger = Ledger(tmp_path / "figures", {"row": model})
    first = tried(0, 2)
    assert len(asked) == 2
    again = tried(0, 2, 1)
    assert len(asked) == 3
    for figure in ("sdr", "si_sdr", "leakage"):
        np.testing.assert_array_equal(
            first.values("row", figure, "bass"), again.values("row", figure, "bass")[:2]
        )
    assert np.isnan(again.values("row", "sdr", "bass")[1])
    model.write_bytes(b"other")
    tried(0)
    assert len(asked) == 4
