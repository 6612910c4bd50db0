"""Where models are: the shipped ones, and the user's own folder."""

from contextlib import suppress
from pathlib import Path

from plugin_bridge import shipped
from plugin_bridge.errors import ModelFileError, hint

DEFAULT = "lastframe"
FOLDER_VARIABLE = "PLUGIN_BRIDGE_MODELS"


def user_folder() -> Path:
    """Give the folder for the user's own models; it need not exist.

    The environment variable PLUGIN_BRIDGE_MODELS names it, else it is `plugin-bridge/models`
    in the platform's folder for application data.

    Notes
    -----
    Thread: [any]
    """
    return shipped.user_folder(FOLDER_VARIABLE, "models")


def folders() -> list[Path]:
    """Give the folders that are searched, the user's own first.

    Notes
    -----
    Thread: [any]
    """
    return [user_folder(), shipped.models_folder()]


def listing() -> list[Path]:
    """Give all model files that can be named, the user's own hiding shipped ones.

    Notes
    -----
    Thread: [main]
    """
    found: dict[str, Path] = {}
    for folder in folders():
        with suppress(PermissionError):  # a folder of somebody else's holds nothing for us
            for path in sorted(folder.glob("*.onnx"), key=lambda path: path.stem):
                found.setdefault(path.stem, path)
    return list(found.values())


def find(model: str | Path) -> Path:
    """Find a model by its name or path.

    Parameters
    ----------
    model : str or Path
        A file name without .onnx from one of the folders, or a path.

    Returns
    -------
    path : Path, an existing file

    Raises
    ------
    ModelFileError
        If there is none; lists the names there are.

    Notes
    -----
    Thread: [main]
    """
    path = Path(model).expanduser()
    if path.suffix.lower() == ".onnx" or len(path.parts) > 1:
        if path.is_file():
            return path
        reason = "is a folder" if path.is_dir() else "does not exist"
        raise ModelFileError(f"model {model} {reason}; name an .onnx file or one of: {_names()}")
    for known in listing():
        if known.stem == str(model):
            return known
    near = hint(str(model), [known.stem for known in listing()])
    raise ModelFileError(
        f"there is no model named {str(model)!r}; {near}use {_names()}, the "
        f"path of an .onnx file, or put the file into {user_folder()}"
    )


def _names() -> str:
    return ", ".join(path.stem for path in listing()) or "none is installed"
