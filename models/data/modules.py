"""Tracker modules as songs: instruments muted but those of a stem.

Rules of this file:
1. A module adds its instruments up and nothing else, so stems add up to the song.
2. Which instrument is which stem is heard, from one note of each; what is unclear is muted.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from models.data.folders import files
from models.data.library import RATE, Job, UnusableError
from models.data.openmpt import Module, openmpt
from models.data.sound import Floats
from models.data.timbre import listen, stem_of

SOURCE = "module"
ENDINGS = (".it", ".xm", ".s3m", ".mod")
SHORTEST = 20.0  # s of a song
RUMBLE = 0.2  # share of the energy of other below 100 Hz; with more, a bass or a kick is among it
DEEP = 0.6  # share of the energy of bass below 400 Hz; with less, it plays melodies


def sorted_instruments(module: Module) -> dict[str, set[int]]:
    """Give the instruments of each stem; those that are unclear are in none.

    Notes
    -----
    Thread: [any]
    """
    found: dict[str, set[int]] = {}
    for i, played in enumerate(module.notes()):
        if played:
            median = sorted(played.elements())[played.total() // 2]
            sound = listen(module.names[i], played, module.note(i, median))
            stem = stem_of(sound) if sound else None
            if stem:
                found.setdefault(stem, set()).add(i)
    return found


def share_below(track: Floats, hertz: float) -> float:
    """Give the share of a track's energy below a frequency.

    Notes
    -----
    Thread: [any]
    """
    size = 1 << 13
    wave = track.mean(0)[: track.shape[1] // size * size].reshape(-1, size)[::4]
    power = (np.abs(np.fft.rfft(wave * np.hanning(size).astype(np.float32))) ** 2).sum(0)
    return float(power[: int(hertz / RATE * size) + 1].sum() / (power.sum() + 1e-12))


def load(path: Path) -> dict[str, Floats]:
    """Play a module stem by stem.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)
        Equally long, as loud as the module is.

    Raises
    ------
    UnusableError
        If it is no module, is short, has not both drums and something else that is clear, or
        its bass lies high or its other low.

    Notes
    -----
    Thread: [any]
    """
    with Module(path) as module:
        if module.seconds < SHORTEST:
            raise UnusableError(f"{path} plays {module.seconds:.0f} s; leave it out")
        instruments = sorted_instruments(module)
        if "drums" not in instruments or len(instruments) < 2:
            raise UnusableError(f"{path} has no clear drums, or nothing else; leave it out")
        stems = {stem: module.render(heard) for stem, heard in sorted(instruments.items())}
    if "bass" in stems and share_below(stems["bass"], 400) < DEEP:
        raise UnusableError(f"{path} has a bass that plays high; leave it out")
    if "other" in stems and share_below(stems["other"], 100) > RUMBLE:
        raise UnusableError(f"{path} has bass or drums among its other instruments; leave it out")
    return stems


def jobs(root: Path) -> Iterator[Job]:
    """Give one job per module below `root`.

    Raises
    ------
    ValueError
        If there is none, or libopenmpt is not installed.

    Notes
    -----
    Thread: [main]
    """
    found = files(root, ENDINGS)
    if not found:
        raise ValueError(f"{root} holds no modules; put {', '.join(ENDINGS)} files there")
    openmpt()
    for name, path in found:
        yield Job(SOURCE, name, "train", partial(load, path), str(path.resolve()))
