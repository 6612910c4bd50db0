"""Consoles side by side: who runs, who is heard. Fades are tested on the engine."""

import numpy as np
import pytest
from pedalboard_native._internal import AddLatency

from plugin_bridge.console import Console, Mixer
from plugin_bridge.console.rack import FADE_SECONDS, Rack
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError
from plugin_bridge.testing import STEMS

RATE, HOP = 44100, 256
ONES = np.ones((4, 2, HOP), np.float32)
FADE_HOPS = round(FADE_SECONDS * RATE) // HOP + 1


def console(gain_db: float = 0.0, latency: int = 0) -> Console:
    """Give a console that turns its four stems of 1 into 4, and its master's gain of it."""
    made = Console(STEMS)
    made.master.gain_db = gain_db
    made["bass"].inserts = [AddLatency(latency)] if latency else None
    return made


def hops(rack: Rack, count: int) -> FloatArray:
    """Run hops of ones; give the first channel."""
    return np.concatenate([rack.process(ONES, ONES[0])[0] for _ in range(count)])


def test_all_have_the_largest_latency() -> None:
    """And take a new one at a reset, larger or smaller."""
    first, second = console(), console(latency=480)
    rack = Rack({"a": first, "b": second}, RATE, 2, HOP)
    for latency in (480, 1000, 0):
        second["bass"].inserts = [AddLatency(latency)] if latency else None
        rack.reset()
        assert rack.latency_samples == latency
        out = hops(rack, 6)
        assert not out[:latency].any()
        np.testing.assert_array_equal(out[latency:], 4)


def test_only_what_is_heard_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One mixer, and two for as long as a fade and the latency take."""
    rack = Rack({"a": console(), "b": console(-6, 480), "c": console()}, RATE, 2, HOP)
    runs: list[str] = []
    process = Mixer.process

    def noted(mixer: Mixer, stems: FloatArray, dry: FloatArray) -> FloatArray:
        runs.append(next(name for name, made in rack.consoles.items() if made is mixer.console))
        return process(mixer, stems, dry)

    monkeypatch.setattr(Mixer, "process", noted)
    hops(rack, 3)
    assert runs == ["a"] * 3
    rack.switch("b")
    hops(rack, 20)
    assert runs[-1] == "b"
    assert set(runs) == {"a", "b"}
    assert runs.count("a") <= 3 + FADE_HOPS + 480 // HOP + 1


def test_a_switch_to_where_it_is_does_nothing() -> None:
    """Not even rounding."""
    rack = Rack({"a": console(), "b": console()}, RATE, 2, HOP)
    hops(rack, 2)
    rack.switch("a")
    np.testing.assert_array_equal(hops(rack, 2), 4)


def test_settings_made_while_unheard_are_there_at_once() -> None:
    """The fade is the only one: no ramp of the fader within it."""
    consoles = {"a": console(), "b": console()}
    rack = Rack(consoles, RATE, 2, HOP)
    hops(rack, 2)
    rack.switch("b")
    hops(rack, FADE_HOPS + 1)
    rack.switch("a")
    hops(rack, FADE_HOPS + 1)
    consoles["b"].master.gain_db = -20
    rack.switch("b")
    share = np.arange(1, HOP + 1) / round(FADE_SECONDS * RATE)
    np.testing.assert_allclose(hops(rack, 1), 4 - 3.6 * share, rtol=1e-6)


def test_an_unknown_name_says_what_there_is() -> None:
    """With what may have been meant."""
    rack = Rack({"karaoke": console()}, RATE, 2, HOP)
    with pytest.raises(SpecError, match="no preset 'karoke' here; did you mean karaoke"):
        rack.switch("karoke")
