"""Where presets and weights are: in the wheel, in the checkout of an editable install, the user's.

Rules of this file:
 1. The data live once, in the checkout's `presets/` and `models/weights/`; the wheel carries copies
    as `plugin_bridge/_data`. Never read either path elsewhere.
 2. `_data` wins when it is there: an installed package never looks outside itself for them.
"""

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "_data"
_CHECKOUT = _PACKAGE.parent


def models_folder() -> Path:
    """Give the folder of the shipped weights, `*.onnx`.

    Returns
    -------
    folder : Path
        Absolute; it may hold no file yet, it is never created.

    Notes
    -----
    Thread: [any]
    """
    return _DATA / "models" if _DATA.is_dir() else _CHECKOUT / "models" / "weights"


def presets_folder() -> Path:
    """Give the folder of the shipped presets, `*.toml`.

    Returns
    -------
    folder : Path
        Absolute; it may hold no file yet, it is never created.

    Notes
    -----
    Thread: [any]
    """
    return _DATA / "presets" if _DATA.is_dir() else _CHECKOUT / "presets"


def user_folder(variable: str, kind: str) -> Path:
    """Give one of the user's own folders; it need not exist.

    Parameters
    ----------
    variable : str, the environment variable that names the folder, if it is set
    kind : str
        `models` or `presets`, in the platform's folder for application data; `config`, in its
        folder for settings.

    Returns
    -------
    folder : Path

    Notes
    -----
    Thread: [any]
    """
    named = os.environ.get(variable)
    if named:
        return Path(named)
    home = Path.home()
    settings = kind == "config"
    xdg, usual = ("XDG_CONFIG_HOME", ".config") if settings else ("XDG_DATA_HOME", ".local/share")
    # One that is empty or relative does not count, else the current folder would.
    on_linux = Path(os.environ.get(xdg, ""))
    bases = {
        "win32": Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")),
        "darwin": home / "Library" / "Application Support",
    }
    base = bases.get(sys.platform, on_linux if on_linux.is_absolute() else home / usual)
    return base / "plugin-bridge" / kind
