"""`python -m models.data build`: fill a library of stems from generated songs and own files.

`python -m models.data lmms` makes such files: the projects that come with LMMS, stem by stem.
"""

import argparse
import errno
import math
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from models.data.library import RATE, Job, Library, UnusableError
from models.data.songs import TRAINING, generate, split
from models.data.sound import Floats
from models.data.workers import spread
from plugin_bridge.cli.interrupt import interruptible

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NAMED = 5  # skipped songs in the last line; the others are named above it


def song_stems(seed: int, seconds: float) -> dict[str, Floats]:
    """Stems of one generated song.

    Notes
    -----
    Thread: [any]
    """
    return generate(seed, seconds, RATE).stems


def song_jobs(first: int, count: int, seconds: float) -> Iterator[Job]:
    """Jobs for generated songs; seeds below 1000 go to the validation split.

    Notes
    -----
    Thread: [main]
    """
    for seed in range(first, first + count):
        make = partial(song_stems, seed, seconds)
        yield Job("generated", f"{seed}-{seconds:g}s", split(seed), make)


def _from(lowest: int) -> Callable[[str], int]:
    """Give what reads a whole number that is not below the lowest."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text} is no whole number from {lowest} on")
        return int(text)

    return number


def _length(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 1 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no length of more than 1 s")
    return seconds


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    lmms = commands.add_parser(
        "lmms", help="render the projects that come with LMMS into OUT/<song>/<stem>.flac"
    )
    lmms.add_argument("--out", type=Path, required=True, help="for build --folder")
    lmms.add_argument("--projects", type=Path, metavar="ROOT", help="where LMMS has its projects")
    lmms.add_argument("--jobs", type=_from(1), default=1, help="processes (default 1)")
    build = commands.add_parser(
        "build", help="make what is missing; may be stopped and started again"
    )
    build.add_argument("--out", type=Path, required=True, help="the library's folder")
    build.add_argument("--songs", type=_from(0), default=0, help="generated songs")
    build.add_argument(
        "--kind", choices=("plain", "band", "midi"), default="plain",
        help="of the generated songs: plain needs nothing; band plays the same kind of scores, and "
        "midi open compositions, on soundfonts, recordings and singers (default plain)",
    )  # fmt: skip
    build.add_argument(
        "--sounds", type=Path, metavar="ROOT",
        help="raw material that band and midi play: instruments, drums_sonicpi, voices, midi",
    )  # fmt: skip
    build.add_argument("--seconds", type=_length, default=80.0, help="length of each")
    build.add_argument(
        "--first-seed", type=_from(0), default=TRAINING,
        help="below 1000: validation (default 1000)",
    )  # fmt: skip
    build.add_argument(
        "--folder", type=Path, action="append", default=[], metavar="ROOT",
        help="own stems, ROOT/<song>/<stem>.wav; may be given again",
    )  # fmt: skip
    build.add_argument(
        "--validation-folder", type=Path, action="append", default=[], metavar="ROOT",
        help="own stems that only validate",
    )  # fmt: skip
    build.add_argument(
        "--musdb", type=Path, action="append", default=[], metavar="ROOT",
        help="MUSDB18-HQ, ROOT/train/<song>/<stem>.wav; its test songs are left out",
    )  # fmt: skip
    build.add_argument(
        "--musdb-stems", type=Path, action="append", default=[], metavar="ROOT",
        help="MUSDB18, ROOT/train/<song>.stem.mp4; needs ffmpeg",
    )  # fmt: skip
    build.add_argument(
        "--moisesdb", type=Path, action="append", default=[], metavar="ROOT",
        help="MoisesDB, ROOT/<song>/data.json",
    )  # fmt: skip
    build.add_argument(
        "--instrumental", type=Path, action="append", default=[], metavar="ROOT",
        help="finished music without voices, any audio files; may be given again",
    )  # fmt: skip
    build.add_argument(
        "--modules", type=Path, action="append", default=[], metavar="ROOT",
        help="tracker modules (.it, .xm, .s3m, .mod); may be given again",
    )  # fmt: skip
    build.add_argument("--material", type=Path, help="raw material: songs, voices, instruments")
    build.add_argument("--jobs", type=_from(1), default=1, help="processes (default 1)")
    return parser


def _jobs(given: argparse.Namespace) -> Iterator[Job]:
    from models.data import (
        bands,
        folders,
        instrumental,
        material,
        modules,
        moisesdb,
        musdb,
        recording,
    )

    if given.material:
        yield from material.jobs(given.material)
    for root in given.folder:
        yield from folders.jobs(root, "train")
    for root in given.validation_folder:
        yield from folders.jobs(root, "validation")
    for root in given.musdb:
        yield from recording.jobs(musdb.hq(root))
    for root in given.musdb_stems:
        yield from recording.jobs(musdb.stem_files(root))
    for root in given.moisesdb:
        yield from recording.jobs(moisesdb.recordings(root))
    for root in given.instrumental:
        yield from instrumental.jobs(root)
    for root in given.modules:
        yield from modules.jobs(root)
    if given.kind == "plain":
        yield from song_jobs(given.first_seed, given.songs, given.seconds)
    elif given.sounds is None:
        raise ValueError(f"--kind {given.kind} needs --sounds ROOT, the folder of raw material")
    else:
        yield from bands.jobs(
            given.kind, given.first_seed, given.songs, given.seconds, given.sounds
        )


def _wanted(given: argparse.Namespace) -> list[Job]:
    jobs = list(_jobs(given))
    if not jobs:
        raise ValueError("there is nothing to build; give --songs, --folder or another source")
    return jobs


def told(skipped: dict[str, str]) -> str:
    """Give the line about the songs, one or more, that were skipped.

    Examples
    --------
    >>> told({"own/a": "..."})
    '1 song skipped: own/a; put right what is said above, then start the same command again'

    Notes
    -----
    Thread: [any]
    """
    names = ", ".join(list(skipped)[:NAMED]) + (", ..." if len(skipped) > NAMED else "")
    return (
        f"{len(skipped)} song{'s' if len(skipped) > 1 else ''} skipped: {names}; put right what is "
        "said above, then start the same command again"
    )


def _render_projects(given: argparse.Namespace) -> None:
    from models.data import lmms

    skipped: dict[str, str] = {}
    projects = lmms.projects(given.projects or lmms.PROJECTS)
    for path, made in spread(partial(lmms.attempt, given.out), projects, given.jobs):
        if isinstance(made, UnusableError):
            skipped[path.stem] = str(made)
            print(f"{path.stem}: skipped: {made}", flush=True)
        else:
            print(f"{path.stem}: {' '.join(made) or 'is there'}", flush=True)
    if skipped:
        print(told(skipped))


def _build(given: argparse.Namespace) -> None:
    library = Library.open(given.out)
    start = time.perf_counter()
    jobs = _wanted(given)
    left = len({job.key for job in jobs} - set(library.done))
    print(f"{len(jobs)} songs, {left} to make", flush=True)
    for i, (job, items) in enumerate(library.fill(jobs, given.jobs), 1):
        stems = " ".join(f"{item.stem} {len(item.active)}s" for item in items) or "silent"
        if job.key in library.skipped:
            stems = f"skipped: {library.skipped[job.key]}"
        took = time.perf_counter() - start
        print(f"{i}/{left}  {took:5.0f} s  {job.key}: {stems}", flush=True)
    for half in ("train", "validation"):
        minutes = {stem: round(s / 60, 1) for stem, s in library.seconds(half).items()}
        print(f"{half}: active minutes {minutes}")
    if library.skipped:
        print(told(library.skipped))


def _stopped(error: OSError | RuntimeError) -> str:
    """Give the sentence for what ends the work and is no song's fault."""
    why = str(error) or "a worker was ended"
    # soundfiles that cannot be written and workers without memory are RuntimeErrors
    if isinstance(error, RuntimeError) or error.errno in FULL:
        return f"stopped: {why}; make room on disk or in memory, then the same command goes on"
    return f"stopped: {why}; put that right, then the same command goes on"


def main() -> int:
    """Run the command line.

    Returns
    -------
    status : int
        0, also when songs were skipped; 1 when the folder cannot be written or a worker
        was ended, 2 for a wrong argument, 130 when stopped. What is finished stays.

    Notes
    -----
    Thread: [main]
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that a terminal cannot show is spelt out
            stream.reconfigure(errors="backslashreplace")
    given = _arguments().parse_args()
    try:
        with interruptible():
            _render_projects(given) if given.command == "lmms" else _build(given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as error:
        print(_stopped(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
