"""The stream between a device's callback and the engine.

Rules of this file
  1. The audio thread only copies: input to a tape, finished hops from the player. `inline` runs
     the engine in the callback as well, and is chosen where that fits.
  2. The worker takes whole steps, so the samples do not depend on the device's block.
  3. With the live clock nobody waits for the worker; with `wait` the callback does.

Latency, in samples: the engine's, the wait for a step to fill up with blocks of b
(`step - gcd(b, step)`), and with a worker `ceil(step / b) * b`: so many blocks pass before a step
that is complete has to be ready.
"""

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic_ns

import numpy as np

from plugin_bridge.console import Command
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.errors import SpecError
from plugin_bridge.live.control import (
    BINS_PER_BLOCK,
    BINS_PER_STEP,
    NOW,
    PRESET,
    Audio,
    ControlBlock,
    Order,
    Worker,
    count_time,
)
from plugin_bridge.live.devices.device import INPUT_XRUN, OUTPUT_XRUN, Device
from plugin_bridge.live.fit import probe, refuse_device
from plugin_bridge.live.meters import Meters
from plugin_bridge.live.player import Player
from plugin_bridge.live.priority import DEVICE_PRIORITY, WORKER_PRIORITY, raise_priority
from plugin_bridge.live.recorder import Recorder
from plugin_bridge.live.signal import Signal
from plugin_bridge.live.tape import Tape
from plugin_bridge.realtime import realtime

AUTO, INLINE, WORKER = "auto", "inline", "worker"
MODES = (AUTO, INLINE, WORKER)
LIVE, WAIT = "live", "wait"
CLOCKS = (LIVE, WAIT)
TAIL, DRY = "tail", "dry"
COVERS = (TAIL, DRY)
# Whole hops that may be overdue before they are left out.
MOST_OVERDUE = 8
# Room for a worker that is held up, in steps; beyond it hops are left out anyway.
HELD_STEPS = 64
# `wait` gives up after this: a worker that takes so long has died.
WAIT_SECONDS = 10.0


