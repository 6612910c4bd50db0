"""A plugin at the door: who it is, which version it speaks, and the memory that it brings."""

import fcntl
import mmap
import os
import socket
import stat
import struct
from contextlib import suppress

import numpy as np

from plugin_bridge.daw.protocol import GREETING, MAGIC, OTHER_VERSION, SIZE, VERSION
from plugin_bridge.daw.views import Views
from plugin_bridge.errors import DeviceError

# pid, uid and gid of who is at the other end.
_CREDENTIALS = struct.Struct("3i")
# What a plugin may take to greet: it does so at once.
GREET_SECONDS = 5.0


def peer_of(connection: socket.socket) -> int:
    """Give the process at the other end.

    Raises
    ------
    DeviceError
        If it is another user's.

    Notes
    -----
    Thread: [main]
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    if uid != os.geteuid():
        raise DeviceError(
            f"process {pid} of user {uid} asks for an engine, and this one serves user "
            f"{os.geteuid()} only; let that user run plugin-bridge daw serve"
        )
    return int(pid)


def welcome(connection: socket.socket) -> tuple[Views, mmap.mmap]:
    """Take a plugin's greeting and its memory, and answer.

    Returns
    -------
    views : Views of the memory
    memory : mmap, to be kept as long as the views are

    Raises
    ------
    DeviceError
        If it speaks another version, says nothing, or its memory is not as agreed.

    Notes
    -----
    Thread: [main]
    """
    connection.settimeout(GREET_SECONDS)
    try:
        raw, fds, _, _ = socket.recv_fds(connection, GREETING.itemsize, 4)
    except OSError as error:
        raise DeviceError(f"a plugin does not greet ({error}); open it anew") from error
    finally:
        connection.settimeout(None)
    try:
        if len(raw) != GREETING.itemsize:
            raise DeviceError(f"a plugin greeted with {len(raw)} bytes; install it anew")
        said = np.frombuffer(raw, GREETING)[0]
        known = (int(said["magic"]), int(said["version"]), int(said["bytes"]))
        if known != (MAGIC, VERSION, SIZE):
            _answer(connection, OTHER_VERSION)
            raise DeviceError(
                f"a plugin speaks version {known[1]}, this engine {VERSION}; install the plugin "
                "anew: plugin-bridge daw install"
            )
        if len(fds) != 1:
            raise DeviceError(f"a plugin brought {len(fds)} files instead of one; install it anew")
        memory = _mapped(fds[0])
    finally:
        for fd in fds:
            os.close(fd)
    _answer(connection, 0)
    return Views(memory), memory


def _mapped(fd: int) -> mmap.mmap:
    found = os.fstat(fd)
    seals = 0
    with suppress(OSError):  # a file that cannot have any has none
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    fits = stat.S_ISREG(found.st_mode) and found.st_size == SIZE
    if found.st_uid != os.geteuid() or not fits or not seals & fcntl.F_SEAL_SHRINK:
        raise DeviceError(
            f"the memory that a plugin shares has {found.st_size} bytes, owner {found.st_uid} and "
            f"seals {seals:#x}; {SIZE} sealed bytes of user {os.geteuid()} were agreed"
        )
    return mmap.mmap(fd, SIZE)


def _answer(connection: socket.socket, verdict: int) -> None:
    answer = np.zeros(1, GREETING)
    answer[0] = (MAGIC, VERSION, SIZE, verdict, 0)
    with suppress(OSError):  # it has gone: the next look at the connection tells
        connection.send(answer.tobytes())
