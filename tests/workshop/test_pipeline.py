"""The article's pipeline, timed: three rows of the real path, and model 1 made for them."""

from pathlib import Path

import pytest

from models.data.score import STEMS
from models.pipeline import main, untrained
from plugin_bridge.model.onnx import Model
from tests.commands import status_of
from tests.tiny import hiss, write_audio, write_model

# torch's exporter takes minutes on a busy machine.
pytestmark = pytest.mark.timeout(600)


def test_three_pipelines_are_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row has a speed and events, the article's stands beside, and nothing was untrained."""
    tiny = str(write_model(tmp_path / "tiny.onnx"))
    arguments = ["--model", tiny, "--last", tiny, "--middle", tiny, "--seconds", "2"]
    main(arguments)
    shown = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines()[2:]]
    names = ["lastframe", "model 1, last frame", "model 1, middle frame"]
    assert [row[0] for row in rows[:3]] == names
    for row in rows[:3]:
        assert float(row[1]) > 0
        assert float(row[2]) > 0
        assert int(row[5]) > 0
    assert rows[3][2] == "2.5"
    assert "untrained" not in shown


def test_model_1_is_merged_of_untrained_branches(tmp_path: Path) -> None:
    """Of few bins here: the four stems, column by column, twelve frames ahead for the middle."""
    card = Model(untrained(tmp_path, "middle", bins=17), "cpu").card
    assert (card.stems, card.lookahead, bool(card.states)) == (STEMS, 12, True)


def test_a_song_of_another_rate_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do, before any work."""
    file = write_audio(tmp_path / "s.wav", hiss(4800), 48000)
    assert status_of(lambda: main(["--song", str(file)])) == 2
    assert "resample it first" in capsys.readouterr().err
