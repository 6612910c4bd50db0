"""One task for many things, in this process or spread over several."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

LOOK_SECONDS = 0.5
# What a worker without a parent gets to clean up.
GOODBYE_SECONDS = 5.0


def spread(
    task: Callable[[Thing], Result], things: Sequence[Thing], workers: int
) -> Iterator[tuple[Thing, Result]]:
    """Do the task for each thing; yield each with its result as it is finished.

    Parameters
    ----------
    task : callable
        What crosses process borders: a function of a module or a partial of one.
    things : sequence
    workers : int
        Processes; 1 works in this one, and in order.

    Yields
    ------
    thing, result

    Raises
    ------
    BrokenExecutor
        If a process was ended from outside; and whatever the task raises.

    Notes
    -----
    Thread: [main]
    """
    if workers <= 1:
        for thing in things:
            yield thing, task(thing)
        return
    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(os.getpid(),))
    try:
        futures = {pool.submit(partial(_interruptible, task), thing): thing for thing in things}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        # whoever stops the build need not wait for the things that were queued
        pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """Begin a worker: Ctrl-C breaks its task off, not the worker, and it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()


def _interruptible(task: Callable[[Thing], Result], thing: Thing) -> Result:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return task(thing)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _outlive_nobody(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GOODBYE_SECONDS)
    os._exit(1)
