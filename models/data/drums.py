"""Drum kits made from sweeps, tones and noise, and the track that plays a score on them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from models.data.score import Hit
from models.data.sound import (
    Floats,
    Random,
    band,
    bumps,
    convolve,
    decay,
    filtered,
    glide,
    high_pass,
    low_pass,
    minimum_phase,
    noise,
    panned,
    place,
    room,
)

VARIANTS = 3  # recordings of each piece: no stroke sounds quite like the last one
Kit = dict[str, list[Floats]]


def sweep(rng: Random, rate: float, low: float, high: float, fall: float, ring: float) -> Floats:
    """Sine that falls from `high` to `low` Hz in about `fall` s and rings for `ring` s.

    Notes
    -----
    Thread: [any]
    """
    samples = int(rate * min(ring * 6, 2.5))
    frequency = low + (high - low) * decay(samples, rate, fall)
    return np.sin(2 * np.pi * glide(frequency, rate, rng.uniform(0, 0.3))).astype(
        np.float32
    ) * decay(samples, rate, ring)


def _click(rng: Random, rate: float, length: int, seconds: float, top: float) -> Floats:
    out = np.zeros(length, np.float32)
    size = min(length, int(rate * seconds * 8))
    burst = noise(rng, size) * decay(size, rate, seconds)
    out[:size] = filtered(burst, rate, low_pass(top))
    return out


def _kick(rng: Random, rate: float) -> list[Floats]:
    low = rng.uniform(38, 68)
    ring = rng.uniform(0.2, 0.6) if rng.random() < 0.3 else rng.uniform(0.05, 0.16)
    high, fall = low * rng.uniform(2, 7), rng.uniform(0.008, 0.045)
    drive, click = rng.uniform(0.8, 3), rng.choice([0.05, 0.3, 0.8]) * rng.uniform(0.5, 1)
    top, spot = rng.uniform(1500, 9000), rng.uniform(0.001, 0.006)
    out = []
    for _ in range(VARIANTS):
        body = np.tanh(drive * sweep(rng, rate, low, high * rng.uniform(0.95, 1.05), fall, ring))
        out.append(body + click * _click(rng, rate, len(body), spot, top))
    return out


def _snare(rng: Random, rate: float) -> list[Floats]:
    tone, ring = rng.uniform(140, 260), rng.uniform(0.03, 0.12)
    wires, length = rng.uniform(0.4, 1.5), rng.uniform(0.04, 0.16)
    low, high = rng.uniform(400, 2500), rng.uniform(5000, 13_000)
    out = []
    for _ in range(VARIANTS):
        samples = int(rate * length * 6)
        rattle = filtered(noise(rng, samples), rate, band(low, high, 1)) * decay(
            samples, rate, length * rng.uniform(0.9, 1.1)
        )
        for ratio, gain in ((1.0, 0.8), (1.6, 0.4), (2.3, 0.15)):
            f = tone * ratio
            place(rattle, sweep(rng, rate, f, f * 1.5, 0.01, ring), 0, gain / wires)
        out.append(rattle)
    return out


def _clap(rng: Random, rate: float) -> list[Floats]:
    length, centre = rng.uniform(0.03, 0.12), rng.uniform(900, 2000)
    out = []
    for _ in range(VARIANTS):
        samples = int(rate * 0.5)
        hands = np.zeros(samples, np.float32)
        for start in (0.0, rng.uniform(0.008, 0.012), rng.uniform(0.018, 0.026)):
            place(hands, decay(int(rate * 0.02), rate, 0.005), int(rate * start))
        place(hands, decay(samples, rate, length), int(rate * 0.03), 0.8)
        out.append(filtered(noise(rng, samples), rate, band(centre * 0.7, centre * 4)) * hands)
    return out


def _metal(rng: Random, rate: float, length: float, low: float, ring: float) -> list[Floats]:
    """Hats and cymbals: noise and a cluster of inharmonic partials."""
    samples = int(rate * min(length * 5, 3.0))
    partials = rng.uniform(low * 0.5, low * 2.5, 9)
    time = np.arange(samples, dtype=np.float32) / np.float32(rate)
    cluster: NDArray[np.floating] = sum(
        np.sign(np.sin(2 * np.pi * f * time + p))
        for f, p in zip(partials, rng.uniform(0, 6, 9), strict=True)
    )
    steel = filtered(np.asarray(cluster / 3, np.float32), rate, high_pass(low))
    out = []
    for _ in range(VARIANTS):
        hiss = filtered(noise(rng, samples), rate, high_pass(low * 0.8, 1.5))
        shape = decay(samples, rate, length * rng.uniform(0.85, 1.15))
        out.append((ring * steel + (1 - ring) * hiss) * shape)
    return out


def _tom(rng: Random, rate: float, f: float) -> list[Floats]:
    ring, skin = rng.uniform(0.08, 0.3), rng.uniform(0.05, 0.4)
    out = []
    for _ in range(VARIANTS):
        body = sweep(rng, rate, f, f * rng.uniform(1.3, 2), 0.03, ring)
        out.append(body + skin * _click(rng, rate, len(body), 0.01, 4000))
    return out


def _perc(rng: Random, rate: float) -> list[Floats]:
    f, ring = rng.uniform(250, 1800), rng.uniform(0.015, 0.12)
    return [
        sweep(rng, rate, f, f * rng.uniform(1.0, 1.6), 0.01, ring)
        + 0.2 * _click(rng, rate, int(rate * min(ring * 6, 2.5)), 0.004, 8000)
        for _ in range(VARIANTS)
    ]


# Typical level of each piece before the kit's own random balance.
LEVEL = {
    "kick": 0.75, "snare": 0.8, "clap": 0.7, "rim": 0.5, "hat": 0.28, "open": 0.32,
    "ride": 0.28, "shaker": 0.22, "crash": 0.45, "perc": 0.38, "low": 0.6, "middle": 0.6,
    "high": 0.6,
}  # fmt: skip


def kit(rng: Random, rate: float) -> Kit:
    """Make a random kit: for each piece a few stereo sounds.

    Parameters
    ----------
    rng : numpy Generator
    rate : float
        Samples per second.

    Returns
    -------
    kit : dict, piece -> list of float32 (2, samples)

    Notes
    -----
    Thread: [any]
    """
    tom = rng.uniform(70, 120)
    bright = rng.uniform(4500, 9500)
    pieces = {
        "kick": _kick(rng, rate),
        "snare": _snare(rng, rate),
        "clap": _clap(rng, rate),
        "rim": _perc(rng, rate),
        "hat": _metal(rng, rate, rng.uniform(0.012, 0.05), bright, rng.uniform(0, 0.6)),
        "open": _metal(rng, rate, rng.uniform(0.08, 0.3), bright, rng.uniform(0, 0.6)),
        "ride": _metal(rng, rate, rng.uniform(0.2, 0.6), bright * 0.6, rng.uniform(0.3, 0.8)),
        "shaker": _metal(rng, rate, rng.uniform(0.02, 0.05), bright * 0.8, 0.0),
        "crash": _metal(rng, rate, rng.uniform(0.3, 0.8), bright * 0.4, rng.uniform(0, 0.5)),
        "perc": _perc(rng, rate),
        "low": _tom(rng, rate, tom),
        "middle": _tom(rng, rate, tom * rng.uniform(1.3, 1.5)),
        "high": _tom(rng, rate, tom * rng.uniform(1.7, 2.2)),
    }
    wide = rng.choice([0.0, 0.4, 0.9])
    done: Kit = {}
    for piece, sounds in pieces.items():
        centred = piece == "kick" or (piece in {"snare", "clap"} and rng.random() < 0.8)
        pan = rng.uniform(-0.15, 0.15) if centred else rng.uniform(-wide, wide)
        gain = LEVEL[piece] * 10 ** (rng.normal(0, 3) / 20)
        done[piece] = [
            panned(sound * np.float32(gain / (np.abs(sound).max() + 1e-9)), pan) for sound in sounds
        ]
    done["ghost"] = done["snare"]
    return done


def play(rng: Random, hits: Iterable[Hit], pieces: Kit, samples: int, rate: float) -> Floats:
    """Play strokes on a kit, in a room, through a bus with equaliser and saturation.

    Parameters
    ----------
    rng : numpy Generator
    hits : iterable of Hit
    pieces : dict, piece -> list of float32 (2, samples)
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
    track = np.zeros((2, samples), np.float32)
    for hit in hits:
        sounds = pieces.get(hit.piece) or pieces["perc"]
        place(track, sounds[rng.integers(len(sounds))], round(hit.start * rate), hit.velocity)
    return bus(rng, track, rate)


def bus(rng: Random, track: Floats, rate: float) -> Floats:
    """Random drum bus: saturation, equaliser and a short room, shape kept.

    Notes
    -----
    Thread: [any]
    """
    if rng.random() < 0.5:
        drive = rng.uniform(1, 3)
        track = np.tanh(track * np.float32(drive)) / np.float32(np.sqrt(drive))
    grid = np.linspace(0, rate / 2, 1025, dtype=np.float32)
    response = minimum_phase(bumps(rng, 3, 5)(grid))
    if rng.random() < 0.6:
        tail = room(rng, rate, rng.uniform(0.15, 0.6), rng.uniform(0.03, 0.25))
        response = convolve(tail, response)
    return convolve(track, response)
