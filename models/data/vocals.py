"""The vocals of a song: which voice sings, how many of them, and what the studio does to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data import amps, singer, voice
from models.data.folders import read
from models.data.library import RATE
from models.data.material import repitched, speakers
from models.data.production import widened
from models.data.score import Note
from models.data.sound import Floats, Random, convolve, panned, place, room

SYNTHETIC = 0.08  # share of songs with the generator's own voice instead of a recorded one
SPOKEN = 0.08  # ... with untouched speech on the notes' places
SHOUTED = 0.12
SUNG = ("alys",)  # names of voices that were recorded singing; they are drawn more often
SUNG_WEIGHT, SPOKEN_WEIGHT = 3.0, 1.2  # of a folder
SPOKEN_LIMIT = 3.6  # of all folders of speech together, so that many of them drown no sung one


@dataclass(frozen=True)
class Voice:
    """Recordings of one voice; `weight` is its chance against the others."""

    name: str
    files: tuple[Path, ...]
    weight: float


def voices(root: Path) -> list[Voice]:
    """Find the voices below `root`/voices.

    Raises
    ------
    ValueError
        If there is none.

    Notes
    -----
    Thread: [any]
    """
    groups = {folder.name: speakers(folder) for folder in sorted((root / "voices").glob("*"))}
    spoken = sum(bool(group) and not name.startswith(SUNG) for name, group in groups.items())
    speech = min(SPOKEN_WEIGHT, SPOKEN_LIMIT / max(spoken, 1))
    found = []
    for folder, group in groups.items():
        for name, files in group.items():
            weight = SUNG_WEIGHT if folder.startswith(SUNG) else speech / len(group)
            found.append(Voice(f"{folder} {name}".strip(), tuple(files), weight))
    if not found:
        raise ValueError(
            f"{root}/voices holds no recordings; put one folder of .ogg files per voice there"
        )
    return found


def vocals(
    rng: Random,
    cast: Sequence[Voice],
    lead: Sequence[Note],
    harmony: Sequence[Note],
    samples: int,
) -> Floats:
    """Sing a song's vocals: one to three voices with studio effects.

    Parameters
    ----------
    rng : numpy Generator
    cast : sequence of Voice
    lead, harmony : sequence of Note
        Same rhythm.
    samples : int

    Returns
    -------
    track : float32, shape (2, samples)

    Raises
    ------
    UnusableError
        If the voice drawn has no recording that can be used.

    Notes
    -----
    Thread: [any]
    """
    if not lead:
        return np.zeros((2, samples), np.float32)
    draw = rng.random()
    if draw < SYNTHETIC:
        return voice.choir(rng, lead, harmony, samples, RATE)
    weights = np.array([each.weight for each in cast])
    who = cast[int(rng.choice(len(cast), p=weights / weights.sum()))]
    if draw < SYNTHETIC + SPOKEN:
        track = panned(_spoken(rng, who, lead, samples), 0.0)
    else:
        track = _sung(rng, who, lead, harmony, samples)
    if rng.random() < SHOUTED:
        track = amps.shouted(rng, track)
    if rng.random() < 0.45:
        track = widened(rng, track)
    if rng.random() < 0.35:
        track = convolve(track, room(rng, RATE, rng.uniform(0.6, 2.0), rng.uniform(0.15, 0.5)))
    return voice.studio(rng, track, RATE)


def _sung(
    rng: Random, who: Voice, lead: Sequence[Note], harmony: Sequence[Note], samples: int
) -> Floats:
    """One to three voices of the same recordings, each with its own manner."""
    recordings = singer.takes(rng, who.files)
    centre = singer.natural(recordings) + rng.uniform(0, 7)
    line = singer.within_reach(lead, centre)
    shift = line[0].pitch - lead[0].pitch
    second = [Note(n.start, n.length, n.pitch + shift, n.velocity) for n in harmony]
    how = singer.manner(rng)
    dry = singer.sing(rng, recordings, how, line, samples)
    track = panned(dry, rng.uniform(-0.6, 0.6) if rng.random() < 0.25 else 0.0)
    count = int(rng.choice([1, 2, 3], p=[0.55, 0.27, 0.18]))
    for i in range(1, count):
        double = rng.random() < 0.4
        manner = how if double else singer.manner(rng)
        notes = _loosened(rng, line if double else second)
        extra = singer.sing(rng, recordings, manner, notes, samples)
        side = rng.uniform(0.3, 0.9) * (1 if i % 2 else -1)
        track += panned(extra, side) * np.float32(rng.uniform(0.35, 0.8))
    return track


def _loosened(rng: Random, notes: Sequence[Note]) -> list[Note]:
    """Nobody sings together to the millisecond."""
    late = [(max(0.0, n.start + rng.normal(0, 0.015)), n) for n in notes]
    late.sort(key=lambda pair: pair[0])
    return [Note(start, n.length, n.pitch, n.velocity) for start, n in late]


def _spoken(rng: Random, who: Voice, lead: Sequence[Note], samples: int) -> Floats:
    """Utterances one after another while the score has vocals, pitch moved but not tuned."""
    track, busy = np.zeros(samples, np.float32), 0
    shift = rng.uniform(-3, 3)
    for note in lead:
        start = round(note.start * RATE)
        if start < busy or start >= samples:
            continue
        words = read(who.files[rng.integers(len(who.files))]).mean(0)[: 12 * RATE]
        words = repitched(words, shift + rng.normal(0, 0.5))
        place(track, amps.unit(words), start, rng.uniform(0.6, 1))
        busy = start + len(words) + int(rng.exponential(0.2) * RATE)
    return track
