"""Scores over songs: each song is measured by itself, then mean and median are taken."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.data.library import UnusableError
from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation import bss
from models.evaluation.energies import Doubles, sdr
from models.evaluation.ledger import Ledger
from models.evaluation.metrics import COLUMNS, Figures, figures
from models.evaluation.separators import Row, Separator
from models.evaluation.songs import SongSet

Scores = dict[str, float]
MEAN = "mean"  # of the four stems
ZERO = "mix/4"  # where the way to the oracle begins


@dataclass
class SetScores:
    """Figures of all songs of a set.

    Attributes
    ----------
    title : str
    rows : tuple of str
        Names of the separators, in the table's order.
    songs : dict, song -> dict, row -> Figures
    seconds : dict, song -> length in seconds
    skipped : dict, song -> why it could not be used
    """

    title: str
    rows: tuple[str, ...]
    songs: dict[str, dict[str, Figures]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def values(self, row: str, figure: str, column: str) -> Doubles:
        """Give a figure of each song, dB, shape (songs,); nan where a song has none.

        Parameters
        ----------
        row : str
        figure : str
            A field of Figures, or sir or sar.
        column : str
            A stem, accompaniment, or mean for the mean of the stems that sound, which is nan
            for a row that lacks one; "" for figures that are one number a song.
        """
        return np.array([_of_song(song, row, figure, column) for song in self.songs.values()])

    def mean(self, row: str, figure: str, column: str) -> float:
        """Give the mean over the songs that have the figure, nan if none has."""
        return _over(np.mean, self.values(row, figure, column))

    def median(self, row: str, figure: str, column: str) -> float:
        """Give the median over the songs that have the figure, nan if none has."""
        return _over(np.median, self.values(row, figure, column))

    def shares(self, row: str) -> Doubles:
        """Give the mean table of shares, (true stem, estimate); nan for what no song has."""
        tables = np.array(
            [
                [[song[row].shares[true][found] for found in STEMS] for true in STEMS]
                for song in self.songs.values()
            ]
        ).reshape(-1, len(STEMS) ** 2)
        means = [_over(np.mean, column) for column in tables.T]
        return np.array(means).reshape(len(STEMS), len(STEMS))

    def way(self, row: str, oracle: str, column: str = MEAN) -> float:
        """How far a row has come from a quarter of the mixture to the oracle, in percent of dB.

        Notes
        -----
        By the mean SDR over the songs. Thread: [any]
        """
        start, there, goal = (self.mean(name, "sdr", column) for name in (ZERO, row, oracle))
        return 100 * (there - start) / (goal - start)


def _of_song(song: Mapping[str, Figures], row: str, figure: str, column: str) -> float:
    if column != MEAN:
        return _value(song[row], figure, column)
    every = np.array([[_value(each, figure, stem) for stem in STEMS] for each in song.values()])
    own = np.array([_value(song[row], figure, stem) for stem in STEMS])
    sounding = own[~np.isnan(every).all(axis=0)]
    return float(sounding.mean()) if sounding.size else float("nan")


def _value(found: Figures, figure: str, column: str) -> float:
    held: Any = found.bss.get(figure) if figure in bss.ORDER[2:] else getattr(found, figure)
    if held is None:
        return float("nan")
    if not column:
        return float(held)
    return float(held[column])


def _over(how: Any, values: Doubles) -> float:
    there = values[~np.isnan(values)]
    return float(how(there)) if there.size else float("nan")


def measure(
    songs: SongSet,
    rows: Mapping[str, Row],
    scores: SetScores,
    with_museval: bool = False,
    ledger: Ledger | None = None,
) -> Iterator[str]:
    """Measure every song with every row, into `scores`; yield each song's name when it is done.

    Parameters
    ----------
    songs : SongSet
    rows : mapping, name -> Row
    scores : SetScores
        Filled as the songs are finished; a song that cannot be used is named in `skipped`.
    with_museval : bool
        Also SIR and SAR, which take most of the time.
    ledger : Ledger, optional
        What it holds is not measured again.

    Notes
    -----
    Thread: [main]
    """
    for entry in songs.entries:
        try:
            song = entry.load()
        except UnusableError as error:
            scores.skipped[entry.name] = str(error)
        else:
            scores.songs[entry.name] = {
                name: _recalled(ledger, song, name, row, with_museval)
                if ledger
                else _figures(song, row, with_museval)
                for name, row in rows.items()
            }
            scores.seconds[entry.name] = song.mixture.shape[1] / song.sample_rate
        yield entry.name


def _recalled(ledger: Ledger, song: Song, name: str, row: Row, with_museval: bool) -> Figures:
    held = ledger.find(song, name)
    if held and (held.bss or not with_museval):
        return held
    found = _figures(song, row, with_museval)
    ledger.add(song, name, found)
    return found


def _figures(song: Song, row: Row, with_museval: bool) -> Figures:
    estimates = row(song)
    found = figures(song.stems, song.mixture, estimates, song.sample_rate)
    if not with_museval:
        return found
    return replace(found, bss=bss.ratios(song.stems, estimates, song.sample_rate))


def mean_sdr(songs: Iterable[Song], separator: Separator) -> Scores:
    """Mean SDR per stem over songs in which the stem sounds, in dB.

    Parameters
    ----------
    songs : iterable of Song
    separator : callable
        (mixture float32 (2, samples), sample_rate) -> dict, stem -> float32 (2, samples).

    Returns
    -------
    scores : dict
        One entry per stem and `mean`, the mean of the four.

    Notes
    -----
    Thread: [any]
    """
    each: dict[str, list[float]] = {stem: [] for stem in STEMS}
    for song in songs:
        estimates = separator(song.mixture, song.sample_rate)
        for stem in STEMS:
            each[stem].append(sdr(song.stems[stem], estimates[stem]))
    scores = {stem: _over(np.mean, np.array(values)) for stem, values in each.items()}
    scores[MEAN] = _over(np.mean, np.array(list(scores.values())))
    return scores


def columns() -> tuple[str, ...]:
    """Give the columns of the tables: the stems, their mean, the accompaniment.

    Notes
    -----
    Thread: [any]
    """
    return (*STEMS, MEAN, *COLUMNS[len(STEMS) :])
