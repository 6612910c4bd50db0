"""Every bad input of `render` gets one sentence and its exit code; the others are rendered."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.cli.main import main
from tests.tiny import hiss, write_audio, write_model


def _cut(path: Path) -> Path:
    write_audio(path, hiss(30000))
    path.write_bytes(path.read_bytes()[:50000])
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _audio(samples: int, channels: int, rate: int = 44100) -> Callable[[Path], object]:
    return lambda path: write_audio(path, hiss(samples, channels), rate)


# What is made of the name, the file's name, words of the sentence
MISTAKES: list[tuple[str, str, Callable[[Path], object] | None, str]] = [
    ("missing", "a.wav", None, "does not exist; check"),
    ("no match", "*.wav", None, "no file matches"),
    ("below a file", "good.wav/a.wav", None, "does not exist; check"),
    ("empty", "a.wav", _bytes(b""), "empty (0 bytes)"),
    ("text", "a.wav", _bytes(b"hello " * 100), "not audio that can be read here (wav, flac"),
    ("no suffix", "a", _bytes(bytes(1000)), "not audio"),
    ("cut wav", "a.wav", _cut, "cut short"),
    ("cut flac", "a.flac", _cut, "cut short"),
    ("cut mp3", "a.mp3", lambda p: _cut_mp3(p), "cut short"),
    ("no samples, wav", "a.wav", _audio(0, 2), "0 samples"),
    ("no samples, flac", "a.flac", _audio(0, 2), "0 samples"),
    ("no samples, aiff", "a.aiff", _audio(0, 1), "0 samples"),
    ("6 channels", "a.wav", _audio(100, 6), "6 channels; mix it"),
    ("96 channels", "a.wav", _audio(100, 96), "96 channels; mix it"),
    ("384 kHz", "a.wav", _audio(100, 2, 384000), "8000 to 192000 Hz"),
    ("a folder", "a.wav", _folder, "is a folder; name the audio files"),
]


def _cut_mp3(path: Path) -> None:
    write_audio(path, hiss(100000))
    path.write_bytes(path.read_bytes()[:30000])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a model and a good file, made the current one."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "equal.onnx")
    write_audio(tmp_path / "good.wav", hiss(3000))
    return tmp_path


def _render(*arguments: str) -> int:
    return main(["render", *arguments, "--model", "equal.onnx"])


def _one_sentence(shown: str) -> str:
    assert shown.startswith("plugin-bridge: ")
    assert shown.count("\n") == 1
    assert "Traceback" not in shown
    return shown


@pytest.mark.parametrize(("_what", "name", "make", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_bad_files_are_one_sentence_and_the_others_go_on(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    _what: str,
    name: str,
    make: Callable[[Path], object] | None,
    words: str,
) -> None:
    """Exit code 2, the file's name and what to do; good.wav is still rendered."""
    if make is not None:
        make(here / name)
    assert _render(name, "good.wav") == 2
    said = _one_sentence(capsys.readouterr().err)
    assert words in said
    assert name in said
    assert (here / "stems/good/other.wav").exists()
    assert [path.name for path in (here / "stems").iterdir()] == ["good"]


def test_unreadable_input(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without permission is the user's to change (faked: root may read everything)."""

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("plugin_bridge.files.reader.inspect", denied)
    assert _render("good.wav") == 2
    assert "cannot be read: permission denied" in _one_sentence(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((2, 3000), np.float32), "is silent"),
        (np.full((1, 3000), np.nan, np.float32), "is silent"),
        (np.full((2, 3000), 1e30, np.float32), "beyond 16 times full scale"),
        (np.full((1, 3000), -np.inf, np.float32), "NaN or infinity"),
    ],
    ids=["silent", "nan", "1e30", "inf"],
)
def test_strange_samples_warn_and_render(
    here: Path, capsys: pytest.CaptureFixture[str], samples: np.ndarray, words: str
) -> None:
    """Exit code 0, a sentence on stderr, stems of the same length."""
    write_audio(here / "a.wav", samples)
    assert _render("a.wav") == 0
    assert words in capsys.readouterr().err
    assert (here / "stems/a/render.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stems", "drms"], "did you mean drums? use vocals"),
        (["--stems", ","], "names no stem"),
        (["--jobs", "-3"], "--jobs -3: allowed is 1 or more"),
        (["--jobs", "0"], "--jobs 0"),
        (["--jobs", "two"], "--jobs"),
        (["--format", "mp3"], "allowed: wav, flac"),
        (["--bit-depth", "20"], "allowed: 16, 24, 32f"),
        (["--format", "flac", "--bit-depth", "32f"], "use --bit-depth 24"),
        (["--provider", "tpu"], "allowed: auto, cpu, cuda"),
        (["--provider", ""], '--provider "": allowed: auto, cpu, cuda'),
        (["--format", ""], '--format "": allowed: wav, flac'),
        (["--out", ""], "'--out': \"\" is an empty name; give the name of a file or folder"),
        ([""], "'IN...': \"\" is an empty name"),
        (["--out", "good.wav"], "a file stands in its place"),
        (["--out", "good.wav/deeper"], "a file stands in its place"),
    ],
)
def test_bad_options_are_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """Exit code 2 and the values that are allowed; nothing is written."""
    assert _render("good.wav", *arguments) == 2
    assert words in _one_sentence(capsys.readouterr().err)
    assert not (here / "stems").exists()


@pytest.mark.parametrize("name", ["text.onnx", "missing.onnx", "folder.onnx", "nothing"])
def test_bad_models_are_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A file that is no model, or no file, is said once, whatever the number of inputs."""
    (here / "text.onnx").write_text("hello")
    (here / "folder.onnx").mkdir()
    assert main(["render", "good.wav", "good.wav", "--model", name]) == 2
    assert name in _one_sentence(capsys.readouterr().err)


def test_the_stems_folder_of_a_song_is_a_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the song's folder should be is named."""
    (here / "stems").mkdir()
    (here / "stems/good").write_text("mine")
    assert _render("good.wav") == 2
    assert "stems/good" in _one_sentence(capsys.readouterr().err).replace(os.sep, "/")
    assert (here / "stems/good").read_text() == "mine"


def test_a_folder_that_may_not_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A permission on the output folder is the user's to change."""

    def denied(path: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", denied)
    assert _render("good.wav") == 2
    assert "permission denied; choose another folder" in _one_sentence(capsys.readouterr().err)


def test_both_runtimes_installed_warn_and_render(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both runtime packages together are said, with what to uninstall; the song is rendered."""
    monkeypatch.setattr("plugin_bridge.model.providers.version", lambda name: "1.0")
    assert _render("good.wav") == 0
    assert "pip uninstall" in _one_sentence(capsys.readouterr().err)
    assert (here / "stems/good/render.json").exists()


def test_an_input_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stem that would land on the input is refused, whole as it was."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "equal.onnx")
    (tmp_path / "vocals").mkdir()
    song = write_audio(tmp_path / "vocals" / "vocals.wav", hiss(1000))
    before = song.read_bytes()
    code = main(["render", str(song), "--out", ".", "--model", "equal.onnx"])
    assert code == 2
    assert "would be overwritten by its own stem" in _one_sentence(capsys.readouterr().err)
    assert song.read_bytes() == before
    assert [path.name for path in song.parent.iterdir()] == ["vocals.wav"]
