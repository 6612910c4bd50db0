"""All causal detectors of all stems: hops in, events out, the same live and from a file.

Rules of this file
  1. Stems are cut into hops of one size, whatever blocks come in: the partition into blocks
     cannot change an event.
  2. Events come in the order in which they are found; an event's place is never after what
     was heard.
"""

from collections.abc import Callable, Sequence

import numpy as np

from plugin_bridge.analysis.events import Event
from plugin_bridge.analysis.grid import hop_of
from plugin_bridge.analysis.level import Level
from plugin_bridge.analysis.notes import NoteTracker
from plugin_bridge.analysis.onset import HitDetector, OnsetDetector
from plugin_bridge.analysis.pitch import BASS, VOICE
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError

Detector = HitDetector | OnsetDetector | NoteTracker
MADE: dict[str, Callable[[str, float, int], Detector]] = {
    "drums": HitDetector,
    "bass": lambda stem, rate, channels: NoteTracker(stem, rate, channels, BASS),
    "vocals": lambda stem, rate, channels: NoteTracker(stem, rate, channels, VOICE),
}
# Below it a hop would hold less than the decimators need.
LOWEST_RATE, HIGHEST_RATE = 22050, 192000


class Analyst:
    """Listen to stems while they are made, and tell what is played.

    Parameters
    ----------
    stems : sequence of str
        drums get hits, bass and vocals onsets, pitch and notes, all others onsets.
    sample_rate : float, Hz, 22050 to 192000
    channels : int, 1 or 2, of each stem

    Attributes
    ----------
    hop : int, samples: blocks of just so many are taken without a copy
    levels : dict, stem -> Level
    pitches : dict, stem -> NoteTracker, of bass and vocals: `hertz` as of `late` samples ago

    Raises
    ------
    SpecError
        If a parameter is not allowed; gives it, what is allowed and what to do.

    Examples
    --------
    >>> analyst = Analyst(["drums", "bass"], 44100)
    >>> analyst.push(np.zeros((2, 2, 5000), np.float32)), analyst.flush()
    ([], [])

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(self, stems: Sequence[str], sample_rate: float, channels: int = 2) -> None:
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise SpecError(
                f"{sample_rate:g} Hz cannot be analysed, {LOWEST_RATE} to {HIGHEST_RATE} Hz can; "
                "resample first"
            )
        named = not isinstance(stems, str) and stems and len(set(stems)) == len(stems)
        if not named or channels not in (1, 2):
            raise SpecError(
                f"stems {stems!r} of {channels} channels cannot be analysed; name each stem "
                "once, at least one, of 1 or 2 channels"
            )
        self.stems, self.channels = tuple(stems), channels
        self.hop = hop_of(sample_rate)
        self.levels = {stem: Level(sample_rate) for stem in stems}
        self._detectors = {
            stem: MADE.get(stem, OnsetDetector)(stem, sample_rate, channels) for stem in stems
        }
        self.pitches = {
            stem: tracker
            for stem, tracker in self._detectors.items()
            if isinstance(tracker, NoteTracker)
        }
        self._step = np.zeros((len(stems), channels, self.hop), np.float32)
        self._filled = self._heard = 0

    def push(self, stems: FloatArray) -> list[Event]:
        """Hear the next block.

        Parameters
        ----------
        stems : float32, shape (stems, channels, n), full scale +-1.0
            Any number of samples, 0 included. A hop with one that is no number is silence.

        Returns
        -------
        events : list of Event
            What was found by it; most hops bring none.

        Raises
        ------
        SpecError
            If the shape differs from what was prepared; gives both.

        Notes
        -----
        Thread: [worker]
        """
        if stems.ndim != 3 or stems.shape[:2] != self._step.shape[:2]:
            raise SpecError(
                f"the block has the shape {stems.shape}, the analyst was made for "
                f"({len(self.stems)}, {self.channels}, samples); give one row per stem"
            )
        events: list[Event] = []
        start, samples = 0, stems.shape[2]
        self._heard += samples
        while start < samples:
            count = min(samples - start, self.hop - self._filled)
            part = stems[..., start : start + count]
            start += count
            if count == self.hop:
                events += self._hear(part)
                continue
            self._step[..., self._filled : self._filled + count] = part
            self._filled += count
            if self._filled == self.hop:
                self._filled = 0
                events += self._hear(self._step)
        return events

    def flush(self) -> list[Event]:
        """Hear what is left, end what sounds, and start anew.

        Returns
        -------
        events : list of Event
            None is after the last sample.

        Notes
        -----
        Thread: [worker]
        """
        events: list[Event] = []
        if self._filled:
            self._step[..., self._filled :] = 0
            events += self._hear(self._step)
        for detector in self._detectors.values():
            events += detector.finish()
        last = max(0, self._heard - 1)
        kept = [
            event._replace(position=min(event.position, last), found=min(event.found, self._heard))
            for event in events
        ]
        self.reset()
        return kept

    def reset(self) -> None:
        """Start anew, as a new analyst would.

        Notes
        -----
        Thread: [worker]
        """
        for stem, detector in self._detectors.items():
            detector.reset()
            self.levels[stem].reset()
        self._filled = self._heard = 0

    def _hear(self, hop: FloatArray) -> list[Event]:
        events: list[Event] = []
        if not np.isfinite(hop).all():  # no detector would hear anything any more
            hop = np.zeros_like(hop)
        for samples, (stem, detector) in zip(hop, self._detectors.items(), strict=True):
            self.levels[stem].push(samples)
            events += detector.push(samples)
        return events
