"""Plain folders: `<root>/<song>/<stem>.wav|flac|ogg|mp3|aiff`, and how a file is read."""

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
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

ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
CHUNK = 1 << 18  # samples decoded at once


def read(path: Path, longest: float | None = None) -> Floats:
    """Read an audio file as stereo at 44.1 kHz.

    Parameters
    ----------
    path : Path
        Any rate, each sample stays in its place; mono is doubled.
    longest : float, optional
        Seconds; little of what comes after them is decoded.

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
            rate = file.sample_rate
            count = None if longest is None else math.ceil(longest * rate / CHUNK)
            chunks = list(islice(file.chunks(CHUNK), count))
            damaged = file.damaged
    except PluginBridgeError as error:
        raise UnusableError(str(error)) from error
    if damaged:
        raise UnusableError(f"{path} is damaged, its samples are not in place; copy it again")
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
    """Give the file of a stem in a song's folder, in letters of any size; None if there is none.

    Notes
    -----
    Thread: [any]
    """
    # Sorted, small letters win; whatever has the name, a link to nowhere too, is not left out.
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    there = {path.name.lower(): path for path in inside}
    return next((there[name] for end in ENDINGS if (name := f"{stem}{end}") in there), None)


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


def named(root: Path) -> str:
    """Give the name of a folder, of `.` and `..` too.

    Notes
    -----
    Thread: [any]
    """
    return os.path.basename(os.path.abspath(root))


def files(root: Path, endings: Sequence[str]) -> list[tuple[str, Path]]:
    """Give the files below `root` that end so, each with a name of its own.

    Notes
    -----
    Folders are joined by dashes, by slashes where a file of another folder has that name then.
    Thread: [any]
    """
    found = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in endings]
    names = [path.relative_to(root).as_posix() for path in found]
    flat = [name.replace("/", "-") for name in names]
    count = Counter(flat)
    return [
        (f"{named(root)}-{joined if count[joined] == 1 else name}", path)
        for name, joined, path in zip(names, flat, found, strict=True)
    ]


def songs(root: Path) -> list[Path]:
    """Give the folders below `root` that hold at least one stem, by name; none that is hidden.

    Notes
    -----
    Thread: [any]
    """
    return [
        folder
        for folder in sorted(root.iterdir() if root.is_dir() else [])
        if folder.name[0] != "." and folder.is_dir() and any(find(folder, stem) for stem in STEMS)
    ]


def of_folder(folder: Path, name: str, split: str) -> Recording:
    """Give the recording of a song's folder.

    Notes
    -----
    Thread: [any]
    """
    path = find(folder, "mixture")
    mixture = partial(read, path) if path else None
    return Recording(name, split, partial(load, folder), mixture, str(folder.resolve()))


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
    return [of_folder(folder, f"{named(root)}-{folder.name}", split) for folder in found]


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
