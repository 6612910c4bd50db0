"""Recordings: songs of a data set on disk, before they are stems in a library.

Each layout has one reader, a function `recordings(root)` that only looks at names; audio is
read when a recording is loaded, so that one broken file spoils one song.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models.data.library import Job, UnusableError
from models.data.score import STEMS
from models.data.sound import Floats

SOURCE = "own"  # what the library calls songs that a user brings


@dataclass(frozen=True)
class Recording:
    """A song on disk.

    Attributes
    ----------
    name : str
        Unique within its data set.
    split : str
        train, validation or test; test songs are for scores only.
    load : callable
        () -> dict, stem -> float32 (2, samples) at 44.1 kHz, equally long; a stem that the
        song lacks is left out. Raises UnusableError.
    mixture : callable, optional
        () -> float32 (2, samples), where the data set has a mixture of its own.
    origin : str
        Its folder, where another data set's song could have its name.
    """

    name: str
    split: str
    load: Callable[[], dict[str, Floats]]
    mixture: Callable[[], Floats] | None = None
    origin: str = ""


def jobs(recordings: Iterable[Recording]) -> Iterator[Job]:
    """Give the library's jobs; songs of the test split have none.

    Notes
    -----
    Thread: [main]
    """
    for each in recordings:
        if each.split != "test":
            yield Job(SOURCE, each.name, each.split, each.load, each.origin)


def aligned(stems: dict[str, Floats]) -> dict[str, Floats]:
    """Pad with silence to the longest stem.

    Notes
    -----
    Thread: [any]
    """
    longest = max((track.shape[1] for track in stems.values()), default=0)
    return {
        stem: np.pad(track, ((0, 0), (0, longest - track.shape[1])))
        for stem, track in stems.items()
    }


def parts(recording: Recording) -> tuple[dict[str, Floats], Floats]:
    """Load a recording for scoring: all four stems and what is to be separated.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)
        A stem that the song lacks is silent, if nothing says otherwise.
    mixture : float32 (2, samples)
        The data set's own where it has one, else the stems' sum.

    Raises
    ------
    UnusableError
        If a file cannot be read, or the mixture is there and a stem of it is not.

    Notes
    -----
    Thread: [any]
    """
    found = recording.load()
    lacking = [stem for stem in STEMS if stem not in found]
    if recording.mixture is None:
        silent = np.zeros_like(next(iter(found.values())))
        stems = {stem: found.get(stem, silent) for stem in STEMS}
        return stems, sum(stems.values(), silent)
    if lacking:
        raise UnusableError(
            f"{recording.name} has a mixture and lacks {', '.join(lacking)}; complete the song, or "
            "take its mixture away"
        )
    whole = aligned({**found, "mixture": recording.mixture()})
    return {stem: whole[stem] for stem in STEMS}, whole["mixture"]
