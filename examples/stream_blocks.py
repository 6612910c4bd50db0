"""Separate a stream block by block, as a device or a host hands it over.

    python examples/stream_blocks.py --block 128

The stems come out aligned with the input, a constant number of samples later, and add up to it.
Live, one hop is separated at a time: --frames 64 is for files, faster and later.
"""

import argparse
import math
import time

import numpy as np

from plugin_bridge import Separator
from plugin_bridge.testing import noise

RATE = 44100
SECONDS = 4


def main() -> None:
    """Stream noise through the separator and print latency, time and the sum's error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--block", type=int, default=480, help="samples per block, any number")
    parser.add_argument("--frames", type=int, default=1, help="frames per call of the network")
    parser.add_argument("--model", default="lastframe", help="a model's name or .onnx file")
    arguments = parser.parse_args()

    # With block=None blocks of any size may follow each other; the latency is higher then.
    separator = Separator(
        arguments.model, RATE, block=arguments.block, frames_per_call=arguments.frames
    )
    latency = separator.latency_samples
    print(f"stems: {', '.join(separator.stems)}; on {separator.provider}")
    print(f"latency: {latency} samples, {1000 * latency / RATE:.1f} ms")

    blocks = math.ceil(SECONDS * RATE / arguments.block)
    mix = noise(blocks * arguments.block / RATE, RATE)
    start = time.perf_counter()
    parts = [
        separator.push(mix[:, first : first + arguments.block])
        for first in range(0, mix.shape[1], arguments.block)
    ]
    seconds = time.perf_counter() - start
    parts.append(separator.flush())  # what the latency still held back
    stems = np.concatenate(parts, axis=-1)

    print(f"{blocks} blocks of {arguments.block}: {mix.shape[1]} samples in, {stems.shape[2]} out")
    print(
        f"time per block: {1000 * seconds / blocks:.2f} ms of {1000 * arguments.block / RATE:.2f}"
    )
    error = float(np.abs(stems.sum(axis=0) - mix).max() / np.abs(mix).max())
    print(f"sum of the stems against the input: {20 * math.log10(error):.0f} dB")


if __name__ == "__main__":
    main()
