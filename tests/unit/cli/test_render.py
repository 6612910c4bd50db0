"""plugin-bridge render: options to files, sentences to stderr, JSON to stdout."""

import json
import sys
from pathlib import Path

import mido
import pytest

from plugin_bridge.cli.main import main
from tests.tiny import hiss, read_audio, write_audio, write_midi, write_model


@pytest.fixture
def song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a song in the current folder, beside a model `equal.onnx`."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "equal.onnx")
    return write_audio(Path("song.wav"), hiss(30000)).name


def test_stems_land_in_stems(song: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without options: stems/<input name>/<stem>.wav, 32-bit float, one line per input."""
    assert main(["render", song, "--model", "equal.onnx"]) == 0
    names = {path.name for path in Path("stems/song").iterdir()}
    assert names == {"vocals.wav", "drums.wav", "bass.wav", "other.wav", "render.json"}
    shown = capsys.readouterr()
    assert shown.out.startswith("song.wav -> stems/song: vocals, drums, bass, other (0:01 in ")
    assert shown.err == ""


def test_options_reach_the_files(song: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--out, --stems, --format, --bit-depth, --multichannel and --exact are obeyed."""
    arguments = ["--out", "x", "--stems", "drums, accompaniment", "--format", "flac"]
    more = ["--bit-depth", "16", "--multichannel", "--exact", "--provider", "cpu"]
    assert main(["render", song, "--model", "equal.onnx", *arguments, *more]) == 0
    assert read_audio(Path("x/song/stems.flac")).shape == (4, 30000)
    one_file = f"song.wav -> {Path('x/song/stems.flac')}: drums, accompaniment ("
    assert capsys.readouterr().out.startswith(one_file)
    report = json.loads(Path("x/song/render.json").read_text())
    assert list(report["stems"]) == ["drums", "accompaniment"]
    assert (report["bit_depth"], report["frames_per_call"]) == ("16", 1)
    assert report["provider"] == "CPUExecutionProvider"


def test_json_is_all_there_is_on_stdout(song: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A list of reports and errors in JSON; the sentences stay on stderr."""
    assert main(["render", song, "gone.wav", "--model", "equal.onnx", "--json"]) == 2
    shown = capsys.readouterr()
    report, error = json.loads(shown.out)
    assert report["samples"] == 30000
    assert (error["input"], error["exit_code"]) == ("gone.wav", 2)
    assert "does not exist" in error["error"]
    assert shown.err == "plugin-bridge: gone.wav does not exist; check the name\n"


def test_a_bar_is_drawn_on_a_terminal_only(
    song: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal the bar names the file; it never reaches stdout."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["render", song, "--model", "equal.onnx"]) == 0
    shown = capsys.readouterr()
    assert "song.wav" in shown.err
    assert "100 %" in shown.err
    assert shown.out.count("\n") == 1


def test_the_console_is_reached(song: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--preset, --mix and --midi are obeyed; a take without a mapped message is said."""
    write_midi(Path("take.mid"), [mido.Message("note_on", note=127)])
    arguments = ["--preset", "karaoke", "--mix", "--midi", "take.mid", "--model", "equal.onnx"]
    assert main(["render", song, *arguments]) == 0
    names = {path.name for path in Path("stems/song").iterdir()}
    assert names == {"mix.wav", "render.json"}
    assert "karaoke has no MIDI map, so take.mid changed nothing" in capsys.readouterr().err
    report = json.loads(Path("stems/song/render.json").read_text())
    assert (report["console"]["preset"], report["console"]["midi"]) == ("karaoke", "take.mid")
