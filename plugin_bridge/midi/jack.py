"""Whether the JACK server still lives, and what becomes of its clients when it does not.

RtMidi does not tell, and libjack, asked through a client of a dead server, gives the answers of the
past. When the next client is opened, libjack frees all clients of the dead server, whoever holds
them: closing one of those then is a crash. So a client of our own, without ports, listens.

Rules of this file
 1. libjack is the one that rtmidi brought, found in the process's memory map: on Linux only.
    Elsewhere every server is taken to live for ever.
 2. libjack calls from threads of its own, so it is given functions of C, never of Python.
"""

import ctypes
import sys
from functools import cache
from pathlib import Path

NO_START_SERVER = 1
# Room for a sem_t: 32 bytes with glibc on 64 bits.
SEMAPHORE_BYTES = 64


class Server:
    """A connection to the JACK server that is up now.

    Attributes
    ----------
    lives : bool, False for ever after the server went

    Raises
    ------
    OSError
        If no server is up.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self) -> None:
        self._library = library()
        self._gone = ctypes.create_string_buffer(SEMAPHORE_BYTES)
        self._client = None
        if self._library is None:
            return
        # The GIL is kept while libjack opens and closes, as rtmidi does: no thread of ours sees
        # a client in the middle of being freed.
        libc = ctypes.CDLL(None)
        libc.sem_init(self._gone, 0, 0)
        self._client = self._library.jack_client_open(b"plugin-bridge-watch", NO_START_SERVER, None)
        if not self._client:
            raise OSError("no JACK server is up")
        post = ctypes.cast(libc.sem_post, ctypes.c_void_p)
        self._library.jack_on_shutdown(self._client, post, ctypes.addressof(self._gone))

    @property
    def lives(self) -> bool:
        """Whether the server is still the one that this connection was made to."""
        if self._client is None:
            return True
        posted = ctypes.c_int()
        ctypes.CDLL(None).sem_getvalue(self._gone, ctypes.byref(posted))
        return not posted.value

    def close(self) -> None:
        """Leave the server; one that is dead frees its clients by itself.

        Notes
        -----
        Thread: [any], one at a time
        """
        if self._library is not None and self.lives:
            self._library.jack_client_close(self._client)


@cache
def library() -> ctypes.PyDLL | None:
    """Give the libjack of rtmidi, kept from printing to the terminal; None if there is none.

    Notes
    -----
    rtmidi must have been imported before.
    Thread: [any]
    """
    file = _file()
    if file is None:
        return None
    jack = ctypes.PyDLL(file)
    jack.jack_client_open.restype = ctypes.c_void_p
    jack.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    jack.jack_client_close.argtypes = [ctypes.c_void_p]
    jack.jack_on_shutdown.argtypes = [ctypes.c_void_p] * 3
    # Complaints go to a function that takes a text and does nothing with it.
    quiet = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
    for told in (jack.jack_set_error_function, jack.jack_set_info_function):
        told.argtypes = [ctypes.c_void_p]
        told(quiet)
    return jack


def _file() -> str | None:
    maps = Path("/proc/self/maps")
    if sys.platform != "linux" or not maps.exists():
        return None
    paths = (line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines())
    found = sorted({path for path in paths if Path(path).name.startswith("libjack")})
    # A wheel's own copy, where PortAudio has brought the system's as well.
    return next((path for path in found if "rtmidi" in path), found[0] if found else None)
