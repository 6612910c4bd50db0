"""Print what the plugin costs a host's audio thread: `python -m tests.daw.cost`.

Live, paced by the clock, with the shipped model; microseconds per block, of ten stereo channels.
"""

import tempfile
from pathlib import Path

import numpy as np

from plugin_bridge.model import store
from tests.daw.conftest import compiled_host, compiled_plugin
from tests.daw.hosts import MISSES, ClapHost, serving
from tests.tiny import hiss

RATE, SECONDS = 48000, 10
BLOCKS = (64, 128, 256, 512, 1024)


def main() -> None:
    """Play ten seconds at every block size."""
    plugin, host = compiled_plugin() / "StemBridge.clap", compiled_host()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder / "run", store.find(store.DEFAULT)) as server:
            clap = ClapHost(host, plugin, folder)
            print(f"{RATE} Hz, {SECONDS} s a row; us per block")
            print("block  budget    p50    p99    max  misses")
            for block in BLOCKS:
                words = ("pace", "run", RATE * SECONDS, "time", "times.txt", "get", MISSES)
                played = clap.play(server, hiss(RATE), *words, rate=RATE, most=block, offline=False)
                times = np.array(played.times_ns) / 1000
                shown = [np.percentile(times, 50), np.percentile(times, 99), times.max()]
                columns = "".join(f"{value:7.1f}" for value in shown)
                budget = 1e6 * block / RATE
                print(f"{block:5}  {budget:6.0f}{columns}  {played.values[MISSES]:6.0f}")


if __name__ == "__main__":
    main()
