"""The plugin binaries that the user trusts.

A plugin binary is code that runs with the user's rights, and a preset may come from anywhere. So a
preset can only load a binary whose sha256 is in this list. One line each, `sha256  path`, as
`sha256sum` prints and checks them; taking a line out takes the trust back.
"""

from pathlib import Path

from plugin_bridge import shipped
from plugin_bridge.disk import digest, write_whole
from plugin_bridge.errors import SpecError

FOLDER_VARIABLE = "PLUGIN_BRIDGE_CONFIG"
FILE = "trusted-plugins.txt"


def list_file() -> Path:
    """Give the file of the trust list; it need not exist.

    The environment variable PLUGIN_BRIDGE_CONFIG names its folder, else it is in the platform's
    folder for settings.

    Notes
    -----
    Thread: [any]
    """
    return shipped.user_folder(FOLDER_VARIABLE, "config") / FILE


def trusted() -> dict[str, str]:
    """Give the trusted binaries: sha256 -> path when it was trusted.

    Raises
    ------
    SpecError
        If the list cannot be read.

    Notes
    -----
    Thread: [main]
    """
    try:
        text = list_file().read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SpecError(
            f"the list of trusted plugins {list_file()} cannot be read ({error.strerror}); put "
            "its permissions right or remove it"
        ) from error
    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    return {words[0]: words[1] for words in lines if len(words) == 2}


def trust(binary: Path) -> str:
    """Add a binary, as it is now, to the list; give its sha256.

    Raises
    ------
    SpecError
        If the file cannot be read, or the list cannot be written.

    Notes
    -----
    Thread: [main]
    """
    try:
        sha256 = digest(binary)
        known = trusted() | {sha256: str(binary.resolve())}
        text = "".join(f"{key}  {path}\n" for key, path in known.items())
        list_file().parent.mkdir(parents=True, exist_ok=True)
        write_whole(list_file(), text.encode())
    except OSError as error:
        raise SpecError(
            f"{binary} cannot be trusted: {error.filename or list_file()}: {error.strerror}; put "
            "the permissions right"
        ) from error
    return sha256
