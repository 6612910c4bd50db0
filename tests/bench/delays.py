"""How long threads waited for a core, and how much of the machine its own host took away.

Linux counts both: /proc/PID/task/TID/schedstat, and /proc/stat. A hop that is late although its
thread never waited is late by our own doing.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Field of /proc/PID/stat, counted from the one behind the program's name; over 0 is realtime.
RT_PRIORITY = 37


@dataclass(frozen=True)
class Delays:
    """What was counted up to now; two of them give what happened in between.

    Attributes
    ----------
    seconds : float, monotonic
    waited_ns : dict of str to int, by process: its realtime threads, ready but without a core
    ticks : tuple of int, of all cores: user, nice, system, idle, waiting, irqs, stolen
    """

    seconds: float
    waited_ns: dict[str, int]
    ticks: tuple[int, ...]

    @classmethod
    def now(cls, pids: Mapping[str, int | None]) -> Self:
        """Read what these processes, None for one that is gone, and the machine have counted."""
        waited = {name: 0 if pid is None else _waited(pid) for name, pid in pids.items()}
        return cls(time.monotonic(), waited, _ticks())

    def waited_ms(self, before: Self, name: str) -> float:
        """Give what the realtime threads of a process waited since then, added up."""
        return max(0, self.waited_ns[name] - before.waited_ns[name]) / 1e6

    def stolen(self, before: Self) -> float:
        """Give the share of time since then in which the machine's host ran something else."""
        spent = [late - early for early, late in zip(before.ticks, self.ticks, strict=True)]
        return spent[-1] / max(1, sum(spent))


def _waited(pid: int) -> int:
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            if int(fields[RT_PRIORITY]) > 0:
                total += int((task / "schedstat").read_text().split()[1])
        except OSError:
            continue  # it has ended meanwhile
    return total


def _ticks() -> tuple[int, ...]:
    line = Path("/proc/stat").read_text().splitlines()[0]
    return tuple(int(number) for number in line.split()[1:9])
