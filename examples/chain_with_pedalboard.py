"""Put the bridge between Pedalboard's own plugins, and stream through all of them.

    python examples/chain_with_pedalboard.py --block 480

A stock Pedalboard calls its own plugins only; a Chain has both, and is called in the same way.
"""

import argparse
import sys

import numpy as np
from pedalboard import Gain, HighpassFilter, Limiter, Pedalboard

from plugin_bridge import Chain, StemBridge
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.testing import noise

RATE, SECONDS = 44100, 4


def main() -> None:
    """Run a chain in one call, by hand and block by block, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--block", type=int, default=512, help="samples per block, at least 3")
    arguments = parser.parse_args()
    if arguments.block < 3:  # fewer samples than channels tell Pedalboard nothing
        parser.error(f"--block {arguments.block}: give at least 3 samples")

    audio = noise(SECONDS, RATE)
    bridge = StemBridge()
    bridge["drums"].gain_db = -6
    before, behind = HighpassFilter(40), [Gain(3), Limiter(threshold_db=-6)]

    chain = Chain([before, bridge, *behind])
    whole = chain(audio, sample_rate=RATE)

    by_hand = Pedalboard(behind)(bridge(before(audio, RATE), RATE), RATE)
    print(f"one call, and its plugins by hand: equal is {np.array_equal(whole, by_hand)}")

    chain.reset()
    parts = [
        chain(audio[:, start : start + arguments.block], sample_rate=RATE, reset=False)
        for start in range(0, audio.shape[1], arguments.block)
    ]
    print(f"samples per block: {', '.join(str(part.shape[1]) for part in parts[:4])} ...")
    streamed = np.concatenate([*parts, chain.flush()], axis=1)
    print(f"one call, and block by block: equal is {np.array_equal(whole, streamed)}")
    chain.reset()
    latency = chain.latency_samples
    print(f"latency: {latency} samples, {1000 * latency / RATE:.1f} ms")


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
