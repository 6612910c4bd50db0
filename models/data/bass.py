"""Bass lines: synthesisers with glide and filter envelope, sub tones, plucked strings, FM."""

from collections.abc import Sequence

import numpy as np

from models.data.score import Note
from models.data.sound import (
    TABLE,
    TOP,
    Floats,
    Random,
    bumps,
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
from models.data.strings import String

ROWS = 40  # brightness steps of a table, 0.2 octaves each


def line(rng: Random, notes: Sequence[Note], samples: int, rate: float, beat: float) -> Floats:
    """Play a monophonic bass line on a random instrument.

    Parameters
    ----------
    rng : numpy Generator
    notes : sequence of Note
        In order of time; overlaps are cut by the next note.
    samples : int
        Length of the track.
    rate : float
        Samples per second.
    beat : float
        Seconds per beat, for the dips of side-chain compression.

    Returns
    -------
    track : float32, shape (2, samples)

    Notes
    -----
    Thread: [any]
    """
    if not notes:
        return np.zeros((2, samples), np.float32)
    kind = str(rng.choice(["synth", "synth", "sub", "string", "string", "fm"]))
    if kind == "string":
        track = _string(rng, notes, samples, rate)
    else:
        track = _synth(rng, notes, samples, rate, kind)
    track /= np.abs(track).max() + np.float32(1e-9)
    if rng.random() < 0.35:
        track = np.tanh(track * np.float32(rng.uniform(1.5, 6)))
    # Recorded basses fall by 20 dB towards 500 Hz; one in eight growls up to several kHz.
    top = 5000 if rng.random() < 0.12 else 900
    cut = low_pass(float(np.exp(rng.uniform(np.log(150), np.log(top)))), 1.5)
    shape = bumps(rng, 2, 4)
    track = filtered(track, rate, lambda f: cut(f) * shape(f) * high_pass(24, 2)(f))
    if rng.random() < 0.2:
        time = np.arange(samples, dtype=np.float32) / np.float32(rate) % np.float32(beat)
        track = track * (1 - np.float32(rng.uniform(0.4, 0.9)) * np.exp(-time / np.float32(0.1)))
    return _width(rng, track, rate)


def _width(rng: Random, track: Floats, rate: float) -> Floats:
    if rng.random() < 0.25:
        late = np.zeros_like(track)
        shift = int(rate * rng.uniform(0.004, 0.012))
        late[shift:] = filtered(track, rate, high_pass(180))[:-shift]
        side = late * np.float32(rng.uniform(0.2, 0.7))
        return np.stack([track + side, track - side])
    return panned(track, rng.uniform(-0.5, 0.5) if rng.random() < 0.3 else 0.0)


def _string(rng: Random, notes: Sequence[Note], samples: int, rate: float) -> Floats:
    track = np.zeros(samples, np.float32)
    string = String(rng, rate, ring=rng.uniform(0.3, 2.0), pick=rng.uniform(0.02, 0.2))
    for i, note in enumerate(notes):
        length = note.length
        if i + 1 < len(notes):
            length = min(length, max(0.04, notes[i + 1].start - note.start))
        place(track, string.pluck(note.pitch, length), round(note.start * rate), note.velocity)
    return track


def _curves(
    rng: Random, notes: Sequence[Note], samples: int, rate: float
) -> tuple[Floats, Floats, Floats]:
    """Pitch, loudness and seconds since the last onset, one value per sample."""
    pitch = np.full(samples, notes[0].pitch, np.float32)
    level = np.zeros(samples, np.float32)
    since = np.full(samples, 10, np.float32)
    slide = rng.uniform(0.01, 0.12) if rng.random() < 0.4 else 0.002
    attack, release = rng.uniform(0.002, 0.015), rng.uniform(0.01, 0.05)
    held = rng.choice([0.0, 0.0, rng.uniform(1, 6)])
    before = notes[0].pitch
    for i, note in enumerate(notes):
        start = round(note.start * rate)
        end = round(notes[i + 1].start * rate) if i + 1 < len(notes) else samples
        end = min(end, samples)
        if end <= start:
            continue
        time = np.arange(end - start, dtype=np.float32) / np.float32(rate)
        pitch[start:end] = note.pitch + (before - note.pitch) * np.exp(-time / np.float32(slide))
        shape = np.minimum(time / np.float32(attack), 1) * note.velocity
        shape *= np.clip((note.length + release - time) / np.float32(release), 0, 1)
        level[start:end] = shape * np.exp(-time * np.float32(held))
        since[start:end] = time
        before = note.pitch
    ramp = max(2, int(rate * 0.003))
    smooth = np.cumsum(np.concatenate([np.zeros(ramp), level]), dtype=np.float64)
    level = ((smooth[ramp:] - smooth[:-ramp]) / ramp).astype(np.float32)
    return pitch, level, since


def _synth(rng: Random, notes: Sequence[Note], samples: int, rate: float, kind: str) -> Floats:
    pitch, level, since = _curves(rng, notes, samples, rate)
    frequency = np.float32(440) * np.exp2((pitch - 69) / 12)
    phase = glide(frequency, rate)
    sub = np.sin(2 * np.pi * phase).astype(np.float32)
    if kind == "sub":
        colour = rng.uniform(0, 0.5)
        return level * (
            sub + np.float32(colour) * np.sin(4 * np.pi * phase).astype(np.float32) ** 3
        )
    if kind == "fm":
        ratio, depth = rng.choice([0.5, 1, 2, 3]), rng.uniform(1, 6)
        index = depth * np.exp(-since / np.float32(rng.uniform(0.05, 0.8))) + rng.uniform(0, 1)
        mod = np.sin(2 * np.pi * (phase * ratio % 1)).astype(np.float32)
        carrier = (2 * np.pi * (phase % 1)).astype(np.float32)
        return level * np.sin(carrier + index.astype(np.float32) * mod)
    return level * _filtered_wave(rng, frequency, phase, since, rate) + level * sub * np.float32(
        rng.uniform(0, 0.8)
    )


def _filtered_wave(
    rng: Random, frequency: Floats, phase: np.ndarray, since: Floats, rate: float
) -> Floats:
    """Saw, pulse or triangle whose low-pass opens at each onset, by a table of brightness."""
    lowest = float(frequency.max())
    harmonics = int(np.clip(min(TOP, rate * 0.45) / lowest, 4, 400))
    k = np.arange(1, harmonics + 1)
    width = rng.choice([0.5, 0.5, 0.25, 0.12])
    wave = {
        "saw": 1 / k,
        "pulse": 2 * np.abs(np.sin(np.pi * k * width)) / k,
        "triangle": (k % 2) / k**2 * 3,
    }[str(rng.choice(["saw", "saw", "pulse", "triangle"]))]
    cut = 80 * 2 ** (np.arange(ROWS) * 0.2)
    over = k[None] * float(np.median(frequency)) / cut[:, None]
    peak = 1 + rng.uniform(0, 3) * np.exp(-(((over - 1) / 0.25) ** 2))
    table = wavetable(wave * peak / np.sqrt(1 + over ** rng.choice([2, 4, 8])), rng)
    base, depth = rng.uniform(4, 22), rng.uniform(0, 20)
    row = base + depth * np.exp(-since / np.float32(rng.uniform(0.03, 0.5)))
    if rng.random() < 0.25:
        wobble = np.arange(len(row), dtype=np.float32) * np.float32(rng.uniform(0.2, 8) / rate)
        row += np.float32(rng.uniform(2, 8)) * np.sin(2 * np.pi * wobble)
    cell = np.clip(row, 0, ROWS - 1).astype(np.intp) * TABLE
    out = table.ravel().take(cell + (phase % 1 * TABLE).astype(np.intp))
    if rng.random() < 0.4:
        other = phase * (1 + rng.uniform(0.001, 0.006))
        out = out + table.ravel().take(cell + (other % 1 * TABLE).astype(np.intp))
    return out + np.float32(rng.choice([0, 0.002])) * noise(rng, len(out))


def lowest(notes: Sequence[Note]) -> float:
    """Frequency of the lowest note in Hz; infinite without notes.

    Notes
    -----
    Thread: [any]
    """
    return min((hertz(note.pitch) for note in notes), default=float("inf"))
