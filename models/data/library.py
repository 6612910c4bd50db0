"""The library: a folder of int16 stems with a JSON index, filled from sources, read by maps.

Rules of this file:
1. A file stands under its final name only when it is whole (written aside, then renamed).
2. The index names finished songs only; it is rewritten, aside and renamed, at most every ten
   seconds and at the end. So a build that was broken off goes on where it stopped.
   A song that cannot be used is not finished: the next build tries it again.
3. Paths in the index are relative to the library: the folder may be moved.
4. One process at a time fills a library; it reads the index anew when it has the lock.
"""

import fcntl
import hashlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.score import STEMS
from models.data.sound import Floats
from models.data.workers import spread

RATE = 44_100  # Hz, of every item
INDEX = "index.json"
LOCK = ".lock"
SAVED_EVERY = 10.0  # s
FORMAT = 1
REAL = ("real", "own")  # sources of songs that people made and recorded
PARTS = ("vocals_lead", "vocals_backing")  # of a real song, which are also items by themselves
UNHEARD = "unheard"  # the split of what neither trains nor validates
QUIET = 10 ** (-50 / 20)  # RMS of a second below which it counts as silence
SHARE = 0.03  # ... and so does a second this far below the loudest one
SILENT = 1e-4  # peak below which a stem is not stored at all
LONGEST_NAME = 150  # bytes of a file's name; many systems take 255, the endings of parts included
FULL = 0.98  # highest stored peak


class UnusableError(ValueError):
    """The material of a song is missing or damaged; a build skips it and says so."""


@dataclass(frozen=True)
class Item:
    """One stem of one song.

    Attributes
    ----------
    source : str
        generated, band, midi, module, real, own, voices, sampled or instrumental.
    song, stem : str
        Stem: vocals, drums, bass, other; or accompaniment, the last three in one.
    split : str
        train or validation.
    path : str
        int16 .npy of shape (samples, 2), relative to the library.
    samples : int
    level : float
        RMS of the active seconds, full scale 1.0.
    active : list of int
        Seconds in which the stem sounds.
    """

    source: str
    song: str
    stem: str
    split: str
    path: str
    samples: int
    level: float
    active: list[int]


@dataclass(frozen=True)
class Job:
    """A song still to be made: `make()` gives stem -> float32 (2, samples) at 44.1 kHz.

    It raises UnusableError where the song's material is no good.
    """

    source: str
    song: str
    split: str
    make: Callable[[], dict[str, Floats]]
    origin: str = ""  # what it is made from, where another's song could have its name

    @property
    def key(self) -> str:
        """Name under which the index lists the finished song."""
        return f"{self.source}/{self.song}"


Made = list[Item] | UnusableError  # what became of a job


