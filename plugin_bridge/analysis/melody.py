"""A pitch curve and onsets, cut into notes."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from statistics import median

import numpy as np

from plugin_bridge.analysis.results import Note, Onset
from plugin_bridge.dsp import FloatArray

# Semitones from the note's middle, so that vibrato is no new note; and while a note is so young
# in hops that its middle is not known.
APART, APART_YOUNG, YOUNG = 0.7, 1.2, 35
STEADY = 4  # hops on another pitch that make a new note
SHORTEST = 7  # hops, 41 ms
NEAR = 0.05  # seconds between an onset and where the pitch is first heard
WIDE = 40  # hops that the note's middle is taken of: a slow vibrato's period
VELOCITY = 0.6  # of a note without an onset: it is bound to the one before


def notes_of(times: FloatArray, hertz: FloatArray, onsets: list[Onset]) -> list[Note]:
    """Cut a pitch curve into notes.

    Parameters
    ----------
    times, hertz : float32, shape (hops,), 0 Hz where there is no pitch
    onsets : list of Onset

    Returns
    -------
    notes : list of Note, by start; they do not overlap

    Examples
    --------
    >>> times = np.arange(40, dtype=np.float32) / 100
    >>> hertz = np.repeat(np.array([110, 220], np.float32), 20)
    >>> [(round(note.start, 2), note.key) for note in notes_of(times, hertz, [])]
    [(0.0, 45), (0.2, 57)]

    Notes
    -----
    Thread: [any]
    """
    keys = np.where(hertz > 0, 69 + 12 * np.log2(np.maximum(hertz, 1) / 440), np.nan)
    seconds = [onset.seconds for onset in onsets]
    cuts = set(np.searchsorted(times, seconds).tolist())
    notes: list[Note] = []
    for first, last in _segments(keys.tolist(), cuts):
        start, end, velocity = float(times[first]), float(times[last - 1]), VELOCITY
        near = bisect_left(seconds, start - NEAR)
        if near < len(seconds) and seconds[near] <= start + NEAR:
            start, velocity = seconds[near], onsets[near].velocity
        if notes and start < notes[-1].end:
            notes[-1] = notes[-1]._replace(end=start)
            if start <= notes[-1].start:
                notes.pop()
        if end > start:
            key = round(float(np.median(keys[first:last])))
            notes.append(Note(start, end, key, velocity))
    return notes


def _segments(keys: list[float], cuts: set[int]) -> Iterator[tuple[int, int]]:
    """Give where a pitch stays: first hop, and the one after the last."""
    start: int | None = None
    away = 0
    for hop, key in enumerate([*keys, math.nan]):
        silent = math.isnan(key)
        if start is not None:
            least = APART if hop - start > YOUNG else APART_YOUNG
            middle = median(keys[max(start, hop - WIDE) : hop])
            apart = not silent and abs(key - middle) > least
            away = away + 1 if apart else 0
            if silent or hop in cuts or away == STEADY:
                end = hop - away + 1 if away == STEADY else hop
                if end - start >= SHORTEST:
                    yield start, end
                start, away = (None if silent else end), 0
        elif not silent:
            start = hop
