"""ffmpeg's programs: missing, failing and endless ones are one sentence, and none survives."""

import os
from pathlib import Path

import pytest

from plugin_bridge.errors import PluginBridgeError, SpecError
from plugin_bridge.files import ffmpeg


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that is ahead of all others on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def _program(folder: Path, script: str) -> None:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _run(seconds: float = 0.0) -> bytes:
    return ffmpeg.run("ffmpeg", ["a"], seconds, "x.mp4 cannot be written", "do something")


@pytest.mark.parametrize("program", ["ffmpeg", "ffprobe"])
def test_a_missing_program_is_named_with_its_package(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs it, that it is not on the PATH, and how to install it."""
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SpecError, match=rf"^reading x needs the program {program}.*apt-get"):
        ffmpeg.require(program, "reading x")
    with pytest.raises(SpecError, match="not on the PATH"):
        _run()


@pytest.mark.linux
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first >&2; echo ' No space left. ' >&2; echo >&2; exit 1", "No space left"),
        ("exit 3", "nothing (exit code 3)"),
        ("printf '\\377bad' >&2; exit 1", "\ufffdbad"),
        ("kill -9 $$", "nothing (exit code -9)"),
    ],
)
def test_a_failure_is_the_last_line_of_stderr(programs: Path, script: str, said: str) -> None:
    """The sentence holds what failed, ffmpeg's last words and what to do."""
    _program(programs, script)
    with pytest.raises(PluginBridgeError) as caught:
        _run()
    assert str(caught.value) == f"x.mp4 cannot be written: ffmpeg said: {said}; do something"


@pytest.mark.linux
def test_stdout_is_given_back(programs: Path) -> None:
    """The arguments follow those that make it quiet."""
    _program(programs, 'echo "$@"')
    assert _run() == b"-v error a\n"


@pytest.mark.linux
def test_a_program_without_end_is_ended(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over its time it is killed, and the sentence tells how long it had."""
    monkeypatch.setattr(ffmpeg, "PATIENCE_SECONDS", 2.5)
    _program(programs, f"echo $$ > {programs}/pid; exec sleep 1000")
    with pytest.raises(PluginBridgeError, match="was not done after 3 s and was ended; do"):
        _run(seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((programs / "pid").read_text()), 0)
