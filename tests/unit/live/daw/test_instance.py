"""An engine on memory of the test's own: no plugin, no process."""

from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.console import Console
from plugin_bridge.daw import protocol
from plugin_bridge.daw.protocol import SIZE, parts, stamp
from plugin_bridge.daw.views import Views
from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.daw.desk import Shelf
from plugin_bridge.live.daw.instance import Instance, plan
from plugin_bridge.model.onnx import Model
from plugin_bridge.presets.reach import PLAIN
from tests.daw.hosts import reference
from tests.daw.models import write_shares
from tests.tiny import equal_model, halves_model, hiss

HOP, LATENCY = 256, 256


class Plugin:
    """Writes what a plugin writes."""

    def __init__(self, rate: float = 44100.0) -> None:
        self.views = Views(bytearray(SIZE))
        self.views.fields["rate"][0] = rate
        self.views.put("max_block", 512)
        self.views.put("latency", 1279)
        self.epoch = 1
        self.written = 0
        self.publish()

    def publish(self) -> None:
        """Tell how much there is."""
        self.views.put("written", stamp(self.epoch, self.written))

    def write(self, signal: FloatArray) -> None:
        """Give input."""
        places = np.arange(self.written, self.written + signal.shape[1]) % protocol.RING
        ring = self.views.fields["input"].reshape(protocol.INPUTS, protocol.RING)
        ring[:, places] = signal
        self.written += signal.shape[1]
        self.publish()

    def hop(self, number: int) -> FloatArray | None:
        """Read a hop, None if it is not there."""
        record = self.views.fields["hops"][0][number % protocol.HOPS]
        if record["after"] != stamp(self.epoch, number + 1):
            return None
        places = np.arange(number * HOP, (number + 1) * HOP) % protocol.RING
        return self.views.fields["output"].reshape(protocol.OUTPUTS, -1)[:, places].copy()


def run(instance: Instance) -> None:
    """Let it do all there is to do."""
    while instance.step():
        pass


def shelf_of(*stems: str) -> Shelf:
    """Give a shelf without presets."""
    return Shelf({PLAIN: Console(stems or protocol.STEMS)})


@pytest.fixture
def plugin() -> Plugin:
    """Give a plugin that has just been activated."""
    return Plugin()


def test_it_says_what_it_needs(plugin: Plugin) -> None:
    """For an activation it gives hop and latency, then that it is ready for this epoch."""
    run(Instance(plugin.views, equal_model(), shelf_of()))
    views = plugin.views
    assert (views.get("hop"), views.get("engine_latency")) == (HOP, LATENCY)
    assert parts(views.get("ready")) == (1, 1)
    assert views.get("verdict") == protocol.PLAYING


def test_hops_are_the_stems(plugin: Plugin, tmp_path: Path) -> None:
    """Hop by hop it gives mix and stems, a latency late."""
    path = write_shares(tmp_path / "shares.onnx")
    signal = hiss(20 * HOP)
    plugin.views.put("offline", 1)
    instance = Instance(plugin.views, Model(path, "cpu"), shelf_of())
    run(instance)
    plugin.write(signal)
    run(instance)
    hops = [plugin.hop(number) for number in range(20)]
    heard = np.concatenate([hop for hop in hops if hop is not None], axis=1)
    assert heard.shape[1] == 20 * HOP
    wanted = reference(path, signal, 44100)
    assert np.array_equal(heard[:, LATENCY:], wanted[:, : 19 * HOP])


def test_a_rate_that_cannot_be_is_refused_by_its_verdict() -> None:
    """A rate that the model does not support is a verdict, and no engine."""
    plugin = Plugin(rate=32000.0)
    instance = Instance(plugin.views, equal_model(), shelf_of())
    run(instance)
    assert parts(plugin.views.get("ready")) == (1, 0)
    assert plugin.views.get("verdict") == protocol.BAD_RATE
    assert "32000" in instance.trouble


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e30])
def test_wild_rates_are_survived(rate: float) -> None:
    """A rate that is no rate is a verdict too."""
    plugin = Plugin(rate=rate)
    run(Instance(plugin.views, equal_model(), shelf_of()))
    assert parts(plugin.views.get("ready")) == (1, 0)


def test_other_stems_go_to_the_buses_in_order() -> None:
    """A model of two other stems plays on the first buses that are free; the rest is silent."""
    plugin = Plugin()
    model = halves_model()
    instance = Instance(plugin.views, model, shelf_of("vocals", "other"))
    run(instance)
    hop = plugin.views.get("hop")
    plugin.write(hiss(2 * hop))
    run(instance)
    ring = plugin.views.fields["output"].reshape(protocol.OUTPUTS, -1)[:, : 2 * hop]
    assert [bool(pair.any()) for pair in ring.reshape(5, 2, -1)] == [True, True, False, False, True]


def test_what_is_overdue_is_left_out(plugin: Plugin) -> None:
    """Live, a backlog that is too long is skipped, and the newest hops are in their places."""
    instance = Instance(plugin.views, equal_model(), shelf_of())
    run(instance)
    plugin.write(hiss(100 * HOP))
    run(instance)
    skipped = plugin.views.get("hops_skipped")
    assert 80 < skipped < 100
    assert plugin.hop(99) is not None
    assert plugin.hop(5) is None


def test_offline_nothing_is_left_out(plugin: Plugin) -> None:
    """Offline every hop is made, however late."""
    plugin.views.put("offline", 1)
    instance = Instance(plugin.views, equal_model(), shelf_of())
    run(instance)
    plugin.write(hiss(100 * HOP))
    run(instance)
    assert plugin.views.get("hops_skipped") == 0
    assert all(plugin.hop(number) is not None for number in range(100))


def test_who_comes_late_begins_in_time(plugin: Plugin) -> None:
    """An engine that replaces another one begins where the plugin is, and gives no old hops."""
    plugin.write(hiss(1000 * HOP % protocol.RING))
    plugin.written = 1000 * HOP
    plugin.publish()
    instance = Instance(plugin.views, equal_model(), shelf_of())
    run(instance)
    epoch, first = parts(plugin.views.get("ready"))
    start, heard = plan(1000 * HOP, 1279, 512, HOP, LATENCY)
    assert (epoch, first - 1) == (1, heard)
    assert start < heard < 1000
    assert plugin.hop(heard - 1) is None
    assert plugin.hop(999) is not None


def test_wild_positions_are_survived(plugin: Plugin) -> None:
    """Counts that cannot be, forwards and back, cost no more than samples."""
    instance = Instance(plugin.views, equal_model(), shelf_of())
    run(instance)
    for written in (10**11, 5, 2**40 - 1, 0):
        plugin.views.put("commands_written", stamp(1, written))
        plugin.views.put("written", stamp(1, written))
        for _ in range(50):
            instance.step()
    plugin.views.put("written", 2**64 - 1)
    for _ in range(50):
        instance.step()
