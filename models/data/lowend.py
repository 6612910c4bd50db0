"""The low end: sub-bass held and struck, split synthesisers, kicks that ring or fall slowly.

What keeps its pitch is bass, what falls is drums; a network learns the difference only where
all else is alike. So sub-bass lies for bars or is struck as short as a kick, and kicks ring for
over a second or fall as slowly as a note.
"""

from collections.abc import Sequence

import numpy as np

from models.data.library import RATE
from models.data.material import crossover
from models.data.score import Note, Score
from models.data.sound import (
    Floats,
    Random,
    decay,
    filtered,
    glide,
    hertz,
    high_pass,
    low_pass,
    noise,
    panned,
    place,
    wavetable,
)

LOWEST, LOWEST_STRUCK = 21, 26  # MIDI pitches, 27.5 and 36.7 Hz
KINDS = ("sine", "sine", "triangle", "saw", "saw", "drone")
MELLOW = 40  # harmonics of a filtered saw


def sustained(rng: Random, score: Score) -> list[Note]:
    """Give long notes of 27 to 55 Hz under a score's bass line: one for one to four bars.

    Notes
    -----
    Thread: [any]
    """
    bar = 4 * score.beat
    hold = bar * float(rng.choice([1, 1, 2, 4]))
    firsts: dict[int, Note] = {}
    for note in score.bass:
        firsts.setdefault(int((note.start + 0.05) / hold), note)
    root = float(score.bass[0].pitch) if score.bass else 33.0
    steady = rng.random() < 0.25  # a pedal point: one pitch all through
    notes = []
    for place_, note in sorted(firsts.items()):
        pitch = LOWEST + ((root if steady else note.pitch) - LOWEST) % 12
        notes.append(Note(place_ * hold, hold * rng.uniform(0.9, 1.02), pitch, 0.9))
    return notes


def struck(rng: Random, score: Score) -> list[Note]:
    """Give short notes of 37 to 69 Hz in the rhythm of a score's bass line.

    Notes
    -----
    Thread: [any]
    """
    longest, steady = rng.uniform(0.1, 0.4), rng.random() < 0.4
    root = float(score.bass[0].pitch) if score.bass else 33.0
    return [
        Note(
            note.start,
            min(note.length, longest),
            LOWEST_STRUCK + ((root if steady else note.pitch) - LOWEST_STRUCK) % 12,
            note.velocity,
        )
        for note in score.bass
    ]


def sub(rng: Random, notes: Sequence[Note], samples: int, beat: float) -> Floats:
    """Play low notes on a sine, a triangle, a dark saw or a drone.

    Parameters
    ----------
    rng : numpy Generator
    notes : sequence of Note
        In order of time.
    samples : int
    beat : float
        Seconds; the dips of side-chain compression follow it.

    Returns
    -------
    track : float32, shape (2, samples)
        Peak at most one.

    Notes
    -----
    Thread: [any]
    """
    kind = str(rng.choice(KINDS))
    track = np.zeros(samples, np.float32)
    shortest = min((note.length for note in notes), default=1.0)
    attack = min(rng.uniform(0.005, 0.25), 0.25 * shortest)
    release = min(rng.uniform(0.03, 0.4), shortest)
    amplitudes = _amplitudes(rng, kind)
    table = wavetable(amplitudes[None], rng)[0]
    for note in notes:
        size = min(round((note.length + release) * RATE), samples - round(note.start * RATE))
        if size < RATE // 50:
            continue
        time = np.arange(size, dtype=np.float32) / np.float32(RATE)
        drift = 1 + rng.uniform(0, 0.004) * np.sin(2 * np.pi * rng.uniform(0.05, 0.4) * time)
        f = np.full(size, hertz(note.pitch), np.float32) * drift.astype(np.float32)
        sound = _wave(table, glide(f, RATE, float(rng.random())))
        if kind == "drone":
            other = _wave(table, glide(f * np.float32(rng.uniform(1.002, 1.012)), RATE))
            sound = 0.6 * (sound + other)
        shape = np.minimum(time / np.float32(attack), 1)
        shape *= np.clip((note.length + release - time) / np.float32(release), 0, 1)
        place(track, sound * shape, round(note.start * RATE), note.velocity)
    if kind == "drone" or rng.random() < 0.25:  # a filter that opens and shuts slowly
        time = np.arange(samples, dtype=np.float32) / np.float32(RATE)
        swing = 0.5 + 0.5 * np.sin(2 * np.pi * time * np.float32(rng.uniform(0.03, 0.3)))
        dark = filtered(track, RATE, low_pass(rng.uniform(50, 110), 2))
        track = dark + (track - dark) * swing.astype(np.float32)
    if rng.random() < 0.3:
        track = np.tanh(track * np.float32(rng.uniform(1.2, 3)))
    track = track * dips(rng, samples, beat) if rng.random() < 0.4 else track
    track = filtered(track, RATE, high_pass(18, 2))
    return panned(track / (np.abs(track).max() + np.float32(1e-9)), 0.0)


