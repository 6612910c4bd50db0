"""Meets plugins, and gives each an engine in a process of its own.

Rules of this file
  1. One engine is always ahead: a plugin does not wait for Python and a network to load. One that
     refused its plugin, as it speaks another version, is ahead again.
  2. The server never reads what a plugin says; it hands the connection to the engine.
  3. Nothing outlives the server: engines end with the sockets that it holds.
"""

import fcntl
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plugin_bridge.errors import DeviceError, PluginBridgeError
from plugin_bridge.live.daw import runtime
from plugin_bridge.live.daw.memory import peer_of
from plugin_bridge.live.daw.process import MESSAGE_BYTES

# Plugins that play at the same time; each has a process of some 200 MB.
MOST_ENGINES = 32
MOST_AHEAD = 2
# Between two attempts to start an engine that ends at once.
RETRY_SECONDS = 2.0
LOOK_SECONDS = 0.2
END_SECONDS = 2.0
# Engines report every second, but for a start: one that is silent for so long hangs.
SILENT_SECONDS = 60.0
# What the status of a server may take.
ASK_SECONDS = 5.0


@dataclass(frozen=True)
class Served:
    """What plugins get.

    Attributes
    ----------
    model : path of the model's file
    provider : "auto", "cpu" or "cuda"
    allow_plugins : load the presets' plugin binaries without a look at the trust list
    """

    model: str
    provider: str = "cpu"
    allow_plugins: bool = False


