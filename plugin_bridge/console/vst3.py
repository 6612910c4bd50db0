"""VST3 plugins by name and state.

Rules of this file
 1. A plugin binary is code. It is opened only when the caller allows plugins or the trust list
    has its sha256, and only from the platform's standard folders.
 2. It is opened in a process of its own first, see console/probe.py.
 3. The state restores everything. `parameters` are for people: after the state, each that has
    another value is set, so a value edited by hand counts, and an unedited one changes no bit.
"""

import base64
import binascii
import os
import platform
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from pedalboard import VST3Plugin

from plugin_bridge.console import trust
from plugin_bridge.console.probe import RATE, first_sentence, open_plugin, origin_of, probe
from plugin_bridge.disk import digest
from plugin_bridge.errors import SpecError, suggest

KEYS = ("vst3", "plugin_name", "parameters", "state")
# Plugins round their own defaults, on a scale of 0 to 1.
ROUNDING = 1e-6
# Where the binary is in a bundle, by system; the host's architecture comes first.
_INSIDE = {
    "linux": "Contents/{machine}-linux/{name}.so",
    "darwin": "Contents/MacOS/{name}",
    "win32": "Contents/{machine}-win/{name}.vst3",
}
# As the VST3 bundle format writes them.
_MACHINES = {"AMD64": "x86_64", "x86_64": "x86_64", "ARM64": "arm64", "arm64": "arm64"}


def folders() -> list[Path]:
    """Give the platform's standard folders of VST3 plugins, the user's own first.

    Notes
    -----
    Thread: [any]
    """
    home = Path.home()
    local = os.environ.get("LOCALAPPDATA", str(home / "AppData" / "Local"))
    common = os.environ.get("COMMONPROGRAMFILES", "C:/Program Files/Common Files")
    places = {
        "win32": [Path(local, "Programs", "Common", "VST3"), Path(common, "VST3")],
        "darwin": [home / "Library/Audio/Plug-Ins/VST3", Path("/Library/Audio/Plug-Ins/VST3")],
    }
    linux = [home / ".vst3", Path("/usr/local/lib/vst3"), Path("/usr/lib/vst3")]
    return places.get(sys.platform, linux)


def installed() -> dict[str, Path]:
    """Give the installed plugins by name: those in the standard folders and one level below.

    Notes
    -----
    Thread: [main]
    """
    found: dict[str, Path] = {}
    for folder in folders():
        for pattern in ("*.vst3", "*/*.vst3"):
            with suppress(OSError):
                for path in sorted(folder.glob(pattern)):
                    found.setdefault(path.stem, path)
    return found


def find(name: str, path: str = "insert") -> Path:
    """Find an installed plugin by its name; `path` is the insert's, for messages.

    Raises
    ------
    SpecError
        If it is not installed; suggests a near name.

    Notes
    -----
    Thread: [main]
    """
    known = installed()
    if name in known:
        return known[name]
    near = suggest(name, list(known))
    way_out = near if near.startswith("did you") else "install it or take the insert out"
    where = ", ".join(map(str, folders()))
    raise SpecError(f"{path}.vst3 is {name!r}, which is not in {where}; {way_out}")


def binary_of(file: Path) -> Path:
    """Give the program file of a plugin: the file itself, or the one inside a bundle.

    Raises
    ------
    SpecError
        If there is none for this system.

    Notes
    -----
    Thread: [main]
    """
    if file.is_file():
        return file
    machine = platform.machine()
    inside = _INSIDE.get(sys.platform, _INSIDE["linux"])
    binary = file / inside.format(machine=_MACHINES.get(machine, machine), name=file.stem)
    if not binary.is_file():
        raise SpecError(
            f"{file} holds no plugin for this system, {sys.platform} on {machine}; name a .vst3 "
            "that has one"
        )
    return binary


def check(spec: Mapping[str, Any], path: str = "insert") -> None:
    """Refuse a spec that cannot be one, without looking for the plugin.

    Parameters
    ----------
    spec : mapping
        `vst3`: name; optional `plugin_name`, for a file that holds several; `parameters`;
        `state`: base64 of what Pedalboard calls raw_state.
    path : str, where the spec stands, for messages

    Raises
    ------
    SpecError
        Names the key.

    Notes
    -----
    Thread: [any]
    """
    for key in spec:
        if key not in KEYS:
            raise SpecError(f"{path}.{key} is no key of a VST3 insert; {suggest(key, KEYS)}")
    name = spec.get("vst3")
    if not isinstance(name, str) or not re.fullmatch(r"[^\W_][^/\\:*?\"<>|\x00-\x1f]*", name):
        raise SpecError(
            f"{path}.vst3 is {name!r}; give the plugin's name without folder, e.g. ZamCompX2"
        )
    if not isinstance(spec.get("plugin_name", ""), str):
        raise SpecError(f"{path}.plugin_name is {spec['plugin_name']!r}; give a name")
    parameters = spec.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise SpecError(f"{path}.parameters is {parameters!r}; give a table of names and values")
    for key, value in parameters.items():
        if not isinstance(value, bool | int | float | str) or value != value:
            raise SpecError(
                f"{path}.parameters.{key} is {value!r}; give a number, text, true or false"
            )
    _decoded(spec.get("state", ""), path)


