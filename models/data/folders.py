"""Own stems as a source: `<root>/<song>/<stem>.wav|flac|ogg|mp3|aiff`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from pedalboard.io import AudioFile

from models.data.library import RATE, Job
from models.data.score import STEMS
from models.data.sound import Floats

ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")


def read(path: Path) -> Floats:
    """Read an audio file as stereo at 44.1 kHz.

    Parameters
    ----------
    path : Path
        Any rate; mono is doubled, of more than two channels the first two are kept.

    Returns
    -------
    audio : float32, shape (2, samples)

    Raises
    ------
    ValueError
        If the file cannot be read.

    Notes
    -----
    Thread: [any]
    """
    try:
        with AudioFile(str(path)).resampled_to(float(RATE)) as file:
            audio = np.asarray(file.read(file.frames), np.float32)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read as audio ({error}); remove or replace it"
        ) from error
    return np.ascontiguousarray(audio[:2] if len(audio) > 1 else audio.repeat(2, 0))


def find(folder: Path, stem: str) -> Path | None:
    """Give the file of a stem in a song's folder, None if there is none.

    Notes
    -----
    Thread: [any]
    """
    for ending in ENDINGS:
        path = folder / f"{stem}{ending}"
        if path.is_file():
            return path
    return None


def load(folder: Path) -> dict[str, Floats]:
    """Read the stems of a song, all as long as the longest; missing ones are left out.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)

    Notes
    -----
    Thread: [any]
    """
    found = {stem: path for stem in STEMS if (path := find(folder, stem))}
    return aligned({stem: read(path) for stem, path in found.items()})


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


def jobs(root: Path, split: str = "train") -> Iterator[Job]:
    """Give one job per song folder that holds at least one stem.

    Raises
    ------
    ValueError
        If no song is found below `root`.

    Notes
    -----
    Thread: [main]
    """
    songs = [
        folder
        for folder in sorted(root.iterdir() if root.is_dir() else [])
        if folder.is_dir() and any(find(folder, stem) for stem in STEMS)
    ]
    if not songs:
        raise ValueError(
            f"{root} holds no songs; expected {root}/<song>/<stem>.wav (or flac, ogg, mp3, aiff) "
            f"with stems named {', '.join(STEMS)}"
        )
    for folder in songs:
        yield Job("own", f"{root.name}-{folder.name}", split, partial(load, folder))
