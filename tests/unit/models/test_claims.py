"""Claims are judged by intervals over songs, and only where there is something to judge."""

import numpy as np
import pytest

from models.data.score import STEMS
from models.evaluation.bootstrap import Interval, interval
from models.evaluation.claims import SOFT, findings, markdown, row
from models.evaluation.metrics import COLUMNS, Figures
from models.evaluation.scores import SetScores

SONGS = 12


def figures(levels: dict[str, float]) -> Figures:
    """Make figures of one song with these SDRs; the rest is of no interest."""
    whole = {column: levels.get(column, 0.0) for column in COLUMNS}
    empty = dict.fromkeys(COLUMNS, float("nan"))
    shares = {true: dict.fromkeys(STEMS, 0.25) for true in STEMS}
    return Figures(whole, empty, whole, empty, empty, 0.0, shares, {"sir": whole, "sar": empty})


def scores(**rows: float | dict[str, float]) -> SetScores:
    """Make scores of some songs around these levels; names have _ for -."""
    rng = np.random.default_rng(0)
    named = {name.replace("_", "-"): level for name, level in rows.items()}
    made = SetScores("songs", tuple(named))
    for song in range(SONGS):
        there = {}
        for name, level in named.items():
            each = level if isinstance(level, dict) else dict.fromkeys(STEMS, level)
            there[name] = figures({s: x + 0.1 * rng.standard_normal() for s, x in each.items()})
        made.songs[f"song {song}"] = there
        made.seconds[f"song {song}"] = 1.0
    return made


def soft(made: SetScores) -> SetScores:
    """Name the rows of networks as used softly."""
    renamed = {name: row(name, SOFT) if name[:5] == "model" else name for name in made.rows}
    made.songs = {
        song: {renamed[name]: each for name, each in there.items()}
        for song, there in made.songs.items()
    }
    made.rows = tuple(renamed.values())
    return made


def verdicts(made: SetScores) -> dict[str, str]:
    """Give the verdict on each claim."""
    return {claim: verdict for claim, _, verdict in findings(made)}


def test_an_interval_is_that_of_the_mean() -> None:
    """As wide as the songs say; the same at every call; songs without the figure do not count."""
    values = [1.0, 3.0] * 50
    found = interval([*values, float("nan")])
    assert found is not None
    assert found == interval(values)
    assert found.mean == 2
    # 1.96 times the standard error of a mean over 100 songs with a deviation of 1
    assert found.low == pytest.approx(2 - 0.196, abs=0.04)
    assert found.high == pytest.approx(2 + 0.196, abs=0.04)
    assert interval([1.0]) is None


def test_the_sign_is_told_only_where_zero_is_outside() -> None:
    """Of three intervals around it."""
    signs = [Interval(0.0, low, high).sign for low, high in ((0.1, 1), (-1, 0.2), (-2, -1))]
    assert signs == [1, 0, -1]


def test_claims_are_judged() -> None:
    """Agreeing, contradicting, undecided, and not measured, each as the numbers say."""
    made = soft(
        scores(
            mixture=0.0,
            model1_bce_last=5.0,
            model1_mse_last=4.0,
            model2_bce_last=4.0,
            model2_mse_last=4.5,
            model3_bce_last=5.0,
            model3_mse_last=5.0,
            model1_bce_middle=6.0,
        )
    )
    found = verdicts(made)
    assert found["model1: BCE better than MSE"] == "agrees"
    assert found["model2: BCE better than MSE"] == "disagrees"
    assert found["model3: BCE better than MSE"] == "undecided"
    assert found["model4: BCE better than MSE"] == "not measured"
    assert found["model2 weaker than model1"] == "agrees"
    assert found["model3 about like model1"] == "agrees"
    assert found["model4 about like model1"] == "not measured"
    assert found["model1: middle frame better than last"] == "agrees"
    assert found["model1-bce-last soft above the mixture"] == "agrees"
    text = "\n".join(markdown(made))
    assert "model1: BCE better than MSE" in text
    assert "None" not in text


def test_what_stems_lose_and_how_unevenly() -> None:
    """Masks against network per stem; a model whose gaps differ more competes."""
    ideal = dict.fromkeys(STEMS, 10.0) | {"drums": 6.0}
    even = {stem: level - 1 for stem, level in ideal.items()}
    uneven = ideal | {"vocals": 4.0}
    given: dict[str, float | dict[str, float]] = {
        "ideal b1": ideal,
        "ideal ratio": 10.5,
        "model1_bce_last": even,
        "model3_bce_last": uneven,
    }
    found = verdicts(soft(scores(**given)))
    assert found["drums loses by masks or by the network"] == "by masks"
    assert found["vocals loses by masks or by the network"] == "by the network"
    assert found["stems compete in model3 (spread of gaps)"] == "agrees"
