"""Ctrl-C, SIGTERM and a closed terminal, from the first line on: they raise Interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code


class Interrupted(KeyboardInterrupt):
    """What Ctrl-C, or another's wish that it ends, raises in this program.

    Once a plain KeyboardInterrupt has passed through code that was made from text, such as a
    named tuple's, Python ends the program by the signal, whatever else it returns.
    """


@contextmanager
def interruptible() -> Iterator[None]:
    """Let them raise Interrupted; what is ignored, as in a shell's background, stays so.

    Notes
    -----
    Thread: [main]; in others nothing changes
    """
    plain = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if hasattr(signal, "SIGHUP"):
        plain[signal.SIGHUP] = signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread():
        plain = {}
    taken = {number: old for number, old in plain.items() if signal.getsignal(number) is old}
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, old in taken.items():
            signal.signal(number, old)


def interrupted(error: BaseException | None) -> bool:
    """Tell whether it was this that failed: a library may make another error of it.

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
