"""The program `plugin-bridge`, also as `python -m plugin_bridge.cli`."""

import os
import sys

from plugin_bridge.cli.interrupt import INTERRUPTED, interruptible


def run() -> int:
    """Run the program; give its exit code. Ctrl-C is heard while its parts are imported, too.

    Notes
    -----
    Thread: [main]
    """
    _open_streams()
    with interruptible():
        try:
            from plugin_bridge.cli.main import main
        except KeyboardInterrupt:
            return INTERRUPTED
        return main()


def _open_streams() -> None:
    """Give the program the standard streams that it was started without.

    Otherwise the next file that is opened would take the place of one, and get what is printed.
    """
    for fd, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            setattr(sys, name, open(fd, mode, encoding="utf-8"))  # noqa: SIM115  as long as it runs


if __name__ == "__main__":
    sys.exit(run())
