"""Models are found by name in the user's folder, then among the shipped ones, or by path."""

from pathlib import Path

import pytest

from plugin_bridge import shipped
from plugin_bridge.errors import ModelFileError
from plugin_bridge.model import store


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Make a user's folder and a shipped one, each with two models."""
    own, ours = tmp_path / "own", tmp_path / "shipped"
    for folder, names in ((own, ("mine", "both")), (ours, ("both", "lastframe"))):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.onnx").touch()
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(own))
    monkeypatch.setattr(shipped, "models_folder", lambda: ours)
    return own, ours


def test_names_and_paths(folders: tuple[Path, Path]) -> None:
    """The user's own file hides a shipped one of the same name."""
    own, ours = folders
    assert store.find("mine") == own / "mine.onnx"
    assert store.find("both") == own / "both.onnx"
    assert store.find("lastframe") == ours / "lastframe.onnx"
    assert store.find(ours / "both.onnx") == ours / "both.onnx"
    assert [path.stem for path in store.listing()] == ["both", "mine", "lastframe"]


def test_what_is_not_there_says_what_is(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """A name, a path, a folder."""
    with pytest.raises(ModelFileError, match=r"did you mean lastframe\? use both, mine"):
        store.find("lastfarme")
    with pytest.raises(ModelFileError, match=r"x\.onnx does not exist; name an .onnx file or one"):
        store.find(tmp_path / "x.onnx")
    with pytest.raises(ModelFileError, match="is a folder"):
        store.find(tmp_path / "own")


@pytest.mark.parametrize(
    ("platform", "ending"),
    [("linux", ".local/share"), ("darwin", "Library/Application Support"), ("win32", "Local")],
)
def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, platform: str, ending: str) -> None:
    """Where each platform keeps application data."""
    monkeypatch.delenv(store.FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    folder = store.user_folder()
    assert folder.parts[-2:] == ("plugin-bridge", "models")
    assert folder.parent.parent.as_posix().endswith(ending)