def _amplitudes(rng: Random, kind: str) -> np.ndarray:
    k = np.arange(1, MELLOW + 1)
    if kind == "sine":
        return np.where(k == 1, 1.0, np.where(k == 2, rng.choice([0, 0, 0.1]), 0.0))
    if kind == "triangle":
        return np.asarray((k % 2) / k**2, np.float64)
    corner = float(np.exp(rng.uniform(np.log(1.5), np.log(12))))  # harmonics that pass
    return np.asarray(1 / k / np.sqrt(1 + (k / corner) ** 6), np.float64)


def _wave(table: Floats, phase: np.ndarray) -> Floats:
    where = phase % 1 * len(table)
    left = where.astype(np.intp)
    part = (where - left).astype(np.float32)
    here, after = table.take(left), table.take(left + 1, mode="wrap")
    return np.asarray(here + part * (after - here), np.float32)


def dips(rng: Random, samples: int, beat: float) -> Floats:
    """Gain curve of side-chain compression: a dip on every beat, float32, shape (samples,).

    Notes
    -----
    Thread: [any]
    """
    time = np.arange(samples, dtype=np.float32) / np.float32(RATE) % np.float32(beat)
    depth, back = rng.uniform(0.4, 0.95), rng.uniform(0.05, 0.2)
    return np.asarray(1 - np.float32(depth) * np.exp(-time / np.float32(back)), np.float32)


def split(synth: Floats, cut: float) -> tuple[Floats, Floats]:
    """Part a wide synthesiser at `cut` Hz with linear phase: bass below, other above.

    Returns
    -------
    low, high : float32, shape (2, samples)
        They add up to the synthesiser.

    Notes
    -----
    Thread: [any]
    """
    return crossover(synth, RATE, cut)


def long_kick(rng: Random) -> Floats:
    """Make a kick that falls to 30 .. 58 Hz and rings for up to 1.5 s, float32, (2, samples).

    One in three falls slowly, by up to two octaves in a third of a second; half of these stay
    loud until they are cut.

    Notes
    -----
    The counter-example to sub-bass. Thread: [any]
    """
    low, ring = rng.uniform(30, 58), rng.uniform(0.18, 0.55)
    samples = int(RATE * min(ring * 5, 1.8))
    high, fall = low * rng.uniform(2, 8), rng.uniform(0.008, 0.06)
    shape = decay(samples, RATE, ring)
    if rng.random() < 1 / 3:
        high, fall = low * rng.uniform(1.6, 4), rng.uniform(0.06, 0.25)
        if rng.random() < 0.5:
            held = np.arange(samples) / RATE - rng.uniform(0.15, 0.4)
            shape = np.exp(-np.maximum(held, 0) / rng.uniform(0.01, 0.06)).astype(np.float32)
    sag = rng.uniform(0, 0.12) * np.linspace(0, 1, samples)
    f = (low + (high - low) * decay(samples, RATE, fall)) * (1 - sag)
    body = np.sin(2 * np.pi * glide(f, RATE, rng.uniform(0, 0.25))).astype(np.float32)
    body = np.tanh(body * np.float32(rng.uniform(1, 4))) * shape
    body[-400:] *= np.linspace(1, 0, 400, dtype=np.float32)
    click = noise(rng, RATE // 20) * decay(RATE // 20, RATE, rng.uniform(0.0008, 0.004))
    click = filtered(click, RATE, low_pass(rng.uniform(1500, 9000)))
    place(body, click, 0, rng.uniform(0.05, 0.6))
    return panned(body / np.abs(body).max(), 0.0)
