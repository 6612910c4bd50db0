"""The stream: misses, commands, refusals and counters, on a device cranked by hand."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from plugin_bridge.console import Console, Route
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import DeviceConfigError, SpecError
from plugin_bridge.live import fit
from plugin_bridge.live import stream as stream_module
from plugin_bridge.live.control import Audio, Worker
from plugin_bridge.live.devices.device import INPUT_XRUN, OUTPUT_XRUN
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.priority import priority_here, raise_priority
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.testing import STEMS, FunctionModel, IdentityModel, card, noise, sine
from tests.live_desk import RATE, cranked, engine_of

HOP = 256
# Of a full-scale sine at 100 Hz between two samples, and of its fades.
SMOOTH = 0.03


class Gated:
    """An identity model whose network waits at a gate: slow when and as long as a test wants."""

    def __init__(self) -> None:
        made = card(stems=("all",), head="none")
        self._open = threading.Event()
        self._open.set()
        self.calls = 0
        self.model = FunctionModel(made, self._run)

    def _run(self, features: FloatArray) -> FloatArray:
        self.calls += 1
        self._open.wait(30)
        return np.ones((1, 2, *features.shape[2:]), np.float32)

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread; the limit is far beyond what any machine needs."""
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "the other thread did not get there"
        time.sleep(0.0005)


def idle(stream: LiveStream) -> None:
    """Wait until the worker has done every step that is complete."""
    until(lambda: stream.backlog == 0)


def run(
    stream: LiveStream, device: NullDevice, mix: FloatArray, late: range, gate: Gated
) -> FloatArray:
    """Crank block by block; in the blocks of `late` the network stands still."""
    parts = []
    block = device.block
    for count, at in enumerate(range(0, mix.shape[1], block)):
        if count == late.stop:
            gate.open()
        if count not in late or count == late.start:
            idle(stream)
        if count == late.start:
            gate.close()
        parts.append(device.crank(mix[:, at : at + block]))
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(("held", "skipped"), [(1, False), (4, False), (8, False), (30, True)])
def test_late_hops_are_covered_counted_and_nothing_moves(held: int, skipped: bool) -> None:
    """The output stays smooth, and later is the bits of a stream without a miss."""
    gate = Gated()
    mix = sine(100, 1)[:, : 100 * HOP] * np.float32(0.5)
    stream, device = cranked(engine_of(gate.model), HOP, mode="worker")
    out = run(stream, device, mix, range(40, 40 + held), gate)
    stream.stop()
    late = stream.latency_samples
    expected = engine_of(gate.model).whole(mix)
    begin, end = 40 * HOP, (40 + held + 3) * HOP
    assert np.array_equal(out[:, late:begin], expected[:, : begin - late])
    after = end + (2048 if skipped else 0)  # what was left out is in the window so long
    assert np.array_equal(out[:, after:], expected[:, after - late : -late])
    assert np.abs(np.diff(out[:, late:])).max() < SMOOTH
    cells = stream.control.cells
    assert cells[Audio.MISSES] == held - 1
    assert cells[Audio.MISSED_SAMPLES] == (held - 1) * HOP
    assert bool(cells[Worker.SKIPPED_HOPS]) == skipped
    assert gate.calls > 0


