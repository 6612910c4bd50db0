"""How commands end: what is wrong with their input is one sentence, and 2 their exit code."""

import sys
from collections.abc import Callable
from typing import NoReturn

from plugin_bridge.errors import PluginBridgeError


def run(command: Callable[[], int | None]) -> NoReturn:
    """Run a command, and end with the exit status that it gives: 0 if it gives none.

    Notes
    -----
    Thread: [main]
    """
    try:
        sys.exit(command())
    except (ValueError, OSError, PluginBridgeError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