@dataclass
class Library:
    """Items of a folder and the songs that are finished there.

    Attributes
    ----------
    origins : dict, key -> path
        What finished songs were made from, where that was told.
    skipped : dict, key -> sentence
        Songs that `fill` could not use; not kept in the index.

    Notes
    -----
    Thread: [main]
    """

    root: Path
    items: list[Item] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, root: str | Path) -> "Library":
        """Read a library's index; a folder without one is an empty library.

        Raises
        ------
        ValueError
            If the index is damaged, or was written by a later version.
        """
        path = Path(root) / INDEX
        if not path.exists():
            return cls(Path(root))
        try:
            data = json.loads(path.read_text())
            written = int(data["format"])
            if written <= FORMAT:
                items = [Item(**item) for item in data["items"]]
                return cls(Path(root), items, data["done"], data.get("origins", {}))
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"{path} is no index of a library ({type(error).__name__}: {error}); copy it "
                "again, or build the library anew"
            ) from error
        raise ValueError(
            f"{path} has format {written}, this code reads up to {FORMAT}; update the checkout or "
            "build the library anew"
        )

    def save(self) -> None:
        """Write the index."""
        data = {
            "format": FORMAT,
            "sample_rate": RATE,
            "done": self.done,
            "origins": self.origins,
            "items": [asdict(item) for item in self.items],
        }
        aside = self.root / f"{INDEX}.{os.getpid()}.part"
        aside.write_text(json.dumps(data))
        aside.replace(self.root / INDEX)

    def of(self, split: str) -> list[Item]:
        """Items of a split, train or validation."""
        return [item for item in self.items if item.split == split]

    def holding_out(self, songs: Collection[str]) -> "Library":
        """Give the library with these alone of its real songs to validate on, the others to train.

        Parameters
        ----------
        songs : collection of str
            Items of a song's PARTS, NAME-PART, are heard nowhere then; empty: as it is.

        Raises
        ------
        ValueError
            If the library has no real song of that name.
        """
        if not songs:
            return self
        real = sorted({item.song for item in self.items if item.source in REAL})
        for song in songs:
            if song not in real:
                raise ValueError(
                    f"held_out names {song}, which {self.root} does not have; its real songs are "
                    f"{', '.join(real) or 'none'}: name one of them, or build it into the library"
                )
        parts = {f"{song}-{part}" for song in songs for part in PARTS}

        def split(item: Item) -> str:
            if item.source not in REAL:
                return item.split
            if item.song in songs:
                return "validation"
            return UNHEARD if item.song in parts else "train"

        items = [replace(item, split=split(item)) for item in self.items]
        return replace(self, items=items)

    def samples(self, item: Item) -> NDArray[np.int16]:
        """Map an item's samples, int16, shape (samples, 2), read only."""
        mapped: NDArray[np.int16] = np.load(self.root / item.path, mmap_mode="r")
        return mapped

    def seconds(self, split: str) -> dict[str, float]:
        """Active seconds of each stem in a split, and of accompaniments if there are any."""
        total = dict.fromkeys(STEMS, 0.0)
        for item in self.of(split):
            total[item.stem] = total.get(item.stem, 0.0) + len(item.active)
        return total

    def fill(self, jobs: Iterable[Job], workers: int = 1) -> Iterator[tuple[Job, list[Item]]]:
        """Make and store the jobs that are not done; yield each as it is finished.

        Parameters
        ----------
        jobs : iterable of Job
        workers : int
            Processes; 1 works in this one.

        Yields
        ------
        job : Job
        items : list of Item
            Empty when every stem was silent, or the song is among the skipped.

        Raises
        ------
        ValueError
            If two jobs have the same key, a finished song is given from elsewhere or in another
            split, or another build fills this library.
        OSError
            If the library's folder cannot be written; what is finished stays.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with _locked(self.root):
            now = Library.open(self.root)
            self.items, self.done, self.origins = now.items, now.done, now.origins
            self.skipped = {}
            for left in self.root.glob("*.part"):
                left.unlink()
            yield from self._filled(self._todo(list(jobs)), workers)

    def _todo(self, jobs: list[Job]) -> list[Job]:
        twice = [key for key, count in Counter(job.key for job in jobs).items() if count > 1]
        if twice:
            raise ValueError(f"two songs are called {twice[0]}; rename the folder of one")
        known = set(self.done)
        splits = {f"{item.source}/{item.song}": item.split for item in self.items}
        for job in jobs:
            if job.key not in known:
                continue
            before = self.origins.get(job.key) or job.origin
            if before != job.origin and Path(before).exists():  # else it was moved
                raise ValueError(
                    f"{job.key} was made from {before}, and {job.origin} would have its name; "
                    "rename the folder of one"
                )
            split = splits.get(job.key, job.split)
            if split != job.split:
                raise ValueError(
                    f"{job.key} is in the {split} split of {self.root}, not in {job.split}; give "
                    "it as before, or build another library"
                )
        return [job for job in jobs if job.key not in known]

    def _filled(self, todo: list[Job], workers: int) -> Iterator[tuple[Job, list[Item]]]:
        saved = -math.inf
        try:
            for job, made in spread(partial(_attempt, self.root), todo, workers):
                if isinstance(made, UnusableError):
                    self.skipped[job.key] = str(made)
                    yield job, []
                    continue
                self.items += made
                self.done.append(job.key)
                if job.origin:
                    self.origins[job.key] = job.origin
                # the whole index takes a second to write when there are thousands of songs
                if time.monotonic() > saved + SAVED_EVERY:
                    self.save()
                    saved = time.monotonic()
                yield job, made
        finally:
            self.save()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"{root} is being filled by another build; wait for its end, or stop it"
            ) from error
        try:
            yield
        finally:  # workers have the lock by inheritance, and may outlast the build by a moment
            fcntl.flock(file, fcntl.LOCK_UN)


def _attempt(root: Path, job: Job) -> Made:
    try:
        return store(root, job)
    except UnusableError as error:
        return error


def store(root: Path, job: Job) -> list[Item]:
    """Make one song and write its stems; all share one gain, so their balance stays.

    Parameters
    ----------
    root : Path
        The library's folder.
    job : Job

    Returns
    -------
    items : list of Item
        One per stem that is not silent; a song shorter than a second has none.

    Raises
    ------
    UnusableError
        If the song cannot be made; OSError if the folder cannot be written.

    Notes
    -----
    Thread: [any]
    """
    try:
        stems = job.make()
    except (UnusableError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a song's material holds, it spoils that song alone
        raise UnusableError(
            f"{job.key} cannot be made ({type(error).__name__}: {error}); leave it out"
        ) from error
    peak = max((float(np.abs(track).max(initial=0)) for track in stems.values()), default=0.0)
    gain = min(1.0, FULL / max(peak, 1e-9))
    items = []
    for stem, track in stems.items():
        if float(np.abs(track).max(initial=0)) < SILENT:
            continue
        data = np.rint(track.T * np.float32(gain * 32767)).astype(np.int16)
        active, level = _activity(data)
        if not active:
            continue
        name = _file_name(f"{job.source}-{job.song}-{stem}")
        aside = root / f"{name}.{os.getpid()}.part"
        try:
            with aside.open("wb") as file:
                np.save(file, data)
            aside.replace(root / name)
        finally:  # a full disk, or a build that is stopped, leaves no half file
            aside.unlink(missing_ok=True)
        items.append(Item(job.source, job.song, stem, job.split, name, len(data), level, active))
    return items


def _file_name(name: str) -> str:
    """Name a file so that every system takes it, and no two songs share it."""
    raw = os.fsencode(name)
    if len(raw) > LONGEST_NAME or "/" in name:
        mark = hashlib.sha256(raw).hexdigest()[:16]
        name = f"{name[: LONGEST_NAME // 4]}-{mark}".replace("/", "_")
    return f"{name}.npy"


def _activity(data: NDArray[np.int16]) -> tuple[list[int], float]:
    """Seconds that sound and their RMS."""
    whole = len(data) // RATE
    parts = data[: whole * RATE : 4].astype(np.float32).reshape(whole, RATE // 4 * 2) / 32768
    rms = np.sqrt((parts**2).mean(1))
    active = np.flatnonzero(rms > max(QUIET, SHARE * float(rms.max(initial=0))))
    level = float(np.sqrt((rms[active] ** 2).mean())) if len(active) else 0.0
    return [int(second) for second in active], level
