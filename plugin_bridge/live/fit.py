"""Whether an engine fits a device: its step, its channels, its speed."""

from time import monotonic_ns

import numpy as np

from plugin_bridge.engine import Engine
from plugin_bridge.errors import DeviceConfigError, SpecError
from plugin_bridge.live.devices.device import Device
from plugin_bridge.live.priority import WORKER_PRIORITY, raise_priority
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import Separator

# Steps measured to find out whether the engine fits into the callback, after as many unmeasured.
PROBE_STEPS = 60


def step_of(model: AnyModel, sample_rate: float) -> int:
    """Give the samples of a model's step at this rate: the block to make a live engine for.

    Notes
    -----
    Thread: [main]
    """
    return Separator(model, sample_rate).step


def probe(engine: Engine) -> float:
    """Measure the slowest step, in ns, and put the engine back to its start.

    The calling thread comes before others from then on, as a callback does.

    Notes
    -----
    Thread: one of its own
    """
    raise_priority(WORKER_PRIORITY)
    generator = np.random.default_rng(0)
    signal = 0.1 * generator.standard_normal((engine.channels, engine.step), np.float32)
    slowest = 0
    for count in range(2 * PROBE_STEPS):
        begin = monotonic_ns()
        out = engine.push(signal)
        if out.shape[1] == engine.step:
            engine.tail(out)
        if count >= PROBE_STEPS:
            slowest = max(slowest, monotonic_ns() - begin)
    engine.reset()
    return slowest


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
    if device.inputs < engine.channels:
        raise DeviceConfigError(
            f"{device.name} has {device.inputs} inputs, {engine.channels} are needed; choose "
            "another --input"
        )
    if device.outputs < engine.outputs:
        raise DeviceConfigError(
            f"the preset plays to output {engine.outputs}, {device.name} has {device.outputs} "
            "outputs; choose another --output, or a preset with fewer channels"
        )
