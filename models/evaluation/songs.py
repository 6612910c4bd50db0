"""Sets of songs to score: generated, folders, data sets. A song is loaded when its turn comes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from models.data import bands, folders, material
from models.data.library import RATE, UnusableError
from models.data.recording import Recording, parts
from models.data.score import STEMS
from models.data.songs import Song, generate

SEEDS = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class Entry:
    """A song by name; `load()` raises UnusableError where a file is no good."""

    name: str
    load: Callable[[], Song]


@dataclass(frozen=True)
class SongSet:
    """Songs that are averaged together."""

    title: str
    entries: tuple[Entry, ...]


def seeds(text: str) -> range:
    """Read seeds of generated songs, such as 3 or 0-23.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> seeds("0-23"), seeds("7")
    (range(0, 24), range(7, 8))

    Notes
    -----
    Thread: [any]
    """
    match = SEEDS.fullmatch(text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise ValueError(f"seeds {text!r} given; write one number, or first-last such as 0-23")
    return range(int(match[1]), int(match[2] or match[1]) + 1)


def generated(numbers: range, seconds: float) -> SongSet:
    """Give generated songs.

    Notes
    -----
    Thread: [any]
    """
    title = f"generated songs, seeds {numbers[0]} to {numbers[-1]}, {seconds:g} s each"
    return SongSet(
        title, tuple(Entry(f"seed {seed}", partial(generate, seed, seconds)) for seed in numbers)
    )


def played(kind: str, numbers: range, seconds: float, sounds: Path) -> SongSet:
    """Give songs of the kinds band or midi, played on banks and recorded sounds.

    Parameters
    ----------
    kind : key of models.data.bands.KINDS
    numbers : seeds; below 1000 no training has heard them
    seconds : of each
    sounds : folder of raw material

    Notes
    -----
    Thread: [any]
    """

    def made(seed: int) -> Song:
        stems = bands.song(kind, seed, seconds, sounds)
        return Song(stems, np.sum([stems[stem] for stem in STEMS], 0, np.float32), RATE)

    title = f"{kind} songs, seeds {numbers[0]} to {numbers[-1]}, {seconds:g} s each"
    return SongSet(title, tuple(Entry(f"{kind} {seed}", partial(made, seed)) for seed in numbers))


def own(given: Iterable[Path]) -> SongSet:
    """Give songs in folders of their own, with four stems or the groups of `material.song`.

    Notes
    -----
    Thread: [any]
    """
    folders_given = [folder.resolve() for folder in given]
    names = [folder.name for folder in folders_given]
    entries = tuple(
        Entry(name if names.count(name) == 1 else str(folder), partial(real_song, folder))
        for name, folder in zip(names, folders_given, strict=True)
    )
    return SongSet(", ".join(entry.name for entry in entries), entries)


def data_set(title: str, recordings: Iterable[Recording], split: str = "test") -> SongSet:
    """Give the songs of one split of a data set.

    Raises
    ------
    ValueError
        If the split is empty.

    Notes
    -----
    Thread: [any]
    """
    chosen = [each for each in recordings if each.split == split]
    if not chosen:
        raise ValueError(f"{title} holds no songs of its {split} split; give its whole folder")
    return SongSet(
        f"{title}, {split} split", tuple(Entry(each.name, partial(_song, each)) for each in chosen)
    )


def _song(recording: Recording) -> Song:
    stems, mixture = parts(recording)
    return Song(stems, mixture, RATE)


def real_song(folder: Path) -> Song:
    """Read a folder of stems as a song; a stem that it lacks is silent.

    Raises
    ------
    UnusableError
        If it holds no stem at all, or one that cannot be read.

    Notes
    -----
    A `mixture` beside the four stems is taken as it is, else the mixture is their sum.
    Thread: [any]
    """
    if folders.find(folder, "mixture") is not None:
        return _song(folders.of_folder(folder, folder.name, "test"))
    found = material.song(folder)
    if not found:
        raise UnusableError(f"{folder} holds no stem; expected {folder}/vocals.wav and the like")
    silent = np.zeros_like(next(iter(found.values())))
    stems = {stem: found.get(stem, silent) for stem in STEMS}
    return Song(stems, sum(stems.values(), silent), RATE)
