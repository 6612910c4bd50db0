"""Where plugins find the server: a folder that is the user's alone."""

import os
import platform
import stat
import sys
from pathlib import Path

from plugin_bridge.errors import DeviceError

FOLDER_VARIABLE = "PLUGIN_BRIDGE_RUNTIME"
PLUGINS, STATUS, LOCK = "daw.sock", "daw-status.sock", "daw.lock"


def refuse_system() -> None:
    """Refuse systems whose processors may reorder what plugin and engine share.

    Raises
    ------
    DeviceError
        Anywhere but on Linux on x86-64.

    Notes
    -----
    Thread: [any]
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise DeviceError(
            f"the DAW plugin runs on Linux on x86-64, this is {sys.platform} on "
            f"{platform.machine()}; use render or live here"
        )


def folder() -> Path:
    """Give the runtime folder; it need not exist. The plugin looks in the same place.

    Notes
    -----
    Thread: [any]
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        return Path(runtime) / "plugin-bridge"
    return Path(f"/tmp/plugin-bridge-{os.geteuid()}")


def private_folder() -> Path:
    """Give the runtime folder, made if it was not there.

    Raises
    ------
    DeviceError
        If somebody else could put or change something there.

    Notes
    -----
    Thread: [main]
    """
    path = folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise DeviceError(
            f"{path} cannot be made ({error.strerror}); name another folder by {FOLDER_VARIABLE}"
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise DeviceError(
            f"{path} is no folder, so plugins cannot meet the engine there; take it away"
        )
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise DeviceError(
            f"{path} is not yours alone (owner {found.st_uid}, mode {found.st_mode & 0o777:o}); "
            f"make it so by chmod 700, or name another folder by {FOLDER_VARIABLE}"
        )
    return path
