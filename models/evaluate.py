"""Score separations: `python -m models.evaluate --baseline --model lastframe --out RUN`.

Beside what is asked for stand the mixture, a quarter of it, and the oracle: the ideal ratio mask
of the model's own transform. The tables go to the terminal; with --out also to scores.md,
scores.json and scores.png.
"""

import argparse
import shlex
import sys
import time
from functools import partial
from pathlib import Path

from models import command
from models.baseline import separate
from models.data import musdb
from models.data.bands import KINDS
from models.data.library import RATE
from models.evaluation import bss, report
from models.evaluation.energies import sdr
from models.evaluation.figure import draw
from models.evaluation.scores import ZERO, Scores, SetScores, mean_sdr, measure
from models.evaluation.separators import (
    TRANSFORM,
    Row,
    Separator,
    by_model,
    mixture,
    oracle,
    quarter,
    row,
    transform_of,
)
from models.evaluation.songs import SongSet, data_set, generated, own, played, real_song, seeds
from plugin_bridge.model.onnx import Model

__all__ = ["Scores", "Separator", "by_model", "main", "mean_sdr", "quarter", "real_song", "sdr"]

SEEDS = "0-23"  # where no songs are asked for


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", action="append", default=[], help="name or path; may be given again")
    add("--baseline", action="store_true", help="score separation without learning")
    song_options(parser, SEEDS)
    add("--museval", action="store_true", help="also SIR and SAR; minutes and 8 GB for each")
    add("--out", type=Path, metavar="DIR", help="write scores.md, scores.json, scores.png there")
    return parser


def song_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options that name songs, which `song_sets` reads.

    Notes
    -----
    Thread: [any]
    """
    add = parser.add_argument
    add("--seeds", help=f"generated songs, such as 7 or 0-23; default {default} without others")
    add("--kind", choices=("plain", *KINDS), default="plain",
        help="of the generated songs; band and midi are played on --sounds")  # fmt: skip
    add("--sounds", type=Path, metavar="ROOT", help="raw material, as in models.data build")
    add("--seconds", type=float, default=15.0, help="of each generated song (default 15)")
    add("--song", type=Path, action="append", default=[], metavar="FOLDER",
        help="a song's stems, FOLDER/<stem>.wav; may be given again")  # fmt: skip
    add("--musdb", type=Path, metavar="ROOT", help="the test songs of MUSDB18-HQ")
    add("--musdb-stems", type=Path, metavar="ROOT", help="the same as .stem.mp4; needs ffmpeg")


def song_sets(given: argparse.Namespace, default: str = SEEDS) -> list[SongSet]:
    """Give the songs that the command line asks for; generated ones where it asks for none.

    Raises
    ------
    ValueError
        If a data set or material is not where it is said to be.

    Notes
    -----
    Thread: [main]
    """
    sets = []
    others = given.song or given.musdb or given.musdb_stems
    if others and given.seeds is None and given.kind != "plain":
        raise ValueError(f"--kind {given.kind} is of generated songs; say which with --seeds")
    if given.seeds is not None or not others:
        numbers = seeds(default if given.seeds is None else given.seeds)
        if given.kind == "plain":
            sets.append(generated(numbers, given.seconds))
        elif given.sounds is None:
            raise ValueError(f"--kind {given.kind} needs --sounds ROOT, the folder of raw material")
        else:
            sets.append(played(given.kind, numbers, given.seconds, given.sounds))
    if given.song:
        sets.append(own(given.song))
    if given.musdb:
        sets.append(data_set("MUSDB18-HQ", musdb.hq(given.musdb)))
    if given.musdb_stems:
        sets.append(data_set("MUSDB18", musdb.stem_files(given.musdb_stems)))
    return sets


def rows(names: list[str], baseline: bool) -> tuple[dict[str, Row], dict[str, str]]:
    """Give the rows of the tables, and for each judged one the oracle that it is held against.

    Raises
    ------
    ModelError
        If a model cannot be used.
    ValueError
        If one is called like another row.

    Notes
    -----
    Thread: [main]
    """
    short = [Path(name).stem for name in names]
    models = {
        stem if short.count(stem) == 1 else name: Model(name)
        for stem, name in zip(short, names, strict=True)
    }
    geometry = {name: (transform_of(each), each.card.sample_rate) for name, each in models.items()}
    first = next(iter(geometry.values()), (TRANSFORM, RATE))
    judged = {"baseline": first, **geometry} if baseline else geometry
    several = len({*geometry.values(), first}) > 1
    goals = {
        (t, rate): f"oracle {t.n_fft}/{t.synthesis}/{t.hop}" if several else "oracle"
        for t, rate in (first, *geometry.values())
    }
    made: dict[str, Row] = {"mixture": row(mixture), ZERO: row(quarter)}
    if baseline:
        made["baseline"] = row(separate)
    for name in models:
        if name in (*made, *goals.values()):
            raise ValueError(f"a model is called {name!r}, as another row is; rename its file")
    made |= {name: row(by_model(model)) for name, model in models.items()}
    made |= {name: partial(oracle, transform=t, rate=rate) for (t, rate), name in goals.items()}
    return made, {name: goals[key] for name, key in judged.items()}


def main() -> int:
    """Print the scores; give the process's exit status.

    Returns
    -------
    status : int
        0; 1 when no song could be used, 130 when stopped: what was measured until then is told
        and written.

    Raises
    ------
    ValueError, OSError, PluginBridgeError
        For wrong input, with one sentence.

    Notes
    -----
    Thread: [main]
    """
    given = _arguments().parse_args()
    all_scores: list[SetScores] = []
    status = 0
    try:
        if given.museval:
            bss.museval()
        made, held = rows(given.model, given.baseline)
        sets = song_sets(given)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
        for songs in sets:
            all_scores.append(SetScores(songs.title, tuple(made)))
            _measure(songs, made, all_scores[-1], given.museval)
    except KeyboardInterrupt:
        print("stopped; here is what was measured", file=sys.stderr)
        status = 130
    typed = shlex.join(["python", "-m", "models.evaluate", *sys.argv[1:]])
    text = report.markdown(all_scores, held, typed)
    print(text)
    if given.out:
        report.write(given.out / "scores.md", text)
        report.write(given.out / "scores.json", report.document(all_scores, held, typed))
        draw(given.out / "scores.png", all_scores, list(held))
        print(f"written to {given.out}: scores.md, scores.json, scores.png")
    return status or int(not any(scores.songs for scores in all_scores))


def _measure(songs: SongSet, made: dict[str, Row], scores: SetScores, with_museval: bool) -> None:
    start = time.perf_counter()
    for i, name in enumerate(measure(songs, made, scores, with_museval), 1):
        note = f"skipped: {scores.skipped[name]}" if name in scores.skipped else "done"
        took = time.perf_counter() - start
        print(f"{i}/{len(songs.entries)}  {took:5.0f} s  {name}: {note}", file=sys.stderr)


if __name__ == "__main__":
    command.run(main)
