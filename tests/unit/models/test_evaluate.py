import json
from pathlib import Path

import numpy as np
import pytest

from models import evaluate, spectrograms
from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation import report, songs
from tests.commands import status_of
from tests.tiny import hiss, write_audio, write_model


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command line in this process."""
    monkeypatch.setattr("sys.argv", ["evaluate", *map(str, arguments)])
    return status_of(evaluate.main)


def folder(path: Path, *names: str) -> Path:
    """Write stems of two seconds."""
    path.mkdir()
    for i, name in enumerate(names or STEMS):
        write_audio(path / f"{name}.wav", hiss(88_200, seed=i))
    return path


def test_a_run_leaves_tables_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Markdown on terminal and disk, JSON without NaN, a PNG; broken songs named, others scored."""
    model = write_model(tmp_path / "even.onnx", stems=STEMS)
    good, bad = folder(tmp_path / "good"), folder(tmp_path / "bad")
    (bad / "drums.wav").write_bytes(b"no audio")
    out = tmp_path / "run"
    options: list[str | Path] = ["--baseline", "--model", model, "--song", good, "--song", bad]
    assert run(monkeypatch, *options, "--seeds", "0-1", "--seconds", "2", "--out", out) == 0
    text = (out / "scores.md").read_text()
    assert text in capsys.readouterr().out
    # equal shares of the mixture are where the scale begins
    assert "even: 0 % of the way in dB SDR from mix/4 to oracle" in text
    assert "1 song, 0.0 minutes; 1 skipped" in text
    assert "drums.wav" in text

    def refuse(name: str) -> None:
        raise AssertionError(name)

    data = json.loads((out / "scores.json").read_text(), parse_constant=refuse)
    generated, real = data["sets"]
    assert [each["name"] for each in generated["songs"]] == ["seed 0", "seed 1"]
    assert list(real["skipped"]) == ["bad"]
    figures = real["songs"][0]["figures"]
    assert list(figures) == ["mixture", "mix/4", "baseline", "even", "oracle"]
    assert figures["even"]["sdr"] == pytest.approx(figures["mix/4"]["sdr"], abs=1e-3)
    assert figures["oracle"]["sdr"]["vocals"] > figures["even"]["sdr"]["vocals"] + 0.5
    assert real["percent_of_the_way"]["even"]["mean"] == pytest.approx(0, abs=0.1)
    assert (out / "scores.png").read_bytes().startswith(b"\x89PNG")
    assert not list(out.glob("*.part"))


def test_wrong_arguments_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown model, seeds that are none, a folder that is no data set: exit code 2."""
    wrong: list[tuple[list[str | Path], str]] = [
        (["--model", tmp_path / "none.onnx"], "none.onnx"),
        (["--seeds", "23-0"], "such as 0-23"),
        (["--musdb", tmp_path], "expected"),
        (["--seeds", "0", "--seconds", "0"], "allowed are"),
        (["--seeds", ""], "such as 0-23"),
        (["--kind", "band", "--song", tmp_path], "--kind band is of generated songs"),
    ]
    for arguments, said in wrong:
        assert run(monkeypatch, *arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


@pytest.mark.parametrize("name", ["mixture", "baseline", "oracle"])
def test_a_model_called_like_a_row_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """Neither stands in the other's place."""
    model = write_model(tmp_path / f"{name}.onnx", stems=STEMS)
    assert run(monkeypatch, "--baseline", "--model", model, "--seeds", "0") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"a model is called {name!r}, as another row is; rename its file"


def test_nothing_to_score_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When all songs had to be skipped the exit code is 1, and they are named."""
    (tmp_path / "empty").mkdir()
    assert run(monkeypatch, "--song", tmp_path / "empty", "--out", tmp_path / "out") == 1
    assert "empty holds no stem" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "out" / "scores.png").exists()


def test_scores_that_cannot_be_written_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was measured is on the terminal by then; exit code 2."""
    (out := tmp_path / "out" / "scores.md").mkdir(parents=True)
    assert run(monkeypatch, "--seeds", "0", "--seconds", "2", "--out", out.parent) == 2
    said = capsys.readouterr()
    assert "| mixture" in said.out
    assert str(out) in said.err.splitlines()[-1]


def test_a_stopped_run_tells_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in the second song: exit code 130, and the first song's scores are written."""
    first = songs.real_song(folder(tmp_path / "one"))

    def load(place: Path) -> Song:
        if place.name == "two":
            raise KeyboardInterrupt
        return first

    monkeypatch.setattr(songs, "real_song", load)
    out = tmp_path / "out"
    options: list[str | Path] = [
        "--song",
        tmp_path / "one",
        "--song",
        tmp_path / "two",
        "--out",
        out,
    ]
    assert run(monkeypatch, *options) == 130
    data = json.loads((out / "scores.json").read_text())
    assert [song["name"] for song in data["sets"][0]["songs"]] == ["one"]


def test_the_mixture_of_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    """It is what is separated, else the stems' sum is; with it no stem may be missing."""
    path = folder(tmp_path / "song")
    song = songs.real_song(path)
    np.testing.assert_allclose(song.mixture, sum(song.stems.values()), atol=1e-6)
    master = hiss(88_200, seed=77)
    write_audio(path / "mixture.wav", master)
    np.testing.assert_array_equal(songs.real_song(path).mixture, master)
    (path / "bass.wav").unlink()
    with pytest.raises(ValueError, match="lacks bass"):
        songs.real_song(path)


def test_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    """Two songs whose folders are called alike are two songs."""
    names = [each.name for each in songs.own([tmp_path / "a" / "x", tmp_path / "b" / "x"]).entries]
    assert len(set(names)) == 2


def test_tables_are_aligned() -> None:
    """All lines are equally long, so that the Markdown reads as plain text; bars are escaped."""
    lines = report.table(["", "a"], [["long | name", "1.00"], ["b", "-12.50"]])
    assert len({len(line) for line in lines}) == 1
    assert "long \\| name" in lines[2]


def test_songs_on_sounds_need_sounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, before anything is rendered."""
    assert run(monkeypatch, "--baseline", "--kind", "band", "--seeds", "0") == 2
    assert "--kind band needs --sounds ROOT" in capsys.readouterr().err


def test_a_picture_of_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column each for mixture, true stems and models; a start beyond the end is refused."""
    model = str(write_model(tmp_path / "even.onnx", stems=STEMS))
    song, out = folder(tmp_path / "song"), tmp_path / "new" / "picture.png"
    spectrograms.picture(song, out, [model], start=1.5, seconds=1)
    assert "before, true, even" in capsys.readouterr().out
    assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"has 2\.0 s"):
        spectrograms.picture(song, out, [model], start=2)


def test_what_is_drawn_is_the_level(tmp_path: Path) -> None:
    """A full-scale tone stands at its frequency, 60 dB above one a thousandth as loud."""
    wave = np.sin(2 * np.pi * 1000 * np.arange(44_100) / 44_100).astype(np.float32)
    loud, quiet = (
        spectrograms.spectrogram(np.stack([wave, wave]) * np.float32(gain)) for gain in (1, 1e-3)
    )
    assert loud[40].argmax() == round(1000 * 2048 / 44_100)
    assert loud[40].max() - quiet[40].max() == pytest.approx(60, abs=0.1)
