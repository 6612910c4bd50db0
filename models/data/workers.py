"""One task for many things, in this process or spread over several."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


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
    pool = ProcessPoolExecutor(workers)
    try:
        futures = {pool.submit(task, thing): thing for thing in things}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        # whoever stops the build need not wait for the things that were queued
        pool.shutdown(cancel_futures=True)
