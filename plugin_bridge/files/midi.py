"""Read MIDI files: what was played, and when.

Rules of this file
 1. Tempo changes of all tracks hold for all tracks; times are summed in whole microticks, so that
    an hour of small steps does not drift.
 2. Only what a channel sends is given; tempo, names and system messages are not.
 3. Nothing in the file decides how long reading takes or how much memory it needs.
"""

import io
import re
import struct
from pathlib import Path
from typing import NamedTuple

import mido

from plugin_bridge.errors import MidiError
from plugin_bridge.files.writer import reason

MAGIC, TRACK = b"MThd", b"MTrk"
# About half a million events, three seconds to read; the shortest possible ones make it a million,
# which take ten seconds and half a GB.
MOST_BYTES = 2_000_000
LONGEST_HOURS = 24
# Beats per minute 120, the format's own default.
DEFAULT_TEMPO = 500_000
MICRO = 1_000_000
# A time of more bytes than any file means; mido would add them up in quadratic time.
ENDLESS_TIME = re.compile(rb"[\x80-\xff]{10000}")
# What mido raises for bytes that make no sense, depending on where they stand.
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError)


class TimedMessage(NamedTuple):
    """A message of a file.

    Attributes
    ----------
    seconds : float, from the start of the file
    message : bytes, one whole channel message
    """

    seconds: float
    message: bytes

    def position(self, sample_rate: float) -> int:
        """Give the sample at which it stands; `sample_rate` in Hz.

        Notes
        -----
        Thread: [any]
        """
        return round(self.seconds * sample_rate)


def read_midi(path: str | Path) -> list[TimedMessage]:
    """Read a MIDI file of type 0 or 1.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    messages : list of TimedMessage
        By time; at the same tick by track, then as they stand.

    Raises
    ------
    MidiError
        If it cannot be read, is no MIDI file, is cut, too long, of type 2, or counts time in a way
        that makes no sense; names the file.

    Notes
    -----
    Thread: [main]
    """
    path = Path(path)
    file = _parse(path, _bytes(path))
    tempos, played = _sorted_events(file)
    messages, micros, tick, tempo = [], 0, 0, DEFAULT_TEMPO
    changes = iter([*tempos, (played[-1][0] + 1 if played else 0, DEFAULT_TEMPO)])
    change = next(changes)
    for at, message in played:
        while change[0] <= at:
            micros += (change[0] - tick) * tempo
            tick, tempo = change
            change = next(changes)
        micros += (at - tick) * tempo
        tick = at
        messages.append(TimedMessage(micros / (file.ticks_per_beat * MICRO), message))
    if any(length <= 0 for _, length in tempos):
        raise MidiError(
            f"{path} has a tempo of no time per beat; set its tempo and export it again"
        )
    if messages and messages[-1].seconds > LONGEST_HOURS * 3600:
        raise MidiError(
            f"{path} plays for {messages[-1].seconds / 3600:.0f} hours; at most {LONGEST_HOURS} "
            "are read, check its tempo"
        )
    return messages


def _bytes(path: Path) -> bytes:
    """Read the file, after its size is known to be sane."""
    try:
        if path.is_dir():
            raise MidiError(f"{path} is a folder; name the .mid file in it")
        size = path.stat().st_size
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MidiError(f"{path} does not exist; check the name") from error
    except OSError as error:
        raise MidiError(f"{path} cannot be read: {reason(error)}") from error
    if not size:
        raise MidiError(f"{path} is empty (0 bytes); export it again")
    if size > MOST_BYTES and content.startswith(MAGIC):
        raise MidiError(
            f"{path} has {size} bytes, at most {MOST_BYTES} (half a million events) are read; "
            "split it or thin its controllers out"
        )
    return content


def _parse(path: Path, content: bytes) -> mido.MidiFile:
    if not content.startswith(MAGIC):
        raise MidiError(f"{path} is not a MIDI file; export one of type 0 or 1")
    content = _without_foreign_chunks(content)
    if ENDLESS_TIME.search(content):
        raise MidiError(f"{path} is damaged; export it again")
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except EOFError as error:
        raise MidiError(f"{path} is cut short; copy it again or export it again") from error
    except DAMAGE as error:
        raise MidiError(f"{path} is damaged ({error}); export it again") from error
    if file.type not in (0, 1):
        why = ", whose tracks do not play together" if file.type == 2 else ""
        raise MidiError(f"{path} is a MIDI file of type {file.type}{why}; export it as type 0 or 1")
    if file.ticks_per_beat <= 0:
        counts = "time in SMPTE frames" if file.ticks_per_beat else "0 ticks per quarter note"
        raise MidiError(f"{path} counts {counts}; export it with 480 ticks per quarter note")
    return file


def _without_foreign_chunks(content: bytes) -> bytes:
    """Leave out what is neither header nor track, as the format asks; mido refuses it."""
    kept, at = [], 0
    while len(content) - at >= 8:
        name, length = struct.unpack_from(">4sI", content, at)
        end = at + 8 + length
        if end > len(content):
            break  # no whole chunk: mido says what is wrong
        if name in (MAGIC, TRACK):
            kept.append(content[at:end])
        at = end
    return b"".join([*kept, content[at:]])


def _sorted_events(file: mido.MidiFile) -> tuple[list[tuple[int, int]], list[tuple[int, bytes]]]:
    """Give the tempo changes and the channel messages of all tracks with their ticks."""
    tempos: list[tuple[int, int]] = []
    played: list[tuple[int, bytes]] = []
    for track in file.tracks:
        tick = 0
        for event in track:
            tick += event.time
            if event.type == "set_tempo":
                tempos.append((tick, event.tempo))
            elif not event.is_meta and event.type != "sysex":
                played.append((tick, bytes(event.bytes())))
    # Stable: what stands at the same tick keeps its order.
    return sorted(tempos, key=_tick), sorted(played, key=_tick)


def _tick(entry: tuple[int, object]) -> int:
    return entry[0]
