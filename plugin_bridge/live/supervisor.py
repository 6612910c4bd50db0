"""The parent's side of a live session: starts the engine's process, talks to it, replaces it.

Rules of this file
  1. The engine is never asked: what it has to say is in the control block.
  2. No news is bad news. A device that died tells nobody, so the age of the last callback decides,
     and the engine is ended from outside: a dead driver hangs whoever stops it.
  3. A new engine goes on with the console as it was, down to the active preset.
  4. A stream is made for blocks of one size, with the least latency that it allows. A server that
     shortens them for good gets a new engine; longer ones are cut.
"""

import json
import math
import os
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from plugin_bridge.console.settings import check_of
from plugin_bridge.errors import DeviceError, PluginBridgeError, SpecError
from plugin_bridge.live.child import Child
from plugin_bridge.live.control import (
    POSITION,
    PRESET,
    Audio,
    ControlBlock,
    Recording,
    age_seconds,
)
from plugin_bridge.live.heard import HeardEvent
from plugin_bridge.live.parts import note_midi, seal
from plugin_bridge.live.pulse import Pulse
from plugin_bridge.live.settings import NULL, LiveSettings
from plugin_bridge.live.statistics import Totals
from plugin_bridge.live.transport import Transport
from plugin_bridge.names import composed

Value = float | bool | str

# How often the engine is looked at.
LOOK_SECONDS = 0.1
# Between attempts to open a device that is gone.
RETRY_SECONDS = 0.5
# What the engine gets to end by itself.
END_SECONDS = 1.2
# How long a command waits for room on its way.
SEND_SECONDS = 1.0

RUNNING, LOST, ENDED = "running", "lost", "ended"


class Hearing(NamedTuple):
    """What has been heard since the last look, and how far the engine is.

    Attributes
    ----------
    engine : int, counts engines; 0 while there is none
    events : list of HeardEvent, in the order in which they were found
    lost : int, events that nobody took in time
    samples : int, of the stream that have left the bridge, or are about to
    seconds : float, since the block began that the last of them are of
    """

    engine: int
    events: list[HeardEvent]
    lost: int
    samples: int
    seconds: float


