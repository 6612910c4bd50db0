"""Results of an analysis as a MIDI file, a table and JSON."""

import csv
import io
from pathlib import Path
from typing import Any

import mido

from plugin_bridge.analysis.results import Note, SongAnalysis, StemAnalysis

TICKS = 480  # per beat
DEFAULT_BPM = 120.0  # where no tempo was found
DRUM_CHANNEL = 9
STRIKE = 0.06  # seconds that a drum's note is held
# Channel and General MIDI program; further stems get the next channels and a piano.
VOICES = {"vocals": (0, 53), "bass": (1, 33), "other": (2, 0)}
PIANO = 0
COLUMNS = ("stem", "kind", "start", "end", "key", "velocity", "hertz")


def midi_of(song: SongAnalysis) -> bytes:
    """Give a MIDI file of type 1: a track with the tempo, then one for each stem.

    Times are those of the song, whatever the tempo.

    Notes
    -----
    Thread: [any]
    """
    tempo = mido.bpm2tempo(song.tempo or DEFAULT_BPM)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)]))
    free = iter([*range(3, DRUM_CHANNEL), *range(DRUM_CHANNEL + 1, 16)] * len(song.stems))
    for name, stem in song.stems.items():
        drums = any(onset.keys for onset in stem.onsets)
        channel, program = (DRUM_CHANNEL, PIANO) if drums else VOICES.get(name, (None, PIANO))
        channel = next(free) if channel is None else channel
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=program))
        _play(track, channel, played(stem), tempo)
        file.tracks.append(track)
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def played(stem: StemAnalysis) -> list[Note]:
    """Give what a MIDI track plays: notes, or each key of a drum stroke for a moment.

    Notes
    -----
    Thread: [any]
    """
    strokes = [
        Note(onset.seconds, onset.seconds + STRIKE, key, onset.velocity)
        for onset in stem.onsets
        for key in onset.keys
    ]
    return sorted([*strokes, *stem.notes])


def _play(track: mido.MidiTrack, channel: int, notes: list[Note], tempo: int) -> None:
    """Add notes to a track; one that is struck again ends first."""
    ends: dict[int, int] = {}
    events: list[tuple[int, int, mido.Message]] = []
    for note in reversed(notes):
        begin, end = (
            mido.second2tick(max(0.0, time), TICKS, tempo) for time in (note.start, note.end)
        )
        end = max(begin + 1, min(end, ends.get(note.key, end)))
        ends[note.key] = begin
        velocity = max(1, min(127, round(127 * note.velocity)))
        on = mido.Message("note_on", channel=channel, note=note.key, velocity=velocity)
        off = mido.Message("note_off", channel=channel, note=note.key)
        events += [(begin, 1, on), (end, 0, off)]
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick


def table_of(song: SongAnalysis) -> str:
    """Give onsets, notes, beats and the pitch curve as CSV, seconds with four digits.

    Notes
    -----
    Thread: [any]
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for beat in song.beats:
        writer.writerow(["", "beat", f"{beat:.4f}", "", "", "", ""])
    for name, stem in song.stems.items():
        for onset in stem.onsets:
            keys = onset.keys or ("",)
            for key in keys:
                row = [f"{onset.seconds:.4f}", "", key, f"{onset.velocity:.3f}", ""]
                writer.writerow([name, "hit" if onset.keys else "onset", *row])
        for note in stem.notes:
            row = [f"{note.start:.4f}", f"{note.end:.4f}", note.key, f"{note.velocity:.3f}", ""]
            writer.writerow([name, "note", *row])
        for time, hertz in zip(stem.times, stem.hertz, strict=True):
            if hertz > 0:
                writer.writerow([name, "pitch", f"{time:.4f}", "", "", "", f"{hertz:.2f}"])
    return out.getvalue()


def document_of(path: Path, song: SongAnalysis) -> dict[str, Any]:
    """Give all results as JSON knows them.

    Notes
    -----
    Thread: [any]
    """
    return {
        "input": str(path),
        "seconds": round(song.seconds, 4),
        "tempo": song.tempo,
        "beats": [round(beat, 4) for beat in song.beats],
        "stems": {name: stem.as_dict() for name, stem in song.stems.items()},
    }
