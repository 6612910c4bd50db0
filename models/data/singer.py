"""A singer: syllables of recorded voices on the notes of a score, by WORLD resynthesis.

Theory of operation: each note takes one syllable (at times several). Its consonant runs at its
own speed just before the beat, the nucleus is stretched with a slow wander, the tail runs at its
own speed. Envelope and noisiness are those of the recording; the pitch is the score's, with
glides, scoops, vibrato, drift and jitter. Phrases apart are made apart, so silence costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from models.data.library import RATE, UnusableError
from models.data.phrases import BANDS, FFT, FLOOR, FRAME, Take, smoothed, spread_out, take, world
from models.data.score import Note
from models.data.sound import Floats, Random, filtered, high_pass, place, presence

FPS = round(1 / FRAME)
GAP = 0.8  # s of rest that parts two phrases
LONGEST = 30.0  # s of one phrase; longer ones are cut in two
RECORDINGS = 10  # of one voice that a song takes


@dataclass(frozen=True)
class Manner:
    """What stays the same for one voice in one song."""

    size: float  # of the vocal tract
    vibrato: float  # semitones
    speed: float  # Hz
    onset: float  # s before the vibrato sets in
    slide: float  # frames, smoothing of steps
    scoop: float  # semitones
    loose: float  # of jitter and drift
    breath: float  # dB added to the noisiness; recordings as Ogg are noisier than voices
    air: float  # dB of presence
    several: float  # chance of more than one syllable per note
    hiss: float  # chance of a recorded fricative before a note


def manner(rng: Random) -> Manner:
    """Draw a manner of singing.

    Notes
    -----
    Thread: [any]
    """
    return Manner(
        size=float(np.clip(rng.normal(1, 0.07), 0.85, 1.18)),
        vibrato=rng.uniform(0.05, 0.55),
        speed=rng.uniform(4.8, 6.4),
        onset=rng.uniform(0.12, 0.35),
        slide=rng.uniform(1.8, 6),
        scoop=rng.uniform(0, 2),
        loose=rng.uniform(0.8, 3.5),
        breath=rng.uniform(-4, 1.5),
        air=rng.uniform(4, 13),
        several=rng.uniform(0.2, 0.7) if rng.random() < 0.4 else 0.0,
        hiss=rng.uniform(0.1, 0.5),
    )


def takes(rng: Random, files: Sequence[Path]) -> list[Take]:
    """Draw recordings of a voice; those without a syllable are passed over.

    Raises
    ------
    UnusableError
        If none of those drawn can be used.

    Notes
    -----
    Thread: [any]
    """
    found, reason = [], ""
    for i in rng.permutation(len(files))[: 2 * RECORDINGS]:
        try:
            found.append(take(files[int(i)]))
        except UnusableError as error:
            reason = str(error)
        if len(found) == RECORDINGS:
            break
    if not found:
        raise UnusableError(f"no recording of the voice can be used, the last one says: {reason}")
    return found


def natural(voice: Sequence[Take]) -> float:
    """Median MIDI pitch of the recordings.

    Notes
    -----
    Thread: [any]
    """
    return float(np.median(np.concatenate([each.pitch[each.pitch > 0] for each in voice])))


def within_reach(notes: Sequence[Note], centre: float) -> list[Note]:
    """Move a line by octaves so that its median comes nearest to `centre`.

    Notes
    -----
    Thread: [any]
    """
    if not notes:
        return []
    up = 12 * round((centre - float(np.median([note.pitch for note in notes]))) / 12)
    return [Note(n.start, n.length, n.pitch + up, n.velocity) for n in notes]


def sing(
    rng: Random, voice: Sequence[Take], how: Manner, notes: Sequence[Note], samples: int
) -> Floats:
    """Sing a line.

    Parameters
    ----------
    rng : numpy Generator
    voice : sequence of Take
    how : Manner
    notes : sequence of Note
        In order of time.
    samples : int

    Returns
    -------
    track : float32, shape (samples,)
        RMS while it sounds about 0.1.

    Notes
    -----
    Thread: [any]
    """
    track = np.zeros(samples, np.float32)
    kept = [note for note in notes if note.start * RATE < samples - RATE // 10]
    for phrase in _phrases(kept):
        lead = min(0.4, phrase[0].start)
        sound = _phrase(rng, voice, how, phrase, phrase[0].start - lead)
        place(track, sound, round((phrase[0].start - lead) * RATE))
    track = filtered(track, RATE, presence(how.air))
    track = filtered(track, RATE, high_pass(70))
    power = (track[: samples // 64 * 64].reshape(-1, 64) ** 2).mean(1)
    loud = power[power > power.max(initial=0) * 1e-3]
    return track * np.float32(0.1 / np.sqrt(loud.mean())) if loud.size else track


def _phrases(notes: Sequence[Note]) -> list[list[Note]]:
    groups: list[list[Note]] = [[notes[0]]] if notes else []
    for before, note in pairwise(notes):
        rest = note.start - before.start - before.length
        if rest > GAP or note.start - groups[-1][0].start > LONGEST:
            groups.append([])
        groups[-1].append(note)
    return groups


def _phrase(
    rng: Random, voice: Sequence[Take], how: Manner, notes: Sequence[Note], origin: float
) -> Floats:
    end = max(note.start + note.length for note in notes) - origin + 0.4
    frames = int(min(end, LONGEST + 8) * FPS)
    envelope = np.full((frames, BANDS), FLOOR, np.float32)
    noisy = np.zeros((frames, voice[0].noisiness.shape[1]), np.float32)
    voiced = np.zeros(frames, bool)
    each = voice[int(rng.integers(len(voice)))]
    at = int(rng.integers(len(each.syllables)))
    hisses: list[tuple[int, Floats]] = []
    for i, note in enumerate(notes):
        start = round((note.start - origin) * FPS)
        length = max(6, round(note.length * FPS))
        if i + 1 < len(notes):
            length = max(6, min(length, round((notes[i + 1].start - origin) * FPS) - start))
        parts = int(rng.integers(2, 4)) if length > 50 and rng.random() < how.several else 1
        if each.hisses and rng.random() < how.hiss:
            sound = each.hisses[rng.integers(len(each.hisses))]
            hisses.append((round(start * FRAME * RATE) - len(sound), sound))
        for part in range(parts):
            if at >= len(each.syllables):
                each, at = voice[int(rng.integers(len(voice)))], 0
            where = _path(each.syllables[at], length // parts)
            lead = int(np.searchsorted(where, each.syllables[at][1]))
            _lay(
                each, where, start + part * (length // parts) - lead, note.velocity, envelope,
                noisy, voiced,
            )  # fmt: skip
            at += 1
    pitch = _melody(rng, how, notes, origin, frames)
    f0 = np.where(voiced, 440 * 2 ** ((pitch - 69) / 12), 0.0).astype(np.float64)
    noisy = np.minimum(noisy + np.float32(how.breath), 0)
    pw = world()
    power = spread_out(envelope, how.size)
    aperiodic = pw.decode_aperiodicity(np.ascontiguousarray(noisy, np.float64), RATE, FFT)
    sound = pw.synthesize(f0, power, aperiodic, RATE, 1000 * FRAME).astype(np.float32)
    loud = np.sqrt((sound**2).mean() + 1e-12)
    for start, hiss in hisses:
        place(sound, hiss, max(0, start), float(loud * 10 ** (rng.uniform(-9, 3) / 20)))
    return sound


def _path(syllable: np.ndarray, length: int) -> np.ndarray:
    """Positions in the recording, one per frame sung: consonant, stretched nucleus, tail."""
    first, left, right, last = (int(i) for i in syllable)
    before = min(left - first, int(0.45 * length) + 4)
    after = min(last - right, int(0.3 * length) + 3)
    middle = max(4, length - after)
    if middle > 1.5 * (right - left):  # wander slowly inside instead of freezing
        centre, reach = (left + right) / 2, (right - left) / 2
        edge = max(3, (right - left) // 3)
        inner = max(1, middle - 2 * edge)
        wave = centre + 0.5 * reach * np.sin(np.linspace(0, np.pi * middle / 60, inner))
        nucleus = np.concatenate(
            [np.linspace(left, centre, edge), wave, np.linspace(wave[-1], right, edge)]
        )
    else:
        nucleus = np.linspace(left, right, middle)
    return np.concatenate(
        [np.arange(left - before, left), nucleus, np.arange(right, right + after)]
    )


def _lay(
    each: Take,
    where: np.ndarray,
    start: int,
    velocity: float,
    envelope: Floats,
    noisy: Floats,
    voiced: np.ndarray,
) -> None:
    """Write a syllable into a phrase's frames; the louder of two wins where they overlap."""
    where = np.clip(where, 0, len(each.pitch) - 1)
    skip = max(0, -start)
    size = min(len(where) - skip, len(voiced) - start - skip)
    if size <= 0:
        return
    where, start = where[skip : skip + size], start + skip
    left = where.astype(np.intp)
    right = np.minimum(left + 1, len(each.pitch) - 1)
    part = (where - left).astype(np.float32)[:, None]
    shape = each.envelope[left] + part * (each.envelope[right] - each.envelope[left])
    ramp = min(8, size // 3)
    fade = np.ones(size, np.float32)
    if ramp:
        fade[:ramp] = np.linspace(0.03, 1, ramp)
        fade[size - ramp :] = np.linspace(1, 0.03, ramp)
    shape += 2 * np.log(fade * np.float32(max(velocity, 0.05)))[:, None]
    span = slice(start, start + size)
    louder = shape.max(1) > envelope[span].max(1)
    envelope[span] = np.maximum(envelope[span], shape)
    noise = each.noisiness[left] + part * (each.noisiness[right] - each.noisiness[left])
    noisy[span] = np.where(louder[:, None], noise, noisy[span])
    voiced[span] = np.where(louder, each.pitch[left] > 0, voiced[span])


def _melody(rng: Random, how: Manner, notes: Sequence[Note], origin: float, frames: int) -> Floats:
    """MIDI pitch per frame."""
    pitch = np.full(frames, notes[0].pitch, np.float32)
    wave, bend = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    for note in notes:
        start = round((note.start - origin) * FPS)
        end = min(frames, start + round(note.length * FPS))
        if end <= start:
            continue
        pitch[start:] = note.pitch
        time = np.arange(end - start, dtype=np.float32) * np.float32(FRAME)
        depth = how.vibrato * np.clip((time - how.onset) * 4, 0, 1)
        turn = how.speed * (1 + 0.04 * rng.normal()) * time + rng.random()
        wave[start:end] = depth * np.sin(2 * np.pi * turn)
        if rng.random() < 0.45:
            bend[start:end] = -how.scoop * np.exp(-time / np.float32(rng.uniform(0.03, 0.09)))
        if rng.random() < 0.2:  # the voice falls off the note
            bend[start:end] -= rng.uniform(0.5, 3) * np.linspace(0, 1, end - start) ** 6
    drift = smoothed(rng.standard_normal(frames, np.float32), 40) * np.float32(0.7)
    jitter = smoothed(rng.standard_normal(frames, np.float32), 3) * np.float32(0.16)
    loose = np.float32(how.loose) * (drift + jitter)
    return smoothed(pitch, how.slide) + smoothed(bend, 1.5) + wave + loose
