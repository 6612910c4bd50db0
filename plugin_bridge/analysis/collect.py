"""What the causal detectors tell, gathered over a whole song in the form of the offline results."""

import numpy as np

from plugin_bridge.analysis.analyst import Analyst
from plugin_bridge.analysis.events import HIT, NOTE_OFF, NOTE_ON, ONSET, Event
from plugin_bridge.analysis.grid import BASE_RATE, timed
from plugin_bridge.analysis.results import Note, Onset, SongAnalysis, StemAnalysis
from plugin_bridge.dsp import FloatArray


class Collector:
    """An Analyst, and all that it says.

    Parameters
    ----------
    stems : tuple of str
    channels : int

    Attributes
    ----------
    events : list of Event

    Notes
    -----
    The rate is 44.1 kHz. Thread: [main]
    """

    def __init__(self, stems: tuple[str, ...], channels: int) -> None:
        self._analyst = Analyst(stems, BASE_RATE, channels)
        self._rest = np.zeros((len(stems), channels, 0), np.float32)
        self._hertz: dict[str, list[float]] = {stem: [] for stem in self._analyst.pitches}
        self._samples = 0
        self.events: list[Event] = []

    def push(self, stems: FloatArray) -> None:
        """Hear the next samples, (stems, channels, n).

        Notes
        -----
        Thread: [main]
        """
        self._samples += stems.shape[2]
        hop = self._analyst.hop
        held = np.concatenate([self._rest, stems], axis=2)
        whole = held.shape[2] // hop * hop
        for start in range(0, whole, hop):
            self.events += self._analyst.push(held[..., start : start + hop])
            for stem, tracker in self._analyst.pitches.items():
                self._hertz[stem].append(tracker.hertz)
        self._rest = held[..., whole:]

    def finish(self) -> SongAnalysis:
        """Tell what was played; tempo and beats need a look ahead and are left out.

        Notes
        -----
        Thread: [main]
        """
        self.events += self._analyst.push(self._rest)
        self.events += self._analyst.flush()
        stems = {stem: self._of(stem) for stem in self._analyst.stems}
        return SongAnalysis(self._samples / BASE_RATE, None, [], stems)

    def _of(self, stem: str) -> StemAnalysis:
        mine = [event for event in self.events if event.stem == stem]
        onsets, notes = _onsets(mine), _notes(mine)
        if stem not in self._hertz:
            return StemAnalysis(stem, onsets, notes)
        hertz = np.array(self._hertz[stem], np.float32)
        late = self._analyst.pitches[stem].late
        return StemAnalysis(stem, onsets, notes, *timed(hertz, late))


def _onsets(events: list[Event]) -> list[Onset]:
    """Put the hits of one stroke together."""
    found: dict[int, Onset] = {}
    for event in events:
        if event.kind in (ONSET, HIT):
            keys = () if event.key is None else (event.key,)
            before = found[event.position].keys if event.position in found else ()
            found[event.position] = Onset(
                event.position / BASE_RATE, event.velocity, (*before, *keys)
            )
    return sorted(found.values())


def _notes(events: list[Event]) -> list[Note]:
    notes, begun = [], None
    for event in events:
        if event.kind == NOTE_ON:
            begun = event
        elif event.kind == NOTE_OFF and begun is not None:
            start, end = begun.position / BASE_RATE, event.position / BASE_RATE
            if end > start and begun.key is not None:
                notes.append(Note(start, end, begun.key, begun.velocity))
            begun = None
    return notes
