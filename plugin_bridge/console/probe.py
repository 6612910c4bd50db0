"""Opening VST3 plugins, in a process of its own first.

A plugin may hang or crash when it is opened. A thread cannot be stopped and a crash takes all
with it, so each binary is opened and given some noise in another process; what does not come
through is never opened here.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from pedalboard import VST3Plugin

# Seconds that a plugin may take to open; some build tables or read samples first.
OPENING_SECONDS = 60.0
RATE = 44100.0
# The noise that a plugin must take and give back as numbers, in calls of one usual hop.
NOISE_SAMPLES, NOISE_HOP = 4096, 256

# Pedalboard does not say from which file a plugin came.
_origins: "WeakKeyDictionary[VST3Plugin, dict[str, str]]" = WeakKeyDictionary()

_ANSWER = "from plugin_bridge.console.probe import answer; answer()"


def open_plugin(file: Path, plugin_name: str | None) -> VST3Plugin:
    """Open a VST3 plugin here, and remember its file.

    Raises
    ------
    ImportError, RuntimeError, ValueError
        As Pedalboard does.

    Notes
    -----
    Thread: [main]
    """
    plugin = VST3Plugin(str(file), plugin_name=plugin_name)
    _origins[plugin] = {"vst3": file.stem} | ({"plugin_name": plugin_name} if plugin_name else {})
    return plugin


def origin_of(plugin: VST3Plugin) -> dict[str, str]:
    """Give what a plugin is found by again: its file's name; if need be, its own inside the file.

    Notes
    -----
    Thread: [main]
    """
    return dict(_origins.get(plugin) or {"vst3": plugin.name})


@functools.cache
def probe(file: str, plugin_name: str | None, channels: int, _sha256: str) -> str:
    """Open a plugin in a process of its own; give what is wrong with it, or ''.

    Once per program for each binary: its sha256 tells one from its successor.

    Notes
    -----
    Thread: [main]
    """
    request = json.dumps({"file": file, "plugin_name": plugin_name, "channels": channels})
    # The same modules as here, and none from the current folder (-P).
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryFile() as out:
        try:
            subprocess.run(
                [sys.executable, "-P", "-c", _ANSWER],
                input=request.encode(),
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=OPENING_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return (
                f"did not open within {OPENING_SECONDS:g} s; open it once in a DAW, or take the "
                "insert out"
            )
        out.seek(0)
        lines = out.read().decode("utf-8", errors="replace").splitlines()
    try:
        return str(json.loads(lines[-1])["problem"])
    except (IndexError, KeyError, TypeError, ValueError):
        return "crashes when it is opened; install it again or take the insert out"


def answer() -> None:
    """Be the other process: read the request from stdin, print the answer as the last line.

    Notes
    -----
    Thread: [main]
    """
    request = json.load(sys.stdin)
    problem = _problem(Path(request["file"]), request["plugin_name"], request["channels"])
    sys.stdout.write("\n" + json.dumps({"problem": problem}) + "\n")
    sys.stdout.flush()
    # A plugin that hangs or crashes when it is closed has answered by now.
    os._exit(0)


def _problem(file: Path, plugin_name: str | None, channels: int) -> str:
    noise = np.random.default_rng(0).uniform(-0.25, 0.25, (channels, NOISE_SAMPLES))
    try:
        plugin = open_plugin(file, plugin_name)
    except (ImportError, RuntimeError, ValueError) as error:
        return f"does not open ({first_sentence(error)}); install it again or take the insert out"
    if not plugin.is_effect:
        return "is an instrument; name an effect"
    try:
        given = plugin.process(noise.astype(np.float32), RATE, NOISE_HOP)
    except ValueError:
        takes = "is mono, and a stem" if channels == 2 else "refuses mono, and a stem"
        return f"{takes} has {channels} channel(s) here; take its other version"
    return "" if np.isfinite(given).all() else "gives no numbers (NaN); take the insert out"


def first_sentence(error: BaseException) -> str:
    """Give the first sentence of an error, in one line.

    Notes
    -----
    Thread: [any]
    """
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")
