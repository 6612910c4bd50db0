"""How long `from plugin_bridge import Separator` takes, and what it must not bring along."""

from statistics import median

from tests.bench.program import run
from tests.bench.tables import table

HEAVY = ("sounddevice", "rtmidi", "torch", "onnx", "onnxruntime", "pedalboard")
CODE = f"""
import sys, time
start = time.perf_counter()
from plugin_bridge import Separator
print(time.perf_counter() - start)
print(*({set(HEAVY)!r} & set(sys.modules)))
"""


def measure(runs: int) -> str:
    """Import the package in `runs` fresh interpreters."""
    outputs = [run([], code=CODE).splitlines() for _ in range(runs)]
    seconds = [float(lines[0]) for lines in outputs]
    brought = {name for lines in outputs for name in lines[1].split()}
    return table(
        "from plugin_bridge import Separator",
        ["", "", "target"],
        [
            [
                f"median of {runs}",
                f"{median(seconds):.3f} s (max {max(seconds):.3f})",
                "< 0.3 s",
            ],
            ["heavy modules brought along", ", ".join(sorted(brought)) or "none", "none"],
        ],
    )
