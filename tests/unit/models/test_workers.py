"""Workers end with what began them."""

import os
import signal
import subprocess
import sys

import pytest

from tests.processes import gone, hear_ctrl_c, until

PROGRAM = """
import os, time
from models.data.workers import spread

def task(_):
    # one write, so that no other worker's comes between it and its end of line
    os.write(1, b"%d\\n" % os.getpid())
    # a signal just ahead of one long sleep would not wake it
    for _ in range(600):
        time.sleep(0.1)

list(spread(task, [1, 2], 2))
"""


@pytest.mark.linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_is_left(number: int) -> None:
    """Whether their parent was killed or told to stop, with tasks of a minute at work."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        (os.killpg if number == signal.SIGINT else os.kill)(parent.pid, number)
    until(lambda: all(gone(pid) for pid in workers))
