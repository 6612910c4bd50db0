"""MIDI ports: messages in; lamps and notes out.

A controller that is pulled out and plugged in again is opened again, see watch.py.
"""

import time
from collections import deque
from collections.abc import Callable

from plugin_bridge.midi.driver import NAME, listing, usable
from plugin_bridge.midi.intake import MOST_WAITING, Intake, is_whole
from plugin_bridge.midi.names import VIRTUAL, PortInfo, opposite
from plugin_bridge.midi.watch import WATCH, WatchedPort

__all__ = ["MidiInput", "MidiOutput", "NotesOutput", "PortInfo", "lamps_of", "listing", "usable"]

# Seconds. A message waits half of this on average until it is asked for.
POLL = 0.001
# Messages moved in one go: handed on before the driver's queue is emptied again; sent before a
# pause, as JACK loses what does not fit into one of its periods.
SLICE, PAUSE = 256, 0.02
# Seconds from a connection to the first message: JACK loses what is sent before it works.
SETTLE = 0.1
# Seconds that closing waits for the last notes to be ended.
DRAIN = 0.5


class MidiInput(WatchedPort):
    """A port that messages come from.

    Parameters
    ----------
    port : str or PortInfo
        "virtual": one that other programs can send to; "API:name"; or a part of a name.
    on_message : callable (message: bytes, seconds: float) -> None
        Gets every whole message but SysEx, clock and active sensing, in order, and when it was
        seen, as `time.monotonic` counts. What it raises is counted.

    Attributes
    ----------
    counters : PortCounters

    Raises
    ------
    MidiError
        If the port does not exist, is not the only one of that name, or cannot be opened.
    MissingExtraError
        If python-rtmidi is not installed.

    Notes
    -----
    A port that vanishes is opened again within a second of its return, also after a JACK server
    went and came back. A client that leaves and returns within a tenth of a second is not missed.
    Thread: [main]; `on_message` runs on [midi]
    """

    direction = "input"
    client = NAME
    end = "control"

    def __init__(self, port: str | PortInfo, on_message: Callable[[bytes, float], None]) -> None:
        self._on_message = on_message
        self._intake: Intake | None = None
        super().__init__(port)

    def _turn(self) -> None:
        intake = self._intake = self._intake or Intake(self.counters)
        self._fetch(intake)
        for _ in range(SLICE):
            entry = intake.take()
            if entry is None:
                self._stop.wait(POLL if self.is_open else WATCH)
                return
            self._guarded(self._on_message, *entry)

    def _fetch(self, intake: Intake) -> None:
        """Empty the driver's queue, but no more than it holds: it may be filled meanwhile."""
        if self._client is None:
            return
        for _ in range(MOST_WAITING):
            message = self._client.get()
            if message is None:
                return
            intake.put(message, time.monotonic())


class MidiOutput(WatchedPort):
    """A port that messages are sent to.

    Parameters
    ----------
    port : str or PortInfo
        "virtual": one that other programs can listen to; "API:name"; or a part of a name.
    on_open : callable or None
        Called on [midi] when the port is back, so that its lamps can be lit anew.

    Attributes
    ----------
    counters : PortCounters

    Raises
    ------
    MidiError
        If the port does not exist, is not the only one of that name, or cannot be opened.
    MissingExtraError
        If python-rtmidi is not installed.

    Notes
    -----
    Thread: [main]
    """

    direction = "output"
    # It blinks at the controller: its lamps are all it has.
    client = f"{NAME}-lamps"
    end = "feedback"

    def __init__(self, port: str | PortInfo, on_open: Callable[[], None] | None = None) -> None:
        self._on_open = on_open
        self._queue: deque[bytes] = deque()
        self._is_new = True
        super().__init__(port)

    def send(self, message: bytes) -> None:
        """Send a message soon, without waiting for the driver.

        Parameters
        ----------
        message : bytes
            One whole message. Others are counted as malformed; while the port is not there, or
            over 16,384 wait, as dropped.

        Notes
        -----
        Thread: [any]
        """
        if not is_whole(message):
            self.counters.malformed += 1
        elif len(self._queue) >= MOST_WAITING or not self.is_open:
            self.counters.dropped += 1
        else:
            self._queue.append(bytes(message))
            self._wake.set()

    def _turn(self) -> None:
        self._wake.wait(WATCH)
        self._wake.clear()
        if self._queue and self._is_new:
            self._is_new = self._stop.wait(SETTLE)
        for _ in range(SLICE):
            if not self._queue or self._client is None or self._stop.is_set():
                return
            self._client.send(self._queue[0])
            self._queue.popleft()
            self.counters.messages += 1
        self._wake.set()
        self._stop.wait(PAUSE)

    def _came_back(self) -> None:
        # What was to be shown before may be wrong by now.
        self.counters.dropped += len(self._queue)
        self._queue.clear()
        self._is_new = True
        if self._on_open is not None:
            self._guarded(self._on_open)


class NotesOutput(MidiOutput):
    """A port that notes are played to: an instrument, a sequencer, a light desk.

    Parameters and errors are those of `MidiOutput`.

    Notes
    -----
    Thread: [main]
    """

    client = f"{NAME}-notes"
    end = "out"

    def close(self) -> None:
        """Close the port when what waits has been sent, or after half a second.

        Notes
        -----
        Thread: [main]
        """
        deadline = time.monotonic() + DRAIN
        while self._queue and self.is_open and time.monotonic() < deadline:
            time.sleep(POLL)
        time.sleep(PAUSE)  # JACK takes it in its next period
        super().close()


def lamps_of(source: MidiInput, on_open: Callable[[], None] | None = None) -> MidiOutput | None:
    """Open the output of the device that an input is of, a virtual one for a virtual one.

    Parameters
    ----------
    source : MidiInput
    on_open : callable or None, as for `MidiOutput`

    Returns
    -------
    output : MidiOutput, or None if the device has none

    Notes
    -----
    Thread: [main]
    """
    if source.port is None:
        return MidiOutput(f"{source.api}:{VIRTUAL}", on_open)
    other = opposite(source.port, listing("output"))
    return None if other is None else MidiOutput(other, on_open)
