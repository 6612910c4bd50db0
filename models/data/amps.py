"""Distortion: guitar amplifiers with a cabinet, double-tracked, and voices that shout."""

from collections.abc import Callable

import numpy as np

from models.data.library import RATE
from models.data.sound import (
    Floats,
    Random,
    band,
    bumps,
    filtered,
    high_pass,
    low_pass,
)


def unit(track: Floats) -> Floats:
    """Bring the peak to one; silence stays silence.

    Notes
    -----
    Thread: [any]
    """
    return track / np.float32(max(float(np.abs(track).max(initial=0)), 1e-6))


def amplifier(rng: Random, track: Floats) -> Floats:
    """Play one signal through a high-gain amplifier and its cabinet.

    Parameters
    ----------
    rng : numpy Generator
    track : float32, shape (..., samples)

    Returns
    -------
    track : float32, same shape, peak one

    Notes
    -----
    Two stages of tanh, the second lopsided, as valves are; the cabinet falls by 24 dB an octave
    above 3 to 5.5 kHz. Thread: [any]
    """
    drive, lean = np.float32(10 ** rng.uniform(0.7, 1.9)), np.float32(rng.uniform(0, 0.3))
    tight = high_pass(rng.uniform(80, 250), 1)
    first = np.tanh(filtered(unit(track), RATE, tight) * drive)
    second = np.tanh(first * np.float32(rng.uniform(1, 3)) + lean) - np.tanh(lean)
    cabinet, tone = band(rng.uniform(70, 120), rng.uniform(3000, 5500), 4), bumps(rng, 3, 6)
    return unit(filtered(second.astype(np.float32), RATE, lambda f: cabinet(f) * tone(f)))


def double_tracked(rng: Random, perform: Callable[[], Floats], distorted: bool) -> Floats:
    """Perform a part once or twice and put the takes left and right.

    Parameters
    ----------
    rng : numpy Generator
    perform : callable
        () -> float32 (samples,); another take at each call.
    distorted : bool
        Through an amplifier, the same for both takes.

    Returns
    -------
    track : float32, shape (2, samples)

    Notes
    -----
    Thread: [any]
    """
    takes = [perform() for _ in range(2 if rng.random() < 0.6 else 1)]
    if distorted:
        seed = int(rng.integers(2**32))
        takes = [amplifier(np.random.default_rng(seed), each) for each in takes]
    return np.stack([takes[0], takes[-1]])


def shouted(rng: Random, voice: Floats) -> Floats:
    """Distort a voice as a shouting singer, a megaphone or a telephone does.

    Parameters
    ----------
    rng : numpy Generator
    voice : float32, shape (..., samples)

    Returns
    -------
    voice : float32, same shape, as loud as before

    Notes
    -----
    Thread: [any]
    """
    before = float(np.sqrt((voice**2).mean())) + 1e-9
    driven = np.tanh(unit(voice) * np.float32(10 ** rng.uniform(0.5, 1.5)))
    kind = str(rng.choice(["shout", "shout", "megaphone"]))
    cut = band(350, rng.uniform(2800, 4500), 3) if kind == "megaphone" else low_pass(12_000)
    mixed = filtered(driven, RATE, cut)
    if kind == "shout":
        dry = np.float32(rng.uniform(0, 0.6))
        mixed = mixed + dry * unit(voice)
    return mixed * np.float32(before / (float(np.sqrt((mixed**2).mean())) + 1e-9))
