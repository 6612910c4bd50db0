"""Where the time of a start goes."""

import time
from typing import Any


class Stopwatch:
    """Laps of a process, from its begin on.

    Parameters
    ----------
    begin_ns : int, monotonic, when the process was asked for

    Attributes
    ----------
    laps : list of dict: `part`, `seconds` that passed, `cpu_seconds` that this process computed

    Examples
    --------
    >>> watch = Stopwatch(time.monotonic_ns())
    >>> watch.lap("model")
    >>> [lap["part"] for lap in watch.laps]
    ['model']

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, begin_ns: int) -> None:
        self.laps: list[dict[str, Any]] = []
        self._last_ns, self._last_cpu = begin_ns, 0.0

    def lap(self, part: str) -> None:
        """End a part of the start.

        Notes
        -----
        Thread: [main]
        """
        now, cpu = time.monotonic_ns(), time.process_time()
        self.laps.append(
            {
                "part": part,
                "seconds": round((now - self._last_ns) / 1e9, 4),
                "cpu_seconds": round(cpu - self._last_cpu, 4),
            }
        )
        self._last_ns, self._last_cpu = now, cpu