class LiveStream:
    """Play a device's input through an engine to its outputs.

    Parameters
    ----------
    engine : Engine, made for blocks of its step (see `fit.step_of`)
    device : Device, opened at the engine's rate, not yet started
    mode : "auto", "inline" or "worker"
        `auto` is inline where the engine fits into half a block, else a worker.
    clock : "live" or "wait"
    on_miss : "tail" or "dry", what plays where a hop is missing
    control : ControlBlock, optional; one of its own without it
    recorder : Recorder, optional
    urgent : bool, whether the device's thread is put before others at its first callback

    Attributes
    ----------
    mode : "inline" or "worker", the one in use
    latency : dict of str to int, samples: transform, inserts, fifo, worker
    latency_samples : int, their sum
    paths : tuple of str, what a command's path is an index of; "preset" is the first
    presets : tuple of str, what the value of a "preset" command is an index of
    priority : str, of the worker: "realtime", or why not

    Raises
    ------
    SpecError
        If an option is not allowed, or inline does not fit into the block.
    DeviceConfigError
        If the device has too few channels or another rate; says what was asked and what there is.

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        engine: Engine,
        device: Device,
        *,
        mode: str = AUTO,
        clock: str = LIVE,
        on_miss: str = TAIL,
        control: ControlBlock | None = None,
        urgent: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        for option, value, allowed in (
            ("mode", mode, MODES),
            ("clock", clock, CLOCKS),
            ("on-miss", on_miss, COVERS),
        ):
            if value not in allowed:
                raise SpecError(f"{option} is {value!r}; allowed: {', '.join(allowed)}")
        self.engine, self.device = engine, device
        self.control = control or ControlBlock()
        refuse_device(engine, device)
        step, block = engine.step, device.block
        self._block_ns = round(1e9 * block / device.sample_rate)
        self._step_ns = round(1e9 * step / device.sample_rate)
        self.mode = self._choose(mode, clock)
        self._waits = clock == WAIT
        inserts = engine.insert_latency_samples
        self.latency = {
            "transform": engine.latency_samples - inserts,
            "inserts": inserts,
            "fifo": step - math.gcd(block, step),
            "worker": math.ceil(step / block) * block if self.mode == WORKER else 0,
        }
        self.latency_samples = sum(self.latency.values())
        consoles = engine.consoles
        self.presets = tuple(consoles)
        paths = dict.fromkeys(path for c in consoles.values() for path in c.controls())
        self.paths = (PRESET, *paths)
        held = HELD_STEPS * step + 4 * block + self.latency_samples
        self._input = Tape(engine.channels, held)
        start = self.latency["fifo"] + self.latency["worker"]
        dry = self._input if on_miss == DRY else None
        self._player = Player(engine.outputs, step, block, start, step, dry, self.latency_samples)
        self._start = start
        self._done = 0  # input samples that the engine has taken or left out
        self._skipped = 0  # the part of them left out
        self._stale = 0  # steps to come whose output belongs elsewhere
        self._step_in = np.zeros((engine.channels, step), np.float32)
        self._step_out = np.zeros((engine.outputs, step), np.float32)
        self._no_tail = np.zeros((engine.outputs, step), np.float32)
        self._meters = Meters(engine, self.control.meters)
        self._wake, self._ready = Signal(), Signal()
        self._worker: threading.Thread | None = None
        self._ended = False
        self._broken = False
        self._urgent = urgent
        self._recorder = recorder
        self.priority = "none: the engine runs in the callback"

    def start(self) -> None:
        """Start the worker, then the device.

        Raises
        ------
        DeviceError
            If the device does not start.

        Notes
        -----
        Thread: [main]
        """
        if self.mode == WORKER:
            self._worker = threading.Thread(target=self._work, name="worker", daemon=True)
            self._worker.start()
        self.device.start(self.callback)

    def stop(self) -> None:
        """Stop the device, then the worker.

        Notes
        -----
        Thread: [main]; may hang where the driver is dead, then `abandon` it
        """
        self.device.stop()
        self._end_worker()

    def abandon(self) -> None:
        """Let go of the device without a word to its driver, and stop the worker.

        Notes
        -----
        Thread: [main]
        """
        self.device.abandon()
        self._end_worker()

    def _end_worker(self) -> None:
        self._ended = True
        if self._worker is not None:
            self._worker.join()
            self._worker = None

    @property
    def backlog(self) -> int:
        """Steps that are complete and not done yet."""
        return (self._input.end - self._done) // self.engine.step

    def callback(self, indata: FloatArray, outdata: FloatArray, flags: int) -> None:
        """Take a block from the device and give one; what the device calls.

        Parameters
        ----------
        indata : float32, shape (samples, inputs)
        outdata : float32, shape (samples, outputs), overwritten
        flags : int, INPUT_XRUN and OUTPUT_XRUN

        Notes
        -----
        Thread: [audio]
        """
        if self._urgent:
            self._urgent = False
            raise_priority(DEVICE_PRIORITY)
        if self.mode == WORKER and not self._waits:
            self._exchange(indata, outdata, flags)
        else:
            self._compute(indata, outdata, flags)

    @realtime
    def _exchange(self, indata: FloatArray, outdata: FloatArray, flags: int) -> None:
        """Copy in and out, beside a worker that nobody waits for."""
        begin = monotonic_ns()
        block = self.device.block
        for first in range(0, len(indata), block):
            last = first + block
            self._take(indata[first:last].T)
            self._give(outdata[first:last].T)
        self._account(indata, outdata, flags, begin)
        # Last of all: the worker wants the interpreter as soon as it is awake.
        self._wake.set()

    def _compute(self, indata: FloatArray, outdata: FloatArray, flags: int) -> None:
        """Run the engine in between, or wait for the worker."""
        begin = monotonic_ns()
        block = self.device.block
        for first in range(0, len(indata), block):
            last = first + block
            self._take(indata[first:last].T)
            if self.mode == INLINE:
                self._run()
            else:
                self._wake.set()
                self._await(self._player.position + len(indata[first:last]))
            self._give(outdata[first:last].T)
        self._account(indata, outdata, flags, begin)

    @realtime
    def _take(self, samples: FloatArray) -> None:
        """Keep the input, shape (inputs, n)."""
        self._input.write(samples[: self.engine.channels])

    @realtime
    def _give(self, out: FloatArray) -> None:
        """Fill the output, shape (outputs, n)."""
        self._player.play(out[: self.engine.outputs])
        out[self.engine.outputs :] = 0

    @realtime
    def _account(self, indata: FloatArray, outdata: FloatArray, flags: int, begin: int) -> None:
        """Record and count what has been played."""
        if self._recorder is not None:
            channels, outputs = self.engine.channels, self.engine.outputs
            self._recorder.hear(indata.T[:channels], outdata.T[:outputs])
        samples, end = len(indata), monotonic_ns()
        cells = self.control.cells
        cells[Audio.CALLBACKS] += 1
        cells[Audio.CLOCK_NS] = begin
        cells[Audio.SAMPLES] += samples
        cells[Audio.BLOCK] = samples
        cells[Audio.STRANGE_BLOCKS] += samples != self.device.block
        cells[Audio.INPUT_XRUNS] += flags & INPUT_XRUN
        cells[Audio.OUTPUT_XRUNS] += (flags & OUTPUT_XRUN) // OUTPUT_XRUN
        cells[Audio.MISSES] = self._player.misses
        cells[Audio.MISSED_SAMPLES] = self._player.missed_samples
        cells[Audio.LONGEST_NS] = max(end - begin, int(cells[Audio.LONGEST_NS]))
        count_time(self.control.callback_times, end - begin, self._block_ns // BINS_PER_BLOCK)

    def _await(self, end: int) -> None:
        """Wait until the output reaches `end`, for 10 s at most."""
        deadline = monotonic_ns() + round(WAIT_SECONDS * 1e9)
        while self._player.end < end and not self._broken and not self._ended:
            left = (deadline - monotonic_ns()) / 1e9
            if left <= 0 or not self._ready.wait(left):
                return

    def _work(self) -> None:
        self.priority = raise_priority(WORKER_PRIORITY)
        while not self._ended:
            if self._wake.wait(0.1):
                self._run()

    def _run(self) -> None:
        """Run every step that is complete."""
        step = self.engine.step
        while self._input.end - self._done >= step and not self._ended:
            if not self._waits and self.mode == WORKER:
                self._leave_out()
            if self._input.end - self._done >= step:
                self._advance()
                self._ready.set()

    def _leave_out(self) -> None:
        """Skip what is overdue where that is too much to catch up with."""
        step = self.engine.step
        overdue = (self._player.position - self._player.end) // step
        # What the engine gives right after a gap is from before it, and belongs nowhere: so
        # many steps are taken while their places are still the past.
        stale = math.ceil(self.engine.latency_samples / step)
        if overdue <= max(MOST_OVERDUE, stale):
            return
        hops = overdue - stale
        self._player.skip(hops)
        self._done += hops * step
        self._skipped += hops * step
        self._stale = stale
        self.control.cells[Worker.SKIPPED_HOPS] += hops

    def _advance(self) -> None:
        """Run the engine on the next step."""
        begin = monotonic_ns()
        self._input.read(self._done, self._step_in)
        out, tail = self._step_out, self._no_tail
        if not self._broken:
            try:
                self._obey()
                made = self.engine.push(self._step_in)
                early = out.shape[1] - made.shape[1]  # the engine's latency, once
                out[:, :early] = 0
                out[:, early:] = made
                if self.mode == WORKER and not self._waits:
                    tail = self.engine.tail(out)
                self._meters.measure(self._step_in, out)
            except Exception:  # noqa: BLE001  the top of the worker; the supervisor starts anew
                self._broken = True
                out[...] = 0
        if self._stale:
            self._stale -= 1
            self._player.skip(1)
        else:
            self._player.write(out, tail)
        self._done += out.shape[1]
        self._report(begin, monotonic_ns())

    def _obey(self) -> None:
        """Pass on the commands that have come."""
        while (order := self.control.receive()) is not None:
            command = self._command(order)
            if command is None:
                self.control.cells[Worker.REFUSED_COMMANDS] += 1
            else:
                self.engine.send(command)
                if self._recorder is not None:
                    self._recorder.note(command)

    def _command(self, order: Order) -> Command | None:
        """Give a command with its text, None for one that is not in the tables."""
        engine = self.engine
        position = engine.position
        if order.position != NOW:
            position = max(position, order.position - self._skipped)
        if not 0 <= order.path < len(self.paths):
            return None
        path = self.paths[order.path]
        if path != PRESET:
            switch = path.endswith((".mute", ".solo")) or path == "clip"
            return Command(position, path, bool(order.value) if switch else order.value)
        names: Sequence[str] = self.presets
        place = int(order.value)
        return Command(position, path, names[place]) if 0 <= place < len(names) else None

    def _report(self, begin: int, end: int) -> None:
        cells, engine = self.control.cells, self.engine
        cells[Worker.HOPS] += 1
        cells[Worker.CLOCK_NS] = end
        cells[Worker.LONGEST_NS] = max(end - begin, int(cells[Worker.LONGEST_NS]))
        count_time(self.control.hop_times, end - begin, self._step_ns // BINS_PER_STEP)
        cells[Worker.ACTIVE] = self.presets.index(engine.active)
        cells[Worker.POSITION] = engine.position + self._skipped
        cells[Worker.FAILURES] += self._broken
        found, mixed = engine.counters, engine.mixer_counters
        cells[Worker.NONFINITE_SAMPLES] = found.nonfinite_samples
        cells[Worker.CLAMPED_SAMPLES] = found.clamped_samples
        cells[Worker.NONFINITE_FRAMES] = found.nonfinite_frames
        cells[Worker.CLIPPED_SAMPLES] = mixed.clipped_samples
        cells[Worker.NONFINITE_INSERTS] = mixed.nonfinite_samples

    def _choose(self, mode: str, clock: str) -> str:
        """Give the mode in use; refuse inline where it would not fit."""
        # As a callback runs: on a thread that comes before others.
        with ThreadPoolExecutor(1) as thread:
            slowest = thread.submit(probe, self.engine).result()
        if mode == WORKER:
            return WORKER
        if clock == WAIT:
            return INLINE
        needed = math.ceil(self.device.block / self.engine.step) * slowest
        if needed < self._block_ns / 2:
            return INLINE
        if mode == AUTO:
            return WORKER
        raise SpecError(
            f"inline needs {needed / 1e6:.1f} ms of a block of {self._block_ns / 1e6:.1f} ms, and "
            "at most half is allowed; use --mode worker, or a larger --block"
        )
