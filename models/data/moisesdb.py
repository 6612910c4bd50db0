"""MoisesDB: `<song>/data.json` names stems and tracks, `<song>/<stem>/<track>.wav` are the files.

Vocals, bass and drums are taken as they are; all other stems, percussion among them, are other.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from models.data.folders import read
from models.data.library import UnusableError
from models.data.recording import Recording, aligned
from models.data.score import STEMS
from models.data.sound import Floats

CARD = "data.json"


def recordings(root: Path) -> list[Recording]:
    """Give the songs below `root`, directly or one folder down.

    Raises
    ------
    ValueError
        If there are none.

    Notes
    -----
    Thread: [main]
    """
    cards = sorted([*root.glob(f"*/{CARD}"), *root.glob(f"*/*/{CARD}")])
    if not cards:
        raise ValueError(f"{root} is no MoisesDB; expected {root}/<song>/{CARD}")
    return [
        Recording(f"moisesdb-{path.parent.name}", "train", partial(load, path.parent))
        for path in cards
    ]


def tracks(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give the stem and the file of each track that the song's card names.

    Raises
    ------
    UnusableError
        If the card cannot be read, names no track, or one outside the song's folder.

    Notes
    -----
    Thread: [any]
    """
    card = folder / CARD
    try:
        named = [
            (str(stem["stemName"]), f"{track['id']}.{track.get('extension', 'wav')}")
            for stem in json.loads(card.read_text(encoding="utf-8"))["stems"]
            for track in stem["tracks"]
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnusableError(
            f"{card} does not list stems with tracks; copy the song again"
        ) from error
    if not named:
        raise UnusableError(f"{card} names no track; copy the song again")
    for group, file in named:
        path = Path(group, file)
        if path.is_absolute() or ".." in path.parts:
            raise UnusableError(f"{card} names {path}, outside its folder; copy the song again")
        yield group if group in STEMS else "other", folder / path


def load(folder: Path) -> dict[str, Floats]:
    """Read a song: the tracks of each stem added up, all as long as the longest.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)

    Raises
    ------
    UnusableError
        If the card or a track that it names cannot be read.

    Notes
    -----
    Thread: [any]
    """
    stems: dict[str, Any] = {}
    for stem, path in tracks(folder):
        track = read(path)
        if stem in stems:
            pair = aligned({"sum": stems[stem], "track": track})
            track = pair["sum"] + pair["track"]
        stems[stem] = track
    return aligned(stems)
