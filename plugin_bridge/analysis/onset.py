"""When something begins: drum strokes by kind, and onsets of everything else.

Rules of this file
  1. A curve is likelihood or flux, one value a hop. It is the same live and offline; only
     what is made of it differs: live the first hop over a threshold, offline the highest one.
  2. An onset's place is the middle of the hop that brought it.
"""

import numpy as np

from plugin_bridge.analysis.bands import Bands, Surges
from plugin_bridge.analysis.events import HAT, HIT, KICK, ONSET, SNARE, Event
from plugin_bridge.analysis.network import HitNetwork
from plugin_bridge.dsp import FloatArray

# Chosen on generated songs 100 to 115, true and separated: the best F1 of both together.
LIKELY, KIND_LIKELY = 0.65, 0.5
SURGE_DB = 4.5
KEYS = (KICK, SNARE, HAT)
REFRACTORY = 8  # hops, 46 ms: a sixteenth note at 300 beats per minute is 50 ms
HIT_LATE = 1  # hops by which a stroke is told after the one that brought it
LOUDEST_DB, SOFTEST_DB = 0.0, -50.0  # levels of velocity 1 and 0.1


class HitDetector:
    """Find drum strokes and tell kick, snare and hat.

    Parameters
    ----------
    stem : str
    sample_rate : float, Hz
    channels : int

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, stem: str, sample_rate: float, channels: int) -> None:
        self._stem = stem
        self._bands = Bands(sample_rate, channels)
        self._network = HitNetwork()
        self._hops: int
        self._last: int
        self._loudest: float
        # Kinds in the hop before, and in those of a stroke that is about to be told.
        self._before: FloatArray
        self._kinds: FloatArray | None
        self.reset()

    def push(self, samples: FloatArray) -> list[Event]:
        """Take the next hop; give the strokes that are found now.

        Parameters
        ----------
        samples : float32, shape (channels, hop)

        Returns
        -------
        events : list of Event
            A hit for each kind that is likely; the likeliest kind if none is. A stroke is told
            one hop after it is noticed, because only then its kind is clear.

        Notes
        -----
        Thread: [worker]
        """
        levels = self._bands.push(samples)
        likely = self._network.push(levels)[0]
        self._hops += 1
        kinds, loud = likely[1:], velocity_of(levels[0])
        events: list[Event] = []
        if self._kinds is not None:
            np.maximum(self._kinds, kinds, out=self._kinds)
            self._loudest = max(self._loudest, loud)
            events = self.finish()
        elif likely[0] >= LIKELY and self._hops - self._last >= REFRACTORY:
            self._last, self._loudest = self._hops, loud
            self._kinds = np.maximum(self._before, kinds)
        self._before = kinds
        return events

    def finish(self) -> list[Event]:
        """Tell the stroke that was noticed and not told yet, if there is one.

        Notes
        -----
        Thread: [worker]
        """
        if self._kinds is None:
            return []
        keys, self._kinds = kinds_of(self._kinds), None
        place = max(0, place_of(self._last - 1 - HIT_LATE, self._bands.hop))
        found = self._hops * self._bands.hop
        return [Event(place, self._stem, HIT, key, self._loudest, found) for key in keys]

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._bands.reset()
        self._network.reset()
        self._hops, self._last, self._loudest = 0, -REFRACTORY, 0.0
        self._before = np.zeros(len(KEYS), np.float32)
        self._kinds = None


class OnsetDetector:
    """Find where a stem that is no drums begins anew.

    Parameters
    ----------
    stem : str
    sample_rate : float, Hz
    channels : int

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, stem: str, sample_rate: float, channels: int) -> None:
        self._stem = stem
        self._bands = Bands(sample_rate, channels)
        self._surges = Surges(self._bands.hop / sample_rate)
        self._hops: int
        self._last: int
        self.reset()

    def push(self, samples: FloatArray) -> list[Event]:
        """Take the next hop (channels, hop); give the onset that is found now, if any.

        Notes
        -----
        Thread: [worker]
        """
        levels = self._bands.push(samples)
        surge = float(self._surges.push(levels)[0])
        self._hops += 1
        if surge < SURGE_DB or self._hops - self._last < REFRACTORY:
            return []
        self._last = self._hops
        place, found = place_of(self._hops - 1, self._bands.hop), self._hops * self._bands.hop
        return [Event(place, self._stem, ONSET, None, velocity_of(levels[0]), found)]

    def finish(self) -> list[Event]:
        """Give nothing: an onset is told at once.

        Notes
        -----
        Thread: [worker]
        """
        return []

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._bands.reset()
        self._surges.reset()
        self._hops, self._last = 0, -REFRACTORY


def place_of(hop: int, length: int) -> int:
    """Give the sample in the middle of a hop.

    Notes
    -----
    Thread: [any]
    """
    return hop * length + length // 2


def kinds_of(likely: FloatArray) -> list[int]:
    """Give the keys of a stroke from the likelihoods of kick, snare and hat.

    Examples
    --------
    >>> kinds_of(np.array([0.9, 0.1, 0.8])), kinds_of(np.array([0.1, 0.2, 0.1]))
    ([36, 42], [38])

    Notes
    -----
    Thread: [any]
    """
    found = [key for key, value in zip(KEYS, likely, strict=True) if value >= KIND_LIKELY]
    return found or [KEYS[int(np.argmax(likely))]]


def velocity_of(levels: FloatArray) -> float:
    """Give a velocity 0.1..1 from the levels of the bands in dB.

    Examples
    --------
    >>> velocity_of(np.array([0.0, -60.0])), velocity_of(np.array([-60.0]))
    (1.0, 0.1)

    Notes
    -----
    Thread: [any]
    """
    share = (float(levels.max()) - SOFTEST_DB) / (LOUDEST_DB - SOFTEST_DB)
    return float(min(1.0, max(0.1, 0.1 + 0.9 * share)))
