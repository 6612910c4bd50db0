"""Songs left out in turn: each is separated by the network that never heard it."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from pedalboard.io import AudioFile

from models import ablation, checkpoints
from models.data.library import RATE, Job, Library
from models.left_out import folders, score, train, trainings
from tests.workshop.conftest import TINY, song, write_config

NAMES = ("one", "two")


@pytest.fixture
def real(tmp_path: Path) -> tuple[Path, Path]:
    """Build a library of two real songs and a generated one; give it and the songs' folders."""
    root = tmp_path / "songs"
    for i, name in enumerate(NAMES):
        (root / name).mkdir(parents=True)
        for stem, audio in song(i).items():
            with AudioFile(str(root / name / f"{stem}.wav"), "w", RATE, 2) as file:
                file.write(audio)
    jobs = [Job("real", name, "train", partial(song, i)) for i, name in enumerate(NAMES)]
    jobs.append(Job("generated", "0", "validation", partial(song, 2)))
    list(Library.open(tmp_path / "library").fill(jobs))
    return tmp_path / "library", root


def test_each_is_separated_by_the_network_that_never_heard_it(
    real: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As many trainings as songs; one that is not finished is named and left out of the table."""
    library, root = real
    write_config(tmp_path / "small.toml", TINY)
    monkeypatch.setattr(ablation, "CONFIGS", tmp_path)
    runs, out = tmp_path / "runs", tmp_path / "out"
    train(library, root, runs, steps=2, config="small")
    made = {c.run.out.name: c for c in trainings(library, folders(root), runs, 2, "small")}
    for name, other in zip(NAMES, reversed(NAMES), strict=True):
        kept = Library.open(library).holding_out(made[name].data.held_out)
        assert {item.song for item in kept.of("train")} == {other}
        assert checkpoints.load(runs / name / "best.pt")["step"] == 2
    (runs / "two" / "checkpoint.pt").unlink()
    score(root, out, runs)
    assert "two: not trained yet" in capsys.readouterr().err
    (found,) = json.loads((out / "left_out.json").read_text())["sets"]
    (only,) = found["songs"]
    assert (only["name"], set(only["figures"])) == (
        "one", {"mix/4", "baseline", "left out", "oracle"},
    )  # fmt: skip
    zero, there, goal = (
        sum(only["figures"][row]["sdr"][stem] for stem in ("vocals", "drums", "bass", "other"))
        for row in ("mix/4", "left out", "oracle")
    )
    way = round(100 * (there - zero) / (goal - zero))
    assert re.search(rf"\| one +\| +{way} % \|", (out / "left_out.md").read_text())


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    """It is likely a song's own folder."""
    with pytest.raises(ValueError, match="holds no folders; give the parent of the songs' folders"):
        folders(tmp_path)
