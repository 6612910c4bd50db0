"""Seeded song generator: four stems that overlap in time, pitch, spectrum and place.

A song is a function of (seed, seconds, sample_rate): same numbers, same samples on one
machine. Seeds below 1000 are kept for validation and tests; training starts at 1000.
"""

from dataclasses import dataclass

import numpy as np

from models.data import bass, drums, harmony, voice
from models.data.score import STEMS, compose
from models.data.sound import Floats, Random, compressor_gain, filtered, low_pass

TRAINING = 1000  # first seed that training may use; below it lie validation and tests
PEAK = 0.95  # of full scale, of the mixture
OFFSET = {"vocals": 2.0, "drums": 4.0, "bass": 1.5, "other": -0.5}  # dB, voice and beat in front
SPREAD = 2.7  # dB, standard deviation of a stem's level; cut at twice that


@dataclass(frozen=True)
class Song:
    """A generated song.

    Attributes
    ----------
    stems : dict, stem -> float32 (2, samples)
        vocals, drums, bass, other; full scale +-1.0.
    mixture : float32 (2, samples)
        Their sum, added in that order; peak at most 0.95.
    sample_rate : int
    """

    stems: dict[str, Floats]
    mixture: Floats
    sample_rate: int


def split(seed: int) -> str:
    """Give the split of a seed's song.

    Notes
    -----
    Thread: [any]
    """
    return "train" if seed >= TRAINING else "validation"


def generate(seed: int, seconds: float, sample_rate: int = 44_100) -> Song:
    """Compose and render a song.

    Parameters
    ----------
    seed : int
        0 or more.
    seconds : float
        Length; more than 1. Songs of the same seed and different length differ.
    sample_rate : int
        Samples per second, 16 kHz or more.

    Returns
    -------
    song : Song

    Raises
    ------
    ValueError
        For a seed, length or rate outside these limits.

    Notes
    -----
    Thread: [any]
    """
    if seed < 0 or not seconds > 1 or sample_rate < 16_000:
        raise ValueError(
            f"seed {seed}, {seconds} s, {sample_rate} Hz: allowed are seeds from 0, more than 1 s, "
            "16000 Hz and above; change the one that is outside"
        )
    samples = round(seconds * sample_rate)
    # One stream per job: a change in one stem's renderer leaves the others as they were.
    streams = [np.random.default_rng([seed, i]) for i in range(6)]
    score = compose(streams[0], seconds)
    rendered = {
        "vocals": voice.choir(streams[1], score.vocals, score.harmony, samples, sample_rate),
        "drums": drums.play(
            streams[2], score.drums, drums.kit(streams[2], sample_rate), samples, sample_rate
        ),
        "bass": bass.line(streams[3], score.bass, samples, sample_rate, score.beat),
        "other": harmony.play(streams[4], score.other, samples, sample_rate, score.beat),
    }
    return balanced(streams[5], rendered, sample_rate)


def balanced(rng: Random, rendered: dict[str, Floats], rate: int) -> Song:
    """Set random levels, a common bus compressor and the mixture's peak.

    Parameters
    ----------
    rng : numpy Generator
    rendered : dict, stem -> float32 (2, samples)
    rate : int
        Samples per second.

    Notes
    -----
    Thread: [any]
    """
    stems: dict[str, Floats] = {}
    for stem in STEMS:
        track = rendered[stem]
        if rng.random() < 0.12:
            track = filtered(track, rate, low_pass(rng.uniform(8000, 15_000), 6))
        if rng.random() < 0.15:
            track = track.mean(0, keepdims=True).repeat(2, 0)
        gain = OFFSET[stem] + float(np.clip(rng.normal(0, SPREAD), -2 * SPREAD, 2 * SPREAD))
        stems[stem] = track * np.float32(0.1 * 10 ** (gain / 20) / _loudness(track, rate))
    if rng.random() < 0.4:
        bus = compressor_gain(sum_of(stems), rate, rng.uniform(3, 10), rng.uniform(1.5, 4))
        stems = {stem: track * bus for stem, track in stems.items()}
    peak = float(np.abs(sum_of(stems)).max())
    final = np.float32(min(rng.uniform(0.5, 1) * PEAK / (peak + 1e-9), 8.0))
    stems = {stem: (track * final).astype(np.float32) for stem, track in stems.items()}
    return Song(stems, sum_of(stems), rate)


def _loudness(track: Floats, rate: int) -> float:
    """RMS of the seconds in which the stem plays; 1 for silence."""
    whole = track.shape[-1] // rate * rate
    power = (track[:, :whole].reshape(2, -1, rate)[..., ::8] ** 2).mean((0, 2))
    loud = power[power > power.max() * 1e-3]
    return float(np.sqrt(loud.mean())) if loud.size and power.max() > 1e-12 else 1.0


def sum_of(stems: dict[str, Floats]) -> Floats:
    """Add the stems in the order vocals, drums, bass, other, in float32.

    Notes
    -----
    Thread: [any]
    """
    return stems["vocals"] + stems["drums"] + stems["bass"] + stems["other"]
