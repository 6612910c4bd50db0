"""The stream between a device's callback and the engine.

Rules of this file
  1. The audio thread only copies: input to a tape, finished hops from the player. `inline` runs
     the engine in the callback as well, and is chosen where that fits.
  2. With `wait` the callback waits for the worker. With the live clock it waits for a hop that is
     on its way, and as long as inline might compute: half a block. A sound server that was late
     calls again at once to catch up, and the hop of the first call cannot be ready at the second.

Latency, in samples: the engine's, the wait for a step to fill up with blocks of b
(`step - gcd(b, step)`), and with a worker `ceil(step / b) * b`: so many blocks pass before a step
that is complete has to be ready.
"""

import math
import threading
from time import monotonic_ns
from typing import TYPE_CHECKING

from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.errors import SpecError
from plugin_bridge.live.control import BINS_PER_BLOCK, Audio, ControlBlock, count_time
from plugin_bridge.live.devices.device import INPUT_XRUN, OUTPUT_XRUN, Device
from plugin_bridge.live.fit import choose_mode, refuse_device
from plugin_bridge.live.player import Player
from plugin_bridge.live.priority import (
    DEVICE_PRIORITY,
    WORKER_PRIORITY,
    follow,
    priority_here,
    raise_priority,
)
from plugin_bridge.live.recorder import Recorder
from plugin_bridge.live.runner import Runner, Seek
from plugin_bridge.live.settings import AUTO, CHOICES, DRY, INLINE, LIVE, TAIL, WAIT, WORKER
from plugin_bridge.live.signal import Signal
from plugin_bridge.live.tape import Tape
from plugin_bridge.realtime import realtime

if TYPE_CHECKING:
    from plugin_bridge.live.ear import Ear

# Room for a worker that is held up, in steps; beyond it hops are left out anyway.
HELD_STEPS = 64
# `wait` gives up after this: a worker that takes so long has died.
WAIT_SECONDS = 10.0
# The live clock gives up after this share of a block.
PATIENCE = 0.5


class LiveStream:
    """Play a device's input through an engine to its outputs.

    Parameters
    ----------
    engine : Engine, made for blocks of its step (see `separator.step_of`)
    device : Device, opened at the engine's rate, not yet started
    mode : "auto", "inline" or "worker"
        `auto` is inline where the engine fits into half a block, else a worker.
    clock : "live" or "wait"
    on_miss : "tail" or "dry", what plays where a hop is missing
    control : ControlBlock, optional; one of its own without it
    recorder : Recorder, optional
    seek : callable, optional; takes the values of "position" commands
    listens : bool, whether what is played in the stems is told in `control.heard`
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
        seek: Seek | None = None,
        listens: bool = False,
    ) -> None:
        for key, value in {"mode": mode, "clock": clock, "on_miss": on_miss}.items():
            if value not in CHOICES[key]:
                raise SpecError(f"{key} is {value!r}; allowed: {', '.join(CHOICES[key])}")
        self.engine, self.device = engine, device
        self.control = control or ControlBlock()
        refuse_device(engine, device)
        step, block = engine.step, device.block
        self._block_ns = round(1e9 * block / device.sample_rate)
        ear = _ear(engine, self.control) if listens else None
        self.mode = choose_mode(engine, device, mode, waits=clock == WAIT, ear=ear)
        self._waits = clock == WAIT
        inserts = engine.insert_latency_samples
        self.latency = {
            "transform": engine.latency_samples - inserts,
            "inserts": inserts,
            "fifo": step - math.gcd(block, step),
            "worker": math.ceil(step / block) * block if self.mode == WORKER else 0,
        }
        self.latency_samples = sum(self.latency.values())
        held = HELD_STEPS * step + 4 * block + self.latency_samples
        self._input = Tape(engine.inputs, held)
        start = self.latency["fifo"] + self.latency["worker"]
        dry = self._input if on_miss == DRY else None
        self._player = Player(
            engine.outputs, step, block, start, step, dry, self.latency_samples, engine.channels
        )
        self._runner = Runner(
            engine,
            self._input,
            self._player,
            self.control,
            races=self.mode == WORKER and not self._waits,
            recorder=recorder,
            seek=seek,
            ear=ear,
            late=self.latency_samples,
        )
        self.paths, self.presets = self._runner.paths, self._runner.presets
        self._wake = Signal()
        self._worker: threading.Thread | None = None
        self._urgent = urgent
        self._above = 0  # the priority of the device's thread, once it has called and is urgent
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
        try:
            self.device.start(self.callback)
        except BaseException:
            self._end_worker()
            raise

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
        self._runner.ended = True
        if self._worker is not None:
            self._worker.join()
            self._worker = None

    @property
    def backlog(self) -> int:
        """Steps that are complete and not done yet."""
        return self._runner.backlog

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
            self._above = priority_here()
        begin = monotonic_ns()
        if self.mode == WORKER and not self._waits:
            if self._player.end < self._player.position + len(indata) and self._runner.backlog:
                self.control.cells[Audio.WAITS] += 1
                self._await(self._player.position + len(indata), PATIENCE * self._block_ns)
            self._exchange(indata, outdata, flags, begin)
        else:
            self._compute(indata, outdata, flags, begin)

    @realtime
    def _exchange(self, indata: FloatArray, outdata: FloatArray, flags: int, begin: int) -> None:
        """Copy in and out, beside a worker."""
        block = self.device.block
        for first in range(0, len(indata), block):
            last = first + block
            self._take(indata[first:last].T)
            self._give(outdata[first:last].T)
        self._account(indata, outdata, flags, begin)
        # Last of all: the worker wants the interpreter as soon as it is awake.
        self._wake.set()

    def _compute(self, indata: FloatArray, outdata: FloatArray, flags: int, begin: int) -> None:
        """Run the engine in between, or wait for the worker."""
        block = self.device.block
        for first in range(0, len(indata), block):
            last = first + block
            self._take(indata[first:last].T)
            if self.mode == INLINE:
                self._runner.run()
            else:
                self._wake.set()
                self._await(self._player.position + len(indata[first:last]), 1e9 * WAIT_SECONDS)
            self._give(outdata[first:last].T)
        self._account(indata, outdata, flags, begin)

    @realtime
    def _take(self, samples: FloatArray) -> None:
        """Keep the input, shape (inputs, n); a single one is that of all channels."""
        self._input.write(samples[: self.engine.inputs])

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
        if cells[Audio.CALLBACKS]:
            late = begin - int(cells[Audio.CLOCK_NS]) - self._block_ns
            cells[Audio.LATE_CALLBACKS] += late > self._block_ns // 2
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

    def _await(self, end: int, most_ns: float) -> None:
        """Wait until the output reaches `end`, for so long at most."""
        deadline = monotonic_ns() + most_ns
        while self._player.end < end and self._runner.works:
            left = (deadline - monotonic_ns()) / 1e9
            if left <= 0 or not self._runner.ready.wait(left):
                return

    def _work(self) -> None:
        self.priority = raise_priority(WORKER_PRIORITY)
        while not self._runner.ended:
            if self._wake.wait(0.1):
                if self._above:
                    above, self._above = self._above, 0
                    follow(above)
                self._runner.run()


def _ear(engine: Engine, control: ControlBlock) -> "Ear":
    """Give an ear; the analysis is loaded only for it."""
    from plugin_bridge.live.ear import Ear

    return Ear(engine, control.heard)
