"""plugin-bridge models: what is there, what it says, what it does."""

import json
from pathlib import Path

import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import Separator
from tests import graphs
from tests.tiny import write_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a user's model folder with one model, and no shipped ones."""
    monkeypatch.setenv("PLUGIN_BRIDGE_MODELS", str(tmp_path))
    monkeypatch.setattr("plugin_bridge.shipped.models_folder", lambda: tmp_path / "none")
    write_model(tmp_path / "equal.onnx")
    return tmp_path


def test_list_shows_each_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per model: name, kind, stems, rate, latency, size, folder."""
    assert main(["models", "list"]) == 0
    shown = capsys.readouterr().out
    for part in ("equal", "streaming", "vocals, drums", "44100 Hz", "256 samples, 5.8 ms"):
        assert part in shown
    assert str(folder) in shown


@pytest.mark.parametrize(("samples", "wait"), [(8820, "200.0 ms"), (88200, "2.0 s: files")])
def test_list_knows_how_late_a_segment_model_is(
    folder: Path, capsys: pytest.CaptureFixture[str], samples: int, wait: str
) -> None:
    """As a separator says, without running it; what takes seconds is for files and songs."""
    path = graphs.waves(folder / "whole.onnx", kind="segment", samples=samples)
    late = Separator(Model(path, "cpu")).latency_samples
    assert main(["models", "list"]) == 0
    assert f"{late} samples, {wait}" in capsys.readouterr().out


def test_a_broken_file_does_not_hide_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no model is named on stderr; the rest is listed; the exit code tells."""
    (folder / "text.onnx").write_text("hello")
    assert main(["models", "list", "--json"]) == 2
    shown = capsys.readouterr()
    assert [row["name"] for row in json.loads(shown.out)] == ["equal"]
    assert "text.onnx" in shown.err


def test_show_prints_the_card(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The card's fields, and file and hash, as text and as JSON."""
    assert main(["models", "show", "equal"]) == 0
    assert "asymmetric" in capsys.readouterr().out
    assert main(["models", "show", str(folder / "equal.onnx"), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["hop"], card["head"], len(card["sha256"])) == (256, "softmax", 64)


def test_check_measures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Latency stated and measured agree, the stems add up, the provider is named."""
    assert main(["models", "check", "equal", "--provider", "cpu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["latency_samples"] == found["measured_latency_samples"] == 256
    assert found["sum_to_mix_db"] < -120
    assert found["provider"] == "CPUExecutionProvider"
    assert main(["models", "check", "equal"]) == 0
    assert "follows the contract" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_missing_model_is_one_sentence(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name says which there are."""
    assert main(["models", command, "lastfrme"]) == 2
    shown = capsys.readouterr().err
    assert "equal" in shown
    assert shown.count("\n") == 1


def test_fuse_writes_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written is listed, passes the check, and tells size, difference and time."""
    out = folder / "one.onnx"
    assert main(["models", "fuse", "equal", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["bytes"], found["latency_samples"]) == (out.stat().st_size, 256)
    assert found["difference"] < 1e-4
    assert main(["models", "check", "one", "--provider", "cpu"]) == 0
    assert "follows the contract" in capsys.readouterr().out
    assert main(["models", "fuse", "equal", str(out), "--overwrite"]) == 0
    assert "ms unfused" in capsys.readouterr().out


def test_what_cannot_be_fused_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another kind, a file that is there, a folder that is not: exit code 2, one line."""
    graphs.windowed(folder / "w.onnx")
    for model, out in (("w", "a.onnx"), ("equal", "w.onnx"), ("equal", "none/a.onnx")):
        assert main(["models", "fuse", model, str(folder / out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_check_finds_a_delay_that_is_not_stated(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fused model whose card says nothing of its overlap-add is refused."""
    assert main(["models", "fuse", "equal", str(folder / "one.onnx")]) == 0
    graphs.edit_card(folder / "one.onnx", delay=0)
    assert main(["models", "check", "one", "--provider", "cpu"]) == 1
    assert "state what the network adds" in capsys.readouterr().out
