"""Stems of LMMS projects: rendered with all tracks muted but those of one stem.

Rules of this file:
1. Master effects are off: a limiter over one stem is not that limiter over the song. So the stems
   add up to the song, as far as effects that tracks share on their way to the master allow it.
2. Which track is which stem is a table, lmms.toml; what it does not list is not rendered.
3. A song's folder has its name only when all of its stems are there.
"""

import os
import shutil
import subprocess
import tempfile
import tomllib
import zlib
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from pedalboard.io import AudioFile

from models.data.folders import read
from models.data.library import FULL, RATE, SILENT, UnusableError
from models.data.material import crossover
from models.data.recording import aligned
from models.data.sound import Floats

PROJECTS = Path("/usr/share/lmms/projects")
TABLE = Path(__file__).with_suffix(".toml")
PLAYED = ("drums", "bass", "other")
PATIENCE = 1800  # s that one render may take
LARGEST = 500_000_000  # bytes that it may write: 20 minutes
PERIOD = 256  # samples; LMMS renders whole periods, and blocks of a full disk end within one
SOUNDING = ("0", "2")  # types of tracks: instruments, samples
MISSING = "lmms is not installed; on Debian and Ubuntu: apt-get install lmms"


@dataclass(frozen=True)
class Sorting:
    """A line of the table: places of a project's tracks, as lmms.toml explains them."""

    licence: str = ""
    drums: Sequence[str] = ()
    bass: Sequence[str] = ()
    other: Sequence[str] = ()
    out: Sequence[str] = ()
    always: Sequence[str] = ()
    wide: bool = False

    def part(self, place: str) -> str:
        """Give the stem that the track at a place belongs to, or `out` or `always`.

        Examples
        --------
        >>> Sorting(bass=("b1",)).part("b1"), Sorting().part("b1"), Sorting().part("1")
        ('bass', 'drums', 'other')
        """
        for part in (*PLAYED, "out", "always"):
            if place in getattr(self, part):
                return part
        return "drums" if place.startswith("b") else "other"


@cache
def table() -> dict[str, Sorting]:
    """Give the sorting of each project by its file's name without ending.

    Notes
    -----
    Thread: [any]
    """
    lines: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Sorting(**line) for name, line in lines.items()}


def load(path: Path) -> Element:
    """Read a project, .mmp or .mmpz.

    Raises
    ------
    UnusableError
        If it is no project.

    Notes
    -----
    Thread: [any]
    """
    try:
        data = path.read_bytes()
        # a .mmpz is four bytes of length, then zlib
        return ElementTree.fromstring(zlib.decompress(data[4:]) if path.suffix == ".mmpz" else data)
    except (OSError, zlib.error, ElementTree.ParseError) as error:
        raise UnusableError(f"{path} is no LMMS project ({error}); leave it out") from error


def tracks(project: Element) -> Iterator[tuple[str, Element]]:
    """Give places and tracks that sound; those of all beats are rows of the first one.

    Notes
    -----
    Thread: [any]
    """
    for container in project.findall("song/trackcontainer"):
        for i, track in enumerate(container.findall("track")):
            if track.get("type") in SOUNDING:
                yield str(i), track
            for j, row in enumerate(track.findall("bbtrack/trackcontainer/track")):
                if row.get("type") in SOUNDING:
                    yield f"b{j}", row


def alone(project: Element, heard: Callable[[str], bool]) -> Element:
    """Copy a project with all tracks muted but those at the places heard, no master effects.

    Notes
    -----
    What is muted in the project stays so. Thread: [any]
    """
    copy = deepcopy(project)
    for place, track in tracks(copy):
        track.set("solo", "0")
        if not heard(place):
            track.set("muted", "1")
    for chain in copy.findall("song/fxmixer/fxchannel[@num='0']/fxchain"):
        chain.set("enabled", "0")
    return copy


