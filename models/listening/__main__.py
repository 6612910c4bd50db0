"""A listening test: make its page, and read what listeners saved.

    python -m models.listening build --out TEST --model lastframe --seeds 0-3
    python -m models.listening read RATINGS.json ... --key TEST.key.json

TEST/index.html opens in any browser, without a server or network. Listeners get the folder TEST;
the key, which tells what is what, stays with you.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from models import command
from models.data.library import UnusableError
from models.data.score import STEMS
from models.data.songs import Song
from models.evaluate import rows, song_options, song_sets
from models.evaluation.report import write
from models.evaluation.scores import ZERO
from models.evaluation.separators import Row
from models.evaluation.songs import Entry
from models.listening import levels, report, sitting
from models.listening.key import Key, parsed
from models.listening.panel import Panel
from models.listening.ratings import together
from models.listening.trials import ANCHOR, REFERENCE, Trial, trials

SEEDS = "0-3"  # where no songs are asked for
SECONDS = 8.0
LONGEST = 30.0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.listening",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="make the page and its key")
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    make.add_argument("--key", type=Path, help="where the key goes (default DIR.key.json)")
    make.add_argument("--model", action="append", default=[], help="name or path; again for more")
    make.add_argument("--stems", default=",".join(STEMS), help=f"default {','.join(STEMS)}")
    make.add_argument(
        "--excerpt", type=float, default=SECONDS, metavar="SECONDS",
        help=f"that are heard of each song (default {SECONDS:g})",
    )  # fmt: skip
    song_options(make, SEEDS)
    take = commands.add_parser("read", help="print the table of what listeners saved")
    take.add_argument("ratings", type=Path, nargs="+", help="files that the page saved")
    take.add_argument("--key", type=Path, required=True, help="what build wrote beside the page")
    take.add_argument("--out", type=Path, metavar="FILE.md", help="write the table there too")
    return parser


def compared(models: list[str]) -> dict[str, Row]:
    """Give what is compared: the mixture, separation without learning, models and oracle masks.

    Raises
    ------
    ModelError
        If a model cannot be used.
    ValueError
        If one is called like a condition.

    Notes
    -----
    Thread: [main]
    """
    made, _ = rows(models, baseline=True)
    for name in (REFERENCE, ANCHOR):
        if name in made:
            raise ValueError(f"a model is called {name!r}, as a condition is; rename its file")
    return {name: row for name, row in made.items() if name != ZERO}


def _stems(text: str) -> list[str]:
    found = [each.strip() for each in text.split(",") if each.strip()]
    wrong = [each for each in found if each not in STEMS]
    if wrong or not found:
        raise ValueError(f"stems {text!r} given; write some of {','.join(STEMS)}")
    return list(dict.fromkeys(found))


def _loaded(entry: Entry) -> Song:
    song = entry.load()
    if song.mixture.shape[1] < levels.SHORTEST * song.sample_rate:
        raise UnusableError(
            f"it lasts less than {levels.SHORTEST:g} s, and has no loudness; leave it out"
        )
    return song


def _trials(given: argparse.Namespace, made: Mapping[str, Row]) -> Iterator[Trial]:
    stems, start = _stems(given.stems), time.perf_counter()
    for songs in song_sets(given, SEEDS):
        for entry in songs.entries:
            try:
                song = _loaded(entry)
            except UnusableError as error:
                print(f"{entry.name}: skipped: {error}", file=sys.stderr)
                continue
            heard = []
            for trial in trials(entry.name, song, stems, made, given.excerpt):
                heard.append(f"{trial.stem} from {trial.start:g} s")
                yield trial
            took = time.perf_counter() - start
            told = ", ".join(heard) or "no stem sounds"
            print(f"{took:5.0f} s  {entry.name}: {told}", file=sys.stderr)


def build(given: argparse.Namespace) -> int:
    """Make the page and its key; give the exit status.

    Raises
    ------
    ValueError, OSError, PluginBridgeError
        With one sentence.

    Notes
    -----
    Thread: [main]
    """
    path = given.key or given.out.with_name(f"{given.out.name}.key.json")
    if given.out.resolve() in path.resolve().parents:
        raise ValueError(f"the key would lie in {given.out}, which listeners get; name another")
    for there in (given.out, path):
        if there.is_file() or (there.is_dir() and any(there.iterdir())):
            raise ValueError(f"{there} is there already; name another, so that no test is lost")
    if not levels.SHORTEST < given.excerpt <= LONGEST:
        raise ValueError(
            f"excerpts of {given.excerpt:g} s given; allowed are more than {levels.SHORTEST:g} "
            f"and at most {LONGEST:g}"
        )
    _stems(given.stems)
    made = compared(given.model)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = sitting.build(given.out, _trials(given, made))
    write(path, key.model_dump())
    count = len(key.trials)
    print(
        f"{count} trial{'s' * (count != 1)} of {', '.join(key.conditions)}\n"
        f"give listeners the folder {given.out}; they open index.html\n"
        f"keep {path}, which tells what is what"
    )
    return 0


def read(given: argparse.Namespace) -> int:
    """Print the table of listeners' files; give the exit status: 1 if none could be used.

    Raises
    ------
    ValueError, OSError
        For a key that is none, with one sentence.

    Notes
    -----
    Thread: [main]
    """
    key = parsed(given.key, Key, "the key that build wrote")
    ratings, refused = together(given.ratings, key)
    for sentence in refused:
        print(sentence, file=sys.stderr)
    if not ratings:
        return 1
    text = report.markdown(Panel.of(ratings, key), refused)
    print(text)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        write(given.out, text)
    return 0


def main() -> int:
    """Run the command line.

    Returns
    -------
    status : int
        0; 1 when no file of ratings could be used, 130 when stopped.

    Raises
    ------
    ValueError, OSError, PluginBridgeError
        For wrong input, with one sentence.

    Notes
    -----
    Thread: [main]
    """
    given = _arguments().parse_args()
    try:
        return {"build": build, "read": read}[given.command](given)
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    command.run(main)