@pytest.mark.parametrize("comes", [True, False])
def test_a_callback_that_comes_early_waits_for_the_hop_on_its_way(
    comes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that catches up calls twice at once: nothing is lost, and nobody waits for long."""
    gate = Gated()
    stream, device = cranked(engine_of(gate.model), HOP, mode="worker")
    monkeypatch.setattr(stream_module, "PATIENCE", 1e4 if comes else 0.5)
    cells = stream.control.cells
    block = np.ones((2, HOP), np.float32)
    gate.close()
    device.crank(block)
    second = threading.Thread(target=device.crank, args=(block,))
    second.start()
    until(lambda: cells[Audio.WAITS] == 1)
    if comes:
        gate.open()
    second.join()
    gate.open()
    stream.stop()
    assert cells[Audio.MISSES] == (0 if comes else 1)


def test_the_late_frame_is_computed_so_that_states_advance() -> None:
    """A backlog of up to eight hops is worked off: the network sees every frame."""
    gate = Gated()
    mix = noise(0.3)[:, : 40 * HOP]
    stream, device = cranked(engine_of(gate.model), HOP, mode="worker")
    before = gate.calls
    run(stream, device, mix, range(10, 17), gate)
    idle(stream)
    stream.stop()
    assert gate.calls - before == 40


def test_what_plays_in_a_gap_is_the_overlap_of_the_last_hop() -> None:
    """The tail is what the frames so far give beyond the last hop, mixed by the console."""
    gate = Gated()
    console = Console(["all"])
    console["all"].gain_db = -6
    mix = noise(0.3)[:, : 30 * HOP]
    stream, device = cranked(engine_of(gate.model, console), HOP, mode="worker")
    out = run(stream, device, mix, range(20, 26), gate)
    gate.open()
    stream.stop()
    last = 19  # the hop of the last block before the gate closed; worked on 20 when it stood
    reference = engine_of(gate.model, console)
    heard = [reference.push(mix[:, at : at + HOP]) for at in range(0, 20 * HOP, HOP)][-1]
    tail = reference.tail(heard)
    gap = (last + 2) * HOP
    assert np.array_equal(out[:, gap : gap + HOP], tail)
    assert not out[:, gap + HOP : 25 * HOP].any()


def test_dry_on_a_miss_only_where_asked_for() -> None:
    """By default a muted stem stays muted in a gap; with `dry` the input is heard."""
    for on_miss, heard in (("tail", False), ("dry", True)):
        gate = Gated()
        console = Console(["all"])
        console["all"].mute = True
        stream, device = cranked(
            engine_of(gate.model, console), HOP, mode="worker", on_miss=on_miss
        )
        out = run(stream, device, noise(0.3)[:, : 40 * HOP], range(10, 16), gate)
        stream.stop()
        assert bool(out.any()) == heard


@pytest.mark.parametrize("block", [128, 256, 512])
@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_a_command_is_heard_within_a_block_and_a_hop(mode: str, block: int) -> None:
    """From the write to the begin of the mute: a block, a hop, and the worker's blocks."""
    engine = engine_of(IdentityModel(STEMS))
    stream, device = cranked(engine, block, mode=mode, clock="wait")
    steady = np.ones((2, 40 * block), np.float32)
    before = device.crank(steady)
    assert stream.control.send(stream.paths.index("drums.mute"), 1.0)
    out = device.crank(steady)
    stream.stop()
    level = before[0, -1]
    begin = int(np.argmax(np.abs(out[0] - level) > 1e-4))
    added = stream.latency["worker"]
    assert begin <= block + HOP + added
    assert out[0, -1] == pytest.approx(level * 3 / 4, rel=1e-5)
    assert np.abs(np.diff(out[0], prepend=level)).max() < level / 100


def test_presets_are_switched_by_their_index() -> None:
    """A "preset" command names a console; the cell tells which one is heard."""
    quiet = Console(["all"])
    quiet["all"].mute = True
    engine = engine_of(IdentityModel(["all"]), {"loud": Console(["all"]), "quiet": quiet})
    stream, device = cranked(engine, HOP, mode="inline", clock="wait")
    device.crank(noise(0.1))
    assert stream.presets == ("loud", "quiet")
    stream.control.send(stream.paths.index("preset"), 1)
    out = device.crank(noise(0.2))
    stream.stop()
    assert not out[:, -HOP:].any()
    assert stream.control.cells[Worker.ACTIVE] == 1


def test_a_send_to_a_bus_that_is_called_mute_is_a_gain() -> None:
    """What a control takes does not depend on how somebody has named a bus."""
    console = Console(["all"])
    console.add_bus("mute")
    console["all"].sends["mute"] = 0.0
    engine = engine_of(IdentityModel(["all"]), console)
    stream, device = cranked(engine, HOP, mode="inline", clock="wait")
    stream.control.send(stream.paths.index("all.sends.mute"), -6.0)
    device.crank(noise(0.1))
    stream.stop()
    assert console.get("all.sends.mute") == -6.0


def test_unknown_commands_are_counted() -> None:
    """A path or preset that is in no table changes nothing and is counted."""
    stream, device = cranked(engine_of(IdentityModel(["all"])), HOP, mode="inline", clock="wait")
    stream.control.send(999, 1.0)
    stream.control.send(0, 7.0)
    device.crank(noise(0.1))
    stream.stop()
    assert stream.control.cells[Worker.REFUSED_COMMANDS] == 2


def test_a_network_that_raises_is_silent_and_told() -> None:
    """An error in the worker is no end of the callback: silence, and a cell that says so."""
    well = True

    def network(features: FloatArray) -> FloatArray:
        if not well:
            raise RuntimeError
        return np.ones((1, 2, *features.shape[2:]), np.float32)

    model = FunctionModel(card(stems=("all",), head="none"), network)
    for mode in ("inline", "worker"):
        well = True
        stream, device = cranked(engine_of(model), HOP, mode=mode, clock="wait")
        assert device.crank(noise(0.1)).any()
        assert not stream.control.cells[Worker.FAILURES]
        well = False
        out = device.crank(noise(0.1))
        stream.stop()
        assert not out[:, 3 * HOP :].any()
        assert stream.control.cells[Worker.FAILURES] > 0


def test_xruns_are_counted_by_kind() -> None:
    """The flags of the driver are two counters."""
    stream, device = cranked(engine_of(IdentityModel(["all"])), HOP, mode="inline", clock="wait")
    silence = np.zeros((2, HOP), np.float32)
    for flags in (0, INPUT_XRUN, OUTPUT_XRUN, OUTPUT_XRUN, INPUT_XRUN | OUTPUT_XRUN):
        device.crank(silence, flags)
    cells = stream.control.cells
    assert (cells[Audio.INPUT_XRUNS], cells[Audio.OUTPUT_XRUNS]) == (2, 3)
    assert cells[Audio.CALLBACKS] == stream.control.callback_times.sum() == 5
    assert cells[Worker.HOPS] == stream.control.hop_times.sum() == 5


@pytest.mark.parametrize(("block", "step_ms"), [(HOP, 3.0), (2 * HOP, 3.0), (64, 0.8)])
def test_auto_takes_the_worker_where_the_engine_does_not_fit(
    block: int, step_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps of a block may take half of its time in the callback, not more."""
    device = NullDevice(RATE, block, 2, 2, clocked=False)
    engine = engine_of(IdentityModel(["all"]))
    monkeypatch.setattr(fit, "probe", lambda engine, ear: 1e6 * step_ms)
    assert LiveStream(engine, device).mode == "worker"
    said = set()
    for factor in (1e6, 1.3e6):  # told once where it is tried again and again
        monkeypatch.setattr(fit, "probe", lambda engine, ear, factor=factor: factor * step_ms)
        with pytest.raises(SpecError, match=f"block of {block} samples.*--mode worker") as refusal:
            LiveStream(engine, device, mode="inline")
        said.add(str(refusal.value))
    assert len(said) == 1
    assert LiveStream(engine, device, mode="inline", clock="wait").mode == "inline"
    monkeypatch.setattr(fit, "probe", lambda engine, ear: 0.8e6 * step_ms)
    assert LiveStream(engine, device).mode == "inline"


def test_the_probe_measures_and_leaves_no_trace() -> None:
    """It finds a step that takes milliseconds, and the stream starts with silence behind it."""
    made = card(stems=("all",), head="none")

    def slow(features: FloatArray) -> FloatArray:
        time.sleep(0.004)
        return np.ones((1, 2, *features.shape[2:]), np.float32)

    stream, device = cranked(engine_of(FunctionModel(made, slow)), HOP)
    assert stream.mode == "worker"
    out = device.crank(np.zeros((2, 4 * HOP), np.float32))
    stream.stop()
    assert not out.any()


@pytest.mark.parametrize(
    ("rate", "inputs", "outputs", "said"),
    [
        (48000, 2, 8, "48000 Hz, the engine at 44100"),
        (44100, 0, 8, "0 inputs, 2 are needed"),
        (44100, 2, 2, "output 8, null has 2 outputs"),
    ],
)
def test_a_device_that_does_not_fit_is_refused(
    rate: int, inputs: int, outputs: int, said: str
) -> None:
    """The sentence gives what was asked and what there is."""
    engine = engine_of(IdentityModel(["all"]), routes=[Route("all", (7, 8))])
    with pytest.raises(DeviceConfigError, match=said):
        LiveStream(engine, NullDevice(rate, HOP, inputs, outputs))


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_one_input_feeds_both_channels(mode: str) -> None:
    """A microphone alone sounds as the same signal on two inputs does."""
    mono, heard = noise(0.1, channels=1), []
    for inputs in (1, 2):
        device = NullDevice(RATE, HOP, inputs, 2, clocked=False)
        stream = LiveStream(engine_of(IdentityModel(STEMS)), device, mode=mode, clock="wait")
        stream.start()
        heard.append(device.crank(np.repeat(mono, inputs, axis=0)))
        stream.stop()
    assert heard[0].any(axis=1).all()
    assert np.array_equal(heard[0], heard[1])


@pytest.mark.linux
def test_the_worker_is_right_below_the_device_s_thread() -> None:
    """A server of high priority takes its worker along; where nothing is granted, nothing is."""
    device = NullDevice(RATE, HOP, 2, 2, clocked=False)
    engine = engine_of(IdentityModel(["all"]))
    stream = LiveStream(engine, device, mode="worker", clock="wait", urgent=True)
    before = set(threading.enumerate())
    stream.start()
    found: list[int] = []

    def call() -> None:
        raise_priority(50)
        device.crank(noise(0.1))
        found.append(priority_here())

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    (worker,) = (each for each in {*threading.enumerate()} - before if each.name == "worker")
    assert worker.native_id is not None
    below = os.sched_getparam(worker.native_id).sched_priority
    stream.stop()
    assert below == max(0, found[0] - 1)


@pytest.mark.parametrize("option", ["mode", "clock", "on_miss"])
def test_unknown_options_are_refused(option: str) -> None:
    """With the list of those that are allowed."""
    engine = engine_of(IdentityModel(["all"]))
    device = NullDevice(RATE, HOP, 2, 2)
    with pytest.raises(SpecError, match="allowed: "):
        LiveStream(engine, device, **cast(dict[str, Any], {option: "odd"}))
