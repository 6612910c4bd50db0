"""Score the analysis: `python -m models.evaluate_notes --seeds 0-23 --annotated FOLDER`.

By mir_eval on songs whose notes are known: drum onsets within 50 ms, bass notes within 50 ms and
50 cents, the pitch of the leading voice within 50 cents; on true stems, on what the ideal mask lets
through and on separated ones, with a look ahead and, but for the mask, causally as live playing
does. FOLDER holds the stems of the song of
annotations/rubidium.toml, whose drum onsets were found by hand.
"""

import argparse
import sys
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import command
from models.data.notes import SongNotes, merged, notes_of, strokes
from models.data.score import STEMS, Note
from models.data.songs import Song, generate
from models.data.sound import Floats, hertz
from models.evaluation.separators import oracle, refuse_fewer
from models.evaluation.songs import real_song, seeds
from plugin_bridge.analysis.collect import Collector
from plugin_bridge.analysis.grid import BASE_RATE, HOP, timed
from plugin_bridge.analysis.offline import Listener
from plugin_bridge.analysis.pitch import VOICE, Candidates, PitchPath
from plugin_bridge.analysis.results import Note as Found
from plugin_bridge.analysis.results import StemAnalysis
from plugin_bridge.separator import Separator

TABLE = Path(__file__).parent / "annotations" / "rubidium.toml"
WAYS = ("offline", "causal")
COLUMNS = (*(("true", way) for way in WAYS), ("ideal mask", "offline"),
           *(("separated", way) for way in WAYS))  # fmt: skip
KEYS = {"kick": 36, "snare": 38, "hat": 42}
WITHIN = 0.05  # seconds, of onsets
LEAD = 3.0  # seconds that the separator hears before an excerpt
Times = NDArray[np.float64]
Scores = dict[str, float]


def heard(stems: dict[str, Floats], way: str) -> dict[str, StemAnalysis]:
    """Analyse stems (channels, samples) at 44.1 kHz.

    Notes
    -----
    Thread: [main]
    """
    if way == "causal":
        collector = Collector(tuple(stems), 2)
        collector.push(np.stack(list(stems.values())))
        return collector.finish().stems
    found = {}
    for stem, samples in stems.items():
        listener = Listener(stem, len(samples), beats=False)
        listener.push(samples)
        found[stem] = listener.finish()
    return found


def onset_score(wanted: Iterable[float], found: Iterable[float]) -> float:
    """Give the F1 of onsets; strokes within 30 ms are one.

    Notes
    -----
    Thread: [any]
    """
    import mir_eval

    return float(
        mir_eval.onset.f_measure(np.array(merged(wanted)), np.array(merged(found)), window=WITHIN)[
            0
        ]
    )


def note_score(wanted: Iterable[Note], found: Iterable[Found]) -> float:
    """Give the F1 of notes by onset and pitch; ends do not count.

    Notes
    -----
    Thread: [any]
    """
    import mir_eval

    true = [(n.start, n.start + n.length, hertz(n.pitch)) for n in wanted]
    mine = [(n.start, n.end, hertz(n.key)) for n in found]
    if not true or not mine:
        return float(not true and not mine)
    (a, b, f), (c, d, g) = (np.array(rows).T for rows in (true, mine))
    return float(
        mir_eval.transcription.precision_recall_f1_overlap(
            np.stack([a, b], 1), f, np.stack([c, d], 1), g, offset_ratio=None
        )[2]
    )


