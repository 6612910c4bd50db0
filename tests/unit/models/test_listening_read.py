"""What a panel said: known effects are found, and who does not hear is left out."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.evaluation.bootstrap import Interval
from models.listening import __main__ as program
from models.listening.key import SCALES, Key, TrialKey
from models.listening.panel import Panel
from models.listening.ratings import Ratings, read, together
from models.listening.report import markdown, pairs
from tests.commands import status_of

STEMS = ("vocals", "drums")
TRUTH = {
    "reference": 100.0,
    "mixture": 15.0,
    "anchor": 10.0,
    "baseline": 40.0,
    "one": 55.0,
    "two": 55.0,
    "oracle": 75.0,
}
Levels = Mapping[str, float]


def key(songs: int = 6) -> Key:
    """Make a key of a test with two stems a song."""
    trials = {
        f"t{song}{stem}": TrialKey(
            song=f"song {song}",
            stem=stem,
            start=0,
            conditions={f"{song}{stem}{i}": name for i, name in enumerate(TRUTH)},
        )
        for song in range(songs)
        for stem in STEMS
    }
    return Key(test="abc", trials=trials)


def listener(the: Key, seed: int, levels: Levels = TRUTH, spread: float = 8.0) -> dict[str, Any]:
    """Simulate what the page saves for one who hears these levels, with a bent of their own."""
    rng = np.random.default_rng(seed)
    of_listener = rng.normal(0, 4)
    ratings: dict[str, dict[str, dict[str, float]]] = {}
    for code, trial in the.trials.items():
        of_song = np.random.default_rng(int(trial.song[5:])).normal(0, 4)
        for sound, name in trial.conditions.items():
            for scale in SCALES:
                level = levels[name]
                if name != "reference":
                    level += of_listener + of_song + rng.normal(0, spread)
                rated = float(np.clip(np.round(level), 0, 100))
                ratings.setdefault(code, {}).setdefault(sound, {})[scale] = rated
    return {
        "format": 1,
        "test": the.test,
        "listener": {"name": f"L{seed}", "seed": seed},
        "saved": "2026-01-01T00:00:00.000Z",
        "ratings": ratings,
    }


def panel(the: Key, *listeners: dict[str, Any]) -> Panel:
    """Read simulated listeners."""
    return Panel.of([Ratings.model_validate(each) for each in listeners], the)


def found(interval: Interval | None) -> Interval:
    """Give an interval that must be there."""
    assert interval is not None
    return interval


def test_known_effects_are_found() -> None:
    """Differences come out with their size and sign, and none where there is none."""
    the = key()
    heard = panel(the, *(listener(the, seed) for seed in range(12))).screened()
    for scale in SCALES:
        for one, other in (("oracle", "one"), ("one", "baseline"), ("baseline", "anchor")):
            difference = found(heard.difference(one, other, scale))
            assert difference.sign == 1
            assert difference.mean == pytest.approx(TRUTH[one] - TRUTH[other], abs=4)
        assert found(heard.level("oracle", scale)).mean == pytest.approx(75, abs=6)
    bold = [line for line in markdown(heard).splitlines() if "one - two" in line]
    assert len(bold) == len(SCALES)
    assert any("**" not in line for line in bold)


def test_intervals_of_differences_cover() -> None:
    """Of 40 panels at least nine in ten intervals of three differences hold the true one."""
    the, held, count = key(), 0, 0
    for start in range(0, 400, 10):
        heard = panel(the, *(listener(the, start + i) for i in range(8)))
        for one, other in (("oracle", "one"), ("one", "two"), ("one", "baseline")):
            interval = found(heard.difference(one, other, "bleed"))
            held += interval.low <= TRUTH[one] - TRUTH[other] <= interval.high
            count += 1
    assert held >= 0.9 * count


def test_who_does_not_hear_the_reference_is_left_out() -> None:
    """More than 15 % of hidden references below 90: named with the share, and without influence."""
    the = key(songs=5)
    good = [listener(the, seed) for seed in range(4)]
    deaf = listener(the, 90, dict.fromkeys(TRUTH, 50.0), spread=25)
    deaf_ratings = np.random.default_rng(0)
    slips = listener(the, 91)
    references = [
        (trial, sound, scale)
        for trial, each in the.trials.items()
        for sound, name in each.conditions.items()
        for scale in SCALES
        if name == "reference"
    ]
    for trial, sound, scale in references:
        deaf["ratings"][trial][sound][scale] = float(deaf_ratings.integers(0, 101))
    for trial, sound, scale in references[:4]:  # of 30: below 15 %
        slips["ratings"][trial][sound][scale] = 89
    heard = panel(the, *good, deaf, slips)
    kept = heard.screened()
    assert kept.listeners == ("L0 (0)", "L1 (1)", "L2 (2)", "L3 (3)", "L91 (91)")
    for trial, sound, scale in references[4:5]:  # the fifth of 30 is over it
        slips["ratings"][trial][sound][scale] = 89
    without = panel(the, *good, deaf, slips).screened()
    assert without.listeners == kept.listeners[:4]
    assert without.level("one", "bleed") == panel(the, *good).level("one", "bleed")
    text = markdown(panel(the, *good, deaf, slips))
    assert "Left out: 2." in text
    assert "- L91 (91): missed 17 % of them" in text
    assert "4 listeners, 5 songs, 2 stems" in text


def test_missing_ratings_are_counted_and_do_not_count() -> None:
    """A half-finished listener's ratings are used as far as they go."""
    the = key()
    half = listener(the, 3)
    for code in list(half["ratings"])[6:]:
        del half["ratings"][code]
    heard = panel(the, *(listener(the, seed) for seed in range(3)), half)
    assert heard.screened().listeners == heard.listeners
    ratings = heard.ratings("one", "bleed", "vocals")
    assert np.isfinite(ratings).sum(1).tolist() == [6, 6, 6, 3]
    text = markdown(heard)
    assert f"{6 * len(TRUTH) * 3} of {4 * 12 * len(TRUTH) * 3} ratings are missing" in text
    nobody = panel(the, {**half, "ratings": {"t0vocals": {"0vocals3": {"bleed": 5}}}})
    assert "rated none" in markdown(nobody)


