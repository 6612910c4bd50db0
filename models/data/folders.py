"""Plain folders: `<root>/<song>/<stem>.wav|flac|ogg|mp3|aiff`, and how a file is read."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from models.data import recording
from models.data.library import RATE, Job, UnusableError
from models.data.recording import Recording, aligned
from models.data.score import STEMS
from models.data.sound import Floats
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.files.resample import AlignedResampler

__all__ = ["aligned", "find", "jobs", "load", "read", "recordings"]

ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
CHUNK = 1 << 18  # samples decoded at once


def read(path: Path) -> Floats:
    """Read an audio file as stereo at 44.1 kHz.

    Parameters
    ----------
    path : Path
        Any rate, each sample stays in its place; mono is doubled.

    Returns
    -------
    audio : float32, shape (2, samples)
        As loud as in the file, also beyond full scale.

    Raises
    ------
    UnusableError
        If the file is missing, cut, damaged, empty, has more than two channels or holds
        values that are no numbers.

    Notes
    -----
    Thread: [any]
    """
    try:
        with AudioReader(path) as file:
            rate, chunks = file.sample_rate, list(file.chunks(CHUNK))
    except PluginBridgeError as error:
        raise UnusableError(str(error)) from error
    audio = np.concatenate(chunks, axis=1) if chunks else np.zeros((1, 0), np.float32)
    if not audio.size or not np.isfinite(audio).all():
        raise UnusableError(
            f"{path} holds no audio, or values that are no numbers; export it again"
        )
    if rate != RATE:
        resampler = AlignedResampler(rate, RATE, len(audio))
        audio = np.concatenate([resampler.push(audio), resampler.flush()], axis=1)
    return np.ascontiguousarray(audio if len(audio) == 2 else audio.repeat(2, 0))


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

    Raises
    ------
    UnusableError
        If a file cannot be read.

    Notes
    -----
    Thread: [any]
    """
    found = {stem: path for stem in STEMS if (path := find(folder, stem))}
    return aligned({stem: read(path) for stem, path in found.items()})


def songs(root: Path) -> list[Path]:
    """Give the folders below `root` that hold at least one stem, by name.

    Notes
    -----
    Thread: [any]
    """
    return [
        folder
        for folder in sorted(root.iterdir() if root.is_dir() else [])
        if folder.is_dir() and any(find(folder, stem) for stem in STEMS)
    ]


def of_folder(folder: Path, name: str, split: str) -> Recording:
    """Give the recording of a song's folder.

    Notes
    -----
    Thread: [any]
    """
    path = find(folder, "mixture")
    return Recording(name, split, partial(load, folder), partial(read, path) if path else None)


def recordings(root: Path, split: str = "train") -> list[Recording]:
    """Give one recording per song folder.

    Raises
    ------
    ValueError
        If no song is found below `root`.

    Notes
    -----
    Thread: [main]
    """
    found = songs(root)
    if not found:
        raise ValueError(
            f"{root} holds no songs; expected {root}/<song>/<stem>.wav (or flac, ogg, mp3, aiff) "
            f"with stems named {', '.join(STEMS)}"
        )
    return [of_folder(folder, f"{root.name}-{folder.name}", split) for folder in found]


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
    return recording.jobs(recordings(root, split))