class Live:
    """A live session: an engine in its own process, kept alive.

    Parameters
    ----------
    settings : LiveSettings
    child : Child, optional
        A process that loads already, to be the first engine.

    Attributes
    ----------
    described : dict
        What the engine said at its start: device, model, stems, presets, latency in parts.
    state : "running", "lost" (a new engine is on its way) or "ended"
    trouble : str, why the last attempt to start anew failed, or the recording ended; "" if neither
    restarts : int
    start_seconds : float, from the start of the first engine to its playing

    Notes
    -----
    Thread: [main]; the methods may be called from any thread of the parent
    """

    def __init__(self, settings: LiveSettings, child: Child | None = None) -> None:
        self.settings = settings
        self._loaded = child
        self.described: dict[str, Any] = {}
        self.state = ENDED
        self.trouble = ""
        self.restarts = 0
        self.start_seconds = 0.0
        self._controls: dict[str, dict[str, Any]] = {}
        self._active = ""
        self._paths: dict[str, int] = {}
        # Commands since the engine that is being started was told the console.
        self._meanwhile: list[tuple[str, Value]] = []
        self._totals = Totals()
        self._transport = Transport()
        self._control: ControlBlock | None = None
        self._child: Child | None = None
        self._pulse: Pulse | None = None
        # The place in what has been heard, in the memory of one engine.
        self._listened: tuple[ControlBlock | None, int] = (None, 0)
        self._engines = 0
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Start the engine, and watch over it.

        Raises
        ------
        PluginBridgeError
            What the engine could not do: device, preset, model.

        Notes
        -----
        Thread: [main]
        """
        begin_ns = time.monotonic_ns() if self._loaded is None else self._loaded.begin_ns
        self._spawn()
        self.start_seconds = (time.monotonic_ns() - begin_ns) / 1e9
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End the engine, within two seconds whatever it is doing.

        Notes
        -----
        Thread: [main]
        """
        self._closing.set()
        self._end_child(END_SECONDS)
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        self._end_child(0)  # one that was just being started
        with self._lock:
            self._put_away()
            self.state = ENDED

    def send(self, path: str, value: Value) -> None:
        """Set a control of the active preset, or switch the preset.

        Parameters
        ----------
        path : str, such as "drums.mute", or "preset"
        value : float, bool, or a preset's name

        Raises
        ------
        SpecError
            If the session has no such control or preset, or the control takes no such value, or
            it was never started.
        DeviceError
            If the engine has not taken a command for a second.

        Notes
        -----
        Thread: [any] of the parent
        """
        path = composed(path)
        with self._lock:
            if not self._controls:
                raise SpecError(f"{path} is set in a session that plays; call start() first")
            if path == PRESET:
                if value not in self._controls:
                    known = ", ".join(self._controls)
                    raise SpecError(f"there is no preset {value!r} in this session; use {known}")
                self._active = str(value)
            else:
                if path not in self._controls[self._active]:
                    raise SpecError(
                        f"there is no control {path!r} in this session; see the names of its "
                        "strips and buses"
                    )
                # One that no engine takes would keep the next from starting with this console.
                value = check_of(path)(value, path)
                self._controls[self._active][path] = value
            if self.state == RUNNING:
                self._pass_on(path, value)
            else:
                self._meanwhile.append((path, value))

    def seek(self, seconds: float) -> None:
        """Go on at another place of the song; what lies beyond it is its begin or end.

        Raises
        ------
        SpecError
            If the session plays no song, or no finite number is given.
        DeviceError
            If the engine has not taken a command for a second.

        Notes
        -----
        Thread: [any] of the parent
        """
        self._move(seconds, relative=False)

    def jump(self, seconds: float) -> None:
        """Go on so much later, or earlier if negative, as `seek`.

        Notes
        -----
        Thread: [any] of the parent
        """
        self._move(seconds, relative=True)

    def _move(self, seconds: float, *, relative: bool) -> None:
        with self._lock:
            if POSITION not in self._paths:
                raise SpecError("this session plays no song; start one with --play FILE")
            if not math.isfinite(seconds):
                raise SpecError(f"{seconds} s is no place of a song; give a finite number")
            samples = round(seconds * self.described["device"]["rate"])
            target = self._transport.aim(self._control, samples, relative=relative)
            if self.state == RUNNING:
                self._pass_on(POSITION, target)
            else:
                self._meanwhile.append((POSITION, target))
                self._transport.sent += 1  # an engine that is being put away does not jump any more

    def get(self, path: str) -> Value:
        """Give a control of the active preset, or its name; False if there is none such.

        Notes
        -----
        Thread: [any] of the parent
        """
        with self._lock:
            if path == PRESET:
                return self._active
            value: Value = self._controls.get(self._active, {}).get(path, False)
            return value

    def controls(self) -> dict[str, dict[str, Value]]:
        """Give all settings by preset and path.

        Notes
        -----
        Thread: [any] of the parent
        """
        with self._lock:
            return {name: dict(values) for name, values in self._controls.items()}

    def status(self) -> dict[str, Any]:
        """Give all that is known of the session: counters, times, latency, levels.

        Returns
        -------
        status : dict, as JSON can hold it

        Notes
        -----
        Thread: [any] of the parent
        """
        with self._lock:
            latency = dict(self.described.get("latency_samples", {}))
            return {
                "state": self.state,
                "trouble": self.trouble,
                "restarts": self.restarts,
                "start_seconds": round(self.start_seconds, 3),
                "start": self.described.get("start", []),
                "preset": self._active,
                **{
                    key: self.described.get(key)
                    for key in (
                        "device",
                        "model",
                        "provider",
                        "mode",
                        "priority",
                        "memory",
                        "record",
                    )
                },
                "latency_samples": latency | {"sum": sum(latency.values())},
                "song": self._transport.report(self._control, self.described),
                **self._totals.report(self._control, self.described),
            }

    def heard(self) -> Hearing:
        """Take what has been heard in the stems since the last call.

        Notes
        -----
        Thread: [any] of the parent, always the same one; it waits for nobody
        """
        control = self._control
        if control is None:
            return Hearing(0, [], 0, 0, 0.0)
        place = self._listened[1] if self._listened[0] is control else 0
        self._engines += self._listened[0] is not control
        clock, samples = int(control.cells[Audio.CLOCK_NS]), int(control.cells[Audio.SAMPLES])
        events, place, lost = control.heard.read(place)
        self._listened = control, place
        return Hearing(self._engines, events, lost, samples, age_seconds(clock) if clock else 0.0)

    def note(self, message: bytes) -> None:
        """Write down what a controller sent, if there is a take.

        Notes
        -----
        Thread: [any] of the parent
        """
        with self._lock:
            folder = self.described.get("record")
            if folder is None or self.state != RUNNING:
                return
            try:
                note_midi(Path(folder), self.position, message)
            except OSError as error:
                self.trouble = f"{folder} does not get the MIDI: {error}"

    @property
    def position(self) -> int:
        """Input samples that the present engine has taken."""
        control = self._control
        return 0 if control is None else int(control.cells[Audio.SAMPLES])

    @property
    def pid(self) -> int | None:
        """The process of the engine, None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def _pass_on(self, path: str, value: Value) -> None:
        """Send a command in the numbers of the present engine, whose order is its own."""
        index = self._paths[path]
        number = float(self.described["presets"].index(value) if path == PRESET else value)
        deadline = time.monotonic() + SEND_SECONDS
        while self._control is not None and not self._control.send(index, number):
            if time.monotonic() > deadline:
                raise DeviceError(
                    "the audio engine has not taken a command for a second; it starts anew if its "
                    "device has died"
                )
            time.sleep(0.001)
        self._transport.sent += path == POSITION

    def _spawn(self) -> None:
        """Start an engine with the console as it is, and wait until it plays."""
        child, self._loaded = self._loaded or Child(hardware=self.settings.device != NULL), None
        try:
            control = ControlBlock(child.memory)
        except DeviceError:
            child.end(0)
            child.memory.close()
            raise
        with self._lock:
            self._child = child
            orders = {
                "settings": json.loads(self.settings.as_json()),
                "state": self.controls(),
                "active": self._active,
                "position": self._transport.position,
            }
            self._meanwhile.clear()
        try:
            child.tell(orders)
            ready = child.answer(self._closing)
        except BaseException:
            self._end_child(END_SECONDS)
            control.close()
            raise
        with self._lock:
            self.described = ready
            self._control = control
            self._transport.sent = 0
            self._pulse = Pulse(control, ready, waits=self.settings.clock == "wait")
            self._paths = {path: index for index, path in enumerate(ready["paths"])}
            if not self._controls:
                self._controls = {name: dict(v) for name, v in ready["controls"].items()}
                self._active = ready["active"]
            for path, value in self._meanwhile:
                self._pass_on(path, value)
            self.state, self.trouble = RUNNING, ""

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            child, pulse = self._child, self._pulse
            if self.state == RUNNING:
                if child is None or pulse is None or not child.lives or not pulse.beats:
                    self._lose(0)
                elif not pulse.fits():
                    self._lose(END_SECONDS)  # its device is well, and wants to be told
                else:
                    self._look_at_the_recording()
            if self.state == LOST:
                self._try_again()

    def _look_at_the_recording(self) -> None:
        with self._lock:
            code = 0 if self._control is None else int(self._control.cells[Recording.ERROR])
            if code:
                self.trouble = (
                    f"{self.described.get('record')} records no more: {os.strerror(code)}; "
                    "the music goes on, and what was recorded until then is kept; free some space "
                    "and start again, or with another --record"
                )

    def _lose(self, seconds: float) -> None:
        """End the engine, which gets so long, so that another one takes its place."""
        with self._lock:
            self.state = LOST
        self._end_child(seconds)
        with self._lock:
            self._put_away()

    def _try_again(self) -> None:
        try:
            self._spawn()
        except PluginBridgeError as error:
            self.trouble = str(error)
            self._closing.wait(RETRY_SECONDS)
            return
        self.restarts += 1

    def _put_away(self) -> None:
        """Keep what the engine has counted and recorded, and let go of its memory."""
        if self._control is not None:
            self._totals.keep(self._control, self.described)
            self._transport.keep(self._control)
            folder = self.described.get("record")
            if folder is not None:
                try:
                    seal(Path(folder), self._control.cells, cut_off=True)
                except (OSError, LookupError, ValueError) as error:  # parts that nobody can read
                    self.trouble = f"{folder} keeps parts of a take: {error}"
            self._control.close()
            self._control = None

    def _end_child(self, seconds: float) -> None:
        """Let the engine end by itself for so long, then end it."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end(seconds)
