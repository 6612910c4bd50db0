"""What a MIDI port received and nobody has handled yet: checked, bounded, counted.

Pure: a port puts messages in, its owner takes them out.
"""

from collections import deque
from dataclasses import dataclass

# A whole burst of ten thousand fits: more than a cable of MIDI 1.0 carries in ten seconds.
MOST_WAITING = 16_384
# Status -> length in bytes. SysEx has none and is not for us.
CHANNEL = {0x80: 3, 0x90: 3, 0xA0: 3, 0xB0: 3, 0xC0: 2, 0xD0: 2, 0xE0: 3}
SYSTEM = {0xF1: 2, 0xF2: 3, 0xF3: 2, 0xF6: 1} | dict.fromkeys(range(0xF8, 0x100), 1)


@dataclass
class PortCounters:
    """What a port has seen.

    Attributes
    ----------
    messages : int, whole ones that came in, or were sent
    malformed : int, that are no MIDI message; not handed on
    dropped : int, that found the queue full, or no port to be sent to
    failed : int, whose handling raised an error
    reopened : int, times that the port came back
    """

    messages: int = 0
    malformed: int = 0
    dropped: int = 0
    failed: int = 0
    reopened: int = 0


def is_whole(message: bytes) -> bool:
    """Tell whether it is one whole MIDI message, SysEx excepted.

    Examples
    --------
    >>> is_whole(bytes([0x90, 60, 100])), is_whole(bytes([0x90, 60])), is_whole(bytes([7, 7]))
    (True, False, False)

    Notes
    -----
    Thread: [any]
    """
    status = message[0] if message else 0
    length = SYSTEM.get(status, CHANNEL.get(status & 0xF0 if status < 0xF0 else 0))
    return len(message) == length and all(byte < 0x80 for byte in message[1:])


class Intake:
    """A bounded queue of messages with their times.

    Parameters
    ----------
    counters : PortCounters, counts what is put in
    most : int, messages that may wait

    Notes
    -----
    Thread: [midi]
    """

    def __init__(self, counters: PortCounters, most: int = MOST_WAITING) -> None:
        self._counters = counters
        self._most = most
        self._waiting: deque[tuple[bytes, float]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: bytes, seconds: float) -> None:
        """Keep a message until it is taken, or count why not.

        Parameters
        ----------
        message : bytes, anything
        seconds : float, when it came

        Notes
        -----
        Thread: [midi]
        """
        if not is_whole(message):
            self._counters.malformed += 1
        elif len(self._waiting) >= self._most:
            # The newest gives way: what was played first is not undone by what floods in later.
            self._counters.dropped += 1
        else:
            self._counters.messages += 1
            self._waiting.append((message, seconds))

    def take(self) -> tuple[bytes, float] | None:
        """Give the oldest message and its time, or None.

        Notes
        -----
        Thread: [midi]
        """
        return self._waiting.popleft() if self._waiting else None