def guessed(voice: Floats, way: str) -> tuple[Times, Times]:
    """Give the likeliest pitch of every hop, in Hz, also where none would be told, and its time.

    Notes
    -----
    Thread: [any]
    """
    candidates, path = Candidates(BASE_RATE, VOICE), PitchPath(keep=True, unvoiced=0.0)
    hertz, strengths = candidates.push(voice[:, : voice.shape[1] // HOP * HOP])
    told = [path.push(*hop) for hop in zip(hertz, strengths, strict=True)]
    found = np.array(told) if way == "causal" else path.traced(hertz)
    times, found = timed(found, candidates.late)
    return times.astype(float), found.astype(float)


def pitch_scores(truth: SongNotes, told: StemAnalysis, guess: tuple[Times, Times]) -> Scores:
    """Give the share of the voice's pitched moments whose pitch was found.

    Raw pitch accuracy is of the likeliest pitch, whether or not it would be told (Poliner et al.
    2007); overall accuracy counts what was told: pitch, or none where there is none.

    Notes
    -----
    Thread: [any]
    """
    import mir_eval

    if not truth.hertz.any() or not len(told.times):
        return {}
    true = truth.times.astype(float), truth.hertz.astype(float)
    of_told = mir_eval.melody.evaluate(*true, told.times.astype(float), told.hertz.astype(float))
    raw = mir_eval.melody.evaluate(*true, *guess)["Raw Pitch Accuracy"]
    return {"vocal pitch, raw": float(raw), "vocal pitch, told": float(of_told["Overall Accuracy"])}


def scores_of(truth: SongNotes, stems: dict[str, Floats], way: str) -> Scores:
    """Give all figures of a song's stems, true or separated.

    Notes
    -----
    Thread: [any]
    """
    found, wanted = heard(stems, way), strokes(truth.drums)
    drums = found["drums"].onsets
    made = {"drum onsets": onset_score(wanted["any"], [o.seconds for o in drums])}
    for name, key in KEYS.items():
        if wanted[name]:
            mine = [o.seconds for o in drums if key in o.keys]
            made[name] = onset_score(wanted[name], mine)
    if truth.bass:
        made["bass notes"] = note_score(truth.bass, found["bass"].notes)
    return made | pitch_scores(truth, found["vocals"], guessed(stems["vocals"], way))


def separated(separator: Separator, mixture: Floats) -> dict[str, Floats]:
    """Give the stems of a mixture (channels, samples).

    Notes
    -----
    Thread: [main]
    """
    stems = np.concatenate([separator.push(mixture), separator.flush()], axis=2)
    return dict(zip(separator.stems, stems, strict=True))


def versions(song: Song, separator: Separator) -> dict[str, dict[str, Floats]]:
    """Give the song's true stems, those of the ideal mask, and the separated ones.

    Notes
    -----
    Thread: [main]
    """
    return {
        "true": song.stems,
        "ideal mask": oracle(song),
        "separated": separated(separator, song.mixture),
    }


def excerpt(folder: Path) -> tuple[Song, list[float], float]:
    """Give the song around the annotated part, its onsets, and where it begins in it.

    Raises
    ------
    ValueError
        If the folder holds no stems.

    Notes
    -----
    Thread: [main]
    """
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    begin = table["start"] - LEAD
    first, last = (round(t * BASE_RATE) for t in (begin, table["start"] + table["seconds"]))
    whole = real_song(folder)
    stems = {stem: whole.stems[stem][:, first:last] for stem in STEMS}
    song = Song(stems, whole.mixture[:, first:last], BASE_RATE)
    return song, [time - begin for time in table["onsets"]], LEAD


def main() -> None:
    """Print a table.

    Notes
    -----
    Thread: [main]
    """
    parser = argparse.ArgumentParser(prog="python -m models.evaluate_notes", description=__doc__)
    parser.add_argument("--seeds", default="0-23", help="generated songs, such as 7 or 0-23")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--model", default="lastframe", help="that separates")
    parser.add_argument("--annotated", type=Path, metavar="FOLDER", help="Rubidium's stems")
    given = parser.parse_args()
    if find_spec("mir_eval") is None:
        parser.error("mir_eval, which scores, is not installed; make test-models installs it")
    warnings.filterwarnings("ignore", module="mir_eval")  # of songs without onsets
    results: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    separator = Separator(given.model, BASE_RATE, frames_per_call=64)
    refuse_fewer(given.model, separator.stems)
    for seed in seeds(given.seeds):
        song, truth = generate(seed, given.seconds), notes_of(seed, given.seconds)
        made = versions(song, separator)
        for kind, way in COLUMNS:
            for name, score in scores_of(truth, made[kind], way).items():
                results[name][kind, way].append(score)
        print(f"seed {seed}", file=sys.stderr, flush=True)
    if given.annotated:
        song, onsets, begin = excerpt(given.annotated)
        made = versions(song, separator)
        for kind, way in COLUMNS:
            drums = heard({"drums": made[kind]["drums"]}, way)["drums"].onsets
            mine = [o.seconds for o in drums if o.seconds >= begin]
            results["drum onsets, Rubidium"][kind, way] = [onset_score(onsets, mine)]
    print("| | " + " | ".join(f"{kind}, {way}" for kind, way in COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for name, columns in results.items():
        cells = [f"{np.nanmean(columns[c]):.2f}" if columns[c] else "-" for c in COLUMNS]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    command.run(main)
