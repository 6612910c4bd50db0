"""A probe for the low end: a steady 32 Hz tone under soft hi-hats, which belongs to bass.

Networks that never saw sustained sub-bass take it for the tail of a kick. The probe plays the
tone from silence and says how much of it each stem holds, second by second.
"""

from collections.abc import Callable, Mapping

import numpy as np

from models.data.score import STEMS
from models.data.sound import Floats, decay, filtered, high_pass, noise, panned, place

TONE = 32.0  # Hz
LEVEL = 0.2  # peak of the tone
HATS = 0.02  # peak of the hats, 20 dB below
PASS = -3.0  # dB in bass, after one second
NOTHING = -120.0  # dB, where a stem holds none of it

Separate = Callable[[Floats, int], Mapping[str, Floats]]


def tone_under_hats(seconds: float = 6.0, rate: int = 44_100) -> tuple[Floats, Floats]:
    """Make the probe.

    Returns
    -------
    mixture : float32, shape (2, samples)
    tone : float32, shape (2, samples)
        The part that belongs to bass.

    Notes
    -----
    Thread: [any]
    """
    rng, samples = np.random.default_rng(32), round(seconds * rate)
    time = np.arange(samples) / rate
    fade = np.minimum(time / 0.05, 1)
    tone = panned((LEVEL * fade * np.sin(2 * np.pi * TONE * time)).astype(np.float32), 0.0)
    hats = np.zeros(samples, np.float32)
    size = rate // 8
    for start in np.arange(0, seconds, 0.25):
        hit = filtered(noise(rng, size), rate, high_pass(7000)) * decay(size, rate, 0.03)
        place(hats, hit * np.float32(HATS / np.abs(hit).max()), round(start * rate))
    return tone + panned(hats, 0.0), tone


def share(estimate: Floats, tone: Floats, rate: int = 44_100) -> list[float]:
    """Level in dB of the tone inside an estimate, against the whole tone, for each second.

    Parameters
    ----------
    estimate, tone : float32, shape (2, samples)
        A delay of the estimate does not count.

    Notes
    -----
    Thread: [any]
    """
    wave = np.exp(-2j * np.pi * TONE * np.arange(rate) / rate)
    levels = []
    for start in range(0, tone.shape[1] - rate + 1, rate):
        held, whole = (
            float(np.abs((part[:, start : start + rate] * wave).sum(1)).mean())
            for part in (estimate, tone)
        )
        ratio = held / max(whole, 1e-12)
        levels.append(20 * float(np.log10(ratio)) if ratio > 1e-6 else NOTHING)
    return levels


def probe(separate: Separate, seconds: float = 6.0, rate: int = 44_100) -> dict[str, list[float]]:
    """Level in dB of the 32 Hz tone in each stem, second by second from the tone's start.

    Parameters
    ----------
    separate : callable
        (mixture float32 (2, samples), rate) -> stem -> float32 (2, samples), aligned.

    Returns
    -------
    levels : dict, stem -> one number per second
        0 dB: the whole tone; -3 dB: half its energy.

    Notes
    -----
    Thread: [any]
    """
    mixture, tone = tone_under_hats(seconds, rate)
    found = separate(mixture, rate)
    return {stem: share(found[stem], tone, rate) for stem in STEMS}


def passed(levels: Mapping[str, list[float]]) -> bool:
    """Tell whether bass holds half of the tone's energy from the second second on.

    Notes
    -----
    Thread: [any]
    """
    return min(levels["bass"][1:]) >= PASS
