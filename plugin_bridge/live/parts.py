"""A take while it is recorded, and how its parts become a take, whoever ends it.

Rules of this file
  1. While it is recorded everything has a temporary name. The engine seals the take at its end;
     where it was killed its parent does, and the take says that it was cut off.
  2. Parts are of use up to their last byte: sound with an open length, commands and MIDI as lines.
  3. A command is written before the sound that it changed. So a take that was cut off is still
     exact, up to its end.
  4. The journal goes last: while it is there, sealing can be begun again.
  5. What only a finished take needs is imported then: an engine's start is waited for.
"""

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from plugin_bridge.console import Command
from plugin_bridge.disk import digest, write_whole
from plugin_bridge.files.writer import write_error
from plugin_bridge.live.control import Audio, Cells, Head, Worker
from plugin_bridge.live.wave import close_wave, held_samples
from plugin_bridge.midi.intake import CHANNEL, is_whole

INPUT, OUTPUT, TAKE, MIDI = "input.wav", "out.wav", "take.toml", "take.mid"
FORMAT = 1
COUNTERS = {
    "misses": Audio.MISSES,
    "missed_samples": Audio.MISSED_SAMPLES,
    "skipped_hops": Worker.SKIPPED_HOPS,
    "input_xruns": Audio.INPUT_XRUNS,
    "output_xruns": Audio.OUTPUT_XRUNS,
}
# Of a song that is played instead of an input.
SONG_COUNTERS = {
    "jumps": Head.JUMPS,
    "underruns": Head.UNDERRUNS,
    "paused_samples": Head.PAUSED_SAMPLES,
}
# A beat of a MIDI file has at most so many ticks, and lasts so long here where it can.
MOST_TICKS, BEAT_US = 32767, 500_000


def part(folder: Path, name: str) -> Path:
    """Give where a file of a take stands while it is recorded.

    Examples
    --------
    >>> part(Path("take"), INPUT).name
    '.input.wav.part'
    """
    return folder / f".{name}.part"


def sound(folder: Path, name: str) -> Path:
    """Give where a take's sound stands: its part, or the file where a seal has begun.

    Notes
    -----
    Thread: [any]
    """
    wave = part(folder, name)
    return wave if wave.exists() else folder / name


def is_taken(folder: Path) -> bool:
    """Tell whether a folder has a take, or parts of one.

    Notes
    -----
    Thread: [any]
    """
    names = (INPUT, OUTPUT, TAKE, MIDI)
    return any((folder / n).exists() or part(folder, n).exists() for n in names)


class Journal:
    """What a take says about itself, line by line.

    Parameters
    ----------
    folder : Path
    described : dict, as JSON can hold it: what is known at the start

    Raises
    ------
    PluginBridgeError
        If the folder cannot be written.

    Notes
    -----
    Thread: [main], or one of its own
    """

    def __init__(self, folder: Path, described: dict[str, Any]) -> None:
        self._path = part(folder, TAKE)
        self._put({"described": described})

    def add(self, commands: Sequence[Command]) -> None:
        """Write commands down, each with the position at which it was followed.

        Notes
        -----
        Thread: that of the journal
        """
        if commands:
            self._put(*({"command": vars(command)} for command in commands))

    def lose(self, samples: int) -> None:
        """Write down that samples are silence in the take.

        Notes
        -----
        Thread: that of the journal
        """
        self._put({"lost": samples})

    def _put(self, *entries: dict[str, Any]) -> None:
        try:
            with self._path.open("ab") as file:
                file.write("".join(json.dumps(entry) + "\n" for entry in entries).encode())
        except OSError as error:
            raise write_error(self._path, error) from error


def note_midi(folder: Path, position: int, message: bytes) -> None:
    """Write down what a controller sent, and the input sample at which it came.

    Raises
    ------
    OSError
        If the folder cannot be written.

    Notes
    -----
    Thread: [midi], of the parent
    """
    with part(folder, MIDI).open("ab") as file:
        file.write(f"{position} {message.hex()}\n".encode())


