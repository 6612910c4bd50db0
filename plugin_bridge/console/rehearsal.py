"""A console's inserts, tried out before anybody listens."""

import numpy as np
from pedalboard import Pedalboard

from plugin_bridge.console.console import Console
from plugin_bridge.console.mixer import Mixer
from plugin_bridge.errors import SpecError

# One second, in hops of the default transform.
RATE, HOP, HOPS = 44100.0, 256, 172


def rehearse(console: Console, channels: int = 2) -> int:
    """Run a second of noise through a console.

    Parameters
    ----------
    console : Console; its strips and buses are named as in a preset
    channels : int, of a stem

    Returns
    -------
    latency : int, samples that the inserts add at 44.1 kHz

    Raises
    ------
    SpecError
        If an insert gives no usable numbers, or a chain cannot run; names it.

    Examples
    --------
    >>> rehearse(Console(["vocals", "drums"]))
    0

    Notes
    -----
    Thread: [main]
    """
    random = np.random.default_rng(0)
    shape = (len(console.strips), channels, HOP)
    mixer = Mixer(console, RATE, channels, HOP)
    for _ in range(HOPS):
        noise = random.uniform(-0.5, 0.5, shape).astype(np.float32)
        mixer.process(noise, noise.sum(axis=0))
    if mixer.counters.nonfinite_samples:
        raise SpecError(f"{_culprit(console, channels)}; change its values or take it out")
    return mixer.latency_samples


def _culprit(console: Console, channels: int) -> str:
    """Name the first insert that gives no numbers by itself, or all of them, and what they give."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (channels, int(RATE))).astype(np.float32)
    for group, members in (("strips", console.strips), ("buses", console.buses)):
        for name, channel in members.items():
            for place, plugin in enumerate(channel.inserts):
                if not np.isfinite(Pedalboard([plugin])(noise, RATE)).all():
                    kind = type(plugin).__name__
                    return f"{group}.{name}.inserts[{place}], a {kind}, gives no numbers (NaN)"
    return "a chain of inserts gives NaN, or sound 120 dB above full scale"
