"""Where presets and weights are: inside the wheel, or in the checkout of an editable install.

Rules of this file:
 1. The data live once, in the checkout's `presets/` and `models/weights/`; the wheel carries copies
    as `plugin_bridge/_data`. Never read either path elsewhere.
 2. `_data` wins when it is there: an installed package never looks outside itself.
"""

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
