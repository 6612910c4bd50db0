"""A library is built from what is good; what is not is skipped, named and counted."""

import builtins
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.data import __main__ as command
from models.data import folders, library, lmms
from models.data.library import RATE, Library
from plugin_bridge.dsp import FloatArray
from tests.tiny import hiss, write_audio

ROOT = Path(__file__).resolve().parents[2]

FAILURES = {"RecursionError": "too deep", "IndexError": "no note", "ValueError": "null byte"}


def fail(error: str) -> dict[str, FloatArray]:
    """Raise the error of that name."""
    raise getattr(builtins, error)(FAILURES.get(error, ""))


def songs(root: Path, count: int) -> Path:
    """Write songs of two stems, two seconds each."""
    for i in range(count):
        folder = root / f"song{i:02}"
        folder.mkdir(parents=True)
        write_audio(folder / "vocals.wav", hiss(2 * RATE, seed=i))
        write_audio(folder / "bass.wav", hiss(2 * RATE, channels=1, seed=99 + i))
    return root


def spoil(root: Path) -> set[str]:
    """Spoil four songs, each in its way; give their keys."""
    (root / "song01" / "bass.wav").write_bytes(b"RIFF no more")
    whole = (root / "song04" / "vocals.wav").read_bytes()
    (root / "song04" / "vocals.wav").write_bytes(whole[:5000])
    wrong = hiss(1000)
    wrong[:] = np.inf
    write_audio(root / "song07" / "vocals.wav", wrong)
    (root / "song09" / "vocals.wav").write_bytes(b"")
    return {f"own/{root.name}-song{i:02}" for i in (1, 4, 7, 9)}


def build(monkeypatch: pytest.MonkeyPatch, out: Path, root: Path) -> int:
    """Run the command line in this process."""
    monkeypatch.setattr("sys.argv", ["data", "build", "--out", str(out), "--folder", str(root)])
    return command.main()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_broken_files_among_many(tmp_path: Path, workers: str) -> None:
    """They are skipped, named where they come up, counted in the last line, and tried again."""
    root, out = songs(tmp_path / "mine", 12), tmp_path / "library"
    spoiled = spoil(root)
    line = [sys.executable, "-m", "models.data", "build", "--out", str(out)]
    line += ["--folder", str(root), "--jobs", workers]

    def run() -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    said = run()
    assert said[-1].startswith("4 songs skipped: own/mine-song")
    assert all(any(key in text and ": skipped: " in text for text in said) for key in spoiled)
    made = Library.open(out)
    assert len(made.done) == 8
    assert not spoiled & set(made.done)
    for song in ("song01", "song04", "song07"):
        write_audio(root / song / "vocals.wav", hiss(RATE))
        write_audio(root / song / "bass.wav", hiss(RATE))
    said = run()
    assert said[0] == "12 songs, 4 to make"
    assert said[-1].startswith("1 song skipped: own/mine-song09;")
    assert len(Library.open(out).done) == 11
    assert not list(out.glob("*.part"))


def test_a_build_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C gives 130 and keeps what is finished; the same command makes only the rest."""
    root, out = songs(tmp_path / "mine", 4), tmp_path / "library"
    read, asked, stop_at = folders.read, list[str](), ["song02"]

    def watched(path: Path) -> FloatArray:
        asked.append(path.parent.name)
        if path.parent.name in stop_at:
            signal.raise_signal(signal.SIGINT)
        return read(path)

    monkeypatch.setattr(folders, "read", watched)
    assert build(monkeypatch, out, root) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert Library.open(out).done == ["own/mine-song00", "own/mine-song01"]
    asked.clear()
    stop_at.clear()
    assert build(monkeypatch, out, root) == 0
    assert set(asked) == {"song02", "song03"}
    assert len(Library.open(out).items) == 8


def test_a_full_disk_stops_the_build_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No song is at fault, so none is skipped: one sentence, exit code 1, an intact index."""
    root, out = songs(tmp_path / "mine", 3), tmp_path / "library"
    save: Callable[..., None] = np.save

    def full(file: object, data: object) -> None:
        if len(Library.open(out).done) == 1:
            raise OSError(28, "No space left on device")
        save(file, data)

    monkeypatch.setattr(np, "save", full)
    assert build(monkeypatch, out, root) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line
    assert len(Library.open(out).done) == 1
    monkeypatch.setattr(np, "save", save)
    assert build(monkeypatch, out, root) == 0
    assert len(Library.open(out).done) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_that_nobody_foresaw_spoils_one_song(tmp_path: Path, workers: int) -> None:
    """The song is skipped with the error's kind and text; the disk's and memory's are not."""
    made = Library(tmp_path)
    todo = [library.Job("own", error, "train", partial(fail, error)) for error in FAILURES]
    list(made.fill(todo, workers))
    assert made.done == []
    for error, text in FAILURES.items():
        assert f"{error}: {text}" in made.skipped[f"own/{error}"]
    with pytest.raises(MemoryError):
        list(made.fill([library.Job("own", "full", "train", partial(fail, "MemoryError"))]))


