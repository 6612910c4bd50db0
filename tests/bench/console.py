"""How long the console takes per hop, of the time there is for it."""

import time

from pedalboard import Compressor, Reverb

from plugin_bridge import presets
from plugin_bridge.console import Console, Mixer
from plugin_bridge.console.route import side_by_side
from plugin_bridge.dsp import FloatArray
from plugin_bridge.testing import STEMS, noise
from tests.bench.tables import spread, table

RATE, HOP = 44100, 256
# The first hops fill caches.
WARM_UP = 100
# A shipped preset with buses and inserts, and how often it is loaded.
PRESET, LOADS = "in-ear-monitor", 10
# dB, in turn, so that a ramp is always on its way.
RIDE = (0.0, -1.0, -2.0, -3.0)


def measure(hops: int) -> str:
    """Time four strips: bare, riding a fader, routed apart, and with plugins on each."""
    plain = Console(STEMS)
    apart = Mixer(plain, RATE, 2, HOP, routes=side_by_side(["mix", *STEMS], 2))
    loaded = Console(STEMS)
    for strip in loaded.strips.values():
        strip.inserts = [Compressor(-18, 4), Reverb(0.3)]
    start = time.perf_counter()
    with_plugins = Mixer(loaded, RATE, 2, HOP)
    prepare = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(LOADS):
        presets.load(PRESET).console(STEMS)
    load = (time.perf_counter() - start) / LOADS
    bare = Mixer(plain, RATE, 2, HOP)
    budget = HOP / RATE
    rows = [
        ["no inserts", *spread(_time(bare, hops), budget), "p50 <= 0.060 ms"],
        ["a fader moving", *spread(_time(bare, hops, ride=True), budget), ""],
        ["mix and stems to 10 channels", *spread(_time(apart, hops), budget), ""],
        ["compressor and reverb each", *spread(_time(with_plugins, hops), budget), "p50 < 5 %"],
    ]
    return table(
        f"Console: 4 strips, {HOP} samples = {1000 * budget:.2f} ms, "
        f"inserts measured in {1000 * prepare:.0f} ms, {PRESET} loaded in {1000 * load:.1f} ms "
        "(target: under 50)",
        ["", "p50", "p99", "max", "target"],
        rows,
    )


def _time(mixer: Mixer, hops: int, ride: bool = False) -> list[float]:
    """Mix `hops` hops of noise back to back; give the seconds of each."""
    stems, dry = _hop()
    seconds = []
    for index in range(WARM_UP + hops):
        if ride:
            mixer.console["vocals"].gain_db = RIDE[index % len(RIDE)]
        start = time.perf_counter()
        mixer.process(stems, dry)
        seconds.append(time.perf_counter() - start)
    return seconds[WARM_UP:]


def _hop() -> tuple[FloatArray, FloatArray]:
    """Give a hop of four stems, and of their sum."""
    stems = noise(len(STEMS) * HOP / RATE, RATE)[:, : len(STEMS) * HOP]
    stems = stems.reshape(2, len(STEMS), HOP).swapaxes(0, 1).copy()
    return stems, stems.sum(axis=0)
