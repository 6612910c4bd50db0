"""The shelf of presets: which there are, found by name, read from a file."""

import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from plugin_bridge import shipped
from plugin_bridge.errors import PresetError, suggest
from plugin_bridge.presets.preset import Preset

FOLDER_VARIABLE = "PLUGIN_BRIDGE_PRESETS"
# Plugin states are the bulk of a preset; a sampler's may have megabytes.
MOST_BYTES = 16_000_000


def user_folder() -> Path:
    """Give the folder for the user's own presets; it need not exist.

    The environment variable PLUGIN_BRIDGE_PRESETS names it, else it is `plugin-bridge/presets`
    in the platform's folder for application data.

    Notes
    -----
    Thread: [any]
    """
    return shipped.user_folder(FOLDER_VARIABLE, "presets")


def listing() -> list[Path]:
    """Give all presets that can be named, the user's own hiding shipped ones.

    Notes
    -----
    Thread: [main]
    """
    found: dict[str, Path] = {}
    for folder in (user_folder(), shipped.presets_folder()):
        with suppress(PermissionError):  # a folder of somebody else's holds nothing for us
            for path in sorted(folder.glob("*.toml")):
                found.setdefault(path.stem, path)
    return list(found.values())


def find(preset: str | Path) -> Path:
    """Find a preset by its name or path.

    Parameters
    ----------
    preset : str or Path
        A file name without .toml from the user's or the shipped presets, or a path.

    Raises
    ------
    PresetError
        If there is none; suggests a near name.

    Notes
    -----
    Thread: [main]
    """
    path = Path(preset).expanduser()
    known = {found.stem: found for found in listing()}
    if path.suffix.lower() == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        reason = "is a folder" if path.is_dir() else "does not exist"
        raise PresetError(f"preset {preset} {reason}; name a .toml file or one of: {_list(known)}")
    if str(preset) in known:
        return known[str(preset)]
    way_out = suggest(str(preset), list(known)) if known else f"put one into {user_folder()}"
    raise PresetError(f"there is no preset named {str(preset)!r}; {way_out}")


def load(preset: str | Path) -> Preset:
    """Load a preset by its name or path.

    Raises
    ------
    PresetError
        If there is none, or the file is not a preset; names file and key.

    Notes
    -----
    Thread: [main]
    """
    path = find(preset)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise PresetError(f"{path} has over {MOST_BYTES // 10**6} MB; this is no preset")
        table = tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise PresetError(f"{path} cannot be read ({error.strerror}); check its rights") from error
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{path} is not TOML: {error}; put that place right") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise PresetError(f"{path} is no text file that could be a preset; name another") from error
    return Preset.from_table({"name": path.stem, **table}, path)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none is installed"
