"""The parent's side of a live session: starts the engine's process, talks to it, replaces it.

Rules of this file
  1. The engine is never asked: what it has to say is in the control block.
  2. No news is bad news. A device that died tells nobody, so the age of the last callback decides,
     and the engine is ended from outside: a dead driver hangs whoever stops it.
  3. A new engine goes on with the console as it was, down to the active preset.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from plugin_bridge import errors
from plugin_bridge.errors import DeviceError, PluginBridgeError, SpecError
from plugin_bridge.live.control import PRESET, Audio, ControlBlock, Worker, age_seconds
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.statistics import Totals

Value = float | bool | str

# A first start may open plugins and measure inserts; a network is loaded in between.
START_SECONDS = 60.0
# How often the engine is looked at, and how old its last callback may be.
LOOK_SECONDS = 0.1
MOST_AGE_SECONDS = 0.6
MOST_BLOCKS = 8
# With the waiting clock a callback takes its time: the worker's ten seconds, and some.
WAIT_AGE_SECONDS = 15.0
# Between attempts to open a device that is gone.
RETRY_SECONDS = 0.5
# What the engine gets to end by itself.
END_SECONDS = 1.5
# How long a command waits for room on its way.
SEND_SECONDS = 1.0

RUNNING, LOST, ENDED = "running", "lost", "ended"


class Live:
    """A live session: an engine in its own process, kept alive.

    Parameters
    ----------
    settings : LiveSettings

    Attributes
    ----------
    described : dict
        What the engine said at its start: device, model, stems, presets, latency in parts.
    state : "running", "lost" (a new engine is on its way) or "ended"
    trouble : str, why the last attempt to start anew failed; "" if it did not
    restarts : int
    start_seconds : float, from the start of the first engine to its playing

    Notes
    -----
    Thread: [main]; the methods may be called from any thread of the parent
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.settings = settings
        self.described: dict[str, Any] = {}
        self.state = ENDED
        self.trouble = ""
        self.restarts = 0
        self.start_seconds = 0.0
        self._controls: dict[str, dict[str, Any]] = {}
        self._active = ""
        self._paths: dict[str, int] = {}
        # Commands since the engine that is being started was told the console.
        self._meanwhile: list[tuple[int, float]] = []
        self._totals = Totals()
        self._control: ControlBlock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: tuple[ControlBlock, int] | None = None
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
        begin = time.monotonic()
        self._spawn()
        self.start_seconds = time.monotonic() - begin
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End the engine, within two seconds whatever it is doing.

        Notes
        -----
        Thread: [main]
        """
        self._closing.set()
        self._end_process(END_SECONDS)
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None
        self._end_process(0)  # one that was just being started
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
            If the session has no such control or preset.
        DeviceError
            If the engine has not taken a command for a second.

        Notes
        -----
        Thread: [any] of the parent
        """
        with self._lock:
            if path == PRESET:
                if value not in self._controls:
                    known = ", ".join(self._controls)
                    raise SpecError(f"there is no preset {value!r} in this session; use {known}")
                number = float(list(self.described["presets"]).index(value))
                self._active = str(value)
            else:
                if path not in self._controls[self._active]:
                    raise SpecError(
                        f"there is no control {path!r} in this session; see the names of its "
                        "strips and buses"
                    )
                number = float(value)
                self._controls[self._active][path] = value
            if self.state == RUNNING:
                self._pass_on(self._paths[path], number)
            else:
                self._meanwhile.append((self._paths[path], number))

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
                "preset": self._active,
                **{
                    key: self.described.get(key)
                    for key in ("device", "model", "provider", "mode", "priority", "record")
                },
                "latency_samples": latency | {"sum": sum(latency.values())},
                **self._totals.report(self._control, self.described),
            }

    @property
    def position(self) -> int:
        """Input samples that the present engine has taken."""
        control = self._control
        return 0 if control is None else int(control.cells[Audio.SAMPLES])

    @property
    def pid(self) -> int | None:
        """The process of the engine, None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def _pass_on(self, path: int, number: float) -> None:
        deadline = time.monotonic() + SEND_SECONDS
        while self._control is not None and not self._control.send(path, number):
            if time.monotonic() > deadline:
                raise DeviceError(
                    "the audio engine has not taken a command for a second; it starts anew if its "
                    "device has died"
                )
            time.sleep(0.001)

    def _spawn(self) -> None:
        """Start an engine with the console as it is, and wait until it plays."""
        control = ControlBlock()
        reply, far_end = os.pipe()
        try:
            process = self._popen(control.fd, far_end)
        finally:
            os.close(far_end)
        with self._lock:
            self._process = process
        try:
            answer = self._answer(process, reply)
        except BaseException:
            self._end_process(0)
            control.close()
            raise
        finally:
            os.close(reply)
        with self._lock:
            self.described = ready = answer
            self._control = control
            self._paths = {path: index for index, path in enumerate(ready["paths"])}
            if not self._controls:
                self._controls = {name: dict(v) for name, v in ready["controls"].items()}
                self._active = ready["active"]
            for path, number in self._meanwhile:
                self._pass_on(path, number)
            self.state, self.trouble = RUNNING, ""

    def _popen(self, control: int, reply: int) -> "subprocess.Popen[bytes]":
        quiet = None if os.environ.get("PLUGIN_BRIDGE_DEBUG") else subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, "-m", "plugin_bridge.live.process", str(control), str(reply)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=quiet,
            pass_fds=(control, reply),
            start_new_session=True,  # Ctrl-C is for the parent
            bufsize=0,
        )
        with self._lock:
            orders = {
                "settings": json.loads(self.settings.as_json()),
                "state": self.controls(),
                "active": self._active,
            }
            self._meanwhile.clear()
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it died: its exit code tells
                process.stdin.write(json.dumps(orders).encode() + b"\n")
        return process

    def _answer(self, process: "subprocess.Popen[bytes]", reply: int) -> dict[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        text = b""
        while not text.endswith(b"\n"):
            if self._closing.is_set():
                raise DeviceError("the session was ended while the engine started")
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"the audio engine has not started within {START_SECONDS:g} s; the driver or "
                    "a plugin hangs, see plugin-bridge doctor"
                )
            if select.select([reply], [], [], LOOK_SECONDS)[0]:
                part = os.read(reply, 65536)
                if not part:
                    raise DeviceError(
                        f"the audio engine ended at its start with code {process.wait()}; run "
                        "again with PLUGIN_BRIDGE_DEBUG=1 to see why"
                    )
                text += part
        answer: dict[str, Any] = json.loads(text)
        if "error" in answer:
            kind = getattr(errors, answer["error"], DeviceError)
            raise kind(answer["text"])
        ready: dict[str, Any] = answer["ready"]
        return ready

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            if self.state == RUNNING and not self._alive():
                with self._lock:
                    self.state = LOST
                    self._put_away()
                self._end_process(0)
            if self.state == LOST:
                self._try_again()

    def _alive(self) -> bool:
        process, control = self._process, self._control
        if process is None or control is None or process.poll() is not None:
            return False
        if control.cells[Worker.FAILURES]:
            return False
        clock = int(control.cells[Audio.CLOCK_NS])
        if not clock:
            clock = self._first_look(control)
        return age_seconds(clock) < self._most_age()

    def _first_look(self, control: ControlBlock) -> int:
        """Give when the engine was first seen, for one that has never called back."""
        if self._seen is None or self._seen[0] is not control:
            self._seen = (control, time.monotonic_ns())
        return self._seen[1]

    def _most_age(self) -> float:
        if self.settings.clock == "wait":
            return WAIT_AGE_SECONDS
        device = self.described["device"]
        return max(MOST_AGE_SECONDS, MOST_BLOCKS * float(device["block"]) / float(device["rate"]))

    def _try_again(self) -> None:
        try:
            self._spawn()
        except PluginBridgeError as error:
            self.trouble = str(error)
            self._closing.wait(RETRY_SECONDS)
            return
        self.restarts += 1

    def _put_away(self) -> None:
        """Keep what the engine has counted, and let go of its memory."""
        if self._control is not None:
            self._totals.keep(self._control, self.described)
            self._control.close()
            self._control = None

    def _end_process(self, seconds: float) -> None:
        """Let the engine end by itself for so long, then end it."""
        with self._lock:
            process = self._process
            self._process = None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
