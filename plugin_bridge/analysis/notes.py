"""Notes of one voice, live: what sounds, since when, and when it ends.

Rules of this file
  1. A note begins with an onset, or where a steady pitch leaves the note that sounds.
  2. Its key is told when three hops in a row agree on it; its place is the beginning.
  3. It ends with the next one, or when nothing has a pitch any more.
"""

import math

import numpy as np

from plugin_bridge.analysis.events import NOTE_OFF, NOTE_ON, Event
from plugin_bridge.analysis.onset import OnsetDetector
from plugin_bridge.analysis.pitch import Candidates, PitchPath, Range
from plugin_bridge.dsp import FloatArray

AGREEING = 3  # hops that have to give the same key
QUIET = 6  # hops without a pitch that end a note: 35 ms
APART = 0.7  # semitones from the key, so that vibrato is no new note
# Seconds in which the loudest place of late is forgotten by 20 dB, and how far below it, in power,
# a pitch is what the separation left behind.
FORGET, LEFT_BEHIND = 10.0, 10**-3.5
PATIENCE = 0.25  # seconds after an onset in which a pitch has to appear


class NoteTracker:
    """Follow a stem of one voice.

    Parameters
    ----------
    stem : str
    sample_rate : float, Hz
    channels : int
    span : Range, of its pitch

    Attributes
    ----------
    hertz : float, the pitch as of `late` samples ago; 0 where there is none
    late : int, samples

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, stem: str, sample_rate: float, channels: int, span: Range) -> None:
        self._stem = stem
        self._onsets = OnsetDetector(stem, sample_rate, channels)
        self._candidates = Candidates(sample_rate, span)
        self._path = PitchPath()
        self.late = self._candidates.late
        self._patience = round(PATIENCE * sample_rate)
        self._fall = 10 ** (-2 * self._candidates.hop / (FORGET * sample_rate))
        self.hertz: float
        self._loudest: float
        self._heard: int
        self._began: int
        self._agreed: int
        self._unpitched: int
        self._asked: float
        self._velocity: float
        self._key: int | None
        self._since: int | None
        self.reset()

    def push(self, samples: FloatArray) -> list[Event]:
        """Take the next hop (channels, hop); give onsets, and notes that begin or end.

        Notes
        -----
        Thread: [worker]
        """
        events = self._onsets.push(samples)
        hertz, strengths = self._candidates.push(samples)
        self.hertz = self._path.push(hertz[0], strengths[0])
        self._heard += samples.shape[1]
        power = float(np.vdot(samples, samples)) / samples.size
        self._loudest = max(self._loudest * self._fall, power)
        if power < LEFT_BEHIND * self._loudest:
            self.hertz = 0.0
        for onset in events:
            self._since, self._agreed, self._velocity = onset.position, 0, onset.velocity
        key = 69 + 12 * math.log2(self.hertz / 440) if self.hertz else None
        return [*events, *self._follow(key)]

    def _follow(self, pitch: float | None) -> list[Event]:
        """Compare the pitch, in MIDI keys, with the note that sounds."""
        if pitch is None:
            self._agreed = 0
            self._unpitched += 1
            return self._end(self._heard) if self._unpitched == QUIET else []
        self._unpitched = 0
        since = self._since
        if since is not None and self._heard - since >= self._patience:
            since = None
        # What is heard is the middle of a window, which begins before a fresh onset.
        if since is not None and self._heard - self.late < since:
            return []
        if since is None and self._key is not None and abs(pitch - self._key) < APART:
            self._agreed = 0
            return []
        near = abs(pitch - self._asked) < APART
        self._agreed = self._agreed + 1 if near else 1
        self._asked = pitch if not near else 0.5 * (self._asked + pitch)
        if self._agreed < AGREEING:
            return []
        hops = AGREEING * self._candidates.hop
        place = max(0, self._heard - self.late - hops) if since is None else since
        place = max(place, self._began)
        ended = self._end(place)
        key = self._key = round(self._asked)
        self._began, self._since, self._agreed = place, None, 0
        on = Event(place, self._stem, NOTE_ON, key, self._velocity, self._heard)
        return [*ended, on]

    def _end(self, place: int) -> list[Event]:
        if self._key is None:
            return []
        key, self._key = self._key, None
        return [Event(max(place, self._began), self._stem, NOTE_OFF, key, 0.0, self._heard)]

    def finish(self) -> list[Event]:
        """End the note that sounds: the stem is over.

        Notes
        -----
        Thread: [worker]
        """
        return self._end(self._heard)

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._onsets.reset()
        self._candidates.reset()
        self._path.reset()
        self.hertz = self._loudest = 0.0
        self._heard = self._began = self._agreed = self._unpitched = 0
        self._asked, self._velocity = 0.0, 0.5
        self._key = self._since = None
