"""A plucked or struck string: harmonics that die away the sooner the higher they are."""

import numpy as np

from models.data.sound import (
    TABLE,
    TOP,
    Floats,
    Random,
    band,
    cycles,
    decay,
    filtered,
    hertz,
    noise,
    wavetable,
)

ROWS = 48  # moments of the decay; rows follow time as a square root, dense at the onset
ZONE = 3  # semitones that share a table
LONGEST = 4.0  # s


class String:
    """One instrument: all its notes share pick position, brightness and damping.

    Parameters
    ----------
    rng : numpy Generator
    rate : float
        Samples per second.
    ring : float
        Seconds in which the fundamental falls by 1/e.
    pick : float
        Level of the noise at the onset, 0 .. 1.
    bright : float
        Exponent of the harmonics' fall, about 0.5 (metal) to 2 (soft).

    Notes
    -----
    Thread: [any]
    """

    def __init__(
        self, rng: Random, rate: float, *, ring: float, pick: float, bright: float | None = None
    ) -> None:
        self._rng, self._rate = rng, rate
        self._ring, self._pick = ring, pick
        self._bright = rng.uniform(0.6, 1.8) if bright is None else bright
        self._place = rng.uniform(0.06, 0.45)
        self._damping = rng.uniform(0.1, 0.7)
        self._release = rng.uniform(0.02, 0.15)
        self._odd = 0.15 if rng.random() < 0.2 else 1.0
        self._knock = filtered(
            noise(rng, int(rate * 0.06)) * decay(int(rate * 0.06), rate, 0.008),
            rate,
            band(rng.uniform(100, 800), rng.uniform(1500, 8000), 1),
        )
        self._tables: dict[int, Floats] = {}
        self._sounds: dict[tuple[float, int, int], Floats] = {}

    def pluck(self, pitch: float, length: float) -> Floats:
        """Give one note, float32, shape (samples,); peak about one.

        Notes
        -----
        Repeated notes come from a cache of three takes each. Thread: [any]
        """
        take = int(self._rng.integers(3))
        key = (round(pitch, 1), round(min(length, LONGEST) * 20), take)
        if key not in self._sounds:
            self._sounds[key] = self._sound(pitch, max(length, 0.04))
        return self._sounds[key]

    def _table(self, pitch: float) -> Floats:
        zone = int(pitch // ZONE)
        if zone not in self._tables:
            f = hertz(zone * ZONE + ZONE / 2)
            count = int(np.clip(min(TOP, self._rate * 0.45) / (f * 1.1), 1, 120))
            k = np.arange(1, count + 1)
            start = np.abs(np.sin(np.pi * k * self._place)) / k**self._bright
            start[1::2] *= self._odd
            time = (np.arange(ROWS) / (ROWS - 1)) ** 2 * LONGEST
            fall = (1 + self._damping * (k - 1)) / self._ring * (f / 200) ** 0.4
            table = wavetable(start * np.exp(-time[:, None] * fall), self._rng)
            self._tables[zone] = table / np.abs(table[0]).max()
        return self._tables[zone]

    def _sound(self, pitch: float, length: float) -> Floats:
        table, rate = self._table(pitch), self._rate
        size = int(rate * min(length + self._release, LONGEST))
        time = np.arange(size, dtype=np.float32) / np.float32(rate)
        row = np.sqrt(time / np.float32(LONGEST)) * np.float32(ROWS - 1.001)
        detune = self._rng.normal(0, 0.03)
        index = cycles(hertz(pitch + detune), size, rate, float(self._rng.random()))
        cell = row.astype(np.intp)
        index += cell * TABLE
        flat = table.ravel()
        low = flat.take(index)
        part = row - cell
        sound = low + part * (flat.take(index + TABLE, mode="clip") - low)
        sound *= np.clip((length + self._release - time) / np.float32(self._release), 0, 1)
        sound *= np.minimum(time / np.float32(0.002), 1)
        knock = self._knock[:size]
        sound[: len(knock)] += np.float32(self._pick) * knock
        return sound