def render(project: Element) -> Floats:
    """Have LMMS play a project.

    Returns
    -------
    audio : float32, shape (2, samples)
        44.1 kHz, also beyond full scale.

    Raises
    ------
    ValueError
        If LMMS is not installed.
    UnusableError
        If it fails, takes too long, writes too much or has no room to write.

    Notes
    -----
    Thread: [any]
    """
    program, limit = shutil.which("lmms"), shutil.which("prlimit")
    if not program:
        raise ValueError(MISSING)
    with tempfile.TemporaryDirectory(prefix="plugin-bridge-lmms-") as name:
        folder = Path(name)
        given, made = folder / "song.mmp", folder / "song.wav"
        ElementTree.ElementTree(project).write(given, encoding="utf-8", xml_declaration=True)
        command = [*([limit, f"--fsize={LARGEST}"] if limit else []), program, "--allowroot"]
        command += ["-c", str(folder / "rc.xml"), "render", str(given), "-o", str(made)]
        command += ["-f", "wav", "-a", "-s", str(RATE), "-x", "1"]
        surroundings = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": name}
        try:
            subprocess.run(
                command, env=surroundings, check=True, timeout=PATIENCE,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise UnusableError(f"LMMS did not render it: {error}; leave it out") from error
        audio = read(made)
    # LMMS does not notice that it cannot write, and makes the header fit what it wrote
    if audio.shape[1] % PERIOD:
        raise UnusableError(
            f"LMMS's render is cut, as on a full disk; make room in {folder.parent}, or set TMPDIR"
        )
    return audio


def _heard(sorting: Sorting, stem: str, place: str) -> bool:
    return sorting.part(place) in (stem, "always")


def stems(project: Element, sorting: Sorting) -> dict[str, Floats]:
    """Render a project stem by stem; stems without a track or a sound are left out.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)
        Equally long, all by one gain, so that neither they nor their sum clip.

    Raises
    ------
    UnusableError
        If a render fails or all are silent.

    Notes
    -----
    Thread: [any]
    """
    parts = {sorting.part(place) for place, _ in tracks(project)}
    made = aligned(
        {
            stem: render(alone(project, partial(_heard, sorting, stem)))
            for stem in PLAYED
            if stem in parts
        }
    )
    if sorting.wide and "other" in made:
        low, made["other"] = crossover(made["other"])
        made["bass"] = made["bass"] + low if "bass" in made else low
    made = {stem: track for stem, track in made.items() if np.abs(track).max() > SILENT}
    if not made:
        raise UnusableError("LMMS rendered silence; leave it out")
    song = np.sum(list(made.values()), axis=0)
    highest = max(float(np.abs(track).max()) for track in (*made.values(), song))
    return {stem: track * np.float32(FULL / highest) for stem, track in made.items()}


def export(out: Path, path: Path) -> list[str]:
    """Render a project of the table into `out`/<its name>/<stem>.flac, unless it is there.

    Returns
    -------
    stems : list of str
        Empty if the folder is there.

    Raises
    ------
    UnusableError
        If it cannot be read or rendered; OSError if `out` cannot be written.

    Notes
    -----
    Thread: [any]
    """
    folder = out / path.stem
    if folder.exists():
        return []
    made = stems(load(path), table()[path.stem])
    aside = out / f".{path.stem}.{os.getpid()}.part"
    aside.mkdir(parents=True)
    try:
        for stem, track in made.items():
            with AudioFile(str(aside / f"{stem}.flac"), "w", RATE, 2, bit_depth=16) as file:
                file.write(track)
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return list(made)


def attempt(out: Path, path: Path) -> list[str] | UnusableError:
    """Do as `export` does; give the error where a project is no good.

    Notes
    -----
    Thread: [any]
    """
    try:
        return export(out, path)
    except UnusableError as error:
        return error


def projects(root: Path) -> list[Path]:
    """Find the table's projects below `root`.

    Raises
    ------
    ValueError
        If there is none.

    Notes
    -----
    Thread: [main]
    """
    found = [path for path in sorted(root.rglob("*.mmp*")) if path.stem in table()]
    if not found:
        raise ValueError(
            f"{root} has none of the projects that {TABLE.name} names; they come with LMMS, on "
            "Debian and Ubuntu in lmms-common"
        )
    return found
