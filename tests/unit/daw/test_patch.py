from pathlib import Path

import pytest

from plugin_bridge.daw.patch import apply
from plugin_bridge.errors import PluginBridgeError

PATCH = """A word about it.

--- a/one.txt
+++ b/one.txt
@@ -1,3 +1,4 @@
 first
-second
+another
+one more
 third
@@ -6,2 +7,1 @@
 sixth
-seventh
"""
TEXT = "first\nsecond\nthird\nfourth\nfifth\nsixth\nseventh\n"


def test_applies_every_hunk(tmp_path: Path) -> None:
    """What the patch says is changed, and nothing else."""
    (tmp_path / "one.txt").write_text(TEXT)
    assert apply(PATCH, tmp_path) == [tmp_path / "one.txt"]
    wanted = "first\nanother\none more\nthird\nfourth\nfifth\nsixth\n"
    assert (tmp_path / "one.txt").read_text() == wanted


@pytest.mark.parametrize("text", ["", TEXT.replace("second", "other"), "new line\n" + TEXT])
def test_another_version_is_refused_whole(tmp_path: Path, text: str) -> None:
    """A file that is not as expected is not touched, and the error says what to install."""
    (tmp_path / "one.txt").write_text(text)
    with pytest.raises(PluginBridgeError, match="dpf-source"):
        apply(PATCH, tmp_path)
    assert (tmp_path / "one.txt").read_text() == text


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is named, with what to install."""
    with pytest.raises(PluginBridgeError, match=r"one\.txt cannot be read"):
        apply(PATCH, tmp_path)
