"""Trials: one excerpt and one stem, as it truly is and as everything else makes it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from models.data.songs import Song
from models.data.sound import Floats
from models.evaluation.separators import Row
from models.listening import excerpts
from models.listening.anchor import anchor
from models.listening.levels import matched

REFERENCE, MIXTURE, ANCHOR = "reference", "mixture", "anchor"


@dataclass(frozen=True)
class Trial:
    """Sounds that are compared.

    Attributes
    ----------
    song, stem : str
    start : float
        Where the excerpt begins in the song, seconds.
    sounds : dict, condition -> float32 (2, samples)
        Equally loud; reference, mixture and anchor first.
    sample_rate : int
    """

    song: str
    stem: str
    start: float
    sounds: dict[str, Floats]
    sample_rate: int


def trials(
    name: str, song: Song, stems: Sequence[str], rows: Mapping[str, Row], seconds: float
) -> Iterator[Trial]:
    """Make the trials of a song; a stem that is silent in it has none.

    Parameters
    ----------
    name : str
    song : Song
    stems : sequence of str
    rows : mapping, condition -> Row
        What is compared, with the mixture among it.
    seconds : float
        Length of an excerpt; a shorter song is taken whole.

    Raises
    ------
    MissingExtraError
        If pyloudnorm is not installed.

    Notes
    -----
    Thread: [main]
    """
    for stem in stems:
        begin = excerpts.start(song, stem, seconds)
        if begin is None:
            continue
        part, cut = excerpts.around(song, begin, seconds)
        made = {condition: row(part) for condition, row in rows.items()}
        reference = part.stems[stem][:, cut]
        sounds = {
            REFERENCE: reference,
            MIXTURE: part.mixture[:, cut],
            ANCHOR: anchor(reference, song.sample_rate),
            # a model may lack this stem
            **{c: each[stem][:, cut] for c, each in made.items() if c != MIXTURE and stem in each},
        }
        yield Trial(name, stem, begin, matched(sounds, song.sample_rate), song.sample_rate)
