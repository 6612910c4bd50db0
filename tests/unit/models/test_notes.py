"""Notes of generated songs: known, and those of the very samples."""

import hashlib
import tomllib

import numpy as np

from models.data.notes import notes_of
from models.data.score import compose
from models.data.songs import generate
from models.evaluate_notes import TABLE, note_score, onset_score
from plugin_bridge.analysis.results import Note as Found


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
