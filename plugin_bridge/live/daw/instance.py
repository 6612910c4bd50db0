"""The engine of one plugin: hops out of its memory, through separator and console, and back.

Rules of this file
  1. An activation is an epoch. Its first hop starts with its first sample, so that what comes
     out offline is what a render gives, bit for bit.
  2. Live nobody waits: hops that are overdue by too much are left out, as in live/runner.py.
  3. Who comes late, after another engine has died, begins some hops earlier than needed: what a
     network remembers has settled when it is heard.

Time line: sample t of the engine's output belongs to input t - latency of the engine; the plugin
plays it `delay` later, which is the reported latency less the engine's.
"""

import math
from time import monotonic_ns

import numpy as np

from plugin_bridge.console import Command, Route
from plugin_bridge.console.route import side_by_side
from plugin_bridge.daw import protocol
from plugin_bridge.daw.protocol import parts, stamp
from plugin_bridge.daw.views import Views
from plugin_bridge.engine import Engine
from plugin_bridge.errors import PluginBridgeError, SpecError
from plugin_bridge.live.daw.desk import Desk, Numbers, Shelf, buses_of
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.presets.reach import PLAIN
from plugin_bridge.separator import step_of, supports_rate

MAX_INSERT_LATENCY = 1024
# Whole hops that may be overdue before they are left out.
MOST_OVERDUE = 8
# Hops taken before those that are heard, by an engine that comes late: a third of a second.
PRELUDE_HOPS = 64
CHANNELS = 2


