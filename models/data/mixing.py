"""Random mixtures from a library: what a training step sees.

Rules of this file:
1. Gain, pan, polarity and equaliser are factors per bin: they cost nothing in the trainer's
   spectra, and the mixture is the sum of the stems whatever they are.
2. What needs samples (speed, width, the bus compressor) acts on each stem alone, or with one
   curve on all, so the mixture stays the sum.
3. Where only a sum of stems is known, it lies in one of their rows, and the groups say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.library import RATE, Item, Library
from models.data.score import STEMS
from models.data.sound import Floats, Random, compressor_gain, needed, resampled

BINS = 1025  # of a 2048-point transform at 44.1 kHz
SONGS = "songs"
SOURCES = ("real", "generated", "sampled", "voices")
# Share of the draws by kind of source, of stems and of whole songs; kinds that lack the stem give
# theirs to the others.
KINDS = {
    "vocals": {"real": 0.30, "generated": 0.50, "voices": 0.20},
    "drums": {"real": 0.30, "generated": 0.55, "sampled": 0.15},
    "bass": {"real": 0.30, "generated": 0.55, "sampled": 0.15},
    "other": {"real": 0.30, "generated": 0.55, "sampled": 0.15},
    SONGS: {"real": 0.25, "generated": 0.65, "sampled": 0.10},
}
COHERENT_SHARE = 0.65  # of the mixtures are one song; the others are put together freely
# Own folders are real songs; modules and the kinds of generated songs share one chance by length.
ALIAS = {"own": "real", "band": "generated", "midi": "generated", "module": "generated"}
ACCOMPANIMENT = "accompaniment"  # a stem of the library: drums, bass and other in one
REST = 3  # the row it lies in
VOICED = 0.8  # share of the accompaniments that get vocals
TARGET = {"vocals": 0.084, "drums": 0.084, "bass": 0.07, "other": 0.063}  # RMS
BACKING = 0.125  # RMS of drums, bass and other together
LOW_CUT = {"vocals": 0.15, "drums": 0.03, "bass": 0.0, "other": 0.15}  # shares with a high-pass
DROP = {"vocals": 0.15, "drums": 0.08, "bass": 0.08, "other": 0.06}
SIGMA, LIMIT = 7.0, 18.0  # dB, levels in free mixtures
SIGMA_SONG = 3.5  # dB, around the natural balance of a song
TOGETHER = {"vocals": 0.12, "drums": 0.04, "bass": 0.03, "other": 0.12}  # two segments as one stem
SPEED = 0.10  # at most; pitch and tempo by resampling
SPED_FREE, SPED_SONG = 0.3, 0.2  # shares of the stems, and of the songs, that are resampled
ALONE = 0.05  # share of mixtures of one stem
PRESSED = 0.25  # ... that go through a bus compressor


@dataclass(frozen=True)
class _Drawn:
    """A stretch of an item: first sample, level factor, speed."""

    item: Item
    start: int
    level: float
    speed: float = 1.0


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
    shares : mapping, optional
        stem, or songs -> share of the draws by kind of source, none where a kind is not named;
        KINDS where a stem is not.
    partial : float
        Share of the mixtures of an accompaniment and vocals, of which only these two are
        known; none in a library without accompaniments.
    mix_audio : float, optional
        Share of the stems that are two segments added up; TOGETHER without it.

    Raises
    ------
    ValueError
        If the split lacks a stem altogether, or the shares leave nothing to draw of one.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(
        self,
        library: Library,
        split: str = "train",
        seed: int = 0,
        shares: Mapping[str, Mapping[str, float]] | None = None,
        partial: float = 0.0,
        mix_audio: float | None = None,
    ) -> None:
        self._partial = partial
        self._together = TOGETHER if mix_audio is None else dict.fromkeys(STEMS, mix_audio)
        self._library = library
        nothing = dict.fromkeys(SOURCES, 0.0)
        given = {stem: nothing | dict(table) for stem, table in (shares or {}).items()}
        self._shares: dict[str, dict[str, float]] = KINDS | given
        self._rng: Random = np.random.default_rng(seed)
        # An index is in the order in which songs were finished, which is never the same.
        items = sorted(library.of(split), key=lambda item: (item.source, item.song, item.stem))
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
        backings = [item for item in items if item.stem == ACCOMPANIMENT]
        self._backings = _shelf(backings) if backings else None
        self._songs: dict[str, list[dict[str, Item]]] = {}
        grouped: dict[tuple[str, str], dict[str, Item]] = {}
        for item in items:
            if item.stem in STEMS:
                grouped.setdefault((item.source, item.song), {})[item.stem] = item
        for (source, _), song in grouped.items():
            if len(song) >= 2:
                self._songs.setdefault(ALIAS.get(source, source), []).append(song)
        kinds = {stem: sorted(shelf) for stem, shelf in self._shelves.items()}
        for name, held in (kinds | {SONGS: sorted(self._songs)}).items():
            if held and not any(_weights(self._shares[name], held)):
                raise ValueError(
                    f"the shares of {name} are 0 for {', '.join(held)}, which is all that "
                    f"{library.root} has; give one of them a share"
                )
        self._frequency = np.log2(np.maximum(np.linspace(0, RATE / 2, BINS), 20)).astype(np.float32)

    def seek(self, *position: int) -> None:
        """Go to a place: the next batches follow from these numbers, not from those before."""
        self._rng = np.random.default_rng(position)

    def batch(self, size: int, samples: int) -> tuple[Floats, ...]:
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
        groups : float32, shape (size, 4, 4)
            Of which stems each target is the sum, where `partial` is above 0; a target of
            none is unknown.
        """
        stems = np.zeros((size, len(STEMS), 2, samples), np.float32)
        gains = np.ones((size, len(STEMS), 2, BINS), np.float32)
        groups = np.repeat(np.eye(len(STEMS), dtype=np.float32)[None], size, 0)
        for i in range(size):
            if self._backings and self._partial and self._rng.random() < self._partial:
                drawn = self._backed(self._backings, samples)
                groups[i, 1:] = 0
                groups[i, 1, 1:] = 1
            else:
                drawn = self._complete(samples)
            self._fill(drawn, stems[i], gains[i])
        return (stems, gains, groups) if self._partial else (stems, gains)

    def _backed(self, backings: _Shelf, samples: int) -> dict[int, list[_Drawn]]:
        """Draw an accompaniment, and vocals for it or none."""
        drawn = {REST: [self._anywhere(_taken(self._rng, backings), samples, BACKING)]}
        if self._rng.random() < VOICED:
            drawn[0] = [self._anywhere(self._pick("vocals"), samples, TARGET["vocals"])]
        return drawn

    def _complete(self, samples: int) -> dict[int, list[_Drawn]]:
        rng = self._rng
        keep = rng.random(len(STEMS)) >= np.array([DROP[stem] for stem in STEMS])
        if rng.random() < ALONE:
            keep[:] = False
        if not keep.any():
            keep[rng.integers(len(STEMS))] = True
        coherent = self._songs and rng.random() < COHERENT_SHARE
        whole = self._from_song(samples) if coherent else self._free(samples)
        drawn = {}
        for i, stem in enumerate(STEMS):
            if keep[i] and stem in whole:
                drawn[i] = [whole[stem]]
                if rng.random() < self._together[stem]:
                    drawn[i].append(self._anywhere(self._pick(stem), samples, TARGET[stem]))
        return drawn

    def _fill(self, drawn: dict[int, list[_Drawn]], stems: Floats, gains: Floats) -> None:
        """Cut, place and level what was drawn: row -> stretches that add up to its stem."""
        rng, power = self._rng, 0.0
        for row, stretches in drawn.items():
            for each in stretches:
                stems[row] += self._cut(each, stems.shape[-1])
            self._place(STEMS[row], stems[row], gains[row])
            power += float((stems[row, :, ::8] ** 2).mean())
        if rng.random() < PRESSED and power > 1e-6:
            stems *= compressor_gain(stems.sum(0), RATE, rng.uniform(3, 12), rng.uniform(1.5, 4))
            power = float((stems[..., ::8] ** 2).mean((1, 2)).sum())
        level = 10 ** (rng.uniform(-28, -14) / 20)
        # A segment of silence stays silence instead of becoming loud noise.
        stems *= np.float32(level / max(np.sqrt(power), 1e-3))
        if rng.random() < 0.14:
            gains *= _roll_off(self._frequency, rng.uniform(7000, 15_000))

    def _free(self, samples: int) -> dict[str, _Drawn]:
        """Each stem from anywhere, its level drawn around the target."""
        return {stem: self._anywhere(self._pick(stem), samples, TARGET[stem]) for stem in STEMS}

    def _anywhere(self, item: Item, samples: int, target: float) -> _Drawn:
        level = target / item.level * self._decibels(SIGMA)
        return _Drawn(item, self._start(item, samples), level, self._speed(SPED_FREE))

    def _speed(self, share: float) -> float:
        rng = self._rng
        return float(1 + rng.uniform(-SPEED, SPEED)) if rng.random() < share else 1.0

    def _from_song(self, samples: int) -> dict[str, _Drawn]:
        """Stems of one song at one time; what it lacks comes from elsewhere, voices mostly."""
        rng = self._rng
        songs = self._songs[_draw(rng, self._shares[SONGS], list(self._songs))]
        song = songs[rng.integers(len(songs))]
        lead = list(song.values())[rng.integers(len(song))]
        start, speed = self._start(lead, samples), self._speed(SPED_SONG)
        # One factor brings the song to the target; its own balance stays.
        whole = TARGET[lead.stem] / lead.level
        drawn = {}
        for stem in STEMS:
            if stem in song:
                drawn[stem] = _Drawn(song[stem], start, whole * self._decibels(SIGMA_SONG), speed)
            elif rng.random() < (0.8 if stem == "vocals" else 0.5):
                drawn[stem] = self._anywhere(self._pick(stem), samples, TARGET[stem])
        return drawn

    def _decibels(self, sigma: float) -> float:
        return float(10 ** (np.clip(self._rng.normal(0, sigma), -LIMIT, LIMIT) / 20))

    def _pick(self, stem: str) -> Item:
        shelves = self._shelves[stem]
        return _taken(self._rng, shelves[_draw(self._rng, self._shares[stem], list(shelves))])

    def _start(self, item: Item, samples: int) -> int:
        """Draw a start so that an active second lies somewhere inside."""
        second = item.active[self._rng.integers(len(item.active))]
        start = second * RATE + int(self._rng.integers(RATE)) - int(self._rng.integers(samples))
        return int(np.clip(start, 0, max(0, item.samples - samples)))

    def _cut(self, drawn: _Drawn, samples: int) -> Floats:
        """Read a stretch, at its speed and level, float32 (2, samples); zeros beyond the end."""
        item, wanted = drawn.item, samples
        if drawn.speed != 1:
            wanted = needed(samples, drawn.speed)
        # Not kept: a map holds a file open, of which a process may have a thousand.
        part = self._library.samples(item)[drawn.start : drawn.start + wanted]
        out = np.zeros((2, wanted), np.float32)
        np.multiply(part.T, np.float32(drawn.level / 32768), out=out[:, : len(part)])
        return out if drawn.speed == 1 else resampled(out, drawn.speed, samples)

    def _place(self, stem: str, track: Floats, gain: Floats) -> None:
        """Width in the samples; pan, polarity and equaliser in the gains."""
        rng = self._rng
        if rng.random() < 0.22:
            track[:] = track.mean(0)
        elif rng.random() < 0.2:  # narrower or wider
            side = (track[0] - track[1]) * np.float32(0.5 * (rng.uniform(0, 1.6) - 1))
            track[0] += side
            track[1] -= side
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
        if rng.random() < LOW_CUT[stem]:
            corner = np.float32(np.log2(rng.uniform(60, 250)))
            gain *= 1 / (1 + np.exp2(-4 * (self._frequency - corner)))
        if rng.random() < 0.06:
            gain *= _roll_off(self._frequency, rng.uniform(3000, 12_000))

    def _bumps(self) -> Floats:
        rng, octave = self._rng, self._frequency
        level = np.zeros_like(octave)
        for _ in range(4):
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


def _taken(rng: Random, shelf: _Shelf) -> Item:
    return shelf.items[int(np.searchsorted(shelf.chances, rng.random()))]


def _draw(rng: Random, shares: Mapping[str, float], present: list[str]) -> str:
    """Draw a kind by its share among those present."""
    present = sorted(present)
    weights = np.array(_weights(shares, present))
    return present[int(rng.choice(len(present), p=weights / weights.sum()))]


def _weights(shares: Mapping[str, float], present: list[str]) -> list[float]:
    """Give the shares of kinds; those that no table names count 0.2."""
    return [shares.get(kind, 0.2) for kind in present]


def _roll_off(octave: Floats, cut: float) -> Floats:
    """Low-pass of 24 dB as old codecs and microphones have it."""
    depth = 24 / (1 + np.exp(-(octave - np.log2(cut)) * 8))
    return np.asarray(10 ** (-depth / 20), np.float32)
