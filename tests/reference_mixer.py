"""A mixer in plain double precision, sample by sample: what the console's must agree with.

It knows no latency: a strip's plugins are a factor, and gains are walked along the samples of
the input. The console's mixer gives the same, `latency_samples` later.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.console import Command, Console, Route

Wave = NDArray[np.float64]
RAMP_SECONDS = 0.005


@dataclass
class Walk:
    """A value on its way: one step per sample until none is left."""

    value: float
    target: float
    step: float = 0.0
    left: int = 0

    def turn(self, target: float, samples: int) -> None:
        """Head for another target."""
        if target != self.target:
            self.step = (target - self.value) / samples
            self.target, self.left = target, samples

    def next(self) -> float:
        """Give the next sample's value."""
        self.left = max(0, self.left - 1)
        self.value = self.target - self.step * self.left
        return self.value


def settings(console: Console, channels: int) -> dict[tuple[str, ...], float]:
    """Give the factor of each fader's channel, of each send and of the master."""

    def factor(gain_db: float) -> float:
        return 0.0 if gain_db == -math.inf else math.exp(gain_db / 20 * math.log(10))

    solo = [name for name, strip in console.strips.items() if strip.solo]
    found: dict[tuple[str, ...], float] = {}
    for name, strip in console.channels.items():
        heard = not strip.mute and (name in solo or not solo or name in console.buses)
        for channel in range(channels):
            away = strip.pan if channel == 0 else -strip.pan
            side = 1.0 if channels == 1 or away <= 0 else 1.0 - away
            found[name, "fader", str(channel)] = side * factor(strip.gain_db) if heard else 0.0
        for bus, gain_db in strip.sends.items():
            found[name, "send", bus] = factor(gain_db)
    master = console.master
    found["master",] = 0.0 if master.mute else factor(master.gain_db)
    return found


def gains(
    console: Console, channels: int, hop: int, count: int, rate: float, commands: Sequence[Command]
) -> dict[tuple[str, ...], Wave]:
    """Walk every gain along the input; changes the console as the commands say."""
    length = round(RAMP_SECONDS * rate)
    waiting = sorted(commands, key=lambda command: command.position)
    walks: dict[tuple[str, ...], Walk] = {}
    curves: dict[tuple[str, ...], list[float]] = {}
    for start in range(0, count, hop):
        while waiting and waiting[0].position <= start:
            command = waiting.pop(0)
            assert not isinstance(command.value, str)
            console.set(command.path, command.value)
        for key, target in settings(console, channels).items():
            walk = walks.setdefault(key, Walk(target, target))
            walk.turn(target, length)
            curves.setdefault(key, []).extend(walk.next() for _ in range(hop))
    return {key: np.array(curve) for key, curve in curves.items()}


def mix(
    console: Console,
    curves: Mapping[tuple[str, ...], Wave],
    stems: Mapping[str, Wave],
    dry: Wave,
    effects: Mapping[str, float],
    routes: Sequence[Route],
) -> Wave:
    """Give the device channels of a whole song, shape (outputs, samples)."""
    channels = range(len(dry))

    def source(name: str) -> Wave:
        if name in ("mix", "dry"):
            return dry if name == "dry" else total("mix") * curves["master",]
        signal = effects[name] * (stems[name] if name in stems else total(name))
        faders = [curves[name, "fader", str(channel)] for channel in channels]
        return np.array([lane * fader for lane, fader in zip(signal, faders, strict=True)])

    def total(target: str) -> Wave:
        parts = [np.zeros_like(dry)]
        for name, strip in console.channels.items():
            if strip.output == target:
                parts.append(source(name))
            if target in strip.sends:
                parts.append(source(name) * curves[name, "send", target])
        summed: Wave = np.array(parts).sum(axis=0)
        return summed

    out = np.zeros((max(max(route.channels) for route in routes), dry.shape[1]))
    for route in routes:
        signal = source(route.source)
        if len(route.channels) == 1:
            signal = signal.mean(axis=0, keepdims=True)
        for index, channel in enumerate(route.channels):
            out[channel - 1] += signal[min(index, len(signal) - 1)]
    return out
