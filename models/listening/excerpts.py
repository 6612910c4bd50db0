"""Which seconds of a song are heard: those where the stem and the rest are both there."""

from dataclasses import replace

import numpy as np

from models.data.score import STEMS
from models.data.songs import Song
from models.data.sound import Floats
from models.evaluation.energies import SILENT

LEAD = 5.0  # seconds that a separator hears before the excerpt
TAIL = 1.0  # and after it, for models that look ahead
STEP = 0.5  # seconds between places that are tried


def start(song: Song, stem: str, seconds: float) -> float | None:
    """Choose the excerpt in which stem and rest sound best together.

    Parameters
    ----------
    song : Song
    stem : str
    seconds : float
        Length of the excerpt.

    Returns
    -------
    start : float or None
        Where it begins, in seconds, a multiple of a half. None if the stem is silent.

    Notes
    -----
    Stem and rest are each measured against their own loudest excerpt; the place is taken where
    the lesser of the two shares is greatest, the first of equals. Thread: [any]
    """
    own = song.stems[stem]
    if float(np.mean(own.astype(np.float64) ** 2)) < SILENT:
        return None
    rest = np.sum([song.stems[each] for each in STEMS if each != stem], axis=0)
    shares = [_shares(each, song.sample_rate, seconds) for each in (own, rest)]
    return float(np.argmax(np.minimum(*shares))) * STEP


def _shares(sound: Floats, rate: int, seconds: float) -> Floats:
    """Energy of every excerpt against the loudest one; all 1 for silence."""
    total = np.concatenate([[0.0], np.cumsum((sound.astype(np.float64) ** 2).sum(0))])
    length = min(round(seconds * rate), sound.shape[1])
    first = np.arange(0, sound.shape[1] - length + 1, round(STEP * rate))
    energies = total[first + length] - total[first]
    most = energies.max()
    return (energies / most if most > 0 else np.ones_like(energies)).astype(np.float32)


def around(song: Song, begin: float, seconds: float) -> tuple[Song, slice]:
    """Cut a song to an excerpt and what separators need around it.

    Returns
    -------
    part : Song
        At most 5 s before and 1 s after the excerpt too.
    excerpt : slice
        The samples of `part` that are the excerpt.

    Notes
    -----
    Thread: [any]
    """
    rate = song.sample_rate
    first, last = round(begin * rate), round((begin + seconds) * rate)
    from_, to = max(first - round(LEAD * rate), 0), last + round(TAIL * rate)
    part = replace(
        song,
        stems={stem: samples[:, from_:to] for stem, samples in song.stems.items()},
        mixture=song.mixture[:, from_:to],
    )
    return part, slice(first - from_, last - from_)
