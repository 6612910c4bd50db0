"""Print time, memory and accuracy of the separation on this machine: `python -m tests.bench`.

Nothing is asserted: a busy machine is slower. The targets stand beside the figures.
"""

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.store import DEFAULT
from tests.bench import accuracy, console, hop, imports, memory, offline
from tests.bench.program import ROOT

# Processes that were running during the last minute, on average.
BUSY = 0.5
SCRATCH = ROOT / "build" / "bench"


def main() -> int:
    """Run every measurement; give the exit code."""
    arguments = _arguments()
    quick = arguments.quick
    minutes = [0.1] if quick else [1.0, 10.0]
    if arguments.long:
        minutes.append(120.0)
    try:
        model = Model(arguments.model, "cpu")
    except PluginBridgeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(_machine())
    with _scratch() as folder:
        _show(hop.measure(model, 300 if quick else 5000, 1.0 if quick else 15.0))
        _show(console.measure(300 if quick else 5000))
        _show(offline.measure(model, folder, 5.0 if quick else 60.0, 1 if quick else 3))
        _show(memory.measure(model, folder, minutes))
    _show(imports.measure(3 if quick else 10))
    _show(accuracy.measure(model, 1.0 if quick else 10.0))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--model", default=DEFAULT, help="a model's name or .onnx file")
    parser.add_argument("--quick", action="store_true", help="under 20 s, rough figures")
    parser.add_argument(
        "--long",
        action="store_true",
        help="also render a two-hour file: 12 GB of disk for several minutes",
    )
    return parser.parse_args()


def _machine() -> str:
    text = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        text += f"\nload {load:.1f}: something else is running, the figures will be worse for it"
    return text + "\n"


def _show(text: str) -> None:
    print(text, flush=True)


@contextmanager
def _scratch() -> Iterator[Path]:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    try:
        yield SCRATCH
    finally:
        shutil.rmtree(SCRATCH)


if __name__ == "__main__":
    sys.exit(main())
