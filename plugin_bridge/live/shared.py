"""Memory that two processes share and no file system knows.

It goes with the last process that holds it. Where files are inherited it is one; on Windows it
is shared by a name of the kernel's. Nothing here needs numpy: a child process can be started
with its address before anything else is loaded.
"""

import mmap
import os
import secrets
import sys
import tempfile

from plugin_bridge.errors import DeviceError


class SharedMemory:
    """Memory without a name in the file system.

    Parameters
    ----------
    address : str, optional
        Of memory that another process made; new memory without it.

    Attributes
    ----------
    address : str, by which a child process finds it
    inherited : tuple of int, file descriptors that the child needs for that

    Raises
    ------
    DeviceError
        If the system has none; the same from `mapped`.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, address: str | None = None) -> None:
        self.inherited: tuple[int, ...] = ()
        if sys.platform == "win32":
            self.address = address or f"plugin-bridge-{secrets.token_hex(16)}"
        else:
            fd = _nameless() if address is None else int(address)
            self.address, self.inherited = str(fd), (fd,)

    def mapped(self, size: int) -> mmap.mmap:
        """Give it to this process, `size` bytes, zero until somebody writes them.

        Notes
        -----
        Thread: [any], one at a time
        """
        if sys.platform == "win32":
            return mmap.mmap(-1, size, tagname=self.address)
        try:
            os.ftruncate(self.inherited[0], size)
            return mmap.mmap(self.inherited[0], size)
        except OSError as error:
            raise _none(error) from error

    def close(self) -> None:
        """Let go of it, but for what is mapped.

        Notes
        -----
        Thread: [any], one at a time
        """
        for fd in self.inherited:
            os.close(fd)
        self.inherited = ()


def _nameless() -> int:
    """Make a file without a name: a memfd, elsewhere one that is unlinked at once."""
    try:
        if hasattr(os, "memfd_create"):
            return os.memfd_create("plugin-bridge")
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise _none(error) from error


def _none(error: OSError) -> DeviceError:
    return DeviceError(
        f"no memory to share with the audio engine ({error.strerror}); free some and try again"
    )
