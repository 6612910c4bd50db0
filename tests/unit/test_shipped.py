"""Where the user's own folders are."""

from pathlib import Path

import pytest

from plugin_bridge import shipped


@pytest.mark.linux
@pytest.mark.parametrize(
    ("kind", "variable", "usual"),
    [("config", "XDG_CONFIG_HOME", ".config"), ("presets", "XDG_DATA_HOME", ".local/share")],
)
def test_the_platforms_folder_is_never_the_current_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, variable: str, usual: str
) -> None:
    """A variable that is empty or relative does not count: trust lists are not found by chance."""
    monkeypatch.setenv("HOME", "/home/me")
    for value in ("", "here"):
        monkeypatch.setenv(variable, value)
        wanted = Path("/home/me", usual, "plugin-bridge", kind)
        assert shipped.user_folder("UNSET", kind) == wanted
    monkeypatch.setenv(variable, str(tmp_path))
    assert shipped.user_folder("UNSET", kind) == tmp_path / "plugin-bridge" / kind
    monkeypatch.setenv("NAMED", "own")
    assert shipped.user_folder("NAMED", kind) == Path("own")