def plan(
    written: int, latency: int, max_block: int, hop: int, engine_latency: int
) -> tuple[int, int]:
    """Give the hop to take first and the hop to give first, for an engine that comes now.

    Parameters
    ----------
    written : int, input samples so far
    latency : int, as reported to the host; 0 where it is not yet known
    max_block, hop, engine_latency : int, samples

    Examples
    --------
    >>> plan(0, 0, 512, 256, 256), plan(441000, 1279, 512, 256, 256)
    ((0, 0), (1651, 1716))

    Notes
    -----
    Thread: [worker]
    """
    if not written:
        return 0, 0
    delay = max(latency - engine_latency, hop)
    heard = max(0, written - max_block - delay) // hop
    settle = math.ceil(engine_latency / hop)
    oldest = -(-max(0, written - protocol.RING // 2) // hop)
    start = max(0, oldest, heard - settle - PRELUDE_HOPS)
    return start, max(heard, start + settle) if start else 0


class Instance:
    """Play for one plugin.

    Parameters
    ----------
    views : Views of the shared memory
    model : the model that separates
    shelf : Shelf, the presets that can be played

    Attributes
    ----------
    active : bool, whether the plugin has been processing

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, views: Views, model: AnyModel, shelf: Shelf) -> None:
        self._views, self._model, self._shelf = views, model, shelf
        self._engine: Engine | None = None
        self._numbers = Numbers(shelf.hashes)
        self._desk = Desk(shelf.consoles, model.card.stems, self._numbers, shelf.maps)
        self._epoch = -1
        self._project = 0
        self._begun = self._orders = 0
        self._done = self._skipped = self._stale = self._first = 0
        self._hop = 0
        self._step_in = self._out = np.zeros((0, 0), np.float32)
        self.trouble = ""

    def step(self) -> bool:
        """Do what there is to do; tell whether there was anything.

        Notes
        -----
        Thread: [worker]
        """
        views = self._views
        views.put("engine_clock", monotonic_ns())
        epoch, written = parts(views.get("written"))
        if epoch != self._epoch:
            self._begin(epoch, written)
            return True
        engine = self._engine
        if engine is None or written - self._done < self._hop:
            return False
        if not views.get("offline"):
            self._leave_out(written)
        if written - self._done >= self._hop:
            self._advance(engine)
        return True

    def look(self) -> None:
        """Follow a project that was loaded meanwhile.

        Notes
        -----
        Thread: [worker]
        """
        text, mark = self._views.get_text("project")
        if mark and mark != self._project:
            self._project = mark
            self._follow(text)
            if self._engine is not None:
                index = protocol.PRESET
                self._set(self._engine, index, self._views.values()[index], self._engine.position)

    def report(self) -> dict[str, object]:
        """Give what is known of the plugin; JSON can hold it.

        Notes
        -----
        Thread: [worker]
        """
        views = self._views
        engine = self._engine
        verdict = views.get("verdict")
        count = len(protocol.CONDITIONS)
        numbers = ("max_block", "latency", "misses", "missed_samples", "damaged", "hop")
        return {
            "state": protocol.CONDITIONS[verdict] if verdict < count else "memory damaged",
            "trouble": self.trouble,
            "active": bool(views.get("active")),
            "offline": bool(views.get("offline")),
            "rate": views.rate,
            "samples": parts(views.get("written"))[1],
            **{name: views.get(name) for name in numbers},
            "hops_done": views.get("hops_done"),
            "hops_skipped": views.get("hops_skipped"),
            "preset": self._desk.preset,
            "provider": self._model.provider if engine is None else engine.provider,
            "presets_left_out": self._shelf.left_out,
        }

    def _begin(self, epoch: int, written: int) -> None:
        """Start anew, with what the plugin says about its host."""
        views = self._views
        self._epoch = epoch
        self.trouble = ""
        text, self._project = views.get_text("project")
        self._follow(text)
        self._desk.restore()
        verdict = protocol.FAILED
        try:
            verdict = self._prepare(views.rate)
        except PluginBridgeError as error:
            self._engine, self.trouble = None, str(error)
        engine = self._engine
        if engine is None:
            views.put("verdict", verdict)
            views.put("ready", stamp(epoch, 0))
            return
        self._hop = hop = engine.step
        latency = min(views.get("latency"), protocol.MOST_LATENCY * 3)
        block = min(max(views.get("max_block"), 1), protocol.LONGEST_BLOCK)
        start, self._first = plan(written, latency, block, hop, engine.latency_samples)
        self._begun = self._done = start * hop
        self._skipped = self._stale = self._orders = 0
        self._step_in = np.zeros((CHANNELS, hop), np.float32)
        self._out = np.zeros((protocol.OUTPUTS, hop), np.float32)
        if start:
            self._catch_up(engine)
        views.put("hop", hop)
        views.put("engine_latency", engine.latency_samples)
        views.put("verdict", self._desk.verdict)
        views.put("ready", stamp(epoch, self._first + 1))

    def _prepare(self, rate: float) -> int:
        """Have an engine for this rate, at its start; give a Condition."""
        engine = self._engine
        if engine is not None and engine.sample_rate == rate:
            engine.reset()
            return protocol.PLAYING
        self._engine = None
        if not supports_rate(self._model, rate):
            card = self._model.card
            self.trouble = f"{card.name} does not run at {rate:g} Hz; set the DAW to 44.1 or 48 kHz"
            return protocol.BAD_RATE
        step = step_of(self._model, rate)
        if not protocol.SHORTEST_HOP <= step <= protocol.LONGEST_HOP:
            raise SpecError(
                f"{self._model.card.name} takes {step} samples at once, and the plugin "
                f"{protocol.SHORTEST_HOP} to {protocol.LONGEST_HOP}; serve a streaming --model"
            )
        self._engine = self._made(rate, step)
        return protocol.PLAYING

    def _made(self, rate: float, step: int) -> Engine:
        """Make an engine of all presets that can be prepared."""
        shelf = self._shelf

        def made(names: list[str]) -> Engine:
            return Engine(
                self._model,
                rate,
                {name: shelf.consoles[name] for name in names},
                channels=CHANNELS,
                block=step,
                routes=self._routes(),
                max_insert_latency=MAX_INSERT_LATENCY,
            )

        try:
            return made(list(shelf.consoles))
        except SpecError:
            for name in [name for name in shelf.consoles if name != PLAIN]:
                try:
                    made([name])
                except SpecError as error:
                    shelf.drop(name, str(error))
            self._desk.restore()  # MIDI must not switch to what was dropped
            return made(list(shelf.consoles))

    def _routes(self) -> list[Route]:
        """Give the mix and the stems their places among the plugin's outputs."""
        buses = side_by_side(["mix", *(bus or "" for bus in buses_of(self._model.card.stems))], 2)
        return [route for route in buses if route.source]

    def _follow(self, project: str) -> None:
        self._numbers.follow(project)
        # A mark of its own each time, also where another engine has written before.
        mark = monotonic_ns() | 1
        self._views.put_text("presets", self._numbers.text, mark)

    def _leave_out(self, written: int) -> None:
        """Skip what is overdue where that is too much to catch up with."""
        engine, hop = self._engine, self._hop
        if engine is None:
            return
        delay = max(self._views.get("latency") - engine.latency_samples, hop)
        overdue = (written - delay - self._done) // hop
        stale = math.ceil(engine.latency_samples / hop)
        if overdue <= max(MOST_OVERDUE, stale) or self._done < self._first * hop:
            return
        hops = overdue - stale
        self._done += hops * hop
        self._skipped += hops * hop
        self._stale = stale
        self._views.put("hops_skipped", self._views.get("hops_skipped") + hops)

    def _advance(self, engine: Engine) -> None:
        """Take a hop, and give one."""
        views, hop, out = self._views, self._hop, self._out
        self._obey(engine)
        views.take(self._done, self._step_in)
        made = engine.push(self._step_in)
        early = hop - made.shape[1]  # the engine's latency, once
        out[: made.shape[0], :early] = 0
        out[: made.shape[0], early:] = made
        tail = np.zeros_like(out)
        tail[: made.shape[0]] = engine.tail(out[: made.shape[0]])
        number = self._done // hop
        if self._stale:
            self._stale -= 1
        elif number >= self._first:
            views.put_hop(self._epoch, number, out, tail)
        self._done += hop
        views.put("hops_done", views.get("hops_done") + 1)

    def _obey(self, engine: Engine) -> None:
        """Pass on the parameters that were moved, and MIDI."""
        views = self._views
        epoch, count = parts(views.get("commands_written"))
        if epoch != self._epoch:
            return
        while self._orders < count:
            order = views.get_order(epoch, self._orders)
            if order is None:  # overwritten before it was read, or damaged
                self._catch_up(engine)
                return
            self._orders += 1
            position = order.position - self._begun - self._skipped
            at = max(engine.position, position)
            if order.parameter == protocol.MIDI:
                self._send(engine, self._desk.hear(protocol.message_of(order.value), at))
            else:
                self._set(engine, order.parameter, order.value, at)

    def _catch_up(self, engine: Engine) -> None:
        """Take the parameters as they are now."""
        views = self._views
        self._orders = parts(views.get("commands_written"))[1]
        for index, value in enumerate(views.values()):
            self._set(engine, index, value, engine.position)

    def _set(self, engine: Engine, index: int, value: float, position: int) -> None:
        self._send(engine, self._desk.commands(index, value, position))
        if index == protocol.PRESET:
            self._views.put("verdict", self._desk.verdict)

    def _send(self, engine: Engine, commands: list[Command]) -> None:
        for command in commands:
            if command.path != "preset" or command.value in engine.consoles:
                engine.send(command)
