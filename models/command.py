"""How commands end: what is wrong with their input is one sentence, and 2 their exit code."""

import sys
from collections.abc import Callable

from plugin_bridge.errors import PluginBridgeError


def run(command: Callable[[], object]) -> None:
    """Run a command that ends by itself if all goes well.

    Notes
    -----
    Thread: [main]
    """
    try:
        command()
    except (ValueError, OSError, PluginBridgeError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