def test_one_listener_with_one_song_is_told_plainly() -> None:
    """Single ratings have no interval; the table says of what there is too little."""
    the = key(songs=1)
    text = markdown(panel(the, listener(the, 0)))
    assert "over nothing: there is one of each" in text
    assert "With only 1 listener and 1 song the intervals are narrower" in text
    assert "nan" not in text


def test_what_spans_the_scale_is_in_no_pair() -> None:
    """Differences are those of separations."""
    assert pairs(["reference", "mixture", "anchor", "a", "b"]) == [("a", "b")]


Change = Callable[[dict[str, Any]], Any]


def cut(text: str) -> Change:
    """Replace the whole content by a text."""
    return lambda _: text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut("{"), "is not JSON"),
        (cut(""), "is not JSON"),
        (cut("[1]"), "a file that the page has saved"),
        (cut('"x"'), "a file that the page has saved"),
        (cut("[" * 100_000), "is not JSON"),
        (lambda d: d.pop("listener"), "listener"),
        (lambda d: d.update(format=2), "format"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.update(test="xyz"), "give the key that was written with that page"),
        (lambda d: d["ratings"].update(zzz={}), "'zzz' that the key lacks"),
        (lambda d: d["ratings"]["t0vocals"].update(zzz={}), "'zzz' that the key lacks"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(taste=4), "rates 'taste'"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(bleed=101), "bleed"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(bleed=-1), "bleed"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(bleed="high"), "bleed"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(bleed=True), "bleed"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(bleed=None), "bleed"),
        (lambda d: d["ratings"]["t0vocals"]["0vocals3"].update(bleed=float("nan")), "bleed"),
        (lambda d: d.update(ratings={}), "holds no rating"),
        (lambda d: d["listener"].update(seed=-1), "seed"),
    ],
)
def test_a_malformed_file_is_one_sentence(tmp_path: Path, change: Change, said: str) -> None:
    """It begins with the file's name, says what is wrong, and the others are used."""
    the = key(songs=1)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(listener(the, 1)))
    content = listener(the, 2)
    changed = change(content)
    bad.write_text(changed if isinstance(changed, str) else json.dumps(content))
    used, refused = together([good, bad], the)
    assert [each.listener.seed for each in used] == [1]
    (sentence,) = refused
    assert sentence.startswith(str(bad))
    assert said in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400


def test_files_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    """No file, a folder, bytes that are no text."""
    the = key(songs=1)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("none.json", ".", "bytes.json"):
        with pytest.raises(ValueError, match="a file that the page has saved"):
            read(tmp_path / name, the)


def test_a_listener_counts_once(tmp_path: Path) -> None:
    """The second file with a number is refused, also with a name that came later."""
    the = key(songs=1)
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, name in zip(paths, ("", "Ada"), strict=True):
        content = listener(the, 7)
        content["listener"]["name"] = name
        path.write_text(json.dumps(content))
    used, refused = together(paths, the)
    assert len(used) == 1
    assert f"b.json is of listener number 7, as is {paths[0]}, which is used" in refused[0]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command line in this process."""
    monkeypatch.setattr("sys.argv", ["listening", *map(str, arguments)])
    return status_of(program.main)


def test_the_command_prints_and_writes_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tables on terminal and disk; bad files on stderr; status 1 without any, 2 for a bad key."""
    the = key()
    keyed, bad, out = tmp_path / "t.key.json", tmp_path / "bad.json", tmp_path / "out" / "t.md"
    keyed.write_text(the.model_dump_json())
    bad.write_text("{}")
    files = []
    for seed in range(3):
        files.append(tmp_path / f"{seed}.json")
        files[-1].write_text(json.dumps(listener(the, seed)))
    assert run(monkeypatch, "read", *files, bad, "--key", keyed, "--out", out) == 0
    said = capsys.readouterr()
    assert out.read_text() in said.out
    assert "| oracle" in said.out
    assert "oracle" in said.out
    assert len(said.err.splitlines()) == 1
    assert str(bad) in out.read_text()
    assert run(monkeypatch, "read", bad, "--key", keyed) == 1
    assert run(monkeypatch, "read", *files, "--key", bad) == 2
    assert "the key that build wrote" in capsys.readouterr().err


def test_a_key_without_a_reference_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It cannot tell who hears; the trial that lacks it is named."""
    content = json.loads(key(songs=1).model_dump_json())
    content["trials"]["t0vocals"]["conditions"]["0vocals0"] = "two"
    (path := tmp_path / "t.key.json").write_text(json.dumps(content))
    (ratings := tmp_path / "a.json").write_text(json.dumps(listener(key(songs=1), 1)))
    assert run(monkeypatch, "read", ratings, "--key", path) == 2
    assert capsys.readouterr().err == (
        f"{path}: trials.t0vocals.conditions has no reference, which tells who hears; "
        "name the key that build wrote\n"
    )
