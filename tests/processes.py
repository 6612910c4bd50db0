"""Other processes as tests meet them: waited for, looked at, on a terminal, and hearing Ctrl-C."""

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Ends a test that would hang; nothing is measured by it.
PATIENCE = 30.0


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for another process or thread; give what the condition came to."""
    limit = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.005)
    return found


def seconds_until(condition: Callable[[], Any]) -> float:
    """Wait for another process or thread; give how long it took."""
    begin = time.monotonic()
    until(condition)
    return time.monotonic() - begin


def lateness() -> float:
    """Give by how many seconds a machine as busy as this one is late by itself."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def gone(pid: int) -> bool:
    """Tell whether a process has ended; one that waits to be collected has."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid: int) -> list[int]:
    """Give the processes that a process has started, from any of its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def hear_ctrl_c() -> None:
    """Undo what shells and nohup do for background jobs, whose children do not hear a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Terminal:
    """A program whose keys and messages are those of a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process, self._fd = process, fd
        self.shown = b""

    def shows(self, text: bytes) -> bool:
        """Read on; tell whether it has shown a text so far."""
        self.shown += os.read(self._fd, 4096)
        return text in self.shown

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._fd, keys)


@contextmanager
def on_a_terminal(arguments: Sequence[str]) -> Iterator[Terminal]:
    """Run a program on a terminal of its own; what it prints on stdout goes nowhere."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        arguments, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
    os.close(ours)
