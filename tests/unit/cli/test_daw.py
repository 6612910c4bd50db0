"""plugin-bridge daw: what it says, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.cli.terminal import FAILURE, MISTAKE, OK
from plugin_bridge.live.daw.runtime import FOLDER_VARIABLE, LOCK
from plugin_bridge.live.daw.server import ask
from tests.tiny import write_model

pytestmark = pytest.mark.linux


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a runtime folder of the test's own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "run"))
    return tmp_path / "run"


def test_status_without_an_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody serves, status says what to run, and its code is 1."""
    assert main(["daw", "status"]) == FAILURE
    assert "plugin-bridge daw serve" in capsys.readouterr().err
    assert main(["daw", "status", "--json"]) == FAILURE
    assert json.loads(capsys.readouterr().out) == {}


def test_serve_refuses_what_it_cannot(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A provider, a model or a folder that cannot be is one sentence, before anything starts."""
    assert main(["daw", "serve", "--provider", "gpu"]) == MISTAKE
    assert "auto, cpu, cuda" in capsys.readouterr().err
    assert main(["daw", "serve", "--model", str(tmp_path / "none.onnx")]) == MISTAKE
    assert "none.onnx" in capsys.readouterr().err
    folder.mkdir()
    folder.chmod(0o755)
    model = write_model(tmp_path / "tiny.onnx")
    assert main(["daw", "serve", "--model", str(model)]) == FAILURE
    assert "chmod 700" in capsys.readouterr().err


def test_install_without_a_build(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without bundles one sentence says what to run first."""
    words = ["daw", "install", "--from", str(tmp_path), "--home", str(tmp_path / "home")]
    assert main(words) == FAILURE
    assert "plugin-bridge daw build" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_well(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, number: int
) -> None:
    """A signal ends the server, its engine and its sockets; until then status tells of it."""
    model = write_model(tmp_path / "tiny.onnx")
    server = subprocess.Popen(
        [sys.executable, "-m", "plugin_bridge.cli", "daw", "serve", "--model", str(model)],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    limit = time.monotonic() + 60
    while ask() is None:
        assert time.monotonic() < limit
        assert server.poll() is None
        time.sleep(0.05)
    assert main(["daw", "status"]) == OK
    assert capsys.readouterr().out.startswith("tiny on cpu, 0 plugins")
    server.send_signal(number)
    _, words = server.communicate(timeout=60)
    assert server.returncode == OK
    assert b"plugins are served from" in words
    assert [path.name for path in folder.iterdir()] == [LOCK]
