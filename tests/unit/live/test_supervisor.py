"""The engine's process: started, told, killed, replaced, and never left behind."""

import errno
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pedalboard.io import AudioFile

from plugin_bridge.errors import (
    DeviceError,
    ModelFileError,
    PluginBridgeError,
    PresetError,
    SpecError,
)
from plugin_bridge.live.control import POSITION, Ahead, ControlBlock, Head, Worker
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import LOST, RUNNING, Live
from tests.processes import gone, lateness, seconds_until, until
from tests.tiny import write_model

pytestmark = pytest.mark.linux

# The project's promise: noticed within a second, ended within two.
NOTICED, ENDED = 1.0, 2.0


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LiveSettings:
    """Give a session on the null device with a tiny model."""
    model = write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return LiveSettings(device="null", block=512, model=str(model), preset="karaoke")


@pytest.fixture
def live(settings: LiveSettings) -> Iterator[Live]:
    """Give a session that plays."""
    session = Live(settings)
    session.start()
    yield session
    session.stop()


def count(live: Live, name: str) -> int:
    """Give a counter of the status."""
    return int(live.status()["counters"][name])


def test_an_engine_plays_and_takes_commands(live: Live) -> None:
    """Callbacks run, a command arrives, and the status says what plays."""
    until(lambda: count(live, "callbacks") > 10)
    live.send("drums.mute", True)
    live.send("vocals.gain_db", -6.0)
    until(lambda: count(live, "commands") == 2)
    assert live.get("drums.mute") is True
    assert live.get("vocals.gain_db") == -6.0
    until(lambda: live.status()["levels"]["input.1"]["rms_db"] > -21)  # an average of 0.3 s
    status = live.status()
    assert status["state"] == RUNNING
    assert status["preset"] == live.get("preset") == "karaoke"
    assert status["latency_samples"]["sum"] in (256, 768)
    assert status["counters"]["refused_commands"] == 0
    assert -20 < status["levels"]["input.1"]["peak_db"] < 0
    assert status["hop_ms"]["max"] >= status["hop_ms"]["p99"] >= status["hop_ms"]["p50"] > 0


def test_a_killed_engine_is_replaced_with_the_console_as_it_was(live: Live) -> None:
    """Noticed within a second; faders and mutes are where they were, counters go on."""
    live.send("bass.mute", True)
    live.send("other.gain_db", -9.5)
    until(lambda: count(live, "callbacks") > 20)
    before, pid = count(live, "callbacks"), live.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert seconds_until(lambda: live.state == LOST or live.pid != pid) < NOTICED + lateness()
    until(lambda: live.state == RUNNING)
    assert live.restarts == 1
    assert live.described["controls"]["karaoke"]["bass.mute"] is True
    assert live.described["controls"]["karaoke"]["other.gain_db"] == -9.5
    until(lambda: count(live, "callbacks") > before + 5)


def test_an_engine_that_stands_still_is_replaced(live: Live) -> None:
    """No exit, no message, only no callback: as with a driver that died."""
    until(lambda: count(live, "callbacks") > 5)
    pid = live.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert seconds_until(lambda: live.state == LOST or live.pid != pid) < NOTICED + lateness()
    until(lambda: live.state == RUNNING)
    assert gone(pid)


def test_settings_made_while_no_engine_runs_are_not_lost(live: Live) -> None:
    """A key pressed in the gap is heard from the new engine's first hop on."""
    pid = live.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: live.state == LOST)
    live.send("drums.solo", True)
    until(lambda: live.state == RUNNING)
    until(lambda: count(live, "hops") > 5)
    assert live.get("drums.solo") is True
    known = live.described["controls"]["karaoke"]["drums.solo"]
    assert known or count(live, "commands") == 1


def test_a_preset_chosen_while_no_engine_runs_is_the_one_that_is_heard(
    settings: LiveSettings, tmp_path: Path
) -> None:
    """A new engine has its presets in another order: the active one is in front."""
    row = '[[midi]]\nsource = "program"\nnumber = {}\ntarget = "preset"\nvalue = "{}"\n'
    names = ("karaoke", "in-ear-monitor", "drumless")
    mine = tmp_path / "mine.toml"
    mine.write_text("format = 1\n" + "".join(row.format(*each) for each in enumerate(names)))
    live = Live(replace(settings, preset=str(mine), reach=True))
    live.start()
    try:
        live.send("preset", "drumless")
        pid = live.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: live.state == LOST and live.pid not in (pid, None))
        live.send("preset", "in-ear-monitor")
        until(lambda: live.state == RUNNING)
        until(lambda: count(live, "commands") > 0)
        control = live._control
        assert control is not None
        heard = live.described["presets"]
        assert heard[0] == "drumless"
        until(lambda: heard[int(control.cells[Worker.ACTIVE])] == live.get("preset"))
        assert live.get("preset") == "in-ear-monitor"
    finally:
        live.stop()


@pytest.mark.parametrize("stopped", [False, True])
def test_an_ended_session_leaves_no_process(settings: LiveSettings, stopped: bool) -> None:
    """Within two seconds, be the engine well or hung."""
    live = Live(settings)
    live.start()
    pid = live.pid
    assert pid is not None
    if stopped:
        os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    live.stop()
    assert time.monotonic() - begin < ENDED + lateness()
    assert gone(pid)
    live.stop()  # twice is once
    assert live.status()["state"] == "ended"


