"""Whether an engine fits a device: its step, its channels, its speed."""

import math
from concurrent.futures import ThreadPoolExecutor
from time import monotonic_ns
from typing import TYPE_CHECKING

import numpy as np

from plugin_bridge.engine import Engine
from plugin_bridge.errors import DeviceConfigError, SpecError
from plugin_bridge.live.devices.device import Device
from plugin_bridge.live.priority import WORKER_PRIORITY, raise_priority
from plugin_bridge.live.settings import AUTO, INLINE, WORKER

if TYPE_CHECKING:
    from plugin_bridge.live.ear import Ear

# Steps measured to find out whether the engine fits into the callback, after some that warm it up.
PROBE_STEPS, WARM_STEPS = 60, 10


def probe(engine: Engine, ear: "Ear | None" = None) -> float:
    """Measure the slowest step, in ns, and put engine and ear back to their start.

    The calling thread comes before others from then on, as a callback does.

    Notes
    -----
    Thread: one of its own
    """
    raise_priority(WORKER_PRIORITY)
    generator = np.random.default_rng(0)
    signal = 0.1 * generator.standard_normal((engine.inputs, engine.step), np.float32)
    slowest = 0
    for count in range(WARM_STEPS + PROBE_STEPS):
        begin = monotonic_ns()
        out = engine.push(signal)
        if out.shape[1] == engine.step:
            engine.tail(out)
        if ear is not None:
            ear.hear(0, tell=False)
        if count >= WARM_STEPS:
            slowest = max(slowest, monotonic_ns() - begin)
    engine.reset()
    if ear is not None:
        ear.reset()
    return slowest


def choose_mode(
    engine: Engine, device: Device, mode: str, *, waits: bool, ear: "Ear | None" = None
) -> str:
    """Give the mode to use.

    Parameters
    ----------
    engine : Engine, warm afterwards
    device : Device
    mode : "auto", "inline" or "worker", as it was asked for
    waits : bool, whether the device waits for the engine
    ear : Ear, optional; listens after every step

    Returns
    -------
    mode : "inline" or "worker"

    Raises
    ------
    SpecError
        If inline was asked for and the engine does not fit into half a block.

    Notes
    -----
    Thread: [main]
    """
    # As a callback runs: on a thread that comes before others.
    with ThreadPoolExecutor(1) as thread:
        slowest = thread.submit(probe, engine, ear).result()
    if mode == WORKER:
        return WORKER
    if waits:
        return INLINE
    needed = math.ceil(device.block / engine.step) * slowest
    block_ns = 1e9 * device.block / device.sample_rate
    if needed < block_ns / 2:
        return INLINE
    if mode == AUTO:
        return WORKER
    # The same at every attempt to start anew: what was measured would differ.
    raise SpecError(
        f"inline does not fit into half of a block of {device.block} samples, "
        f"{block_ns / 1e6:.1f} ms; use --mode worker, or a larger --block, which under JACK is at "
        "most the server's period"
    )


def refuse_device(engine: Engine, device: Device) -> None:
    """Refuse an engine and a device that do not fit.

    Raises
    ------
    SpecError
        If the engine was not made for blocks of its step.
    DeviceConfigError
        If the device has too few channels or another rate.

    Notes
    -----
    Thread: [main]
    """
    if engine.block is None or engine.block % engine.step:
        raise SpecError(
            f"the engine was made for blocks of {engine.block or 'any size'}, live playing needs "
            f"its step; make it with block={engine.step}"
        )
    if device.sample_rate != engine.sample_rate:
        raise DeviceConfigError(
            f"{device.name} runs at {device.sample_rate:g} Hz, the engine at "
            f"{engine.sample_rate:g} Hz; set --rate to the device's"
        )
    # One input feeds both channels.
    if device.inputs < min(engine.inputs, 1) or 1 < device.inputs < engine.inputs:
        raise DeviceConfigError(
            f"{device.name} has {device.inputs} inputs, {engine.inputs} are needed; choose "
            "another --input"
        )
    if device.outputs < engine.outputs:
        raise DeviceConfigError(
            f"the preset plays to output {engine.outputs}, {device.name} has {device.outputs} "
            "outputs; choose another --output, or a preset with fewer channels"
        )
