"""Run the engine: whole steps of the input, commands on the way, and what is overdue left out.

Rules of this file
  1. The engine takes whole steps, so the samples do not depend on the device's block.
  2. Nothing raises: a step that does is silent and counted, and the supervisor starts anew.
  3. What is played is listened to when it is on its way to the device, and never stops it.
"""

import math
from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import TYPE_CHECKING

import numpy as np

from plugin_bridge.console import Command
from plugin_bridge.console.settings import check_of, switch
from plugin_bridge.engine import Engine
from plugin_bridge.live.control import (
    BINS_PER_STEP,
    NOW,
    POSITION,
    PRESET,
    ControlBlock,
    Order,
    Worker,
    count_time,
)
from plugin_bridge.live.meters import Meters
from plugin_bridge.live.player import Player
from plugin_bridge.live.recorder import Recorder
from plugin_bridge.live.signal import Signal
from plugin_bridge.live.tape import Tape

if TYPE_CHECKING:
    from plugin_bridge.live.ear import Ear

Seek = Callable[[int], None]

# Whole hops that may be overdue before they are left out.
MOST_OVERDUE = 8


class Runner:
    """Take steps from a tape through an engine to a player.

    Parameters
    ----------
    engine : Engine
    tape : Tape, the input
    player : Player
    control : ControlBlock, where commands come from and counters go
    races : bool
        Whether a player that goes on is to be kept up with: what is overdue by too much is left
        out then, and every hop gets a tail.
    recorder : Recorder, optional
    seek : callable, optional
        Moves the play head of a song to a sample; commands with the path "position" go there.
    ear : Ear, optional; hears the stems of every step
    late : int, samples from the input to the output, for the ear

    Attributes
    ----------
    paths : tuple of str, what a command's path is an index of; "preset" is the first, "position"
        the last where there is a song
    presets : tuple of str, what the value of a "preset" command is an index of
    ready : Signal, raised after every step
    ended : bool, set from outside: no step begins any more

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(
        self,
        engine: Engine,
        tape: Tape,
        player: Player,
        control: ControlBlock,
        *,
        races: bool,
        recorder: Recorder | None = None,
        seek: Seek | None = None,
        ear: "Ear | None" = None,
        late: int = 0,
    ) -> None:
        self.ended = False
        self.ready = Signal()
        self._engine, self._input, self._player = engine, tape, player
        self._control, self._recorder, self._races = control, recorder, races
        self._ear, self._late = ear, late
        consoles = engine.consoles
        self.presets = tuple(consoles)
        paths = dict.fromkeys(path for c in consoles.values() for path in c.controls())
        self._seek = seek
        self.paths = (PRESET, *paths, *([POSITION] if seek else []))
        step = engine.step
        self._step_ns = round(1e9 * step / engine.sample_rate)
        self._done = 0  # input samples that the engine has taken or left out
        self._skipped = 0  # the part of them left out
        self._stale = 0  # steps to come whose output belongs elsewhere
        self._broken = False
        self._step_in = np.zeros((engine.inputs, step), np.float32)
        self._step_out = np.zeros((engine.outputs, step), np.float32)
        self._no_tail = np.zeros((engine.outputs, step), np.float32)
        self._meters = Meters(engine, control.meters)

    @property
    def backlog(self) -> int:
        """Steps that are complete and not done yet."""
        return (self._input.end - self._done) // self._engine.step

    @property
    def works(self) -> bool:
        """Whether steps to come will be worth waiting for."""
        return not self._broken and not self.ended

    def run(self) -> None:
        """Run every step that is complete.

        Notes
        -----
        Thread: [worker]; [audio] where the mode is inline
        """
        step = self._engine.step
        while self._input.end - self._done >= step and not self.ended:
            if self._races:
                self._leave_out()
            if self._input.end - self._done >= step:
                self._advance()

    def _leave_out(self) -> None:
        """Skip what is overdue where that is too much to catch up with."""
        step = self._engine.step
        overdue = (self._player.position - self._player.end) // step
        # What the engine gives right after a gap is from before it, and belongs nowhere: so
        # many steps are taken while their places are still the past.
        stale = math.ceil(self._engine.latency_samples / step)
        if overdue <= max(MOST_OVERDUE, stale):
            return
        hops = overdue - stale
        self._player.skip(hops)
        self._done += hops * step
        self._skipped += hops * step
        self._stale = stale
        self._control.cells[Worker.SKIPPED_HOPS] += hops

    def _advance(self) -> None:
        """Run the engine on the next step."""
        begin = monotonic_ns()
        self._input.read(self._done, self._step_in)
        out, tail = self._step_out, self._no_tail
        if not self._broken:
            try:
                self._obey()
                made = self._engine.push(self._step_in)
                early = out.shape[1] - made.shape[1]  # the engine's latency, once
                out[:, :early] = 0
                out[:, early:] = made
                if self._races:
                    tail = self._engine.tail(out)
                self._meters.measure(self._step_in[: self._engine.channels], out)
            except Exception:  # noqa: BLE001  the top of the worker; the supervisor starts anew
                self._broken = True
                out[...] = 0
        if self._stale:
            self._stale -= 1
            self._player.skip(1)
        else:
            self._player.write(out, tail)
        self._done += out.shape[1]
        self.ready.set()
        self._listen()
        self._report(begin, monotonic_ns())

    def _listen(self) -> None:
        """Hear what the step has made; a fault of the analysis is not one of the music."""
        if self._ear is None or self._broken:
            return
        try:
            self._ear.hear(self._late + self._skipped)
        except Exception:  # noqa: BLE001  the top of the worker; it is counted
            self._ear = None
            self._control.cells[Worker.DEAF] = 1

    def _obey(self) -> None:
        """Pass on the commands that have come."""
        while (order := self._control.receive()) is not None:
            command = self._command(order)
            if command is None:
                self._control.cells[Worker.REFUSED_COMMANDS] += 1
            else:
                if command.path == POSITION and self._seek is not None:
                    self._seek(int(order.value))
                else:
                    self._engine.send(command)
                if self._recorder is not None:
                    self._recorder.note(command)

    def _command(self, order: Order) -> Command | None:
        """Give a command with its text, None for one that is not in the tables."""
        engine = self._engine
        position = engine.position
        if order.position != NOW:
            position = max(position, order.position - self._skipped)
        if not 0 <= order.path < len(self.paths):
            return None
        path = self.paths[order.path]
        if path == POSITION:
            return Command(position, path, order.value)
        if path != PRESET:
            switches = check_of(path) is switch
            return Command(position, path, bool(order.value) if switches else order.value)
        names: Sequence[str] = self.presets
        place = int(order.value)
        return Command(position, path, names[place]) if 0 <= place < len(names) else None

    def _report(self, begin: int, end: int) -> None:
        cells, engine = self._control.cells, self._engine
        cells[Worker.HOPS] += 1
        cells[Worker.CLOCK_NS] = end
        cells[Worker.LONGEST_NS] = max(end - begin, int(cells[Worker.LONGEST_NS]))
        count_time(self._control.hop_times, end - begin, self._step_ns // BINS_PER_STEP)
        cells[Worker.ACTIVE] = self.presets.index(engine.active)
        cells[Worker.POSITION] = engine.position + self._skipped
        cells[Worker.FAILURES] += self._broken
        found, mixed = engine.counters, engine.mixer_counters
        cells[Worker.NONFINITE_SAMPLES] = found.nonfinite_samples
        cells[Worker.CLAMPED_SAMPLES] = found.clamped_samples
        cells[Worker.NONFINITE_FRAMES] = found.nonfinite_frames
        cells[Worker.CLIPPED_SAMPLES] = mixed.clipped_samples
        cells[Worker.NONFINITE_INSERTS] = mixed.nonfinite_samples
