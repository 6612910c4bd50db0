"""Signals and a full disk half-way: the right exit code, and nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import hear_ctrl_c
from tests.tiny import hiss, read_audio, write_audio, write_model

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0

pytestmark = pytest.mark.linux


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "plugin_bridge.cli", "render", "--model", "equal.onnx"]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def _temporary(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*.part") if path.stat().st_size > 100_000]


def _wait_for_files(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Wait until that many temporary files have audio in them."""
    end = time.monotonic() + PATIENCE_SECONDS
    while len(_temporary(folder)) < count and time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def _group_is_gone(group: int) -> bool:
    """Wait for the last of a process group; multiprocessing's own helper ends a moment later."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_all(tmp_path: Path, jobs: str, number: int) -> None:
    """SIGINT and SIGHUP to the whole group, as a terminal does it, SIGTERM to one: all is gone."""
    write_model(tmp_path / "equal.onnx")
    for name in ("a.wav", "b.wav"):
        write_audio(tmp_path / name, hiss(1 << 16).repeat(120, axis=1), bits=16)
    with _start(tmp_path, "a.wav", "b.wav", "--jobs", jobs) as process:
        _wait_for_files(process, tmp_path, 4)
        (os.kill if number == signal.SIGTERM else os.killpg)(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (130, "")
    assert err == "plugin-bridge: interrupted; what was not finished is removed\n"
    assert _group_is_gone(process.pid)
    assert [path for path in (tmp_path / "stems").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_without_standard_streams_it_renders(tmp_path: Path, closed: str) -> None:
    """As a service may start it: what would be printed goes nowhere, and into no file."""
    write_model(tmp_path / "equal.onnx")
    write_audio(tmp_path / "a.wav", hiss(5000))
    program = f"{sys.executable} -m plugin_bridge.cli render a.wav --model equal.onnx {closed}"
    assert subprocess.run(["sh", "-c", program], cwd=tmp_path).returncode == 0
    assert read_audio(tmp_path / "stems" / "a" / "bass.wav").shape == (2, 5000)


def test_a_full_disk_is_a_failure(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: exit code 1, nothing remains."""
    write_model(tmp_path / "equal.onnx")
    write_audio(tmp_path / "a.wav", hiss(300_000))
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); "
        "from plugin_bridge.cli.main import main; "
        "sys.exit(main(['render', 'a.wav', '--model', 'equal.onnx']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be written: file too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "stems").exists()
