"""What an analysis found, as plain numbers in seconds, hertz and MIDI keys."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from plugin_bridge.dsp import FloatArray


class Onset(NamedTuple):
    """A beginning: seconds, velocity 0..1, and for drums the General MIDI keys."""

    seconds: float
    velocity: float
    keys: tuple[int, ...] = ()


class Note(NamedTuple):
    """A note: start and end in seconds, MIDI key, velocity 0..1."""

    start: float
    end: float
    key: int
    velocity: float


@dataclass(frozen=True)
class StemAnalysis:
    """What is played in a stem.

    Attributes
    ----------
    stem : str
    onsets : list of Onset, by time
    notes : list of Note, by start; drums have none
    times, hertz : float32, shape (hops,)
        The pitch curve, 0 where there is no pitch; empty for drums and chords.
    tempo : float or None, beats per minute; None where nothing repeats
    beats : list of float, seconds
    """

    stem: str
    onsets: list[Onset] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    times: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    hertz: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    tempo: float | None = None
    beats: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give the analysis as JSON knows it; times to 0.1 ms, pitch to 0.01 Hz.

        Notes
        -----
        Thread: [any]
        """
        return {
            "tempo": self.tempo,
            "beats": [round(beat, 4) for beat in self.beats],
            "onsets": [
                {"seconds": round(o.seconds, 4), "velocity": round(o.velocity, 3)}
                | ({"keys": list(o.keys)} if o.keys else {})
                for o in self.onsets
            ],
            "notes": [
                {"start": round(n.start, 4), "end": round(n.end, 4), "key": n.key,
                 "velocity": round(n.velocity, 3)}
                for n in self.notes
            ],
            "pitch": {
                "seconds": [round(float(t), 4) for t in self.times],
                "hertz": [round(float(f), 2) for f in self.hertz],
            },
        }  # fmt: skip


@dataclass(frozen=True)
class SongAnalysis:
    """What is played in a song, stem by stem.

    Attributes
    ----------
    seconds : float, its length
    tempo : float or None, beats per minute, of the drums where they are enough, else of all
    beats : list of float, seconds
    stems : dict, stem -> StemAnalysis
    """

    seconds: float
    tempo: float | None
    beats: list[float]
    stems: dict[str, StemAnalysis]
