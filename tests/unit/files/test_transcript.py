"""Results as MIDI, CSV and JSON: what was found is what is read back."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.analysis.results import Note, Onset, SongAnalysis, StemAnalysis
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.midi import read_midi
from plugin_bridge.files.transcript import document_of, midi_of, table_of
from plugin_bridge.files.writer import write_document

# A tick at 97 beats per minute is 1.3 ms.
TICK = 0.0015


def song(tempo: float | None = 97.0) -> SongAnalysis:
    """Give a kick and hat, two bass notes that touch, a chord, and a pitch curve."""
    times = np.array([0.1, 0.2], np.float32)
    stems = {
        "drums": StemAnalysis("drums", [Onset(0.25, 1.0, (36, 42)), Onset(0.75, 0.5, (38,))]),
        "bass": StemAnalysis(
            "bass",
            [Onset(0.5, 0.5)],
            [Note(0.5, 1.0, 33, 0.5), Note(1.0, 1.25, 33, 0.5)],
            times,
            np.array([0.0, 55.0], np.float32),
        ),
        "other": StemAnalysis("other", [], [Note(0.0, 2.0, 60, 1.0), Note(0.0, 1.0, 64, 1.0)]),
        "more": StemAnalysis("more", [], [Note(1.0, 1.5, 70, 0.3), Note(1.2, 1.9, 70, 0.3)]),
    }
    return SongAnalysis(2.0, tempo, [0.1, 0.6], stems)


@pytest.mark.parametrize("tempo", [97.0, None, 240.0])
def test_midi_times_are_the_songs(tmp_path: Path, tempo: float | None) -> None:
    """Whatever the tempo; drums on channel 10, other stems on one each."""
    path = tmp_path / "a.mid"
    path.write_bytes(midi_of(song(tempo)))
    played = [(m.seconds, *m.message) for m in read_midi(path) if m.message[0] & 0xF0 == 0x90]
    begins = sorted((status & 15, key, time) for time, status, key, _ in played)
    wanted = [(1, 33, 0.5), (1, 33, 1.0), (2, 60, 0.0), (2, 64, 0.0), (3, 70, 1.0), (3, 70, 1.2),
              (9, 36, 0.25), (9, 38, 0.75), (9, 42, 0.25)]  # fmt: skip
    assert [b[:2] for b in begins] == [w[:2] for w in wanted]
    assert np.allclose([b[2] for b in begins], [w[2] for w in wanted], atol=TICK)


def test_every_midi_note_ends(tmp_path: Path) -> None:
    """Before it is struck again, and at the end of the file none is left."""
    path = tmp_path / "a.mid"
    path.write_bytes(midi_of(song()))
    sounding: set[tuple[int, int]] = set()
    for _, message in read_midi(path):
        voice = (message[0] & 15, message[1])
        if message[0] & 0xF0 == 0x90:
            assert voice not in sounding
            sounding.add(voice)
        if message[0] & 0xF0 == 0x80:
            sounding.remove(voice)
    assert not sounding


def test_the_table_holds_all() -> None:
    """A row for each beat, key of a stroke, onset, note and pitched hop."""
    rows = list(csv.DictReader(io.StringIO(table_of(song()))))
    kinds = [(row["stem"], row["kind"]) for row in rows]
    assert kinds.count(("", "beat")) == 2
    assert kinds.count(("drums", "hit")) == 3
    assert kinds.count(("bass", "onset")) == 1
    assert kinds.count(("bass", "note")) == 2
    assert [row["hertz"] for row in rows if row["kind"] == "pitch"] == ["55.00"]


def test_the_document_is_json() -> None:
    """No NaN, no numpy."""
    text = json.dumps(document_of(Path("a.wav"), song()), allow_nan=False)
    read = json.loads(text)
    assert read["tempo"] == 97.0
    assert read["stems"]["drums"]["onsets"][0] == {
        "seconds": 0.25,
        "velocity": 1.0,
        "keys": [36, 42],
    }


def test_an_empty_song_is_a_valid_file(tmp_path: Path) -> None:
    """No stem has anything."""
    path = tmp_path / "a.mid"
    path.write_bytes(midi_of(SongAnalysis(0.1, None, [], {"drums": StemAnalysis("drums")})))
    assert all(m.message[0] & 0xF0 == 0xC0 for m in read_midi(path))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where it cannot be, nothing is left beside it."""
    (tmp_path / "a.mid").mkdir()
    with pytest.raises(PluginBridgeError, match="cannot be written"):
        write_document(tmp_path / "a.mid", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"]
