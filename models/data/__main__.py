"""`python -m models.data build`: fill a library of stems from generated songs and own files."""

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from models.data.library import RATE, Job, Library
from models.data.songs import generate
from models.data.sound import Floats

TRAINING = 1000  # first seed that training may use; below it lie validation and tests


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
        split = "train" if seed >= TRAINING else "validation"
        yield Job("generated", f"{seed}-{seconds:g}s", split, partial(song_stems, seed, seconds))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.data", description=__doc__)
    build = parser.add_subparsers(dest="command", required=True).add_parser(
        "build", help="make what is missing; may be stopped and started again"
    )
    build.add_argument("--out", type=Path, required=True, help="the library's folder")
    build.add_argument("--songs", type=int, default=0, help="generated songs")
    build.add_argument("--seconds", type=float, default=80.0, help="length of each")
    build.add_argument(
        "--first-seed", type=int, default=TRAINING, help="below 1000: validation (default 1000)"
    )
    build.add_argument(
        "--folder", type=Path, action="append", default=[], metavar="ROOT",
        help="own stems, ROOT/<song>/<stem>.wav; may be given again",
    )  # fmt: skip
    build.add_argument(
        "--validation-folder", type=Path, action="append", default=[], metavar="ROOT",
        help="own stems that only validate",
    )  # fmt: skip
    build.add_argument("--material", type=Path, help="raw material: songs, voices, instruments")
    build.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    return parser


def _jobs(given: argparse.Namespace) -> Iterator[Job]:
    from models.data import folders, material

    if given.material:
        yield from material.jobs(given.material)
    for root in given.folder:
        yield from folders.jobs(root, "train")
    for root in given.validation_folder:
        yield from folders.jobs(root, "validation")
    yield from song_jobs(given.first_seed, given.songs, given.seconds)


def main() -> int:
    """Run the command line; 0 when all is there, 2 for a wrong argument, 130 when stopped.

    Notes
    -----
    Thread: [main]
    """
    given = _arguments().parse_args()
    library = Library.open(given.out)
    start = time.perf_counter()
    try:
        jobs = list(_jobs(given))
        left = len({job.key for job in jobs} - set(library.done))
        print(f"{len(jobs)} songs, {left} to make", flush=True)
        for i, (job, items) in enumerate(library.fill(jobs, given.jobs), 1):
            stems = " ".join(f"{item.stem} {len(item.active)}s" for item in items) or "silent"
            took = time.perf_counter() - start
            print(f"{i}/{left}  {took:5.0f} s  {job.key}: {stems}", flush=True)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    for split in ("train", "validation"):
        minutes = {stem: round(s / 60, 1) for stem, s in library.seconds(split).items()}
        print(f"{split}: active minutes {minutes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