def seal(folder: Path, cells: Cells, *, cut_off: bool) -> None:
    """Make a take of its parts; without parts nothing is done.

    Parameters
    ----------
    folder : Path
    cells : int64, of the control block, for the counters
    cut_off : bool, whether the engine was killed

    Raises
    ------
    OSError
        If the folder cannot be written; the parts stay.

    Notes
    -----
    Thread: [main], one at a time: the engine's, or its parent's once that has ended
    """
    import tomli_w

    journal = part(folder, TAKE)
    if not journal.exists():
        return
    described, commands, lost = _read(journal)
    waves = {name: sound(folder, name) for name in (INPUT, OUTPUT)}
    samples = min(map(held_samples, waves.values()))
    for name, wave in waves.items():
        close_wave(wave, samples)
        wave.replace(folder / name)
    messages = _messages(part(folder, MIDI))
    write_midi(folder / MIDI, messages, described["rate"])
    song = described.get("song")
    if song:
        song |= {name: int(cells[cell]) for name, cell in SONG_COUNTERS.items()}
    take = {
        "format": FORMAT,
        **{name: value for name, value in described.items() if not isinstance(value, dict)},
        **{name: int(cells[cell]) for name, cell in COUNTERS.items()},
        "samples": samples,
        "lost_samples": lost,
        "cut_off": cut_off,
        "midi_messages": len(messages),
        "midi_sha256": digest(folder / MIDI),
        **{name: value for name, value in described.items() if isinstance(value, dict)},
        "commands": commands,
    }
    write_whole(folder / TAKE, tomli_w.dumps(take).encode())
    part(folder, MIDI).unlink(missing_ok=True)
    journal.unlink()


def discard(folder: Path) -> None:
    """Remove the parts of a take that never began.

    Notes
    -----
    Thread: [main]
    """
    for name in (INPUT, OUTPUT, TAKE, MIDI):
        part(folder, name).unlink(missing_ok=True)


def write_midi(path: Path, messages: Sequence[tuple[int, bytes]], rate: int) -> None:
    """Write what a controller sent; a tick of the file is a sample.

    Parameters
    ----------
    path : Path
    messages : pairs of int and bytes, input sample and message of a channel, by time
    rate : int, Hz

    Notes
    -----
    Thread: [main]
    """
    import mido

    # Ticks per microsecond: exact for every rate in use, else as near as a file can say it.
    ticks, us = (
        Fraction(rate, 10**6).limit_denominator(MOST_TICKS * 10**6 // rate).as_integer_ratio()
    )
    times = max(1, min(MOST_TICKS // ticks, BEAT_US // us))
    file = mido.MidiFile(type=0, ticks_per_beat=ticks * times)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=us * times)])
    before = 0
    for position, message in messages:
        track.append(mido.Message.from_bytes(message, time=max(0, position - before)))
        before = max(before, position)
    file.tracks.append(track)
    content = io.BytesIO()
    file.save(file=content)
    write_whole(path, content.getvalue())


def _read(journal: Path) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """Give what is known, the commands, and how many samples were lost."""
    described: dict[str, Any] = {}
    commands, lost = [], 0
    for line in journal.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            break  # the last line was being written
        described = entry.get("described", described)
        lost += entry.get("lost", 0)
        if "command" in entry:
            commands.append(entry["command"])
    return described, commands, lost


def _messages(path: Path) -> list[tuple[int, bytes]]:
    """Give what a file can hold: the messages of channels, of lines that were written whole."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text("ascii", "replace").splitlines():
        position, _, text = line.partition(" ")
        with suppress(ValueError):  # a full disk, or an end in its midst, left half a line
            message = bytes.fromhex(text)
            if is_whole(message) and message[0] & 0xF0 in CHANNEL:
                found.append((int(position), message))
    return found
