"""All listeners' ratings as one array, and whose ratings count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.data.score import STEMS
from models.evaluation.bootstrap import Interval, crossed
from models.evaluation.energies import Doubles
from models.listening.key import SCALES, Key
from models.listening.ratings import Ratings
from models.listening.trials import REFERENCE

KNOWN = 90.0  # a hidden reference that is heard as such gets at least this
MISSED = 0.15  # share of hidden references that a listener may miss; both as in ITU-R BS.1534-3
MEAN = "mean"  # of the stems


@dataclass(frozen=True)
class Panel:
    """Ratings of listeners.

    Attributes
    ----------
    listeners, songs, stems, conditions : tuple of str
        Names along the axes of `values`; the last axis has the scales.
    values : float64, shape (listeners, songs, stems, conditions, scales)
        0 to 100, nan where nothing was rated.
    """

    listeners: tuple[str, ...]
    songs: tuple[str, ...]
    stems: tuple[str, ...]
    conditions: tuple[str, ...]
    values: Doubles

    @classmethod
    def of(cls, ratings: Sequence[Ratings], key: Key) -> Self:
        """Put ratings under the names that the key tells.

        Notes
        -----
        Thread: [any]
        """
        songs, conditions = key.songs, key.conditions
        stems = [stem for stem in STEMS if any(t.stem == stem for t in key.trials.values())]
        shape = len(ratings), len(songs), len(stems), len(conditions), len(SCALES)
        values = np.full(shape, np.nan)
        for i, each in enumerate(ratings):
            for code, sounds in each.ratings.items():
                trial = key.trials[code]
                there = values[i, songs.index(trial.song), stems.index(trial.stem)]
                for sound, scales in sounds.items():
                    row = there[conditions.index(trial.conditions[sound])]
                    for scale, rating in scales.items():
                        row[SCALES.index(scale)] = rating
        names = tuple(str(each.listener) for each in ratings)
        return cls(names, tuple(songs), tuple(stems), tuple(conditions), values)

    def missed(self) -> Doubles:
        """Share of hidden references that each listener rated below 90, 0 to 1; nan for none."""
        rated = self.values[..., self.conditions.index(REFERENCE), :]
        rated = rated.reshape(len(self.listeners), -1)
        there = np.isfinite(rated)
        with np.errstate(invalid="ignore"):
            return np.asarray((there & (rated < KNOWN)).sum(1) / there.sum(1))

    def screened(self) -> Self:
        """Give those listeners who missed at most 15 % of the hidden references.

        Notes
        -----
        One who rated no hidden reference showed nothing, and is left out too.
        """
        kept = self.missed() <= MISSED
        names = tuple(name for name, keep in zip(self.listeners, kept, strict=True) if keep)
        return replace(self, listeners=names, values=self.values[kept])

    def ratings(self, condition: str, scale: str, stem: str = MEAN) -> Doubles:
        """Give ratings, shape (listeners, songs), of a stem or of the mean over stems.

        Notes
        -----
        The mean is over the stems that a listener rated in a song. Thread: [any]
        """
        found = self.values[..., self.conditions.index(condition), SCALES.index(scale)]
        if stem != MEAN:
            return found[:, :, self.stems.index(stem)]
        return _mean(found)

    def level(self, condition: str, scale: str, stem: str = MEAN) -> Interval | None:
        """Give the mean rating of a condition, 0 to 100, and its interval."""
        return crossed(self.ratings(condition, scale, stem))

    def difference(self, one: str, other: str, scale: str, stem: str = MEAN) -> Interval | None:
        """Give how much one condition is rated above another, where both were rated."""
        if stem != MEAN:
            return crossed(self.ratings(one, scale, stem) - self.ratings(other, scale, stem))
        each = [self.ratings(one, scale, s) - self.ratings(other, scale, s) for s in self.stems]
        return crossed(_mean(np.stack(each, axis=2)))


def _mean(values: Doubles) -> Doubles:
    """Mean over the last axis of what is there; nan where nothing is."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, values, 0).sum(-1) / there.sum(-1))
