"""Single keys from a terminal, without Enter."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Keys:
    """Keys that were pressed; none where there is no terminal.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def wait(self, seconds: float) -> str:
        """Wait for keys; give what was typed, "" if nothing was.

        Notes
        -----
        Thread: [main]
        """
        if self._fd is None:
            select.select([], [], [], seconds)
            return ""
        if not select.select([self._fd], [], [], seconds)[0]:
            return ""
        typed = os.read(self._fd, 64)
        if not typed:
            self._fd = None  # the terminal is gone
        return typed.decode(errors="ignore")


@contextmanager
def keys() -> Iterator[Keys]:
    """Give keys one by one while the block runs; the terminal is as before afterwards.

    Notes
    -----
    Thread: [main]
    """
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield Keys(None)
        return
    if not sys.stdin.isatty():
        yield Keys(None)
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keys(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
