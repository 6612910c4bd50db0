"""Notes of generated songs: known, and those of the very samples."""

import hashlib
import tomllib

import numpy as np
import pytest

from models.data.notes import notes_of
from models.data.score import compose
from models.data.songs import generate
from models.evaluate_notes import (
    COLUMNS,
    TABLE,
    guessed,
    main,
    note_score,
    onset_score,
    pitch_scores,
)
from plugin_bridge.analysis.grid import BASE_RATE
from plugin_bridge.analysis.results import Note as Found
from plugin_bridge.analysis.results import StemAnalysis


def test_notes_are_those_of_the_score() -> None:
    """The score that `generate` draws first; what begins after the end is left out."""
    notes, score = notes_of(5, 8.0), compose(np.random.default_rng([5, 0]), 8.0)
    assert notes.bass == tuple(note for note in score.bass if note.start < 8)
    assert notes.drums == tuple(hit for hit in score.drums if hit.start < 8)


def test_a_song_is_the_same_before_and_after_its_notes_are_asked_for() -> None:
    """To know the notes draws from nobody's stream."""
    digests = []
    for _ in range(2):
        digests.append(hashlib.sha256(generate(6, 2.0).mixture.tobytes()).hexdigest())
        notes_of(6, 2.0)
    assert digests[0] == digests[1]


def test_the_table_of_rubidium_is_sound() -> None:
    """Inside the excerpt of 20 s, in order, no two within 30 ms."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    onsets = np.array(table["onsets"])
    assert table["seconds"] == 20
    assert onsets.min() >= table["start"]
    assert onsets.max() < table["start"] + 20
    assert np.diff(onsets).min() > 0.03


def test_scores_of_the_truth_are_one() -> None:
    """And a wrong key, or a late onset, is a miss."""
    notes = notes_of(3, 6.0).bass
    same = [Found(n.start, n.start + n.length, round(n.pitch), 1.0) for n in notes]
    assert note_score(notes, same) == 1
    assert note_score(notes, [n._replace(key=n.key + 1) for n in same]) == 0
    times = [note.start for note in notes]
    assert onset_score(times, times) == 1
    assert onset_score(times[:1], [times[0] + 0.06]) == 0


def test_a_pitch_that_is_not_told_counts_as_raw_only() -> None:
    """What was guessed is raw accuracy, whatever was told; what was told is overall accuracy."""
    truth = notes_of(3, 6.0)
    sung = truth.hertz > 0
    assert 0.1 < sung.mean() < 0.9
    guess = truth.times.astype(float), np.where(sung, truth.hertz, 200.0).astype(float)
    first = int(np.argmax(sung))
    once = np.where(np.arange(len(sung)) == first, truth.hertz, 0)
    found = pitch_scores(truth, StemAnalysis("vocals", times=truth.times, hertz=once), guess)
    assert found["vocal pitch, raw"] == 1
    assert found["vocal pitch, told"] == pytest.approx(1 - sung.mean(), abs=0.01)
    right = StemAnalysis("vocals", times=truth.times, hertz=truth.hertz)
    wrong = guess[0], guess[1] * 1.1
    found = pitch_scores(truth, right, wrong)
    assert (found["vocal pitch, raw"], found["vocal pitch, told"]) == (0, 1)


def test_a_guess_is_a_pitch_in_every_hop_that_sounds() -> None:
    """Of a tone its frequency; of a tone in noise at least something."""
    time = np.arange(BASE_RATE) / BASE_RATE
    tone = np.sin(2 * np.pi * 220 * time)
    noise = np.random.default_rng(0).standard_normal(len(time))
    for way in ("offline", "causal"):
        times, hertz = guessed(np.stack([tone, tone]).astype(np.float32), way)
        assert times.min() >= 0
        middle = (times > 0.2) & (times < 0.9)
        np.testing.assert_allclose(hertz[middle], 220, rtol=0.01)
        mixed = (0.3 * tone + 0.3 * noise).astype(np.float32)
        assert (guessed(mixed[None], way)[1][middle] > 0).all()


def test_the_table_has_a_row_for_every_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a column for every way to come to a stem."""
    monkeypatch.setattr("sys.argv", ["evaluate_notes", "--seeds", "3", "--seconds", "4"])
    main()
    heading, _, *rows = capsys.readouterr().out.splitlines()
    assert heading.count("|") == 2 + len(COLUMNS)
    assert {row.split("|")[1].strip() for row in rows} >= {"drum onsets", "bass notes",
                                                          "vocal pitch, raw"}  # fmt: skip
    assert all(row.count("|") == heading.count("|") for row in rows)
