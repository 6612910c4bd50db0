"""The program `plugin-bridge`, also as `python -m plugin_bridge.cli`."""

import sys

from plugin_bridge.cli.interrupt import INTERRUPTED, interruptible


def run() -> int:
    """Run the program; give its exit code. Ctrl-C is heard while its parts are imported, too.

    Notes
    -----
    Thread: [main]
    """
    with interruptible():
        try:
            from plugin_bridge.cli.main import main
        except KeyboardInterrupt:
            return INTERRUPTED
        return main()


if __name__ == "__main__":
    sys.exit(run())
