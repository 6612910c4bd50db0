"""Threads that come before all ordinary ones, and memory that stays where it is."""

import ctypes
import os
import sys
import threading
from contextlib import suppress

# Where nobody has said anything else. The worker is below the threads of drivers: those of JACK's
# clients have 5, unless the server's own priority was chosen; then it follows them. What separates
# a song ahead is below both, and so is a start.
AHEAD_PRIORITY, WORKER_PRIORITY, DEVICE_PRIORITY = 1, 4, 6
# What is mapped now, as far as it has been used.
MCL_CURRENT, MCL_ONFAULT = 1, 4


def raise_priority(priority: int) -> str:
    """Put the calling thread before all ordinary ones, where the system allows it.

    Parameters
    ----------
    priority : int, 1 to 99

    Returns
    -------
    verdict : str, "realtime" or the reason why not

    Notes
    -----
    Thread: the one that calls
    """
    if not hasattr(os, "sched_setscheduler"):
        return "normal: this system has no realtime scheduling for it"
    thread = threading.get_native_id()
    try:
        if os.sched_getscheduler(thread) != os.SCHED_OTHER:
            return "realtime"  # its driver has seen to that
        # What the thread starts does not inherit it.
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(thread, policy, os.sched_param(priority))
    except OSError:
        return "normal: no permission; give your user an rtprio limit (see plugin-bridge doctor)"
    return "realtime"


def priority_here() -> int:
    """Give the realtime priority of the calling thread, 0 for none.

    Notes
    -----
    Thread: the one that calls
    """
    if not hasattr(os, "sched_getparam"):
        return 0
    return os.sched_getparam(threading.get_native_id()).sched_priority


def follow(priority: int) -> None:
    """Put the calling thread, if it is realtime, right below one of this priority.

    A server of priority 70 was put above other realtime threads on purpose, such as those that
    serve the hardware, and a worker below them would be late for it.

    Notes
    -----
    Thread: the one that calls
    """
    if 0 < priority_here() < priority - 1:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        with suppress(OSError):  # the limit of the user lies between: better there than nowhere
            os.sched_setscheduler(threading.get_native_id(), policy, os.sched_param(priority - 1))


def lock_memory() -> str:
    """Keep the system from taking away what this process has in memory, where it allows that.

    Code of libraries is dropped first where memory is short, and the audio would wait for the
    disk to bring it back.

    Returns
    -------
    verdict : str, "locked" or the reason why not

    Notes
    -----
    Thread: [main]
    """
    if sys.platform != "linux":
        return "not locked: this system has no call for it"
    if ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_ONFAULT):
        return (
            "not locked: no permission; give your user a memlock limit (see plugin-bridge doctor)"
        )
    return "locked"
