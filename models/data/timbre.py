"""What a single note tells of an instrument: drums, bass, or something else.

Drums have no steady pitch and are struck at one or two, bass is low and lasts. What is neither
clear nor of other is of no stem, and so are choirs, which say it by their names.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.library import RATE, SILENT
from models.data.sound import Floats

WINDOW = 6000  # samples in which a pitch is looked for
BASS = (25.0, 125.0)  # Hz, of its median note
SUNG = re.compile(r"choir|vox|voice|vocal|\b(aah|ahh|ooh|speech|sing|human)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sound:
    """What is heard of an instrument, and how it is used.

    Attributes
    ----------
    name : str
    pitches : int
        Different pitches that it plays.
    same : float
        Share of its notes at the two pitches that it plays most.
    hertz, steady : float
        Pitch 0.12 s after the beginning of its median note, and how periodic it is there, 0 to 1.
    noise : float
        Spectral flatness between 200 and 6000 Hz.
    low, mid, high : float
        Shares of the energy below 150, below 400 and above 3000 Hz.
    soon, late : float
        Levels at 0.3 and 0.7 s in dB above the first 0.1 s.
    """

    name: str
    pitches: int
    same: float
    hertz: float
    steady: float
    noise: float
    low: float
    mid: float
    high: float
    soon: float
    late: float


def stem_of(sound: Sound) -> str | None:
    """Give the stem that an instrument belongs to, None if that is unclear or it sings.

    Notes
    -----
    Thread: [any]
    """
    if SUNG.search(sound.name):
        return None
    struck = sound.same >= 0.65
    tuned = sound.steady >= 0.9 and BASS[0] <= sound.hertz <= BASS[1] and sound.mid >= 0.75
    rules = {
        "drums": (
            struck and sound.mid >= 0.85 and sound.pitches <= 3 and sound.soon < -20,
            struck and sound.noise >= 0.01 and sound.steady < 0.85 and sound.late < -8,
            struck and sound.high > 0.8 and sound.late < -8,
        ),
        "bass": (tuned and sound.soon > -20,),
        "other": (
            sound.steady >= 0.85 and sound.hertz > BASS[1],
            sound.steady < 0.85 and sound.noise < 0.01 and sound.high < 0.8,
        ),
    }
    return next((stem for stem, those in rules.items() if any(those)), None)


def _pitch(wave: Floats) -> tuple[float, float]:
    """Hertz and periodicity by autocorrelation; 0, 0 for silence."""
    wave = wave - wave.mean()
    count, energy = len(wave), np.cumsum(np.square(wave, dtype=np.float64))
    shortest, longest = int(RATE / 1500), min(int(RATE / BASS[0]), count // 2)
    if longest <= shortest + 2 or energy[-1] < 1e-7:
        return 0.0, 0.0
    size = 1 << (2 * count).bit_length()
    product = np.fft.irfft(np.abs(np.fft.rfft(wave, size)) ** 2, size)[shortest:longest]
    lags = np.arange(shortest, longest)
    head, tail = energy[count - 1 - lags], energy[-1] - energy[lags - 1]
    found: NDArray[np.float64] = product / np.sqrt(head * tail + 1e-12)
    best = float(found.max())
    inner = found[1:-1]
    peaks = np.flatnonzero((inner >= found[:-2]) & (inner > found[2:]) & (inner > 0.9 * best))
    return (float(RATE / (lags[peaks[0] + 1])), best) if len(peaks) else (0.0, best)


def listen(name: str, played: Counter[int], wave: Floats) -> Sound | None:
    """Describe an instrument by its median note; None if nothing is heard.

    Parameters
    ----------
    name : str
    played : Counter
        Its notes by pitch.
    wave : float32, shape (samples,)
        Its median note, a second long.

    Notes
    -----
    Thread: [any]
    """
    highest = float(np.abs(wave).max(initial=0))
    if highest < SILENT:
        return None
    wave = wave[int(np.argmax(np.abs(wave) > 0.05 * highest)) :]
    wave = np.pad(wave, (0, max(0, RATE - len(wave))))
    hertz, steady = _pitch(wave[int(0.12 * RATE) :][:WINDOW])
    power = np.abs(np.fft.rfft(wave[: 1 << 14] * np.hanning(1 << 14))) ** 2 + 1e-12
    f = np.fft.rfftfreq(1 << 14, 1 / RATE)
    band = power[(f > 200) & (f < 6000)]

    def level(start: float) -> float:
        part = wave[int(start * RATE) :][: RATE // 10]
        return 10 * float(np.log10(np.square(part, dtype=np.float64).mean() + 1e-12))

    return Sound(
        name=name,
        pitches=len(played),
        same=sum(count for _, count in played.most_common(2)) / played.total(),
        hertz=hertz,
        steady=steady,
        noise=float(np.exp(np.log(band).mean()) / band.mean()),
        low=float(power[f < 150].sum() / power.sum()),
        mid=float(power[f < 400].sum() / power.sum()),
        high=float(power[f > 3000].sum() / power.sum()),
        soon=level(0.3) - level(0),
        late=level(0.7) - level(0),
    )
