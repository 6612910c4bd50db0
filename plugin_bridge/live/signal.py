"""Wake a thread from the audio thread."""

import threading

from plugin_bridge.realtime import realtime


class Signal:
    """A flag that one thread raises and one waits for.

    To raise it never waits, unlike threading.Event, which takes a lock for that: a raised flag
    is an open lock of C, which needs no owner.

    Examples
    --------
    >>> signal = Signal()
    >>> signal.set()
    >>> signal.set()
    >>> signal.wait(1.0), signal.wait(0.0)
    (True, False)

    Notes
    -----
    Thread: `set` on one thread, `wait` on another
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    @realtime
    def set(self) -> None:
        """Raise the flag.

        Notes
        -----
        Thread: [audio] or [worker], always the same one
        """
        if self._lock.locked():  # only `wait` closes it, so it cannot open in between
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Sleep until the flag is raised, and take it down.

        Returns
        -------
        raised : bool, False if the time was over first

        Notes
        -----
        Thread: [worker]
        """
        return self._lock.acquire(timeout=seconds)
