"""Single keys from a terminal, without Enter."""

import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEFT, RIGHT, UP, DOWN = "left", "right", "up", "down"
# What terminals send for arrows: ESC [ or ESC O, with numbers in between where Shift is held.
ARROWS = {"A": UP, "B": DOWN, "C": RIGHT, "D": LEFT}
SEQUENCE = re.compile(r"\x1b[\[O][0-9;]*(?P<last>[A-Za-z~])")
# The first half of a sequence; the second is still on its way.
HALF = re.compile(r"\x1b(?:[\[O][0-9;]*)?$")


def split(typed: str) -> tuple[list[str], str]:
    r"""Take what a terminal sent apart.

    Returns
    -------
    keys : list of str
        Characters, and names of arrows; other sequences are left out.
    rest : str, the begin of a sequence that is not complete

    Examples
    --------
    >>> split("1\x1b[Cq\x1b[")
    (['1', 'right', 'q'], '\x1b[')

    Notes
    -----
    Thread: [any]
    """
    half = HALF.search(typed)
    typed, rest = (typed[: half.start()], half[0]) if half else (typed, "")
    keys: list[str] = []
    at = 0
    while at < len(typed):
        sequence = SEQUENCE.match(typed, at)
        if sequence is None:
            keys.append(typed[at])
            at += 1
        else:
            keys.extend(ARROWS.get(sequence["last"], "").split())
            at = sequence.end()
    return keys, rest


class Keys:
    """Keys that were pressed; none where there is no terminal.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._rest = ""

    def wait(self, seconds: float) -> list[str]:
        """Wait for keys; give what was typed: characters, and names of arrows.

        Notes
        -----
        Thread: [main]
        """
        if self._fd is None:
            select.select([], [], [], seconds)
            return []
        if not select.select([self._fd], [], [], seconds)[0]:
            self._rest = ""  # a lone ESC
            return []
        typed = os.read(self._fd, 64)
        if not typed:
            self._fd = None  # the terminal is gone
        found, self._rest = split(self._rest + typed.decode(errors="ignore"))
        return found


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
