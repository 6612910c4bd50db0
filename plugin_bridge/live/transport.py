"""The parent's view of a song that is played: where it is, and where it was asked to go."""

from typing import Any

from plugin_bridge.live.control import Ahead, ControlBlock, Head

# What engines that are gone have counted goes on in the next.
COUNTED = {"underruns": Head.UNDERRUNS, "paused_samples": Head.PAUSED_SAMPLES}


class Transport:
    """Know the position of a song, over the engines that play it.

    Attributes
    ----------
    position : int, the song's sample that the next engine is to begin at
    sent : int, jumps that the present engine was asked for

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self) -> None:
        self.position = self.sent = 0
        self._target = 0
        self._length = 0
        self._counted = dict.fromkeys(COUNTED, 0)
        self._leads = (0, 0)

    def keep(self, control: ControlBlock) -> None:
        """Remember where an engine ended.

        Notes
        -----
        Thread: [any], one at a time
        """
        self.position = self._now(control)
        self._length = int(control.cells[Ahead.LENGTH])
        self._leads = _leads(control)
        for name, cell in COUNTED.items():
            self._counted[name] += int(control.cells[cell])

    def aim(self, control: ControlBlock | None, samples: int, *, relative: bool) -> int:
        """Give the sample to jump to, within the song.

        Parameters
        ----------
        control : ControlBlock or None, of the engine that runs
        samples : int, from the begin, or from where the song is or was just asked to go
        relative : bool
        """
        length = self._length if control is None else int(control.cells[Ahead.LENGTH])
        begin = self._now(control) if relative else 0
        self._target = min(max(begin + samples, 0), length)
        if control is None:
            self.position = self._target
        return self._target

    def report(
        self, control: ControlBlock | None, described: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Give position and length, lead and pauses, in seconds, as JSON can hold them.

        None where no song is played.

        Notes
        -----
        Thread: [any], one at a time
        """
        if not described.get("song"):
            return None
        rate = described["device"]["rate"]
        latency = sum(described["latency_samples"].values())
        cells = None if control is None else control.cells
        length = self._length if cells is None else int(cells[Ahead.LENGTH])
        head = self.position if cells is None else int(cells[Head.POSITION])
        counted = dict(self._counted)
        lead, least = self._leads if control is None else _leads(control)
        if cells is not None:
            for name, cell in COUNTED.items():
                counted[name] += int(cells[cell])
        return {
            **described["song"],
            "position_seconds": round(min(max(head - latency, 0), length) / rate, 3),
            "length_seconds": round(length / rate, 3),
            "ended": head >= length + latency,
            "lead_seconds": round(lead / rate, 3),
            "least_lead_seconds": round(least / rate, 3),
            "underruns": counted["underruns"],
            "paused_seconds": round(counted["paused_samples"] / rate, 3),
            "damaged": bool(cells is not None and cells[Ahead.DAMAGED]),
        }

    def _now(self, control: ControlBlock | None) -> int:
        """Give the song's sample that plays, or will as soon as the engine has obeyed."""
        if control is None:
            return self.position
        if control.cells[Head.JUMPS] < self.sent:
            return self._target
        return min(int(control.cells[Head.POSITION]), int(control.cells[Ahead.LENGTH]))


def _leads(control: ControlBlock) -> tuple[int, int]:
    """Give the lead now and the least since the start or the last jump, in samples."""
    return int(control.cells[Head.LEAD]), max(0, int(control.cells[Head.LEAST_LEAD]))
