"""Inserts as tables of names and numbers, and back.

Rules of this file
 1. Only classes of `effects.EFFECTS`, and VST3 plugins as console/vst3.py allows, are ever made
    from a table.
 2. A file that a table names is inside the preset's folder, symbolic links followed.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
from pedalboard import Plugin, VST3Plugin
from pedalboard.io import AudioFile

from plugin_bridge.console import vst3
from plugin_bridge.console.effects import EFFECTS, IMPULSE_RESPONSE, stays_inside
from plugin_bridge.errors import SpecError, suggest

Spec = Mapping[str, Any]
"""One insert: `{"plugin": "Compressor", "threshold_db": -18}` or `{"vst3": "ZamCompX2"}`."""

_FORM = '{plugin = "Compressor", threshold_db = -18} or {vst3 = "ZamCompX2"}'


def check(spec: Any, path: str = "insert") -> None:
    """Refuse a spec that cannot be one, without making anything.

    Parameters
    ----------
    spec : mapping
        `plugin`: a class of EFFECTS, and its parameters; or `vst3`, see console/vst3.py.
    path : str, where the spec stands, for messages

    Raises
    ------
    SpecError
        Names the key, what was given and what is allowed.

    Examples
    --------
    >>> check({"plugin": "Compressor", "threshold_db": -18})

    Notes
    -----
    Thread: [any]
    """
    if not isinstance(spec, Mapping) or not {"plugin", "vst3"} & set(spec):
        raise SpecError(f"{path} is {spec!r}; give a table such as {_FORM}")
    if "vst3" in spec:
        vst3.check(spec, path)
        return
    name = spec["plugin"]
    if not isinstance(name, str) or name not in EFFECTS:
        raise SpecError(f"{path}.plugin is {name!r}; {suggest(str(name), list(EFFECTS))}")
    parameters = EFFECTS[name]
    for key, value in spec.items():
        if key == "plugin":
            continue
        if key not in parameters:
            way_out = suggest(key, list(parameters)) if parameters else "it has none"
            raise SpecError(f"{path}.{key} is no parameter of {name}; {way_out}")
        allowed = parameters[key].refuses(value)
        if allowed:
            raise SpecError(f"{path}.{key} is {_shown(value)}; {name} takes {allowed}")
    if IMPULSE_RESPONSE in parameters and IMPULSE_RESPONSE not in spec:
        allowed = parameters[IMPULSE_RESPONSE].refuses(None)
        raise SpecError(f"{path}.{IMPULSE_RESPONSE} is missing; {name} takes {allowed}")


# A plugin keeps dB as a float32 factor: what it says it has is not what it was given. After
# some rounds both agree, and what is saved then is what was heard, to the bit.
ROUNDINGS = 8


def build(
    spec: Spec,
    path: str = "insert",
    *,
    folder: Path | None = None,
    allow_plugins: bool = False,
    channels: int = 2,
) -> Plugin:
    """Make the plugin of a spec.

    Parameters
    ----------
    spec : mapping, as `check` takes it
    path : str, where the spec stands, for messages
    folder : Path or None, the preset's; files that the spec names are in it
    allow_plugins : bool, whether VST3 plugins outside the trust list are opened
    channels : int, that a VST3 plugin must take

    Raises
    ------
    SpecError
        If the spec is not allowed, or the plugin cannot be made; names the key.

    Examples
    --------
    >>> build({"plugin": "Compressor", "threshold_db": -18}).threshold_db
    -18.0

    Notes
    -----
    Thread: [main]
    """
    check(spec, path)
    if "vst3" in spec:
        return vst3.build(spec, path, allow_plugins=allow_plugins, channels=channels)
    given = {key: value for key, value in spec.items() if key != "plugin"}
    kind = getattr(pedalboard, spec["plugin"], None)
    if kind is None:
        raise SpecError(
            f"{path}.plugin is {spec['plugin']!r}, which the installed pedalboard does not have; "
            "upgrade pedalboard"
        )
    if "mode" in given:
        given["mode"] = getattr(kind.Mode, given["mode"])
    if IMPULSE_RESPONSE in given:
        given[IMPULSE_RESPONSE] = str(
            _impulse_response(given[IMPULSE_RESPONSE], folder, f"{path}.{IMPULSE_RESPONSE}")
        )
    try:
        made: Plugin = kind(**given)
        for _ in range(ROUNDINGS):
            held = {key: getattr(made, key) for key, value in given.items() if _is_number(value)}
            if held.items() <= given.items():
                break
            given |= held
            made = kind(**given)
    except (RuntimeError, TypeError, ValueError) as error:
        raise SpecError(f"{path} is refused by pedalboard: {error}; change its values") from error
    return made


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def spec_of(plugin: Plugin, path: str = "insert", *, folder: Path | None = None) -> dict[str, Any]:
    """Give the spec of a plugin as it is now; `build` gives one that sounds the same.

    Parameters
    ----------
    plugin : a native effect of EFFECTS, or a VST3 plugin
    path : str, where the plugin is, for messages
    folder : Path or None, the preset's; an impulse response is in it

    Raises
    ------
    SpecError
        If a preset cannot hold it; says why.

    Examples
    --------
    >>> spec_of(pedalboard.Gain(-0.1))
    {'plugin': 'Gain', 'gain_db': -0.1}

    Notes
    -----
    Thread: [main]
    """
    if isinstance(plugin, VST3Plugin):
        return vst3.spec_of(plugin, path)
    name = type(plugin).__name__
    if name not in EFFECTS:
        raise SpecError(
            f"{path} is a {name}, which a preset cannot hold; use one of {', '.join(EFFECTS)}"
        )
    values = {key: getattr(plugin, key) for key in EFFECTS[name]}
    if "mode" in values:
        values["mode"] = values["mode"].name
    if IMPULSE_RESPONSE in values:
        values[IMPULSE_RESPONSE] = _relative(
            values[IMPULSE_RESPONSE], folder, f"{path}.{IMPULSE_RESPONSE}"
        )
    spec: dict[str, Any] = {"plugin": name} | {key: _short(v) for key, v in values.items()}
    check(spec, path)
    return spec


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of an insert.

    Notes
    -----
    Thread: [any]
    """
    effects = [
        {
            "type": "object",
            "properties": {"plugin": {"const": name}}
            | {key: parameter.schema() for key, parameter in parameters.items()},
            "required": ["plugin", *([IMPULSE_RESPONSE] if IMPULSE_RESPONSE in parameters else [])],
            "additionalProperties": False,
        }
        for name, parameters in EFFECTS.items()
    ]
    return {"description": "An effect in series.", "anyOf": [*effects, vst3.json_schema()]}


