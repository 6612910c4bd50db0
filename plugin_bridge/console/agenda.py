"""Commands on their way to the rack.

What goes wrong while audio runs is counted, never raised.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count

from plugin_bridge.console.command import Command
from plugin_bridge.console.console import Console
from plugin_bridge.console.rack import Rack
from plugin_bridge.errors import SpecError, suggest

# Switches the console; no setting of one.
PRESET = "preset"


class Agenda:
    """Keep commands until their place in the stream has come.

    Parameters
    ----------
    rack : Rack

    Attributes
    ----------
    ignored : int
        Commands that the active console could not follow.

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._heap: list[tuple[int, int, Command]] = []
        self._order = count()  # of commands with one position the last one holds
        self.ignored = 0

    def add(self, command: Command) -> None:
        """Take a command.

        Raises
        ------
        SpecError
            If no console has such a path, or there is no such preset; suggests one.

        Notes
        -----
        Thread: [worker]
        """
        if command.path == PRESET:
            self._refuse_unknown("preset", str(command.value), [*self._rack.consoles])
        elif not any(_has(console, command.path) for console in self._rack.consoles.values()):
            self._refuse_unknown("control", command.path, [*self._rack.console.controls()])
        heappush(self._heap, (command.position, next(self._order), command))

    def run(self, position: int) -> None:
        """Follow all commands up to this sample.

        Notes
        -----
        Thread: [worker]
        """
        while self._heap and self._heap[0][0] <= position:
            self._follow(heappop(self._heap)[2])

    def clear(self) -> None:
        """Drop what is pending.

        Notes
        -----
        Thread: [worker]
        """
        self._heap.clear()

    def _refuse_unknown(self, kind: str, wanted: str, known: Sequence[str]) -> None:
        if wanted not in known:
            raise SpecError(f"there is no {kind} {wanted!r} here; {suggest(wanted, known)}")

    def _follow(self, command: Command) -> None:
        try:
            if command.path == PRESET:
                self._rack.switch(str(command.value))
            else:
                self._rack.console.set(command.path, command.value)  # type: ignore[arg-type]
        except SpecError:
            self.ignored += 1


def _has(console: Console, path: str) -> bool:
    try:
        console.get(path)
    except SpecError:
        return False
    return True