@pytest.mark.parametrize(
    "given",
    ["", "--songs 0", "--songs x", "--songs -1", "--seconds inf", "--seconds 1", "--seconds x",
     "--first-seed -1", "--jobs 0"],
)  # fmt: skip
def test_a_build_of_nothing_and_wrong_numbers_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: str,
) -> None:
    """Before anything is written, with what is allowed."""
    out = tmp_path / "library"
    monkeypatch.setattr("sys.argv", ["data", "build", "--out", str(out), *given.split()])
    code: int | str | None = None
    try:
        code = command.main()
    except SystemExit as refused:
        code = refused.code
    assert code == 2
    said = capsys.readouterr().err
    assert "nothing to build" in said if given in ("", "--songs 0") else given.split()[0] in said
    assert not out.exists()


def test_a_library_that_cannot_be_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged index and a file in the folder's place; neither blames the disk."""
    root, out = songs(tmp_path / "mine", 1), tmp_path / "library"
    out.mkdir()
    (out / "index.json").write_text("{")
    assert build(monkeypatch, out, root) == 2
    assert build(monkeypatch, root / "song00" / "bass.wav", root) == 1
    damaged, file = capsys.readouterr().err.splitlines()
    assert "index.json is no index" in damaged
    assert "bass.wav" in file
    assert "make room" not in file


def test_a_worker_without_memory_ends_lmms_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and what to do, as in a build."""

    def broken(*_: object) -> Iterator[None]:
        raise BrokenProcessPool("a process was ended")

    monkeypatch.setattr(command, "spread", broken)
    monkeypatch.setattr(lmms, "projects", lambda root: [])
    monkeypatch.setattr("sys.argv", ["data", "lmms", "--out", str(tmp_path)])
    assert command.main() == 1
    assert "a process was ended; make room" in capsys.readouterr().err


def test_a_name_that_the_terminal_cannot_show_is_spelt_out(tmp_path: Path) -> None:
    """Undecodable bytes and a terminal of another alphabet end no build."""
    for name in ("日本", os.fsdecode(b"bad\xff")):
        songs(tmp_path / "mine", 1).joinpath("song00").rename(tmp_path / "mine" / name)
    line = [sys.executable, "-m", "models.data", "build", "--out", str(tmp_path / "library")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*line, "--folder", str(tmp_path / "mine")],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "own/mine-\\u65e5\\u672c: vocals" in done.stdout
    assert "own/mine-bad\\udcff: " in done.stdout


def test_loud_files_are_scaled_not_cut(tmp_path: Path) -> None:
    """Stems beyond full scale are stored with one gain for the song: shape and balance stay."""
    stems = {"vocals": 20 * hiss(2 * RATE), "bass": hiss(2 * RATE, seed=1)}
    made = Library(tmp_path)
    list(made.fill([library.Job("own", "loud", "train", lambda: stems)]))
    kept = {item.stem: made.samples(item).T.astype(np.float64) / 32767 for item in made.items}
    gain = 0.98 / np.abs(stems["vocals"]).max()
    for stem, track in stems.items():
        np.testing.assert_allclose(kept[stem], gain * track, atol=2e-5)  # half a step of int16


def test_two_songs_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the second would be taken for done."""
    one, two = songs(tmp_path / "a" / "mine", 1), songs(tmp_path / "b" / "mine", 1)
    folders_given = ["--folder", str(one), "--folder", str(two)]
    monkeypatch.setattr("sys.argv", ["data", "build", "--out", str(tmp_path), *folders_given])
    assert command.main() == 2
    assert "two songs are called own/mine-song00" in capsys.readouterr().err


def test_a_later_folder_of_one_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else its songs were taken for done; one that was moved goes on, also given as a dot."""
    one, two = songs(tmp_path / "a" / "mine", 1), songs(tmp_path / "b" / "mine", 2)
    out = tmp_path / "library"
    assert build(monkeypatch, out, one) == 0
    assert build(monkeypatch, out, two) == 2
    assert "own/mine-song00 was made from" in capsys.readouterr().err
    one.rename(tmp_path / "gone")
    monkeypatch.chdir(two)
    assert build(monkeypatch, out, Path()) == 0
    assert Library.open(out).done == ["own/mine-song00", "own/mine-song01"]


def test_a_song_that_trains_does_not_validate_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would stay where it was without a word; old indexes, without origins, are read."""
    root, out = songs(tmp_path / "mine", 1), tmp_path / "library"
    assert build(monkeypatch, out, root) == 0
    index = json.loads((out / "index.json").read_text())
    del index["origins"]
    (out / "index.json").write_text(json.dumps(index))
    given = ["--out", str(out), "--validation-folder", str(root)]
    monkeypatch.setattr("sys.argv", ["data", "build", *given])
    assert command.main() == 2
    assert "own/mine-song00 is in the train split" in capsys.readouterr().err


def test_silence_is_done_and_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A song of silence is neither skipped nor made again."""
    folder = tmp_path / "mine" / "quiet"
    folder.mkdir(parents=True)
    write_audio(folder / "drums.wav", np.zeros((2, 2 * RATE), np.float32))
    assert build(monkeypatch, tmp_path / "library", tmp_path / "mine") == 0
    index = json.loads((tmp_path / "library" / "index.json").read_text())
    assert index["items"] == []
    assert index["done"] == ["own/mine-quiet"]
