"""plugin-bridge live on the null device: keys, statistics, mistakes, and Ctrl-C in every state."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.data.songs import generate
from plugin_bridge.cli.interrupt import INTERRUPTED
from plugin_bridge.cli.main import main
from plugin_bridge.cli.terminal import MISTAKE, OK
from plugin_bridge.live.supervisor import Live
from tests.midi_system import install
from tests.processes import children, gone, hear_ctrl_c, lateness, on_a_terminal, until
from tests.tiny import write_audio, write_model

pytestmark = pytest.mark.linux

# Ctrl-C ends within two seconds; a loaded machine is late by itself.
ENDED = 2.0
PROGRAM = [sys.executable, "-m", "plugin_bridge.cli", "live", "--device", "null"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the file of a tiny model."""
    return str(write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


def test_a_session_of_a_second(model: str, tmp_path: Path) -> None:
    """It ends by itself with 0 and one line, and the statistics are a whole JSON file."""
    file = tmp_path / "stats.json"
    run = subprocess.run(
        [*PROGRAM, "--model", model, "--seconds", "1", "--stats", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == OK, run.stderr
    assert run.stdout.count("\n") == 1
    assert "latency" in run.stderr
    stats = json.loads(file.read_text())
    assert stats["counters"]["callbacks"] > 100
    assert stats["latency_samples"]["sum"] in (256, 512)
    assert stats["provider"] == "CPUExecutionProvider"
    assert stats["midi"] == stats["midi_out"] == {"port": None}
    assert stats["heard"] == {}
    assert {"hop_ms", "callback_ms", "levels", "restarts"} <= set(stats)
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]


def test_a_song_is_listened_to(model: str, tmp_path: Path) -> None:
    """With --listen what begins in each stem is counted, in the statistics and the last line."""
    song = write_audio(tmp_path / "s.wav", generate(3, 2.0).stems["drums"])
    file = tmp_path / "stats.json"
    arguments = ["--model", model, "--play", str(song), "--listen", "--stats", str(file)]
    run = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == OK, run.stderr
    heard = json.loads(file.read_text())["heard"]
    assert list(heard) == ["vocals", "drums", "bass", "other"]
    assert heard["drums"]["onsets"] > 3
    assert f"drums {heard['drums']['onsets']}" in run.stdout


def test_a_recorded_session_renders_again(model: str, tmp_path: Path) -> None:
    """A second take does not touch the first, and what was recorded can be rendered."""
    folder = tmp_path / "take"
    for _ in range(2):
        arguments = [*PROGRAM, "--model", model, "--seconds", "0.5", "--record", str(folder)]
        assert subprocess.run(arguments, capture_output=True, check=False).returncode == OK
    for name in ("take", "take-2"):
        files = sorted(path.name for path in (tmp_path / name).iterdir())
        assert files == ["input.wav", "out.wav", "take.mid", "take.toml"]
    assert main(["render", "--take", str(folder), "--out", str(tmp_path / "again")]) == OK
    assert (tmp_path / "again" / "take" / "out.wav").stat().st_size > 44100


def test_keys_mute_solo_and_quit(model: str, tmp_path: Path) -> None:
    """1 mutes the first stem, shift 2 solos the second, q ends; the status line is drawn."""
    file = tmp_path / "stats.json"
    with on_a_terminal([*PROGRAM, "--model", model, "--stats", str(file)]) as terminal:
        until(lambda: terminal.shows(b"misses"))
        terminal.type(b"1@")
        until(lambda: terminal.shows(b"[M]") and terminal.shows(b"[S]"))
        terminal.type(b"q")
        assert terminal.process.wait(ENDED + lateness()) == OK
    assert json.loads(file.read_text())["counters"]["commands"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "nul"], "--device nul: allowed: null"),
        (["--mode", "fast"], "--mode fast: allowed: auto, inline, worker"),
        (["--on-miss", "loop"], "--on-miss loop: allowed: tail, dry"),
        (["--block", "1"], "--block 1: allowed are 16 to 16384"),
        (["--preset", "karaok"], "did you mean karaoke"),
        (["--rate", "16000"], "does not run at 16000 Hz"),
        (["--stats", "/nowhere/x.json"], "the folder does not exist"),
        (["--stats", "song.wav"], "is a .json; give e.g. --stats song.json"),
        (["--input", "x"], "neither --input nor --output"),
        (["--midi-out", "no such port"], "MIDI"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], said: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With code 2, what was given and what is allowed."""
    assert main(["live", "--device", "null", "--model", model, *arguments]) == MISTAKE
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "there"), [("--midi", "JACK:pad:out"), ("--midi-out", "JACK:pad:in")]
)
def test_a_port_is_looked_for_before_a_device(
    option: str,
    there: str,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One that is not there is told with those that are, and no engine is asked to play."""
    install(monkeypatch).run("API_UNIX_JACK", ["pad:out"], ["pad:in"])
    started = []
    monkeypatch.setattr(Live, "start", lambda session: started.append(session))
    assert main(["live", "--device", "null", "--model", model, option, "pod"]) == MISTAKE
    shown = capsys.readouterr().err
    assert f"there is no MIDI port 'pod'; there are: {there}, or give virtual" in shown
    assert shown.count("\n") == 1
    assert not started


@pytest.mark.parametrize("state", ["starting", "playing", "hung", "killed"])
def test_ctrl_c_ends_in_every_state(state: str, model: str, tmp_path: Path) -> None:
    """Within two seconds, without a process left; what was counted is written."""
    file = tmp_path / "stats.json"
    arguments = [*PROGRAM, "--model", model, "--stats", str(file)]
    with subprocess.Popen(
        arguments,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=hear_ctrl_c,
    ) as process:
        engine = until(lambda: children(process.pid))[0]
        if state != "starting":
            assert process.stderr is not None
            assert "latency" in process.stderr.readline()
        if state == "hung":
            os.kill(engine, signal.SIGSTOP)
        if state == "killed":
            os.kill(engine, signal.SIGKILL)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
        took = time.monotonic() - begin
    assert took < ENDED + lateness()
    assert code == (INTERRUPTED if state == "starting" else OK)
    # Caught between two imports it sees at their end that nobody is there.
    until(lambda: gone(engine), 10 if state == "starting" else lateness())
    assert file.exists() == (state != "starting")
