"""`python -m plugin_bridge.cli` is the program `plugin-bridge`."""

import sys

from plugin_bridge.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
