"""A band that plays along: what the engine hears in the stems, as MIDI notes.

Rules of this file
  1. A note is sent when its sound has left the bridge, never before: inserts and a worker let the
     sound wait, and MIDI waits as long.
  2. Nothing is left sounding: not by a new engine, a port that comes back, or the end.
  3. Only the constructor raises. A port that is gone drops what it gets, and counts it.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic
from typing import Any

import numpy as np

from plugin_bridge.live.control import BINS, count_time, quantile
from plugin_bridge.live.heard import NOTE_OFF, NOTE_ON, HeardEvent
from plugin_bridge.live.supervisor import Hearing, Live
from plugin_bridge.midi.ensemble import Ensemble
from plugin_bridge.midi.ports import NotesOutput
from plugin_bridge.midi.voice import Voice

# Seconds between two looks at what was heard; a note waits half of this on average.
LOOK = 0.001
# Of the histogram of delays.
BIN_NS = 250_000


class Band:
    """Play what is heard in a session that listens.

    Parameters
    ----------
    live : Live, started, with `listen` in its settings
    voices : sequence of Voice
    port : str
        "virtual": one that other programs can listen to; a part of a name; or "API:name".

    Raises
    ------
    MidiError, MissingExtraError
        If the port cannot be opened.

    Notes
    -----
    Thread: [main]; the work is done on one of its own
    """

    def __init__(self, live: Live, voices: Sequence[Voice], port: str) -> None:
        self._live = live
        self._ensemble = Ensemble(voices)
        self._again = threading.Event()  # the port came back
        self._output = NotesOutput(port, self._again.set)
        self._stems: list[str] = live.described["stems"]
        self._rate = float(live.described["device"]["rate"])
        self._waiting: list[HeardEvent] = []  # for their sound to leave
        self._engine = 0
        self._lost = self._played = 0
        self._delays = np.zeros(BINS, np.int64)
        self._longest = 0
        self._told: dict[str, Any] | None = None
        self._ended = threading.Event()
        self._send(self._ensemble.silence())  # the first message of a port waits for its connection
        self._thread = threading.Thread(target=self._run, name="band", daemon=True)
        self._thread.start()

    def report(self) -> dict[str, Any]:
        """Give the counters and delays, as JSON can hold them; once closed, as they were then.

        Returns
        -------
        report : dict
            `delay_ms` is from the sound's leaving the bridge to the message's being handed to the
            system's MIDI; `notes` are beginnings, `lost` events that were not read in time.

        Notes
        -----
        Thread: [main]
        """
        if self._told is not None:
            return self._told
        width = BIN_NS / 1e6
        longest = self._longest / 1e6
        shares = {"p50": 0.5, "p99": 0.99}
        delays = {k: min(longest, quantile(self._delays, s, width)) for k, s in shares.items()}
        return {
            "port": self._output.title,
            "open": self._output.is_open,
            **asdict(self._output.counters),
            "notes": self._played,
            "lost": self._lost,
            "delay_ms": {k: round(v, 2) for k, v in {**delays, "max": longest}.items()},
        }

    def close(self) -> None:
        """End what sounds, and close the port.

        Notes
        -----
        Thread: [main]
        """
        self._ended.set()
        self._thread.join()
        self._send(self._ensemble.silence())
        self._told = self.report()
        self._output.close()

    def _run(self) -> None:
        while not self._ended.wait(LOOK):
            self._turn(self._live.heard(), monotonic())

    def _turn(self, hearing: Hearing, now: float) -> None:
        """Play what is due."""
        if hearing.engine != self._engine or self._again.is_set():
            self._again.clear()
            self._engine = hearing.engine
            self._waiting.clear()
            self._send(self._ensemble.silence())
        self._lost += hearing.lost
        self._waiting += hearing.events
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            if event.due < hearing.samples:
                self._play(event, hearing, now)
            else:
                self._waiting.append(event)
        self._send(self._ensemble.due(now))

    def _play(self, event: HeardEvent, hearing: Hearing, now: float) -> None:
        stem = self._stems[event.stem]
        if event.kind == NOTE_OFF:
            self._send(self._ensemble.note_off(stem))
            return
        if event.kind == NOTE_ON and event.key is not None:
            messages = self._ensemble.note_on(stem, event.key, event.velocity)
        else:
            messages = self._ensemble.stroke(stem, event.due, event.key, event.velocity, now)
        if messages:
            self._played += 1
            self._time(event, hearing)
        self._send(messages)

    def _time(self, event: HeardEvent, hearing: Hearing) -> None:
        """Count how long ago the sound left: a block's samples leave as the block passes."""
        block = int(self._live.described["device"]["block"])
        samples = hearing.samples - block - event.due
        delay = max(0, round(1e9 * (samples / self._rate + hearing.seconds)))
        count_time(self._delays, delay, BIN_NS)
        self._longest = max(self._longest, delay)

    def _send(self, messages: list[bytes]) -> None:
        for message in messages:
            self._output.send(message)
