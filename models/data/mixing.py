"""Random mixtures from a library: what a training step sees.

Gain, pan, polarity and equaliser are factors per bin: they cost nothing in the trainer's
spectra, and the mixture is the sum of the stems whatever they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.library import RATE, Item, Library
from models.data.score import STEMS
from models.data.sound import Floats, Random

BINS = 1025  # of a 2048-point transform at 44.1 kHz
# Share of the draws by kind of source; kinds that lack the stem give theirs to the others.
KINDS = {
    "vocals": {"real": 0.30, "generated": 0.50, "voices": 0.20},
    "drums": {"real": 0.30, "generated": 0.55, "sampled": 0.15},
    "bass": {"real": 0.30, "generated": 0.55, "sampled": 0.15},
    "other": {"real": 0.30, "generated": 0.55, "sampled": 0.15},
}
COHERENT = {"real": 0.25, "generated": 0.65, "sampled": 0.10}
COHERENT_SHARE = 0.65  # of the mixtures are one song; the others are put together freely
ALIAS = {"own": "real"}  # own folders are real songs
TARGET = {"vocals": 0.084, "drums": 0.084, "bass": 0.07, "other": 0.063}  # RMS
DROP = {"vocals": 0.15, "drums": 0.08, "bass": 0.08, "other": 0.06}
SIGMA, LIMIT = 7.0, 18.0  # dB, levels in free mixtures
SIGMA_SONG = 3.5  # dB, around the natural balance of a song


@dataclass(frozen=True)
class _Shelf:
    """Items of one stem and kind with their chances, by active seconds."""

    items: list[Item]
    chances: NDArray[np.float64]


class Mixer:
    """Draws mixtures for ever.

    Parameters
    ----------
    library : Library
    split : str
        train or validation.
    seed : int
        Same library, split and seed: same batches.

    Raises
    ------
    ValueError
        If the split lacks a stem altogether.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, library: Library, split: str = "train", seed: int = 0) -> None:
        self._library = library
        self._rng: Random = np.random.default_rng(seed)
        self._maps: dict[str, NDArray[np.int16]] = {}
        items = library.of(split)
        self._shelves: dict[str, dict[str, _Shelf]] = {stem: {} for stem in STEMS}
        for stem in STEMS:
            for kind in {_kind(item) for item in items if item.stem == stem}:
                self._shelves[stem][kind] = _shelf(
                    [item for item in items if item.stem == stem and _kind(item) == kind]
                )
        lacking = [stem for stem in STEMS if not self._shelves[stem]]
        if lacking:
            raise ValueError(
                f"{library.root} has no {' and no '.join(lacking)} in split {split}; "
                "build more songs into it"
            )
        self._songs: dict[str, list[dict[str, Item]]] = {}
        grouped: dict[tuple[str, str], dict[str, Item]] = {}
        for item in items:
            grouped.setdefault((_kind(item), item.song), {})[item.stem] = item
        for (kind, _), song in grouped.items():
            if len(song) >= 2:
                self._songs.setdefault(kind, []).append(song)
        self._frequency = np.log2(np.maximum(np.linspace(0, RATE / 2, BINS), 20)).astype(np.float32)

    def batch(self, size: int, samples: int) -> tuple[Floats, Floats]:
        """Draw the next mixtures.

        Parameters
        ----------
        size : int
        samples : int
            Length of each at 44.1 kHz.

        Returns
        -------
        stems : float32, shape (size, 4, 2, samples)
            In the order vocals, drums, bass, other; level already set.
        gains : float32, shape (size, 4, 2, 1025)
            Real factors per bin of a 2048-point transform, polarity included. The target
            spectra are gains * spectra of stems; the mixture is their sum.
        """
        stems = np.zeros((size, len(STEMS), 2, samples), np.float32)
        gains = np.ones((size, len(STEMS), 2, BINS), np.float32)
        for i in range(size):
            self._segment(stems[i], gains[i])
        return stems, gains

    def _segment(self, stems: Floats, gains: Floats) -> None:
        rng, samples = self._rng, stems.shape[-1]
        keep = rng.random(len(STEMS)) >= np.array([DROP[stem] for stem in STEMS])
        if rng.random() < 0.03:
            keep[:] = False
        if not keep.any():
            keep[rng.integers(len(STEMS))] = True
        if self._songs and rng.random() < COHERENT_SHARE:
            drawn, levels = self._from_song(samples)
        else:
            drawn, levels = self._free(samples)
        power = 0.0
        for i, stem in enumerate(STEMS):
            if not keep[i] or stem not in drawn:
                continue
            item, start = drawn[stem]
            self._cut(item, start, stems[i])
            stems[i] *= np.float32(levels[stem])
            self._place(stem, stems[i], gains[i])
            power += float((stems[i, :, ::8] ** 2).mean())
        level = 10 ** (rng.uniform(-28, -14) / 20)
        # A segment of silence stays silence instead of becoming loud noise.
        stems *= np.float32(level / max(np.sqrt(power), 1e-3))
        if rng.random() < 0.14:
            gains *= _roll_off(self._frequency, rng.uniform(7000, 15_000))

    def _free(self, samples: int) -> tuple[dict[str, tuple[Item, int]], dict[str, float]]:
        """Each stem from anywhere, its level drawn around the target."""
        drawn, levels = {}, {}
        for stem in STEMS:
            item = self._pick(stem)
            drawn[stem] = (item, self._start(item, samples))
            levels[stem] = TARGET[stem] / item.level * self._decibels(SIGMA)
        return drawn, levels

    def _from_song(self, samples: int) -> tuple[dict[str, tuple[Item, int]], dict[str, float]]:
        """Stems of one song at one time; what it lacks comes from elsewhere, voices mostly."""
        rng = self._rng
        songs = self._songs[_draw(rng, COHERENT, list(self._songs))]
        song = songs[rng.integers(len(songs))]
        lead = list(song.values())[rng.integers(len(song))]
        start = self._start(lead, samples)
        # One factor brings the song to the target; its own balance stays.
        whole = TARGET[lead.stem] / lead.level
        drawn, levels = {}, {}
        for stem in STEMS:
            if stem in song:
                drawn[stem] = (song[stem], start)
                levels[stem] = whole * self._decibels(SIGMA_SONG)
            elif rng.random() < (0.8 if stem == "vocals" else 0.5):
                item = self._pick(stem)
                drawn[stem] = (item, self._start(item, samples))
                levels[stem] = TARGET[stem] / item.level * self._decibels(SIGMA)
        return drawn, levels

    def _decibels(self, sigma: float) -> float:
        return float(10 ** (np.clip(self._rng.normal(0, sigma), -LIMIT, LIMIT) / 20))

    def _pick(self, stem: str) -> Item:
        shelves = self._shelves[stem]
        shelf = shelves[_draw(self._rng, KINDS[stem], list(shelves))]
        return shelf.items[int(np.searchsorted(shelf.chances, self._rng.random()))]

    def _start(self, item: Item, samples: int) -> int:
        """Draw a start so that an active second lies somewhere inside."""
        second = item.active[self._rng.integers(len(item.active))]
        start = second * RATE + int(self._rng.integers(RATE)) - int(self._rng.integers(samples))
        return int(np.clip(start, 0, max(0, item.samples - samples)))

    def _cut(self, item: Item, start: int, out: Floats) -> None:
        if item.path not in self._maps:
            self._maps[item.path] = self._library.samples(item)
        part = self._maps[item.path][start : start + out.shape[1]]
        np.multiply(part.T, np.float32(1 / 32768), out=out[:, : len(part)])

    def _place(self, stem: str, track: Floats, gain: Floats) -> None:
        """Width in the samples; pan, polarity and equaliser in the gains."""
        rng = self._rng
        if rng.random() < 0.25:
            track[:] = track.mean(0)
        if rng.random() < 0.5:
            track[:] = track[::-1].copy()
        wide = stem in {"vocals", "other"} and rng.random() < 0.6
        pan = rng.uniform(-0.4, 0.4) if wide else rng.uniform(-0.1, 0.1)
        gain[0] *= min(1.0, 1 - pan)
        gain[1] *= min(1.0, 1 + pan)
        if rng.random() < 0.5:
            gain *= -1
        if rng.random() < 0.7:
            gain *= self._bumps()

    def _bumps(self) -> Floats:
        rng, octave = self._rng, self._frequency
        level = np.zeros_like(octave)
        for _ in range(3):
            centre = np.float32(rng.uniform(np.log2(60), np.log2(14_000)))
            width = np.float32(1 / rng.uniform(0.4, 1.5))
            bump = np.exp(np.float32(-0.5) * ((octave - centre) * width) ** 2)
            level += np.float32(rng.uniform(-8, 8)) * bump
        return np.asarray(10 ** (level / np.float32(20)), np.float32)


def _kind(item: Item) -> str:
    return ALIAS.get(item.source, item.source)


def _shelf(items: list[Item]) -> _Shelf:
    seconds = np.array([len(item.active) for item in items], np.float64)
    chances = np.cumsum(seconds / seconds.sum())
    chances[-1] = 1.0
    return _Shelf(items, chances)


def _draw(rng: Random, shares: dict[str, float], present: list[str]) -> str:
    """Draw a kind by its share among those present; unknown kinds count 0.2."""
    present = sorted(present)
    weights = np.array([shares.get(kind, 0.2) for kind in present])
    return present[int(rng.choice(len(present), p=weights / weights.sum()))]


def _roll_off(octave: Floats, cut: float) -> Floats:
    """Low-pass of 24 dB as old codecs and microphones have it."""
    depth = 24 / (1 + np.exp(-(octave - np.log2(cut)) * 8))
    return np.asarray(10 ** (-depth / 20), np.float32)
