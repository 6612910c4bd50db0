"""plugin-bridge live --play: a song to its end, keys, mistakes, and an engine that dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.cli.terminal import MISTAKE, OK
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import RUNNING, Live
from plugin_bridge.live.take import load
from plugin_bridge.testing import noise
from tests import graphs
from tests.processes import lateness, on_a_terminal, until
from tests.tiny import read_audio, write_audio, write_model

pytestmark = pytest.mark.linux

PROGRAM = [sys.executable, "-m", "plugin_bridge.cli", "live", "--device", "null"]
# Ctrl-C ends within two seconds; a loaded machine is late by itself.
ENDED = 2.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the file of a tiny model."""
    return str(write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture
def live(model: str, tmp_path: Path) -> Iterator[Live]:
    """Give a session that plays a song of a minute."""
    song = write_audio(tmp_path / "song.wav", noise(60))
    session = Live(LiveSettings(device="null", block=512, model=model, play=str(song)))
    session.start()
    yield session
    session.stop()


def song_of(live: Live) -> dict[str, Any]:
    """Give what the status tells of the song."""
    found: dict[str, Any] = live.status()["song"]
    return found


def test_a_song_is_played_to_its_end(model: str, tmp_path: Path) -> None:
    """It ends by itself; what was told and counted; the take renders again, bit for bit."""
    song = noise(1.2)
    write_audio(tmp_path / "song.flac", song, bits=24)
    stats, take = tmp_path / "stats.json", tmp_path / "take"
    options = ["--model", model, "--play", str(tmp_path / "song.flac"), "--provider", "cpu"]
    outputs = ["--stats", str(stats), "--record", str(take)]
    run = subprocess.run(
        [*PROGRAM, *options, *outputs], capture_output=True, text=True, check=False
    )
    assert run.returncode == OK, run.stderr
    assert "song.flac: 0:01 at its 44100 Hz, separated up to 4 s ahead" in run.stderr
    assert "arrows 5 and 30 s" in run.stderr
    assert "0 pauses for want of stems" in run.stdout
    found = json.loads(stats.read_text())["song"]
    assert (found["length_seconds"], found["position_seconds"], found["ended"]) == (1.2, 1.2, True)
    assert 0 < found["least_lead_seconds"] <= found["queue_seconds"] == 4
    np.testing.assert_array_equal(
        read_audio(take / "input.wav")[:, : song.shape[1]], read_audio(tmp_path / "song.flac")
    )
    assert (take / "take.toml").exists()


@pytest.mark.parametrize("kind", ["streaming", "segment"])
@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_a_take_of_a_song_renders_again_bit_for_bit(kind: str, mode: str, tmp_path: Path) -> None:
    """Of the song and the silence behind it, with a mute on the way; also of segment models."""
    if kind == "streaming":
        model = graphs.streaming(tmp_path / "m.onnx")
    else:
        model = graphs.waves(tmp_path / "m.onnx", kind="segment", samples=8820)
    folder, again = tmp_path / "take", tmp_path / "again"
    song = write_audio(tmp_path / "song.wav", noise(0.8))
    live = Live(
        LiveSettings(
            device="null",
            block=480,
            model=str(model),
            preset="four-outs",
            provider="cpu",
            play=str(song),
            record=str(folder),
            clock="wait",
            mode=mode,
        )
    )
    live.start()
    until(lambda: song_of(live)["position_seconds"] > 0.2)
    live.send("drums.mute", True)
    until(lambda: song_of(live)["ended"])
    live.stop()
    take = load(folder)
    assert take.exact
    assert main(["render", "--take", str(folder), "--exact", "--out", str(again)]) == OK
    out, rendered = read_audio(folder / "out.wav"), read_audio(again / "take" / "out.wav")
    late = take.latency_samples
    np.testing.assert_array_equal(out[:, late:], rendered[:, : out.shape[1] - late])
    assert rendered.any(axis=1).all()


def test_a_segment_model_plays_resampled(tmp_path: Path) -> None:
    """A model that live cannot run on an input separates a song ahead, at its own rate."""
    model = graphs.waves(tmp_path / "seg.onnx", kind="segment", samples=22050)
    song = write_audio(tmp_path / "song.wav", noise(0.5, 48000), 48000)
    run = subprocess.run(
        [*PROGRAM, "--model", str(model), "--play", str(song)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == OK, run.stderr
    assert "resampled from 48000 to 44100 Hz" in run.stderr


def test_a_take_with_a_jump_says_that_it_is_not_exact(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It renders all the same: the song as it was played."""
    song = write_audio(tmp_path / "song.wav", noise(3))
    folder = tmp_path / "take"
    live = Live(
        LiveSettings(device="null", model=model, play=str(song), record=str(folder), clock="wait")
    )
    live.start()
    live.seek(2.0)
    until(lambda: song_of(live)["position_seconds"] > 2.2)
    live.stop()
    take = load(folder)
    assert take.table["song"]["jumps"] == 1
    assert not take.exact
    assert not take.commands
    again = tmp_path / "again"
    assert main(["render", "--take", str(folder), "--exact", "--out", str(again)]) == OK
    assert "not every sample that was heard" in capsys.readouterr().err


def test_jumps_add_up_and_end_at_the_ends(live: Live) -> None:
    """Keys in quick succession count each; the position is in the status."""
    until(lambda: song_of(live)["position_seconds"] > 0.3)
    for _ in range(4):
        live.jump(5.0)
    found = until(lambda: (now := song_of(live)["position_seconds"]) > 20 and now)
    assert found < 25
    live.jump(-60.0)
    until(lambda: song_of(live)["position_seconds"] < 5)
    live.seek(30.0)
    until(lambda: 30 <= song_of(live)["position_seconds"] < 35)
    assert not song_of(live)["ended"]
    live.jump(1000.0)
    until(lambda: song_of(live)["ended"])
    assert song_of(live)["position_seconds"] == song_of(live)["length_seconds"] == 60


def test_a_killed_engine_goes_on_where_the_song_was(live: Live) -> None:
    """With the console as it was; a key pressed in the gap counts."""
    live.seek(40.0)
    live.send("drums.mute", True)
    until(lambda: song_of(live)["position_seconds"] > 40.2)
    pid = live.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: live.restarts == 1 and live.state == RUNNING)
    until(lambda: song_of(live)["position_seconds"] > 40.2)
    assert song_of(live)["position_seconds"] < 50
    assert live.get("drums.mute") is True


@pytest.mark.parametrize(
    ("columns", "shown"), [(80, (b"| other -2",)), (200, (b"| lead ", b"pauses 0"))]
)
def test_arrow_keys_jump_and_the_line_shows_the_place(
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    shown: tuple[bytes, ...],
) -> None:
    """Up is 30 s on, right 5; the line has place, length, stems, and lead and pauses where wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    song = write_audio(tmp_path / "song.wav", noise(60))
    with on_a_terminal([*PROGRAM, "--model", model, "--play", str(song)]) as terminal:
        until(lambda: terminal.shows(b"0:00 of 1:00 | vocals "))
        terminal.type(b"\x1b[A\x1b[C")
        until(lambda: terminal.shows(b"0:35 of 1:00"))
        terminal.type(b"q")
        assert terminal.process.wait(ENDED + lateness()) == OK
    assert all(part in terminal.shown for part in shown)


def test_ctrl_c_ends_a_song(model: str, tmp_path: Path) -> None:
    """Within two seconds."""
    song = write_audio(tmp_path / "song.wav", noise(60))
    with subprocess.Popen(
        [*PROGRAM, "--model", model, "--play", str(song)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "song.wav" in process.stderr.readline()
        assert "latency" in process.stderr.readline()
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == OK
    assert time.monotonic() - begin < ENDED + lateness()


def test_a_session_without_a_song_cannot_jump(model: str) -> None:
    """With what to do."""
    from plugin_bridge.errors import SpecError

    live = Live(LiveSettings(device="null", model=model))
    live.start()
    try:
        assert live.status()["song"] is None
        with pytest.raises(SpecError, match="--play FILE"):
            live.jump(5.0)
    finally:
        live.stop()


@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        ("gone.wav", [], "gone.wav does not exist"),
        ("empty.wav", [], "empty.wav is empty (0 bytes)"),
        ("none.wav", [], "none.wav holds no audio (0 samples)"),
        ("text.wav", [], "text.wav is not audio that can be read here"),
        ("five.wav", [], "five.wav has 5 channels; mix it to mono or stereo first"),
        ("song.wav", ["--rate", "16000"], "does not run at 16000 Hz"),
        ("song.wav", ["--input", "x"], "takes the place of --input x"),
    ],
)
def test_mistakes_are_one_sentence(
    file: str,
    arguments: list[str],
    said: str,
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With code 2, what was given and what to do; nothing plays."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio at all, but longer than a header " * 9)
    for name, channels, samples in (("none", 2, 0), ("five", 5, 100), ("song", 2, 100)):
        write_audio(tmp_path / f"{name}.wav", np.zeros((channels, samples), np.float32))
    device = [] if "--input" in arguments else ["--device", "null"]
    options = ["--model", model, "--play", str(tmp_path / file)]
    assert main(["live", *device, *options, *arguments]) == MISTAKE
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
