"""A whole stem, listened to with a look ahead.

The curves are those of the causal detectors, so live and offline hear the same; what is made of
them may wait for what follows: onsets are the highest hops, the pitch is the best path of all.
"""

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.analysis.bands import Bands, Surges
from plugin_bridge.analysis.beats import beats_of
from plugin_bridge.analysis.grid import BASE_RATE, HOP, timed
from plugin_bridge.analysis.melody import notes_of as melody_of
from plugin_bridge.analysis.network import HitNetwork
from plugin_bridge.analysis.onset import HIT_LATE, kinds_of, place_of, velocity_of
from plugin_bridge.analysis.pitch import BASS, VOICE, Candidates, PitchPath
from plugin_bridge.analysis.results import Onset, SongAnalysis, StemAnalysis
from plugin_bridge.dsp import FloatArray

DRUMS = "drums"
SPANS = {"bass": BASS, "vocals": VOICE}
# Chosen on generated songs 100 to 115, as the causal ones.
LIKELY, SURGE_DB = 0.7, 4.0
APART = 9  # hops, 52 ms: an onset is the highest of the four before it and the four after it
ENOUGH = 8  # strokes of which the song's tempo is told
PART = 64 * HOP  # samples worked on at a time
# What is so far below a stem's loud places is what the separation left behind.
ONSET_RANGE_DB, PITCH_RANGE_DB = 45.0, 35.0
LOUD = 95  # percent of the hops are below a loud place


class Listener:
    """Listen to one stem, chunk by chunk, and tell what was played when it is over.

    Parameters
    ----------
    stem : str
        drums get strokes and kinds, bass and vocals pitch and notes, all others onsets.
    channels : int
    beats : bool, whether tempo and beats are looked for

    Attributes
    ----------
    curve : float32, shape (hops,), how much begins in each hop; there after `finish`

    Notes
    -----
    The rate is 44.1 kHz. Memory grows by about 100 bytes a hop, 1 MB a minute.
    Thread: [main]
    """

    def __init__(self, stem: str, channels: int, *, beats: bool = True) -> None:
        self.stem = stem
        self._with_beats = beats
        self._bands = Bands(BASE_RATE, channels)
        self._network = HitNetwork() if stem == DRUMS else None
        self._surges = Surges(HOP / BASE_RATE)
        span = SPANS.get(stem)
        self._candidates = None if span is None else Candidates(BASE_RATE, span)
        self._path = PitchPath(keep=True)
        self._curves: list[FloatArray] = []
        self._begins: list[FloatArray] = []
        self._loud: list[FloatArray] = []
        self._hertz: list[FloatArray] = []
        self._power: list[FloatArray] = []
        self._rest = np.zeros((channels, 0), np.float32)

    def push(self, samples: FloatArray) -> None:
        """Hear the next samples, (channels, n).

        Notes
        -----
        Thread: [main]
        """
        held = np.concatenate([self._rest, samples], axis=1)
        whole = held.shape[1] // PART * PART
        for start in range(0, whole, PART):
            self._hear(held[:, start : start + PART])
        self._rest = held[:, whole:]

    def finish(self) -> StemAnalysis:
        """Tell what was played.

        Notes
        -----
        Thread: [main]
        """
        missing = -self._rest.shape[1] % HOP
        if self._rest.shape[1]:
            self._hear(np.pad(self._rest, ((0, 0), (0, missing))))
        self._rest = self._rest[:, :0]
        if not self._curves:
            self.curve = np.zeros(0, np.float32)
            return StemAnalysis(self.stem)
        curves, levels = np.concatenate(self._curves), np.concatenate(self._loud)
        self.curve = np.concatenate(self._begins)
        onsets = self._onsets(curves, levels)
        tempo, beats = beats_of(self.curve, len(onsets)) if self._with_beats else (None, [])
        if self._candidates is None:
            return StemAnalysis(self.stem, onsets, tempo=tempo, beats=beats)
        hertz = self._path.traced(np.concatenate(self._hertz))
        middle = self._candidates.late // HOP  # hops: a pitch is that of a window's middle
        power = 10 * np.log10(np.concatenate([np.full(middle, 1e-12), *self._power]) + 1e-12)
        hertz[power[: len(hertz)] < np.percentile(power, LOUD) - PITCH_RANGE_DB] = 0
        times, hertz = timed(hertz, self._candidates.late)
        notes = melody_of(times, hertz, onsets)
        return StemAnalysis(self.stem, onsets, notes, times, hertz, tempo, beats)

    def _hear(self, part: FloatArray) -> None:
        levels = self._bands.push(part)
        self._loud.append(levels.max(axis=1))
        begins = self._surges.push(levels)
        self._begins.append(begins)
        self._curves.append(self._network.push(levels) if self._network else begins[:, None])
        if self._candidates is not None:
            hertz, strengths = self._candidates.push(part)
            for candidates, worth in zip(hertz, strengths, strict=True):
                self._path.push(candidates, worth)
            self._hertz.append(hertz)
            self._power.append(np.square(part).mean(axis=0).reshape(-1, HOP).mean(axis=1))

    def _onsets(self, curves: FloatArray, levels: FloatArray) -> list[Onset]:
        drums = self._network is not None
        late = HIT_LATE if drums else 0
        found = []
        least = float(np.percentile(levels, LOUD)) - ONSET_RANGE_DB
        for hop in peaks(curves[:, 0], LIKELY if drums else SURGE_DB):
            near = slice(max(0, hop - 1), hop + 2)
            if levels[near].max() < least:
                continue
            keys = tuple(kinds_of(curves[near, 1:].max(axis=0))) if drums else ()
            seconds = max(0, place_of(hop - late, HOP)) / BASE_RATE
            found.append(Onset(seconds, velocity_of(levels[near]), keys))
        return found


def peaks(curve: FloatArray, least: float) -> NDArray[np.intp]:
    """Give the hops that are the highest of their neighbourhood and high enough.

    Examples
    --------
    >>> peaks(np.array([0, 3, 2, 0, 0, 0, 0, 0, 1, 4], np.float32), 2).tolist()
    [1, 9]

    Notes
    -----
    Thread: [any]
    """
    near = APART // 2
    padded = np.pad(curve, near, constant_values=-1)
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * near + 1).max(axis=1)
    hops = np.flatnonzero((curve >= least) & (curve == highest))
    return hops[np.diff(hops, prepend=-APART) >= APART // 2 + 1]


def song_of(
    stems: dict[str, StemAnalysis], curves: list[FloatArray], seconds: float
) -> SongAnalysis:
    """Put stems together, with a tempo of the drums where they are enough, else of all.

    Notes
    -----
    Thread: [main]
    """
    drums = stems.get(DRUMS)
    if drums is not None and len(drums.onsets) >= ENOUGH and drums.tempo is not None:
        return SongAnalysis(seconds, drums.tempo, drums.beats, stems)
    scaled = [curve / curve.max() for curve in curves if curve.any()]
    onsets = sum(len(stem.onsets) for stem in stems.values())
    tempo, beats = beats_of(np.sum(scaled, axis=0), onsets) if scaled else (None, [])
    return SongAnalysis(seconds, tempo, beats, stems)
