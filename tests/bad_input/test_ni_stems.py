"""stem.mp4 that cannot be: one sentence, the right exit code, and nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from tests.tiny import equal_model, hiss, write_audio, write_model

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a model and a song, made the current one."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "equal.onnx")
    write_audio(tmp_path / "song.wav", hiss(3000))
    return tmp_path


def _render(*arguments: str, model: str = "equal.onnx") -> int:
    return main(["render", *arguments, "--model", model, "--format", "stem.mp4"])


def _one_sentence(shown: str) -> str:
    assert shown.startswith("plugin-bridge: ")
    assert shown.count("\n") == 1
    return shown


def _fake_ffmpeg(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bin").mkdir()
    path = folder / "bin" / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)


def test_ffmpeg_is_looked_for_before_anything_is_rendered(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it: exit code 2, what to install, said once for all inputs, and no folder."""
    monkeypatch.setenv("PATH", os.devnull)
    assert _render("song.wav", "song.wav", "gone.wav") == 2
    said = _one_sentence(capsys.readouterr().err)
    assert "--format stem.mp4 needs the program ffmpeg" in said
    assert "apt-get install ffmpeg" in said
    assert not (here / "stems").exists()


@pytest.mark.system("ffmpeg")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--multichannel"], "leave --multichannel out"),
        (["--bit-depth", "32f"], "16 or 24 bit, not 32f"),
        (["--codec", "mp3"], "allowed: alac, aac"),
        (["--codec", ""], '--codec "": allowed: alac, aac'),
        (["--codec", "aac", "--bit-depth", "16"], "aac has none"),
        (["--mix"], "holds the stems as separated; leave --preset, --mix and --midi out"),
        (["--stems", "vocals,drums,bass,other,accompaniment"], "1 to 4 stems, not 5"),
        (["--format", "wav", "--codec", "aac"], "is for --format stem.mp4"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """Exit code 2, and nothing is written."""
    form = [] if "--format" in arguments else ["--format", "stem.mp4"]
    assert main(["render", "song.wav", "--model", "equal.onnx", *form, *arguments]) == 2
    assert words in _one_sentence(capsys.readouterr().err)
    assert not (here / "stems").exists()


@pytest.mark.system("ffmpeg")
def test_a_song_of_another_rate_is_one_sentence_and_the_others_go_on(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The song's rate, those that are allowed, and what to do."""
    write_audio(here / "a.wav", hiss(3000), 96000)
    assert _render("a.wav", "song.wav") == 2
    said = _one_sentence(capsys.readouterr().err)
    assert "a.wav has 96000 Hz, stem.mp4 holds 44100 or 48000 Hz; convert it first" in said
    assert [path.name for path in (here / "stems").iterdir()] == ["song"]


@pytest.mark.system("ffmpeg")
def test_a_model_of_five_stems_is_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stems there are, and the option that chooses."""
    write_model(here / "five.onnx", stems=("a", "b", "c", "d", "e"))
    assert _render("song.wav", model="five.onnx") == 2
    assert "not 5 (a, b, c, d, e); choose some with --stems" in capsys.readouterr().err
    assert _render("song.wav", "--stems", "a,c", model="five.onnx") == 0


@pytest.mark.linux
def test_a_failing_ffmpeg_leaves_what_was_there(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, its last words, and the older file and report are untouched."""
    _fake_ffmpeg(here, "echo Boo >&2; echo 'Unknown encoder alac' >&2; exit 1", monkeypatch)
    folder = here / "stems" / "song"
    folder.mkdir(parents=True)
    for name in ("song.stem.mp4", "render.json"):
        (folder / name).write_text("older")
    assert _render("song.wav") == 1
    said = _one_sentence(capsys.readouterr().err)
    assert "song.stem.mp4 cannot be written: ffmpeg said: Unknown encoder alac; free" in said
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "song.stem.mp4": "older",
        "render.json": "older",
    }


@pytest.mark.system("ffmpeg")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_end_half_way_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever ends a render while streams wait on the disk, they and the folder are removed."""
    seen: list[Path] = []

    def stop(done: int, total: int) -> None:
        seen.extend(tmp_path.rglob("*.part"))
        raise error

    path = write_audio(tmp_path / "in.wav", hiss(50000))
    options = RenderOptions(out=tmp_path / "out", format="stem.mp4")
    with pytest.raises(error):
        render(path, options, stop, model=equal_model())
    assert len(seen) == 5
    assert not (tmp_path / "out").exists()


def _gone(group: int) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.linux
@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("deaf", [False, True])
def test_ctrl_c_while_ffmpeg_works_leaves_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, jobs: str, deaf: bool
) -> None:
    """Exit code 130; no file and no process remains, even of an ffmpeg that hears no signal."""
    trap = "trap '' INT TERM; " if deaf else ""
    _fake_ffmpeg(here, f"{trap}touch $$.started; exec sleep 1000", monkeypatch)
    write_audio(here / "two.wav", hiss(3000))
    command = [sys.executable, "-m", "plugin_bridge.cli", "render", "song.wav", "two.wav"]
    with subprocess.Popen(
        [*command, "--model", "equal.onnx", "--format", "stem.mp4", "--jobs", jobs],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + PATIENCE_SECONDS
        while len(list(here.glob("*.started"))) < int(jobs) and time.monotonic() < end:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (130, "")
    assert err == "plugin-bridge: interrupted; what was not finished is removed\n"
    assert _gone(process.pid)
    assert [path for path in (here / "stems").rglob("*") if path.is_file()] == []


@pytest.mark.linux
@pytest.mark.system("ffmpeg")
def test_a_full_disk_is_one_sentence(here: Path) -> None:
    """A limit on file size stands in for a full disk: exit code 1, nothing remains."""
    write_audio(here / "long.wav", hiss(300_000))
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); "
        "from plugin_bridge.cli.main import main; "
        "sys.exit(main(['render', 'long.wav', '--model', 'equal.onnx', '--format', 'stem.mp4']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be written: file too large" in _one_sentence(done.stderr)
    assert not (here / "stems").exists()
