"""How long one hop takes, of the time there is for it."""

import time
from collections.abc import Sequence

from plugin_bridge import Separator
from plugin_bridge.dsp import FloatArray
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests.bench.tables import spread, table

# The first hops fill caches; they are reported on their own line or not at all.
WARM_UP = 100
# Seconds of noise that all loops go round.
NOISE_SECONDS = 10.0


def measure(model: Model, hops: int, paced_seconds: float) -> str:
    """Time hops back to back, and as a device would ask for them."""
    rate = model.card.sample_rate
    hop = Separator(model, rate).step
    budget = hop / rate
    mix = noise(NOISE_SECONDS, rate)
    blocks = [mix[:, start : start + hop] for start in range(0, mix.shape[1] - hop + 1, hop)]
    separator = Separator(model, rate, block=hop)
    start = time.perf_counter()
    separator.push(blocks[0])
    first = time.perf_counter() - start
    _time(separator, blocks, WARM_UP, None)
    wall, cpu = _time(separator, blocks, hops, None)
    paced_hops = round(paced_seconds / budget)
    paced_wall, paced_cpu = _time(separator, blocks, paced_hops, budget)
    return table(
        f"One hop: {model.card.name}, {separator.provider}, one thread, "
        f"{hop} samples = {1000 * budget:.2f} ms",
        ["", "p50", "p99", "max", "target"],
        [
            [f"warm, {hops} hops, wall", *spread(wall, budget), "p50 <= 6 %"],
            ["warm, CPU time", *spread(cpu, budget), ""],
            [
                f"paced, {paced_seconds:g} s, wall",
                *spread(paced_wall, budget),
                "p50 <= 12 %, p99 <= 20 %",
            ],
            ["paced, CPU time", *spread(paced_cpu, budget), ""],
            ["first call", *spread([first], budget), ""],
        ],
    )


def _time(
    separator: Separator, blocks: Sequence[FloatArray], hops: int, pace: float | None
) -> tuple[list[float], list[float]]:
    """Push `hops` blocks, one every `pace` seconds or at once; give wall and CPU seconds."""
    wall, cpu = [], []
    due = time.perf_counter()
    for index in range(hops):
        if pace is not None:
            due += pace
            time.sleep(max(0.0, due - time.perf_counter()))
        block = blocks[index % len(blocks)]
        start, start_cpu = time.perf_counter(), time.thread_time()
        separator.push(block)
        cpu.append(time.thread_time() - start_cpu)
        wall.append(time.perf_counter() - start)
    return wall, cpu
