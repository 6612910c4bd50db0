"""`from plugin_bridge import Separator` is light, and the list of names is whole."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import plugin_bridge

ROOT = Path(__file__).resolve().parents[2]
# Drivers that may be absent, and packages that take long to import.
LATER = {"onnx", "onnxruntime", "pedalboard", "rtmidi", "sounddevice", "torch", "typer"}
CODE = "import sys; from plugin_bridge import Separator; print(*sys.modules)"


def test_import_is_light() -> None:
    """Importing the package imports no driver, no runtime and no torch."""
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "plugin_bridge" in done.stdout.split()
    assert LATER.isdisjoint(done.stdout.split())


def test_all_is_complete_and_sorted() -> None:
    """`__all__` names every public name once, in order; what is imported later, too."""
    assert all(hasattr(plugin_bridge, name) for name in plugin_bridge.__all__)
    public = [
        name
        for name, value in vars(plugin_bridge).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
    assert plugin_bridge.__all__ == sorted(public)


def test_public_names_are_documented() -> None:
    """Every public name has a docstring of its own."""
    assert all(getattr(plugin_bridge, name).__doc__ for name in plugin_bridge.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    assert not hasattr(plugin_bridge, "StemBrigde")
