"""Notes of instruments that play several at once, from a constant-Q spectrum.

Rules of this file
  1. A key sounds where its partials are strong together and stand above their neighbours.
  2. It is cut into notes by hysteresis. Notes of quiet keys, and of those that are but the
     octave above or the twelfth of a louder one, are left out.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.analysis.beats import librosa
from plugin_bridge.analysis.results import Note
from plugin_bridge.dsp import FloatArray

RATE, HOP = 22050, 512
LOWEST, KEYS, PER_KEY = 36, 60, 3  # MIDI key of the first bin; keys; bins per key
PARTIALS = ((12, 0.6), (19, 0.4), (24, 0.3))  # semitones above, weight
REACH = 24  # keys above the highest one whose partials are looked at
PART, MARGIN = 30 * RATE, 2 * RATE  # samples analysed at a time, and heard before and after
ON_DB, OFF_DB = -22.0, -30.0  # below the loudest key of the part
STAND_OUT_DB = 3.0  # above the keys beside it
TONE_DB = 9.0  # a note's mean above that of the four keys around it: noise stays below
OWN_DB = 9.0  # an octave or a twelfth is a note of its own if it is no more below the lower one
SHORTEST = 0.07  # seconds
MOST_AT_ONCE = 6
SILENT = 1e-4


def notes_of(mono: FloatArray) -> list[Note]:
    """Transcribe a stem.

    Parameters
    ----------
    mono : float32, shape (samples,), at 22050 Hz

    Returns
    -------
    notes : list of Note, by start

    Notes
    -----
    Thread: [main]
    """
    if len(mono) < HOP or float(np.abs(mono).max()) < SILENT:
        return []
    found = list(_parts(mono))
    levels = np.concatenate(found, axis=1)
    return sorted(_cut(levels, _sounding(levels)))


def _parts(mono: FloatArray) -> Iterator[FloatArray]:
    """Give levels (keys, hops) in dB, part by part, so that memory does not grow with length."""
    cqt = librosa().cqt
    for start in range(0, len(mono), PART):
        lead = min(MARGIN, start)
        part = mono[start - lead : start + PART + MARGIN]
        hops = -(-min(PART, len(mono) - start) // HOP)
        spectrum = np.abs(
            cqt(
                np.pad(part, (0, max(0, MARGIN - len(part)))), sr=RATE, hop_length=HOP,
                fmin=440 * 2 ** ((LOWEST - 69) / 12), n_bins=(KEYS + REACH) * PER_KEY,
                bins_per_octave=12 * PER_KEY,
            )
        )  # fmt: skip
        by_key = spectrum.reshape(KEYS + REACH, PER_KEY, -1).max(axis=1)
        strength = by_key[:KEYS].copy()
        for above, weight in PARTIALS:
            strength += weight * np.minimum(by_key[above : above + KEYS], 2 * by_key[:KEYS])
        first = lead // HOP
        yield np.asarray(20 * np.log10(strength[:, first : first + hops] + 1e-6), np.float32)


def _sounding(levels: FloatArray) -> NDArray[np.int8]:
    """Give 2 where a key begins or goes on for sure, 1 where it may go on, 0 elsewhere."""
    top = float(np.percentile(levels.max(axis=0), 95))
    padded = np.pad(levels, ((1, 1), (0, 0)), constant_values=-120)
    beside = np.maximum(padded[:-2], padded[2:])
    sure = (levels > top + ON_DB) & (levels > beside + STAND_OUT_DB)
    for above in (12, 19, 24):
        sure[above:] &= levels[above:] > levels[:-above] - OWN_DB
    rank = np.sort(levels, axis=0)[-MOST_AT_ONCE]
    sure &= levels >= rank
    may = (levels > top + OFF_DB) & (levels > beside - STAND_OUT_DB)
    return np.where(sure, 2, np.where(may, 1, 0)).astype(np.int8)


def _cut(levels: FloatArray, sounding: NDArray[np.int8]) -> Iterator[Note]:
    top = float(levels.max())
    padded = np.pad(levels, ((2, 2), (0, 0)), mode="edge")
    around = (padded[:-4] + padded[1:-3] + padded[3:-1] + padded[4:]) / 4
    shortest = round(SHORTEST * RATE / HOP)
    for row, (state, level) in enumerate(zip(sounding, levels, strict=True)):
        start = None
        for hop, now in enumerate([*state.tolist(), 0]):
            again = (
                start is not None and now == 2 and hop - start > shortest
                and level[hop] > level[hop - 2] + 6
            )  # fmt: skip
            if start is not None and (now == 0 or again):
                tone = (level[start:hop] - around[row, start:hop]).mean()
                if hop - start >= shortest and tone > TONE_DB:
                    loud = (float(level[start:hop].max()) - top) / 40 + 1
                    yield Note(
                        start * HOP / RATE, hop * HOP / RATE, LOWEST + row,
                        float(min(1.0, max(0.1, loud))),
                    )  # fmt: skip
                start = None
            if start is None and now == 2:
                start = hop
