"""Finished instrumental music as a source: drums, bass and other in one, known as a sum only.

With vocals laid over it, it makes mixtures with two targets, the vocals and the rest; alone it
teaches that no voice sings. The music must be free of voices: nothing here can hear that.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from models.data.folders import ENDINGS, files, read
from models.data.library import RATE, Job, UnusableError
from models.data.mixing import ACCOMPANIMENT
from models.data.sound import Floats

LONGEST = 900  # s that are used of a file


def load(path: Path) -> dict[str, Floats]:
    """Read a piece.

    Returns
    -------
    stems : dict with `accompaniment`, float32 (2, samples)

    Raises
    ------
    UnusableError
        If it cannot be read or is shorter than 10 s.

    Notes
    -----
    Thread: [any]
    """
    audio = read(path, LONGEST)[:, : LONGEST * RATE]
    if audio.shape[1] < 10 * RATE:
        raise UnusableError(f"{path} is shorter than 10 s; leave it out")
    return {ACCOMPANIMENT: audio}


def jobs(root: Path) -> Iterator[Job]:
    """Give one job per audio file below `root`.

    Raises
    ------
    ValueError
        If there is none.

    Notes
    -----
    Thread: [main]
    """
    found = files(root, ENDINGS)
    if not found:
        raise ValueError(
            f"{root} holds no music; put {', '.join(ENDINGS)} files without voices there"
        )
    for name, path in found:
        yield Job("instrumental", name, "train", partial(load, path), str(path.resolve()))