class _Engine:
    """A process that is ahead, or plays for a plugin."""

    def __init__(self, served: Served) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        quiet = None if os.environ.get("PLUGIN_BRIDGE_DEBUG") else subprocess.DEVNULL
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "plugin_bridge.live.daw.process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=quiet,
                start_new_session=True,  # Ctrl-C is for the server
            )
        self.socket.send(json.dumps(asdict(served)).encode())
        self.host: int | None = None
        self.heard = 0.0  # when it was last heard, by a plugin's side
        self.said: dict[str, Any] = {}

    def end(self) -> None:
        self.socket.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Server:
    """Serve plugins until `stop`.

    Parameters
    ----------
    served : Served
    say : callable, told one sentence for every plugin that comes, goes or cannot be served

    Raises
    ------
    DeviceError
        If another server runs, the runtime folder is not private, or this is no Linux on x86-64; by
        `run`, if no engine can start.

    Notes
    -----
    Thread: [main]; `stop` from any
    """

    def __init__(self, served: Served, say: Callable[[str], None] = lambda _: None) -> None:
        runtime.refuse_system()
        self.folder = runtime.private_folder()
        self._served, self._say = served, say
        self._engines: list[_Engine] = []
        self._ahead: list[_Engine] = []
        self._failed = -RETRY_SECONDS
        self.trouble = self._said = ""
        self._could_start = False
        self._stack = ExitStack()
        self._selector = self._stack.enter_context(selectors.DefaultSelector())
        try:
            self._lock()
            self._plugins = self._listen(runtime.PLUGINS)
            self._asked = self._listen(runtime.STATUS)
            self._wake, ours = socket.socketpair()
            self._stack.enter_context(self._wake)
            self._stack.enter_context(ours)
            self._selector.register(ours, selectors.EVENT_READ)
            self._stopper = ours
        except BaseException:
            self._stack.close()
            raise

    def run(self) -> None:
        """Serve until `stop` is called.

        Notes
        -----
        Thread: [main]
        """
        try:
            while True:
                if not self._ahead and time.monotonic() - self._failed > RETRY_SECONDS:
                    self._ahead.append(self._started())
                for engine in list(self._engines):
                    if time.monotonic() - engine.heard > SILENT_SECONDS:
                        self._end(
                            engine,
                            f"the engine {engine.process.pid} has said nothing for "
                            f"{SILENT_SECONDS:g} s; its plugin gets another one",
                        )
                for key, _ in self._selector.select(LOOK_SECONDS):
                    if key.fileobj is self._stopper:
                        return
                    self._serve(key.fileobj)
        finally:
            for engine in [*self._engines, *self._ahead]:
                engine.end()
            for name in (runtime.PLUGINS, runtime.STATUS):
                with suppress(OSError):
                    (self.folder / name).unlink()
            self._stack.close()

    def stop(self) -> None:
        """Let `run` return.

        Notes
        -----
        Thread: [any]
        """
        with suppress(OSError):
            self._wake.send(b"x")

    def report(self) -> dict[str, Any]:
        """Give what is served to whom; JSON can hold it.

        Notes
        -----
        Thread: that of `run`
        """
        return {
            "pid": os.getpid(),
            "folder": str(self.folder),
            "trouble": self.trouble,
            "ahead": any(engine.said.get("ready") for engine in self._ahead),
            **asdict(self._served),
            "plugins": [
                {"pid": engine.process.pid, "host": engine.host, **engine.said}
                for engine in self._engines
            ],
        }

    def _lock(self) -> None:
        file = self._stack.enter_context((self.folder / runtime.LOCK).open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DeviceError(
                f"an engine already serves plugins in {self.folder}; plugin-bridge daw status "
                "tells which"
            ) from error

    def _listen(self, name: str) -> socket.socket:
        path = self.folder / name
        path.unlink(missing_ok=True)  # of a server that was killed: the lock is ours
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stack.enter_context(listening)
        try:
            listening.bind(str(path))
        except OSError as error:
            raise DeviceError(
                f"{path} cannot be made ({error.strerror or error}); name another folder by "
                f"{runtime.FOLDER_VARIABLE}"
            ) from error
        path.chmod(0o600)
        listening.listen(MOST_ENGINES)
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ)
        return listening

    def _started(self) -> _Engine:
        engine = _Engine(self._served)
        self._selector.register(engine.socket, selectors.EVENT_READ)
        return engine

    def _serve(self, ready: Any) -> None:
        if ready is self._plugins:
            self._meet()
        elif ready is self._asked:
            self._answer()
        else:
            for engine in [*self._engines, *self._ahead]:
                if engine.socket is ready:
                    self._hear(engine)

    def _meet(self) -> None:
        """Hand a plugin to the engine that is ahead."""
        try:
            connection, _ = self._plugins.accept()
        except OSError:
            return
        with connection:
            try:
                host = peer_of(connection)
            except DeviceError as error:
                self._complain(str(error))
                return
            if not self._ahead:
                return  # it comes again
            if len(self._engines) >= MOST_ENGINES:
                self._complain(
                    f"{MOST_ENGINES} plugins play already, another one of process {host} has to "
                    "wait; take some out"
                )
                return
            engine = self._ahead[0]
            try:
                socket.send_fds(engine.socket, [b"p"], [connection.fileno()])
            except OSError:
                return  # its end is on its way
            engine.host, engine.heard = host, time.monotonic()
            self._engines.append(self._ahead.pop(0))

    def _answer(self) -> None:
        with suppress(OSError, DeviceError):
            connection, _ = self._asked.accept()
            with connection:
                peer_of(connection)
                connection.send(json.dumps(self.report()).encode(), socket.MSG_DONTWAIT)

    def _hear(self, engine: _Engine) -> None:
        """Take an engine's report, or its end."""
        try:
            message = engine.socket.recv(MESSAGE_BYTES)
        except OSError:
            message = b""
        if not message:
            self._end(engine)
            return
        before = engine.said
        with suppress(ValueError):
            engine.said = json.loads(message)
        engine.heard = time.monotonic()
        if "ready" in engine.said:
            self._could_start = True
        elif "refused" in engine.said:
            self._complain(str(engine.said["refused"]))
            self._engines.remove(engine)
            engine.host, engine.said = None, {"ready": True}
            self._ahead.insert(0, engine)
            if len(self._ahead) > MOST_AHEAD:
                self._end(self._ahead[-1])
        elif "rate" in engine.said and "rate" not in before:
            self.trouble = self._said = ""
            self._say(f"a plugin of process {engine.host} has come, engine {engine.process.pid}")

    def _end(self, engine: _Engine, trouble: str = "") -> None:
        """Let go of an engine, and tell why.

        Raises
        ------
        DeviceError
            If it failed and none has ever started: the next one would fail, too.
        """
        self._selector.unregister(engine.socket)
        engine.end()
        (self._engines if engine in self._engines else self._ahead).remove(engine)
        code = engine.process.returncode
        if code and not trouble:
            trouble = str(
                engine.said.get("error")
                or f"the engine {engine.process.pid} ended with code {code}; run again with "
                "PLUGIN_BRIDGE_DEBUG=1 to see why"
            )
        if trouble:
            self._failed = time.monotonic()
            if not self._could_start:
                raise DeviceError(trouble)
            self._complain(trouble)
        if engine.host is not None:
            self._say(f"the plugin of process {engine.host} has gone")

    def _complain(self, trouble: str) -> None:
        """Keep what is wrong for the status, and say it; not over and over."""
        self.trouble = trouble
        if trouble != self._said:
            self._said = trouble
            self._say(trouble)


def ask(folder: Path | None = None) -> dict[str, Any] | None:
    """Ask the server that runs what it serves; None if there is none.

    Raises
    ------
    DeviceError
        If it does not answer.

    Notes
    -----
    Thread: [main]
    """
    path = (folder or runtime.folder()) / runtime.STATUS
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.settimeout(ASK_SECONDS)
        try:
            asking.connect(str(path))
        except OSError:
            return None
        try:
            peer_of(asking)
            raw = asking.recv(16 * MESSAGE_BYTES)
            answer: dict[str, Any] = json.loads(raw)
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"the engine at {path} does not answer; end it and run plugin-bridge daw serve"
            ) from error
        except PluginBridgeError:
            return None
    return answer
