"""A voice-like lead: pulses and noise through moving formants, with consonants.

Theory of operation: per frame of HOP samples, curves give pitch, loudness, breath, hiss
and the formants. The pulses come from a table at a gliding phase. Pulses and noise are
then shaped frame by frame in the frequency domain and added up with overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.score import Note
from models.data.sound import (
    TABLE,
    Floats,
    Random,
    bumps,
    compressor_gain,
    convolve,
    filtered,
    glide,
    high_pass,
    minimum_phase,
    noise,
    panned,
    presence,
    room,
    wavetable,
)

FRAME = 1024  # samples, at any rate
HOP = 512
# First three formants in Hz of a male voice; others are scaled from them.
VOWELS = np.array(
    [
        (730, 1090, 2440), (570, 840, 2410), (300, 870, 2240), (270, 2290, 3010),
        (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (490, 1350, 1690),
        (440, 1020, 2240), (640, 1190, 2390),
    ],
    np.float32,
)  # fmt: skip
NASAL = np.array((280, 1100, 2300), np.float32)
WIDTHS = np.array((80, 100, 140, 220, 300), np.float32)  # Hz
GAINS = np.array((1.0, 0.6, 0.35, 0.25, 0.15), np.float32)


@dataclass
class _Curves:
    """One value per frame."""

    pitch: Floats
    loud: Floats
    hiss: Floats
    hiss_low: Floats
    hiss_high: Floats
    formants: Floats  # (3, frames)


@dataclass(frozen=True)
class Singer:
    """What stays the same for one voice: size, tone, manner."""

    size: float
    tilt: float
    breath: float
    vibrato: float
    speed: float
    jitter: float
    slide: float
    air: float
    drive: float
    consonants: float


def singer(rng: Random, centre: float) -> Singer:
    """Draw a singer for lines around MIDI pitch `centre`; high voices have short tracts.

    Notes
    -----
    Thread: [any]
    """
    return Singer(
        size=float(np.clip(1 + (centre - 52) * 0.012 + rng.normal(0, 0.06), 0.85, 1.45)),
        tilt=rng.uniform(0.7, 1.7),
        breath=float(10 ** rng.uniform(-2.2, -0.8)),
        vibrato=rng.uniform(0, 0.55),
        speed=rng.uniform(4.8, 6.4),
        jitter=rng.uniform(0.02, 0.2),
        slide=rng.uniform(0.02, 0.08),
        air=rng.uniform(3, 14),
        drive=rng.uniform(2, 8) if rng.random() < 0.15 else 0.0,
        consonants=rng.uniform(0.4, 1.4),
    )


def _smooth(curve: Floats, frames: float) -> Floats:
    """Gaussian smoothing along the last axis with the given spread in frames."""
    reach = max(1, int(3 * frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(frames, 0.3)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    rows = np.atleast_2d(curve)
    padded = np.pad(rows, ((0, 0), (reach, reach)), mode="edge")
    out = np.stack([np.convolve(row, kernel, "valid") for row in padded])
    return out.reshape(curve.shape).astype(np.float32)


def _write(rng: Random, who: Singer, notes: Sequence[Note], frames: int, fps: float) -> _Curves:
    """Lay the syllables out on the frame grid."""
    c = _Curves(
        pitch=np.full(frames, notes[0].pitch, np.float32),
        loud=np.zeros(frames, np.float32),
        hiss=np.zeros(frames, np.float32),
        hiss_low=np.full(frames, 3000, np.float32),
        hiss_high=np.full(frames, 8000, np.float32),
        formants=np.repeat(VOWELS[0][:, None], frames, 1),
    )
    wave = np.zeros(frames, np.float32)
    for note in notes:
        a, b = round(note.start * fps), round((note.start + note.length) * fps)
        if b <= a + 1 or a >= frames:
            continue
        b = min(b, frames)
        time = np.arange(b - a, dtype=np.float32) / np.float32(fps)
        scoop = rng.choice([0, 0, -1.5, -3, 1]) * np.exp(-time / np.float32(0.05))
        c.pitch[a:] = note.pitch
        c.pitch[a:b] += scoop
        depth = who.vibrato * np.clip((time - rng.uniform(0.12, 0.35)) * 4, 0, 1)
        wave[a:b] = depth * np.sin(2 * np.pi * who.speed * time + rng.uniform(0, 6))
        swell = 1 - 0.3 * np.abs(np.linspace(-1, 1, b - a)) ** rng.uniform(1, 3)
        c.loud[a:b] = note.velocity * swell
        first, second = VOWELS[rng.integers(len(VOWELS), size=2)]
        blend = np.linspace(0, 1, b - a) if rng.random() < 0.35 else np.zeros(b - a)
        c.formants[:, a:b] = first[:, None] + (second - first)[:, None] * blend
        c.formants[:, b:] = c.formants[:, b - 1 : b]
        _consonant(rng, who, c, a, fps)
        if rng.random() < 0.3:
            _consonant(rng, who, c, b - 2, fps)
    c.pitch = _smooth(c.pitch, who.slide * fps * rng.uniform(0.5, 1)) + wave
    drift = _smooth(noise(rng, frames), 0.15 * fps) * np.float32(0.6)
    c.pitch += drift + who.jitter * noise(rng, frames)
    c.formants = _smooth(c.formants, 0.02 * fps) * np.float32(who.size)
    c.formants *= 1 + np.float32(0.03) * _smooth(noise(rng, 3, frames), 0.05 * fps)
    c.loud = _smooth(c.loud, 0.008 * fps) * (1 + np.float32(0.08) * noise(rng, frames))
    c.hiss = _smooth(c.hiss, 0.4)
    return c


def _consonant(rng: Random, who: Singer, c: _Curves, at: int, fps: float) -> None:
    """Put a fricative, plosive, nasal or nothing around frame `at`."""
    kind = rng.choice(["s", "f", "t", "k", "n", "h", "z", ""])
    size = max(2, round(rng.uniform(0.04, 0.13) * fps))
    a, b = max(0, at - size // 2), max(0, at + size // 2)
    if not kind or b <= a:
        return
    if kind == "n":
        c.formants[:, a:b] = NASAL[:, None]
        c.loud[a:b] *= 0.5
        return
    if kind in {"t", "k"}:
        c.loud[max(0, a - 2) : a + 2] = 0
        a, b = a + 1, a + 1 + max(2, round(0.025 * fps))
    elif kind != "z":
        c.loud[a:b] *= 0.1
    typical = {"s": 6500, "z": 6000, "f": 4500, "t": 5000, "k": 2200, "h": 1500}[str(kind)]
    centre = typical * rng.uniform(0.8, 1.25)
    wide = 1.3 if kind in {"s", "z"} else 2.2
    c.hiss[a:b] = rng.uniform(0.3, 1) * who.consonants * (1.6 if kind in {"t", "k"} else 1)
    c.hiss_low[a:b], c.hiss_high[a:b] = centre / wide, min(centre * wide, 15_000)


def sing(rng: Random, who: Singer, notes: Sequence[Note], samples: int, rate: float) -> Floats:
    """Sing a line of syllables.

    Parameters
    ----------
    rng : numpy Generator
    who : Singer
    notes : sequence of Note
        One per syllable.
    samples : int
        Length of the track.
    rate : float
        Samples per second.

    Returns
    -------
    voice : float32, shape (samples,), dry, peak about one

    Notes
    -----
    Thread: [any]
    """
    if not notes:
        return np.zeros(samples, np.float32)
    frames = samples // HOP + 3
    c = _write(rng, who, notes, frames, rate / HOP)
    where = np.arange(samples + FRAME, dtype=np.float32)
    centres = np.arange(frames, dtype=np.float32) * HOP
    pitch = np.interp(where, centres, c.pitch).astype(np.float32)
    frequency = np.float32(440) * np.exp2((pitch - 69) / 12)
    top = 440 * 2 ** ((float(np.percentile(c.pitch, 99)) - 69) / 12)
    k = np.arange(1, int(np.clip(min(15_000, rate * 0.45) / top, 3, 250)) + 1)
    table = wavetable((1 / k**who.tilt)[None], rng)[0]
    pulses = table.take((glide(frequency, rate) % 1 * TABLE).astype(np.intp))
    pulses /= np.sqrt((table**2).mean())
    active = np.flatnonzero((c.loud > 1e-3) | (c.hiss > 1e-3))
    voice = _shape(rng, who, c, pulses, active, samples, rate)
    if who.drive:
        voice = np.tanh(voice / (np.abs(voice).max() + np.float32(1e-9)) * np.float32(who.drive))
    low_cut, air = high_pass(80), presence(who.air)
    voice = filtered(voice, rate, lambda f: low_cut(f) * air(f))
    return np.asarray(voice / (np.abs(voice).max() + 1e-9), np.float32)


def _shape(
    rng: Random, who: Singer, c: _Curves, pulses: Floats, active: NDArray[np.intp],
    samples: int, rate: float,
) -> Floats:  # fmt: skip
    """Filter pulses and noise with each frame's formants; frames of silence are skipped."""
    out = np.zeros((samples // HOP + 5) * HOP + FRAME, np.float32)
    window = np.sin(np.pi * (np.arange(FRAME, dtype=np.float32) + 0.5) / FRAME)
    f = np.linspace(0, rate / 2, FRAME // 2 + 1, dtype=np.float32)
    for part in np.array_split(active, len(active) // 2048 + 1):
        if not len(part):
            continue
        # Frame i is centred on sample i * HOP: it starts half a frame before.
        index = np.maximum(part[:, None] * HOP - FRAME // 2, 0) + np.arange(FRAME)
        index = np.minimum(index, len(pulses) - 1)
        formants = _resonances(c.formants[:, part], who, f)
        breath = np.fft.rfft(noise(rng, len(part), FRAME) * window)
        source = np.fft.rfft(pulses[index] * window)
        hiss = c.hiss[part, None] * (
            1 / (1 + (c.hiss_low[part, None] / np.maximum(f, 1)) ** 4)
            / (1 + (f / c.hiss_high[part, None]) ** 4)
        )  # fmt: skip
        loud = c.loud[part, None]
        spectrum = source * (formants * loud)
        spectrum += breath * (formants * loud * np.float32(who.breath) + np.float32(0.12) * hiss)
        sound = np.fft.irfft(spectrum).astype(np.float32) * window
        rows = out.reshape(-1, HOP)
        np.add.at(rows, part, sound[:, :HOP])
        np.add.at(rows, part + 1, sound[:, HOP:])
    return out[HOP : HOP + samples]


def _resonances(formants: Floats, who: Singer, f: Floats) -> Floats:
    """Sum of five resonances per frame, shape (frames, bins)."""
    upper = np.array([[3400], [4300]], np.float32) * np.float32(who.size)
    centres = np.concatenate([formants, np.broadcast_to(upper, (2, formants.shape[1]))])
    total = np.full((formants.shape[1], len(f)), 0.02, np.float32)
    for centre, width, gain in zip(centres, WIDTHS, GAINS, strict=True):
        half = np.float32(width / 2)
        total += gain * half / np.sqrt(half**2 + (f[None] - centre[:, None]) ** 2)
    return total


def lead_curve(rng: Random, lead: Sequence[Note], samples: int, rate: float) -> _Curves:
    """Give the curves that `choir` makes its leading voice of, from a generator in the same state.

    Parameters
    ----------
    rng : numpy Generator
        As `choir` gets it; the same draws are made.
    lead : sequence of Note
        At least one.
    samples : int
        Length of the track.
    rate : float
        Samples per second.

    Returns
    -------
    curves : pitch (MIDI), loud, hiss and more, one value each HOP samples

    Notes
    -----
    Thread: [any]
    """
    who = singer(rng, _centre(lead))
    return _write(rng, who, lead, samples // HOP + 3, rate / HOP)


def _centre(lead: Sequence[Note]) -> float:
    return float(np.median([note.pitch for note in lead]))


def choir(
    rng: Random, lead: Sequence[Note], harmony: Sequence[Note], samples: int, rate: float
) -> Floats:
    """Sing the vocals stem: a lead, at times doubled or harmonised, with studio effects.

    Parameters
    ----------
    rng : numpy Generator
    lead, harmony : sequence of Note
        Same rhythm; the second voice is used in some songs.
    samples : int
        Length of the track.
    rate : float
        Samples per second.

    Returns
    -------
    track : float32, shape (2, samples)

    Notes
    -----
    Thread: [any]
    """
    if not lead:
        return np.zeros((2, samples), np.float32)
    centre = _centre(lead)
    who = singer(rng, centre)
    dry = sing(rng, who, lead, samples, rate)
    # Some leads stand off the centre, so that panning alone does not find them.
    track = panned(dry, rng.uniform(-0.6, 0.6) if rng.random() < 0.25 else 0.0)
    draw = rng.random()
    if draw < 0.25:
        track += panned(
            sing(rng, singer(rng, centre), harmony, samples, rate), rng.uniform(-0.9, 0.9)
        ) * np.float32(0.6)
    elif draw < 0.4:
        late = [
            Note(
                max(0.0, n.start + rng.normal(0, 0.015)),
                n.length,
                n.pitch + rng.normal(0, 0.12),
                n.velocity,
            )
            for n in lead
        ]
        side = rng.uniform(0.4, 0.9)
        double = sing(rng, who, late, samples, rate)
        track = panned(dry, -side) + panned(double, side)
    return studio(rng, track, rate)


def studio(rng: Random, track: Floats, rate: float) -> Floats:
    """Compressor, equaliser, echo and reverb as a mixing desk would add, shape kept.

    Notes
    -----
    Thread: [any]
    """
    if rng.random() < 0.7:
        track = track * compressor_gain(track, rate, rng.uniform(10, 24), rng.uniform(2, 6))
    if rng.random() < 0.3:
        shift, gain = int(rate * rng.uniform(0.08, 0.4)), np.float32(rng.uniform(0.15, 0.5))
        wet = track.copy()
        for i in range(1, 4):
            if i * shift < track.shape[-1]:
                wet[:, i * shift :] += track[:: 1 if i % 2 else -1, : -i * shift] * gain**i
        track = wet
    grid = np.linspace(0, rate / 2, 1025, dtype=np.float32)
    response = minimum_phase(bumps(rng, 3, 5)(grid))
    if rng.random() < 0.8:
        tail = room(rng, rate, rng.uniform(0.2, 1.5), rng.uniform(0.03, 0.2))
        response = convolve(tail, response)
    return convolve(track, response)