def build(
    spec: Mapping[str, Any], path: str = "insert", *, allow_plugins: bool = False, channels: int = 2
) -> VST3Plugin:
    """Open the plugin of a spec, with its state and parameters.

    Parameters
    ----------
    spec : mapping, as `check` takes it
    path : str, where the spec stands, for messages
    allow_plugins : bool
        False: only a binary in the trust list is opened.
    channels : int, that the plugin must take

    Raises
    ------
    SpecError
        If the plugin is not installed, not trusted, does not open in 60 s, crashes, cannot take
        the channels, gives no numbers, or lacks a parameter; names the key.

    Notes
    -----
    Thread: [main]
    """
    check(spec, path)
    file = find(spec["vst3"], path)
    sha256 = _digest(file, path)
    if not allow_plugins:
        _require_trust(file, sha256, path)
    problem = probe(str(file), spec.get("plugin_name"), channels, sha256)
    if problem:
        raise SpecError(f"{path}.vst3: {file.stem} {problem}")
    try:
        plugin = open_plugin(file, spec.get("plugin_name"))
        state = _decoded(spec.get("state", ""), path)
        if state:
            plugin.raw_state = state
    except (ImportError, RuntimeError, ValueError) as error:
        raise SpecError(
            f"{path}.vst3: {file.stem} does not open ({first_sentence(error)}); install it again "
            "or take the insert out"
        ) from error
    _set_parameters(plugin, spec.get("parameters", {}), path, file.stem)
    return plugin


def spec_of(plugin: VST3Plugin, path: str = "insert") -> dict[str, Any]:
    """Give the spec of a plugin as it is now; `build` gives a plugin that sounds the same.

    Parameters
    ----------
    plugin : VST3Plugin
        It is not touched: a parameter set since the last block is not in its state yet, and
        what would bring it there disturbs audio that runs. A second one is opened instead.
    path : str, the insert's, for messages

    Raises
    ------
    SpecError
        If the plugin is not in one of the standard folders, or another version is.

    Notes
    -----
    Thread: [main]
    """
    origin = origin_of(plugin)
    file = find(origin["vst3"], path)
    twin = open_plugin(file, origin.get("plugin_name"))
    if (twin.identifier, twin.version) != (plugin.identifier, plugin.version):
        raise SpecError(
            f"{path} is {plugin.name} {plugin.version}, and {file} is {twin.name} {twin.version}; "
            "load that one instead"
        )
    twin.raw_state = plugin.raw_state
    wanted, copies = _parameters(plugin), _parameters(twin)
    for name, parameter in wanted.items():
        if (
            parameter.is_automatable
            and name in copies
            and copies[name].raw_value != parameter.raw_value
        ):
            copies[name].raw_value = parameter.raw_value
    for channels in (2, 1):
        with suppress(ValueError):
            silence = np.zeros((channels, 64), np.float32)
            twin.process(silence, RATE, 64, reset=False)
            break
    changed = {
        name: _plain(getattr(plugin, name))
        for name, parameter in wanted.items()
        if parameter.is_automatable
        and abs(parameter.raw_value - parameter.default_raw_value) > ROUNDING
    }
    state = base64.b64encode(twin.raw_state).decode("ascii")
    return origin | ({"parameters": changed} if changed else {}) | {"state": state}


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a VST3 insert.

    Notes
    -----
    Thread: [any]
    """
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "An installed VST3 plugin; it loads with --allow-plugins, or when trusted.",
        "properties": {
            "vst3": text | {"description": "The plugin's name, e.g. ZamCompX2."},
            "plugin_name": text | {"description": "For a file that holds several plugins."},
            "parameters": {
                "type": "object",
                "additionalProperties": {"type": ["number", "boolean", "string"]},
            },
            "state": text | {"contentEncoding": "base64", "description": "All of its settings."},
        },
        "required": ["vst3"],
        "additionalProperties": False,
    }


def _digest(file: Path, path: str) -> str:
    try:
        return digest(binary_of(file))
    except SpecError as error:
        raise SpecError(f"{path}.vst3: {error}") from error
    except OSError as error:
        raise SpecError(f"{path}.vst3: {file} cannot be read ({error.strerror})") from error


def _require_trust(file: Path, sha256: str, path: str) -> None:
    known = trust.trusted()
    if sha256 in known:
        return
    changed = str(binary_of(file).resolve()) in known.values()
    reason = "has changed since you trusted it" if changed else "is a program you have not trusted"
    raise SpecError(
        f"{path}.vst3: {file.stem} {reason}; give --allow-plugins, or run once: "
        f"plugin-bridge presets trust {file}"
    )


def _set_parameters(plugin: VST3Plugin, values: Mapping[str, Any], path: str, name: str) -> None:
    known = _parameters(plugin) if values else {}
    for key, value in values.items():
        if key not in known:
            raise SpecError(
                f"{path}.parameters.{key} is no parameter of the {name} installed here; "
                f"{suggest(key, list(known))}"
            )
        if _plain(getattr(plugin, key)) == value:
            continue
        try:
            setattr(plugin, key, value)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"{path}.parameters.{key} is {value!r}, which the {name} installed here refuses "
                f"({first_sentence(error)}); give another value or take the key out"
            ) from error


def _parameters(plugin: VST3Plugin) -> dict[str, Any]:
    # Pedalboard adds it in Python to a class that its stubs describe in C++.
    found: dict[str, Any] = plugin.parameters  # type: ignore[attr-defined]
    return found


def _plain(value: Any) -> float | bool | str:
    """Give a parameter's value without Pedalboard's wrapper."""
    if isinstance(value, float):
        return float(value)
    return str(value) if isinstance(value, str) else bool(value)


def _decoded(state: Any, path: str) -> bytes:
    try:
        return base64.b64decode(state, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise SpecError(
            f"{path}.state is not base64 ({first_sentence(error)}); save the preset again or take "
            "the key out"
        ) from error
