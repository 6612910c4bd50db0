"""Ctrl-C, from the program's first line on: it raises Interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code


class Interrupted(KeyboardInterrupt):
    """What Ctrl-C raises in this program.

    Once a plain KeyboardInterrupt has passed through code that was made from text, such as a
    named tuple's, Python ends the program by the signal, whatever else it returns.
    """


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise Interrupted; where it is ignored, as in a shell's background, it stays so.

    Notes
    -----
    Thread: [main]; in others nothing changes
    """
    plain = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not plain or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupted(error: BaseException | None) -> bool:
    """Tell whether it was Ctrl-C that failed: a library may make another error of it.

    Notes
    -----
    Thread: [any]
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Interrupted
