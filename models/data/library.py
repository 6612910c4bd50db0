"""The library: a folder of int16 stems with a JSON index, filled from sources, read by maps.

Rules of this file:
1. A file stands under its final name only when it is whole (written aside, then renamed).
2. The index names finished songs only; it is rewritten, aside and renamed, after each song.
   So a build that was broken off goes on where it stopped.
3. Paths in the index are relative to the library: the folder may be moved.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.score import STEMS
from models.data.sound import Floats

RATE = 44_100  # Hz, of every item
INDEX = "index.json"
FORMAT = 1
QUIET = 10 ** (-50 / 20)  # RMS of a second below which it counts as silence
SHARE = 0.03  # ... and so does a second this far below the loudest one
SILENT = 1e-4  # peak below which a stem is not stored at all
FULL = 0.98  # highest stored peak


@dataclass(frozen=True)
class Item:
    """One stem of one song.

    Attributes
    ----------
    source : str
        generated, real, own, voices or sampled.
    song, stem : str
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
    """A song still to be made: `make()` gives stem -> float32 (2, samples) at 44.1 kHz."""

    source: str
    song: str
    split: str
    make: Callable[[], dict[str, Floats]]

    @property
    def key(self) -> str:
        """Name under which the index lists the finished song."""
        return f"{self.source}/{self.song}"


@dataclass
class Library:
    """Items of a folder and the songs that are finished there.

    Notes
    -----
    Thread: [main]
    """

    root: Path
    items: list[Item] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, root: str | Path) -> "Library":
        """Read a library's index; a folder without one is an empty library.

        Raises
        ------
        ValueError
            If the index was written by a later version.
        """
        path = Path(root) / INDEX
        if not path.exists():
            return cls(Path(root))
        data = json.loads(path.read_text())
        if data["format"] > FORMAT:
            raise ValueError(
                f"{path} has format {data['format']}, this code reads up to {FORMAT}; "
                "update the checkout or build the library anew"
            )
        return cls(Path(root), [Item(**item) for item in data["items"]], data["done"])

    def save(self) -> None:
        """Write the index."""
        data = {
            "format": FORMAT,
            "sample_rate": RATE,
            "done": self.done,
            "items": [asdict(item) for item in self.items],
        }
        aside = self.root / f"{INDEX}.{os.getpid()}.part"
        aside.write_text(json.dumps(data))
        aside.replace(self.root / INDEX)

    def of(self, split: str) -> list[Item]:
        """Items of a split, train or validation."""
        return [item for item in self.items if item.split == split]

    def samples(self, item: Item) -> NDArray[np.int16]:
        """Map an item's samples, int16, shape (samples, 2), read only."""
        mapped: NDArray[np.int16] = np.load(self.root / item.path, mmap_mode="r")
        return mapped

    def seconds(self, split: str) -> dict[str, float]:
        """Active seconds of each stem in a split."""
        total = dict.fromkeys(STEMS, 0.0)
        for item in self.of(split):
            total[item.stem] += len(item.active)
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
            Empty when every stem was silent.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        known = set(self.done)
        todo = [job for job in jobs if job.key not in known]
        for job, items in _work(self.root, todo, workers):
            self.items += items
            self.done.append(job.key)
            self.save()
            yield job, items


def _work(root: Path, jobs: list[Job], workers: int) -> Iterator[tuple[Job, list[Item]]]:
    if workers <= 1:
        for job in jobs:
            yield job, store(root, job)
        return
    with ProcessPoolExecutor(workers) as pool:
        futures = {pool.submit(store, root, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()


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
        One per stem that is not silent.

    Notes
    -----
    Thread: [any]
    """
    stems = job.make()
    peak = max((float(np.abs(track).max(initial=0)) for track in stems.values()), default=0.0)
    gain = min(1.0, FULL / max(peak, 1e-9))
    items = []
    for stem, track in stems.items():
        if float(np.abs(track).max(initial=0)) < SILENT:
            continue
        data = np.rint(track.T * np.float32(gain * 32767)).astype(np.int16)
        name = f"{job.source}-{job.song}-{stem}.npy".replace("/", "_")
        aside = root / f"{name}.{os.getpid()}.part"
        with aside.open("wb") as file:
            np.save(file, data)
        aside.replace(root / name)
        active, level = _activity(data)
        if active:
            items.append(
                Item(job.source, job.song, stem, job.split, name, len(data), level, active)
            )
    return items


def _activity(data: NDArray[np.int16]) -> tuple[list[int], float]:
    """Seconds that sound and their RMS."""
    whole = len(data) // RATE
    parts = data[: whole * RATE : 4].astype(np.float32).reshape(whole, -1) / 32768
    rms = np.sqrt((parts**2).mean(1)) if whole else np.zeros(0, np.float32)
    active = np.flatnonzero(rms > max(QUIET, SHARE * float(rms.max(initial=0))))
    level = float(np.sqrt((rms[active] ** 2).mean())) if len(active) else 0.0
    return [int(second) for second in active], level
