"""The engine's process as its parent sees it: started, told, listened to once, ended.

What passes between the two is told in process.py. Nothing here is Linux's own: what a process
inherits is an open file where there is such a thing, and a name of the kernel's on Windows.

Rules of this file
  1. It loads nothing that takes long. A process may be started before its parent knows what to
     tell it, and both load what they need at the same time.
"""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import Any, Self

from plugin_bridge import errors
from plugin_bridge.errors import DeviceError, PluginBridgeWarning
from plugin_bridge.live.shared import SharedMemory

# A first start may open plugins and measure inserts; a network is loaded in between.
START_SECONDS = 60.0
# How long the end of a start that nobody wants any more may go unseen.
LOOK_SECONDS = 0.1


class Child:
    """An engine's process: it loads, is told what to play, and plays.

    Parameters
    ----------
    hardware : bool, whether it may look for audio devices while it loads

    Attributes
    ----------
    memory : SharedMemory, which the engine shares; to be closed by who is done with it
    begin_ns : int, monotonic, when it was started
    pid : int

    Raises
    ------
    DeviceError
        If the system has no process or memory for it.

    Notes
    -----
    Thread: [any], one at a time; `end` from any
    """

    def __init__(self, *, hardware: bool) -> None:
        self.memory = SharedMemory()
        self.begin_ns = time.monotonic_ns()
        quiet = None if os.environ.get("PLUGIN_BRIDGE_DEBUG") else subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "plugin_bridge.live.process"),
                    *(self.memory.address, str(self.begin_ns)),
                    *(["hardware"] if hardware else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=quiet,
                # Looking for plugins of pydantic takes a twentieth of the start.
                env={"PYDANTIC_DISABLE_PLUGINS": "__all__", **os.environ},
                pass_fds=self.memory.inherited,
                # Ctrl-C is for the parent.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                bufsize=0,
            )
        except OSError as error:
            self.memory.close()
            raise DeviceError(
                f"no process for the audio engine ({error.strerror}); end other programs and try "
                "again"
            ) from error
        self.pid = self._process.pid
        self._line = b""
        self._reader = threading.Thread(target=self._read, name="engine-reply", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Give the process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if it has not ended."""
        self.end(0)
        self.memory.close()

    @property
    def lives(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def tell(self, orders: dict[str, Any]) -> None:
        """Say what to play; JSON can hold it.

        Notes
        -----
        Thread: [any], one at a time
        """
        assert self._process.stdin is not None  # it was asked for
        with suppress(OSError):  # it died: its exit code tells
            self._process.stdin.write(json.dumps(orders).encode() + b"\n")

    def answer(self, unwanted: threading.Event) -> dict[str, Any]:
        """Wait until the engine plays; give what it says about itself, and pass its warnings on.

        Parameters
        ----------
        unwanted : Event, set from elsewhere when nobody wants the engine any more

        Raises
        ------
        PluginBridgeError
            What the engine could not do, that it died or hangs, or that nobody wants it.

        Notes
        -----
        Thread: [any], one at a time
        """
        deadline = time.monotonic() + START_SECONDS
        while self._reader.is_alive():
            if unwanted.is_set():
                raise DeviceError("the session was ended while the engine started")
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"the audio engine has not started within {START_SECONDS:g} s; the driver or "
                    "a plugin hangs, see plugin-bridge doctor"
                )
            self._reader.join(LOOK_SECONDS)
        if not self._line.endswith(b"\n"):
            raise DeviceError(
                f"the audio engine ended at its start with code {self._process.wait()}; run "
                "again with PLUGIN_BRIDGE_DEBUG=1 to see why"
            )
        answer: dict[str, Any] = json.loads(self._line)
        if "error" in answer:
            kind = getattr(errors, answer["error"], DeviceError)
            raise kind(answer["text"])
        for text in answer["warnings"]:
            warnings.warn(text, PluginBridgeWarning, stacklevel=2)
        ready: dict[str, Any] = answer["ready"]
        return ready

    def end(self, seconds: float) -> None:
        """Let the engine end by itself for so long, then end it; once it has ended, do nothing.

        Notes
        -----
        Thread: [any]
        """
        process = self._process
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()

    def _read(self) -> None:
        with self._process.stdout as reply:  # type: ignore[union-attr]  # it was asked for
            self._line = reply.read()
