"""Threads that come before all ordinary ones."""

import os
import threading

# The worker is below the threads of drivers: those of JACK's clients have 5.
WORKER_PRIORITY, DEVICE_PRIORITY = 4, 6


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