def inside(name: str, folder: Path | None, path: str) -> Path:
    """Find a file in the preset's folder, symbolic links followed.

    Parameters
    ----------
    name : str, relative to the folder
    folder : Path or None
    path : str, the key that names it, for messages

    Raises
    ------
    SpecError
        If there is no folder, the file is outside of it, or it does not exist.

    Notes
    -----
    Thread: [main]
    """
    if folder is None:
        raise SpecError(f"{path} is {name!r}, but there is no preset file; save the preset first")
    root = folder.resolve()
    file = (root / name).resolve()
    if not stays_inside(name) or not file.is_relative_to(root):
        raise SpecError(
            f"{path} is {name!r}, which leads out of the preset's folder; put the file beside the "
            "preset"
        )
    if not file.is_file():
        raise SpecError(f"{path} is {name!r}, and there is no file {file}; put it there")
    return file


def _impulse_response(name: str, folder: Path | None, path: str) -> Path:
    file = inside(name, folder, path)
    # Pedalboard takes any file, and a wrong one silently as an empty response.
    try:
        with AudioFile(str(file)) as audio:
            length = audio.frames
    except (OSError, RuntimeError, ValueError) as error:
        raise SpecError(f"{path} is {name!r}, which is no audio file; give e.g. a wav") from error
    if not length:
        raise SpecError(f"{path} is {name!r}, which has no samples; give another file")
    return file


def _relative(name: str | None, folder: Path | None, path: str) -> str:
    if not name:
        raise SpecError(f"{path}: the impulse response is no file; load it from one in the folder")
    file = Path(name).resolve()
    if folder is None or not file.is_relative_to(folder.resolve()):
        raise SpecError(
            f"{path} is {name!r}, outside the preset's folder {folder or ''}; copy the file "
            "there and load it from there"
        )
    return file.relative_to(folder.resolve()).as_posix()


def _short(value: Any) -> Any:
    """Give the shortest decimal of a float32 (0.1, not 0.10000000149), other values as they are."""
    if not isinstance(value, float) or isinstance(value, bool) or not math.isfinite(value):
        return value
    single = np.float32(value)
    return float(str(single)) if float(single) == value else value


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
