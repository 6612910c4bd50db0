"""The engine's own process: it makes the stream, starts it, and sleeps until its parent is gone.

What passes between the two, beside the control block:
  arguments         where that block is, when this process was asked for (monotonic, ns), and
                    "hardware" if audio devices may be looked for
  standard input    one line of JSON: the settings, and the console to go on with; then nothing.
                    Its end is the end of this process, whether the parent asks or has died.
  standard output   one line of JSON: what was made, with the warnings, or the error; then its end.

Rules of this file
  1. What takes long is loaded in `run`, while the driver looks for devices and the parent gets
     its orders ready. The collector rests from the begin on: there is nothing to collect.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from plugin_bridge.errors import DeviceError, PluginBridgeError, PluginBridgeWarning
from plugin_bridge.live.devices.driver import driver, leave
from plugin_bridge.live.priority import AHEAD_PRIORITY, raise_priority
from plugin_bridge.live.shared import SharedMemory
from plugin_bridge.live.stopwatch import Stopwatch

# Seconds between Python threads; the callback must not wait for the default 5 ms.
SWITCH_SECONDS = 1e-4
# The argument that lets the driver look for devices.
HARDWARE = "hardware"
# What a driver gets to close; then the process ends without it.
CLOSE_SECONDS = 1.0
INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Be the engine process until the parent closes our standard input; give the exit code.

    Parameters
    ----------
    arguments : sequence of str, as told above

    Notes
    -----
    Thread: [main]
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    reply_fd = _own_output()
    gc.disable()
    raise_priority(AHEAD_PRIORITY)
    address, begin_ns, *more = arguments
    watch = Stopwatch(int(begin_ns))
    if HARDWARE in more:
        threading.Thread(target=_wake_driver, daemon=True).start()
    from plugin_bridge.live.control import ControlBlock
    from plugin_bridge.live.session import Session
    from plugin_bridge.live.settings import LiveSettings

    watch.lap("program")
    orders = json.loads(_line(0))
    watch.lap("orders")
    ended = threading.Event()
    threading.Thread(target=_watch_parent, args=(ended,), daemon=True).start()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        settings = LiveSettings.from_table(orders["settings"])
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", PluginBridgeWarning)
            session = Session(
                settings,
                ControlBlock(SharedMemory(address)),
                orders["state"],
                orders["active"],
                orders["position"],
                watch,
            )
        gc.freeze()
        session.start()
    except PluginBridgeError as error:
        _reply(reply_fd, {"error": type(error).__name__, "text": str(error)})
        leave()
        return 1
    said = [str(each.message) for each in seen if issubclass(each.category, PluginBridgeWarning)]
    _reply(reply_fd, {"ready": session.described(), "warnings": said})
    ended.wait()
    session.stop()
    leave()
    return 0


def _wake_driver() -> None:
    """Let PortAudio look for devices while the model is loaded; its errors are told later."""
    raise_priority(AHEAD_PRIORITY)
    with suppress(DeviceError):
        driver()


def _own_output() -> int:
    """Keep standard output for the answer; what libraries print there goes nowhere."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return kept


def _line(fd: int) -> bytes:
    """Read one line, and nothing of what follows."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(fd, 1)
        if not part:
            os._exit(INTERRUPTED)
        line += part
    return line


def _watch_parent(ended: threading.Event) -> None:
    """Sleep in C until the parent is gone; then see that this process ends, whatever hangs."""
    while os.read(0, 4096):
        pass
    ended.set()
    time.sleep(CLOSE_SECONDS)
    os._exit(INTERRUPTED)


def _reply(fd: int, message: dict[str, Any]) -> None:
    try:
        os.write(fd, json.dumps(message).encode() + b"\n")
        os.close(fd)
    except OSError:
        os._exit(INTERRUPTED)  # nobody is there to read it


if __name__ == "__main__":
    CODE = run(sys.argv[1:])
    # Not sys.exit: drivers' own exit handlers hang where their server has died.
    os._exit(CODE)
