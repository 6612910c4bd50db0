"""plugin-bridge analyze: results on stdout, MIDI and pictures as files, mistakes as sentences."""

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from models.data.songs import generate
from plugin_bridge.cli.main import main
from plugin_bridge.files.midi import read_midi
from tests.tiny import hiss, write_audio, write_model

# Importing librosa compiles it once, a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)
CAUSAL = ["--causal", "--provider", "cpu"]


@pytest.fixture
def drums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a drum stem of 4 s in the current folder, beside a model `equal.onnx`."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "equal.onnx")
    return write_audio(Path("drums.wav"), generate(3, 4.0).stems["drums"]).name


def read(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, dict[str, list[object]]]]:
    """Give the JSON on stdout, in which every number is one."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    found: dict[str, dict[str, dict[str, list[object]]]] = json.loads(
        capsys.readouterr().out, parse_constant=refuse
    )
    return found


def test_all_stems_with_a_look_ahead(drums: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A song is separated; tempo, MIDI and a picture; one line per stem."""
    arguments = ["--model", "equal.onnx", "--midi", "o.mid", "--plot", "o.png"]
    assert main(["analyze", drums, *arguments]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("drums.wav: 0:04, ")
    assert "beats per minute" in lines[0]
    assert [line.partition(":")[0] for line in lines[1:5]] == ["vocals", "drums", "bass", "other"]
    assert lines[5:] == ["written to o.mid", "written to o.png"]
    assert shown.err == ""
    assert any(m.message[0] == 0x99 for m in read_midi("o.mid"))
    assert Path("o.png").read_bytes().startswith(b"\x89PNG")


def test_a_stem_that_is_one_already(drums: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--separated takes the file as it is: more is found than in its quarter, and in no other."""
    assert main(["analyze", drums, "--stem", "drums", "--separated", "--json", *CAUSAL]) == 0
    found = read(capsys)
    assert list(found["stems"]) == ["drums"]
    assert len(found["stems"]["drums"]["onsets"]) > 8


def test_a_part_counts_from_its_start(drums: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--start and --seconds."""
    arguments = ["--stem", "drums", "--separated", "--csv", "--start", "2", "--seconds", "1"]
    assert main(["analyze", drums, *arguments, *CAUSAL]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows
    assert all(0 <= float(row["start"]) <= 1 for row in rows)


@pytest.mark.parametrize("rate", [22050, 48000, 96000])
def test_every_rate(rate: int, drums: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Resampled to 44.1 kHz; a click every half second is where it is."""
    clicks = np.zeros((2, 3 * rate), np.float32)
    for beat in range(1, 6):
        clicks[:, beat * rate // 2 : beat * rate // 2 + rate // 100] = 0.5 * hiss(rate // 100) / 0.1
    write_audio(Path("clicks.wav"), clicks.clip(-1, 1), rate)
    assert main(["analyze", "clicks.wav", "--stem", "drums", "--separated", "--json", *CAUSAL]) == 0
    onsets = read(capsys)["stems"]["drums"]["onsets"]
    seconds = [onset["seconds"] for onset in onsets if isinstance(onset, dict)]
    assert np.allclose(seconds, [0.5, 1.0, 1.5, 2.0, 2.5], atol=0.02)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, 44100), np.float32), np.ones((1, 1), np.float32), hiss(44100)],
    ids=["silence", "one sample", "noise"],
)
@pytest.mark.parametrize("how", [["--causal"], []])
def test_nothing_to_hear(
    samples: np.ndarray, how: list[str], drums: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence, one sample and noise: few events or none, no NaN, valid files."""
    write_audio(Path("odd.wav"), samples)
    arguments = ["--model", "equal.onnx", "--json", "--midi", "o.mid", "--plot", "o.png", *how]
    assert main(["analyze", "odd.wav", *arguments]) == 0
    for stem in read(capsys)["stems"].values():
        assert len(stem["onsets"]) < 4
        assert len(stem["notes"]) < 8
    read_midi("o.mid")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stem", "drum"], "did you mean drums?"),
        (["--stem", "kazoo", "--separated"], "use vocals, drums, bass, other"),
        (["--separated"], "name which with --stem"),
        (["--csv", "--json"], "give one of them"),
        (["--stem", "bass", "--separated", "--model", "x"], "give one"),
        (["--plot", "o.pdf"], "--plot o.pdf: what is written there is a .png"),
        (["--midi", "song.wav"], "is a .mid; give e.g. --midi song.mid"),
        (["--start", "-1"], "--start 60 --seconds 20"),
        (["--seconds", "nan"], "--start 60 --seconds 20"),
        (["--start", "100"], "ends before 100 s"),
        (["--start", "1:40"], "ends before 100 s"),
        (["--start", "soon"], "'soon' is no time; give seconds or minutes:seconds, such as 90"),
        (["--provider", "tpu"], "allowed: auto, cpu, cuda"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], said: str, drums: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, what was given and what to do, nothing on stdout, nothing written."""
    model = (
        [] if "--model" in arguments or "--separated" in arguments else ["--model", "equal.onnx"]
    )
    assert main(["analyze", drums, "--causal", "--midi", "o.mid", *model, *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert not Path("o.mid").exists()


def test_a_missing_extra_is_named(
    drums: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without librosa or matplotlib: what to install, before any work."""
    monkeypatch.setitem(sys.modules, "librosa", None)
    assert main(["analyze", drums, "--model", "equal.onnx"]) == 2
    assert '-e ".[analysis]"' in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["analyze", drums, "--causal", "--plot", "o.png"]) == 2
    assert '-e ".[analysis]"' in capsys.readouterr().err
