"""Open MIDI compositions as scores: an excerpt, moved in key and tempo, with a tune of its own.

Rules of this file:
1. What the file holds decides the notes, never the length: an excerpt has the seconds asked
   for, a note that hangs is ended after 8 s.
2. Choirs and voices are left out: they would teach that voices are not vocals.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from models.data.library import UnusableError
from models.data.orchestra import BASSES, DRUMS, GENERAL_KEYS
from models.data.score import Hit, Note, Part, Score
from models.data.sound import Random
from plugin_bridge.errors import MidiError
from plugin_bridge.files.midi import TimedMessage, read_midi

HANGING = 8.0  # s after which a note is ended
MOST_PARTS = 5
MOST_NOTES = 20_000
LARGEST = 2_000_000  # bytes of a file inside an archive
VOICES = frozenset((52, 53, 54, 85, 91))
EFFECTS = frozenset(range(119, 128))
# Kind of playing by groups of eight programs.
KINDS = (
    "chords", "pluck", "pad", "chords", "bass", "lead", "pad", "lead", "lead", "lead", "lead",
    "pad", "pad", "arpeggio", "pluck", "pluck",
)  # fmt: skip
PIECES = {key: piece for piece, keys in reversed(GENERAL_KEYS.items()) for key in keys} | {
    38: "snare", 40: "snare", 52: "crash", 55: "crash", 53: "ride", 58: "perc", 67: "perc",
}  # fmt: skip


@dataclass(frozen=True)
class _Played:
    """A note of a file."""

    channel: int
    program: int
    start: float
    length: float
    key: int
    velocity: float


def find(root: Path) -> list[tuple[Path, str]]:
    """List the compositions below `root`/midi: file and, in an archive, the name inside.

    Raises
    ------
    ValueError
        If there is none, or an archive is damaged.

    Notes
    -----
    Thread: [any]
    """
    found = []
    for path in sorted((root / "midi").rglob("*")):
        if path.suffix.lower() in {".mid", ".midi"}:
            found.append((path, ""))
        elif path.suffix.lower() == ".zip":
            try:
                with ZipFile(path) as archive:
                    names = [name for name in sorted(archive.namelist()) if name.endswith(".mid")]
            except (BadZipFile, OSError) as error:
                raise ValueError(
                    f"{path} cannot be opened ({error}); fetch it again or remove it"
                ) from error
            found += [(path, name) for name in names]
    if not found:
        raise ValueError(f"{root}/midi holds no .mid files and no .zip with such; add some")
    return found


def messages(path: Path, name: str = "") -> list[TimedMessage]:
    """Read a composition.

    Raises
    ------
    UnusableError
        If it is damaged or too large.

    Notes
    -----
    Thread: [any]
    """
    try:
        if not name:
            return read_midi(path)
        with ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            if archive.getinfo(name).file_size > LARGEST:
                raise UnusableError(f"{name} in {path} is larger than 2 MB; leave it out")
            plain = Path(folder) / Path(name).name
            plain.write_bytes(archive.read(name))
            return read_midi(plain)
    except (MidiError, BadZipFile, KeyError, OSError) as error:
        raise UnusableError(f"{name or path} cannot be played: {error}") from error


def _played(given: Sequence[TimedMessage]) -> list[_Played]:
    """Pair beginnings and ends; a note without an end is given one."""
    programs: dict[int, int] = {}
    starts: dict[tuple[int, int], tuple[float, float]] = {}
    notes: list[_Played] = []

    def end(channel: int, key: int, at: float) -> None:
        start, velocity = starts.pop((channel, key))
        length = min(at - start, HANGING)
        program = programs.get(channel, 0)
        notes.append(_Played(channel, program, start, length, key, velocity))

    for seconds, message in given:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0xC0:
            programs[channel] = message[1]
        elif kind in {0x80, 0x90}:
            if (channel, message[1]) in starts:
                end(channel, message[1], seconds)
            if kind == 0x90 and message[2]:
                starts[channel, message[1]] = (seconds, message[2] / 127)
    for channel, key in list(starts):
        end(channel, key, given[-1].seconds + HANGING)
    if len(notes) > MOST_NOTES:
        notes = sorted(notes, key=lambda note: note.start)[:MOST_NOTES]
    return sorted(notes, key=lambda note: (note.start, note.channel, note.key))


def excerpt(rng: Random, given: Sequence[TimedMessage], seconds: float) -> Score:
    """Cut a score out of a composition.

    Parameters
    ----------
    rng : numpy Generator
        Draws the place, the key and the tempo.
    given : sequence of TimedMessage
    seconds : float

    Returns
    -------
    score : Score
        Without sections; the vocals are a new tune over the chords.

    Raises
    ------
    UnusableError
        If the excerpt has hardly any notes.

    Notes
    -----
    Thread: [any]
    """
    notes = _played(given)
    if len(notes) < 30:
        raise UnusableError(f"it has {len(notes)} notes, 30 are wanted; leave it out")
    pace, up = rng.uniform(0.88, 1.14), int(rng.integers(-4, 5))
    last = notes[-1].start * pace
    first = notes[0].start * pace + rng.uniform(0, max(0.0, last - notes[0].start - seconds))
    hits: list[Hit] = []
    bass: list[Note] = []
    parts: dict[tuple[int, int], list[Note]] = {}
    for note in notes:
        start = note.start * pace - first
        if not 0 <= start < seconds:
            continue
        if note.channel == DRUMS:
            hits.append(Hit(start, PIECES.get(note.key, "perc"), note.velocity))
            continue
        if note.program in VOICES or note.program in EFFECTS:
            continue
        moved = Note(start, max(0.05, note.length * pace), note.key + up, note.velocity)
        if note.program in BASSES:
            bass.append(moved)
        else:
            parts.setdefault((note.channel, note.program), []).append(moved)
    busy = sorted(parts.items(), key=lambda pair: -len(pair[1]))[:MOST_PARTS]
    other = tuple(Part(KINDS[program // 8], tuple(part)) for (_, program), part in busy)
    if len(hits) + len(bass) + sum(len(part.notes) for part in other) < 30:
        raise UnusableError("the excerpt has fewer than 30 notes; leave the composition out")
    lead, second = tune(rng, [*bass, *(n for part in other for n in part.notes)], seconds)
    return Score(
        0.5 * pace, "midi", (), tuple(hits), tuple(_single(bass)), other, tuple(lead),
        tuple(second),
    )  # fmt: skip


def _single(notes: Sequence[Note]) -> list[Note]:
    """One note at a time, in the range of a bass."""
    line: list[Note] = []
    for note in notes:
        pitch = note.pitch
        while pitch > 59:
            pitch -= 12
        while pitch < 21:
            pitch += 12
        if not line or note.start > line[-1].start + 0.02:
            line.append(Note(note.start, note.length, pitch, note.velocity))
    return line


def tune(rng: Random, notes: Sequence[Note], seconds: float) -> tuple[list[Note], list[Note]]:
    """Write a tune from the pitches that sound, and a second voice below or above it.

    Notes
    -----
    Thread: [any]
    """
    if not notes:
        return [], []
    starts = np.array([note.start for note in notes])
    ends = starts + np.array([note.length for note in notes])
    pitches = np.array([round(note.pitch) % 12 for note in notes])
    lead, second = list[Note](), list[Note]()
    at, line, beat = rng.uniform(0, 4), rng.uniform(52, 68), rng.uniform(0.35, 0.7)
    while at < seconds - 1:
        if rng.random() < 0.14:
            at += beat * float(rng.choice([1, 2, 4, 8]))
            continue
        length = beat * float(rng.choice([0.5, 0.5, 1, 1, 1.5, 2, 4]))
        sounding = np.unique(pitches[(starts <= at + 0.05) & (ends > at)])
        if len(sounding) < 2:
            at += beat
            continue
        line = float(np.clip(line + rng.choice([-4, -2, -1, 0, 1, 2, 4]), 48, 74))
        near = [p + 12 * round((line - p) / 12) for p in sounding]
        near.sort(key=lambda pitch: abs(pitch - line))
        lead.append(Note(at, length * rng.uniform(0.85, 1), near[0], rng.uniform(0.6, 1)))
        apart = near[1] if len(near) > 1 else near[0] - 12
        second.append(Note(at, lead[-1].length, apart, lead[-1].velocity))
        at += length
    return lead, second