PARENT = """
import sys, time
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
live = Live(LiveSettings(device="null", model=sys.argv[1]))
live.start()
print(live.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_parent_leaves_no_orphan(settings: LiveSettings) -> None:
    """The engine ends when its parent's pipe closes, and its memory has no name to stay."""
    names = set(os.listdir("/dev/shm"))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(settings.model)], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        engine = int(parent.stdout.readline())
    assert not gone(engine)
    parent.kill()
    parent.wait()
    assert seconds_until(lambda: gone(engine)) < ENDED + lateness()
    # JACK servers of other tests come and go there.
    assert [
        name for name in os.listdir("/dev/shm") if name not in names and "jack" not in name
    ] == []


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"preset": "karaok"}, PresetError, "did you mean karaoke"),
        ({"model": "nothing"}, ModelFileError, "there is no model named 'nothing'"),
        ({"model": "lastfrane"}, ModelFileError, "did you mean lastframe"),
        ({"rate": 16000.0}, SpecError, "does not run at 16000 Hz"),
    ],
)
def test_what_the_engine_refuses_is_told_by_the_parent(
    settings: LiveSettings, change: dict[str, Any], error: type[PluginBridgeError], said: str
) -> None:
    """The same error, the same sentence, and no process left."""
    live = Live(LiveSettings(**{**vars(settings), **change}))
    with pytest.raises(error, match=said):
        live.start()
    assert live.pid is None


@pytest.mark.parametrize("path", ["drums.mute", "preset"])
def test_a_session_that_never_started_takes_nothing(settings: LiveSettings, path: str) -> None:
    """One sentence says what to do first."""
    with pytest.raises(SpecError, match=rf"{path} is set in a session that plays; call start\(\)"):
        Live(settings).send(path, True)


def test_an_unknown_control_is_refused(live: Live) -> None:
    """By name, before it is on its way."""
    with pytest.raises(SpecError, match=r"kazoo\.mute"):
        live.send("kazoo.mute", True)
    with pytest.raises(SpecError, match="there is no preset 'x' in this session"):
        live.send("preset", "x")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("drums.gain_db", 99.0),
        ("drums.gain_db", float("nan")),
        ("drums.gain_db", True),
        ("drums.pan", 2.0),
        ("drums.mute", "loud"),
    ],
)
def test_a_value_that_no_engine_takes_is_refused(live: Live, path: str, value: Any) -> None:
    """By name and at once: kept, it would keep the next engine from starting."""
    before = live.get(path)
    with pytest.raises(SpecError, match=path):
        live.send(path, value)
    assert live.get(path) == before


@pytest.mark.parametrize("short", [(subprocess, "Popen"), (mmap, "mmap")])
def test_a_system_that_is_short_of_something_is_asked_again(
    live: Live, short: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a process or memory for the next engine, which leaves nothing open."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    pid = live.pid
    assert pid is not None
    with monkeypatch.context() as patch:
        patch.setattr(*short, refuse)
        os.kill(pid, signal.SIGKILL)
        until(lambda: "Cannot allocate memory" in live.trouble)
        live.trouble, before = "", len(os.listdir("/proc/self/fd"))
        until(lambda: "Cannot allocate memory" in live.trouble)
        assert len(os.listdir("/proc/self/fd")) <= before
    until(lambda: live.state == RUNNING)


def test_a_jump_while_an_engine_is_put_away_is_where_the_next_begins(
    settings: LiveSettings,
) -> None:
    """The lost engine cannot follow it, and where that one stood does not matter any more."""
    live = Live(settings)
    live.described = {"device": {"rate": 44100}}
    live._paths = {POSITION: 0}
    live._control = control = ControlBlock()
    control.cells[Ahead.LENGTH], control.cells[Head.POSITION] = 44100 * 60, 1000
    live.state = LOST
    live.seek(30)
    live._put_away()
    assert live._transport.position == 44100 * 30


def test_a_disk_that_fills_up_ends_the_recording_and_not_the_music(
    settings: LiveSettings, tmp_path: Path
) -> None:
    """It is told while the music plays; the take holds what was written until then."""
    live = Live(replace(settings, record=str(tmp_path / "take")))
    live.start()
    try:
        assert live.pid is not None
        resource.prlimit(live.pid, resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
        until(lambda: "records no more: File too large" in live.trouble)
        before = live.status()["counters"]["callbacks"]
        until(lambda: live.status()["counters"]["callbacks"] > before + 10)
        assert live.state == RUNNING
    finally:
        live.stop()
    with AudioFile(str(tmp_path / "take" / "input.wav")) as file:
        assert file.frames > 10_000


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_a_jump_to_no_place_is_refused(settings: LiveSettings, seconds: float) -> None:
    """With one sentence."""
    live = Live(settings)
    live._paths = {POSITION: 0}
    for move in (live.seek, live.jump):
        with pytest.raises(SpecError, match="give a finite number"):
            move(seconds)


def test_an_engine_that_dies_at_its_start_is_told(
    settings: LiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its exit code, and what to do to see more."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    live = Live(settings)
    with pytest.raises(DeviceError, match="code 1; run again with PLUGIN_BRIDGE_DEBUG=1"):
        live.start()
