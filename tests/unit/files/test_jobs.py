"""Several files: one's error is its own; several processes give what one gives."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plugin_bridge.errors import AudioFileError, ModelError, PluginBridgeError
from plugin_bridge.files.jobs import render_all
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import CHUNK
from tests.tiny import hiss, write_audio, write_model


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_others_go_on(tmp_path: Path, jobs: int) -> None:
    """Each input has its outcome; same names get numbered folders; twice given is once made."""
    model = write_model(tmp_path / "equal.onnx")
    first = write_audio(tmp_path / "song.wav", hiss(3000))
    second = write_audio(tmp_path / "song.flac", hiss(3000))
    missing = tmp_path / "missing.wav"
    options = RenderOptions(out=tmp_path / "out", model=model)
    told: set[Path] = set()
    outcomes = list(
        render_all([first, missing, second, first], options, jobs, lambda p, *_: told.add(p))
    )
    errors = {outcome.path: outcome.error for outcome in outcomes}
    assert set(errors) == {first, missing, second}
    assert [path for path, error in errors.items() if error] == [missing]
    assert isinstance(errors[missing], AudioFileError)
    assert told == {first, second}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"song", "song-2"}


def test_processes_give_the_same_bits(tmp_path: Path) -> None:
    """What two workers render equals what one process renders."""
    model = write_model(tmp_path / "equal.onnx")
    paths = [write_audio(tmp_path / f"{k}.wav", hiss(30000, seed=k)) for k in range(2)]
    for jobs in (1, 2):
        options = RenderOptions(out=tmp_path / str(jobs), model=model)
        assert all(outcome.report for outcome in render_all(paths, options, jobs))
    for name in ("0/bass.wav", "1/other.wav"):
        one, two = ((tmp_path / jobs / name).read_bytes() for jobs in ("1", "2"))
        assert one == two


def test_a_model_that_cannot_be_used_is_told_once(tmp_path: Path) -> None:
    """The model's error comes before any input's."""
    path = write_audio(tmp_path / "a.wav", hiss(100))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError):
        next(render_all([path, path], RenderOptions(model=tmp_path / "text.onnx"), 2))


@pytest.mark.linux
def test_a_worker_that_dies_is_an_outcome(tmp_path: Path) -> None:
    """A killed worker costs its own input; the next one is rendered by a new worker."""
    import multiprocessing

    model = write_model(tmp_path / "equal.onnx")
    long = write_audio(tmp_path / "long.wav", hiss(200 * CHUNK, 1), bits=16)
    short = [write_audio(tmp_path / f"{k}.wav", hiss(1000)) for k in range(2)]
    killed: list[int] = []

    def kill(path: Path, done: int, total: int) -> None:
        if path == long and not killed:
            for child in multiprocessing.active_children():
                killed.append(child.pid or 0)
                child.kill()

    options = RenderOptions(out=tmp_path / "out", model=model)
    outcomes = {o.path: o for o in render_all([long, *short], options, 2, kill)}
    assert killed
    assert set(outcomes) == {long, *short}
    assert isinstance(outcomes[long].error, PluginBridgeError)
    assert f"exit code {-signal.SIGKILL}" in str(outcomes[long].error)


def test_closing_half_way_ends_the_workers(tmp_path: Path) -> None:
    """A caller who stops listening leaves no process and no half-written file."""
    import multiprocessing

    model = write_model(tmp_path / "equal.onnx")
    paths = [
        write_audio(tmp_path / "0.wav", hiss(1000)),
        write_audio(tmp_path / "1.wav", hiss(300 * CHUNK, 1), bits=16),
    ]
    outcomes = render_all(paths, RenderOptions(out=tmp_path / "out", model=model), 2)
    assert next(outcomes).path == paths[0]
    outcomes.close()
    assert multiprocessing.active_children() == []
    assert not [p for p in (tmp_path / "out").rglob("*") if "1" in p.name or ".part" in p.name]


TWICE = """
import os, signal, time
from plugin_bridge.files.jobs import _leave
signal.signal(signal.SIGTERM, _leave)
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
finally:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
    print("cleaned up")
"""


@pytest.mark.linux
def test_a_worker_that_is_told_twice_cleans_up() -> None:
    """The second word to end does not stop what the first one began."""
    run = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "cleaned up\n"), run.stderr
