"""The process of one plugin's engine: it loads a model, waits for a plugin, and plays for it.

What passes between it and the server, on the socket that it inherits:
  in    one message of JSON: what to serve; then one byte with a plugin's connection beside it,
        and another one where that was refused
  out   messages of JSON: "ready"; "refused" and why, of a plugin that does not fit; then a report
        every second, or the error
Its end, from either side, is the end of this process.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from plugin_bridge.errors import DeviceError, PluginBridgeError
from plugin_bridge.live.daw.desk import load_shelf, stamps
from plugin_bridge.live.daw.instance import Instance
from plugin_bridge.live.daw.memory import welcome
from plugin_bridge.live.priority import WORKER_PRIORITY, raise_priority
from plugin_bridge.model.onnx import Model

# Between two looks at the memory: while audio runs, and while it does not.
BUSY_SECONDS, IDLE_SECONDS = 0.0003, 0.005
# So long after the last hop audio counts as running.
QUIET_SECONDS = 2.0
LOOK_SECONDS, REPORT_SECONDS = 0.05, 1.0
MESSAGE_BYTES = 65536


def run(fd: int) -> int:
    """Be the process; give the exit code.

    Parameters
    ----------
    fd : int, of the server's socket

    Notes
    -----
    Thread: [main]
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides
    server = socket.socket(fileno=fd)
    orders = server.recv(MESSAGE_BYTES)
    if not orders:
        return 0
    try:
        served = json.loads(orders)
        model = Model(Path(served["model"]), served["provider"])
        shelf = load_shelf(model.card.stems, allow_plugins=served["allow_plugins"])
    except PluginBridgeError as error:
        _tell(server, {"error": str(error)})
        return 1
    _tell(server, {"ready": True, "model": model.card.name})
    plugin = _handed(server)
    while plugin is not None:
        # What was saved while this process was ahead is played, too.
        if shelf.stamps != stamps():
            shelf = load_shelf(model.card.stems, allow_plugins=served["allow_plugins"])
        try:
            views, memory = welcome(plugin)
            break
        except DeviceError as error:
            plugin.close()
            _tell(server, {"refused": str(error)})
        plugin = _handed(server)
    else:
        return 0
    raise_priority(WORKER_PRIORITY)
    gc.collect()
    gc.freeze()
    gc.disable()
    _play(Instance(views, model, shelf), server, plugin)
    del views, memory
    return 0


def _handed(server: socket.socket) -> socket.socket | None:
    """Wait for a plugin; None if the server has gone."""
    _, fds, _, _ = socket.recv_fds(server, 1, 1)
    return socket.socket(fileno=fds[0]) if fds else None


def _play(instance: Instance, server: socket.socket, plugin: socket.socket) -> None:
    """Play until the plugin or the server is gone."""
    looked = reported = worked = 0.0
    while True:
        if instance.step():
            worked = monotonic()
        else:
            now = monotonic()
            if now - looked > LOOK_SECONDS:
                looked = now
                instance.look()
            time.sleep(BUSY_SECONDS if now - worked < QUIET_SECONDS else IDLE_SECONDS)
        now = monotonic()
        if now - reported > REPORT_SECONDS:
            reported = now
            _tell(server, instance.report())
        if select.select([server, plugin], [], [], 0)[0]:
            return


def _tell(server: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):  # it has gone, or is busy: the next report tells the same
        server.send(json.dumps(message).encode()[:MESSAGE_BYTES], socket.MSG_DONTWAIT)


if __name__ == "__main__":
    CODE = run(int(sys.argv[1]))
    os._exit(CODE)  # no exit handler of a library has anything to say here
