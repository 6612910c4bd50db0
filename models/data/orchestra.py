"""Scores on soundfonts: which program plays what, and how a part becomes events."""

from collections.abc import Sequence

import numpy as np

from models.data.library import RATE
from models.data.score import Hit, Note
from models.data.sound import Floats, Random, place
from models.data.soundfont import ACOUSTIC, GENERAL, Event, bank

DRUMS = 9  # the channel of drum kits
BASSES = tuple(range(32, 40))
# Programs by kind of playing, counted from 0. Choirs and voices (52 to 54, 85, 91) are left
# out: they would teach that voices are not vocals.
PROGRAMS = {
    "chords": (0, 1, 2, 4, 5, 6, 7, 11, 16, 17, 18, 21, 24, 25, 26, 27, 28, 46, 61, 62, 63),
    "pad": (16, 19, 48, 49, 50, 51, 88, 89, 90, 92, 93, 94, 95, 99),
    "arpeggio": (0, 4, 5, 8, 11, 12, 13, 24, 25, 27, 45, 46, 80, 81, 88, 98, 104, 107, 108),
    "lead": (
        22, 26, 27, 40, 41, 42, 56, 57, 59, 60, 64, 65, 66, 68, 69, 71, 73, 74, 75, 79, 80, 81,
        82, 83, 84, 86, 87, 109, 110,
    ),
    "power": (25, 26, 27, 28, 29, 30, 81, 87),
    "pluck": (9, 10, 12, 13, 15, 28, 45, 104, 105, 106, 108, 112, 114, 115),
    "texture": (95, 97, 99, 100, 101, 103),
}  # fmt: skip
GUITARS = (24, 25, 26, 27, 28)  # clean ones, for an amplifier
KITS = (0, 0, 8, 16, 24, 25, 25, 32, 40)
GENERAL_KEYS = {
    "kick": (36, 35), "snare": (38, 40), "ghost": (38, 40), "clap": (39,), "rim": (37,),
    "hat": (42, 44), "open": (46,), "ride": (51, 59), "shaker": (70, 82, 69), "crash": (49, 57),
    "perc": (54, 56, 60, 61, 62, 63, 64, 65, 66, 75, 76), "low": (41, 43), "middle": (45, 47),
    "high": (48, 50),
}  # fmt: skip
ACOUSTIC_KEYS = {
    "kick": (36,), "snare": (38, 40), "ghost": (38,), "clap": (39,), "rim": (37,), "hat": (42, 44),
    "open": (46, 48), "ride": (51, 53), "shaker": (54, 61), "crash": (49, 57, 60),
    "perc": (53, 54, 56), "low": (41,), "middle": (45,), "high": (47,),
}  # fmt: skip


def melodic(
    rng: Random, notes: Sequence[Note], program: int, samples: int, channel: int = 0
) -> list[Event]:
    """Give the events of one instrument, with small bends for pitches between the keys.

    Notes
    -----
    Thread: [any]
    """
    events = [Event(0, "program", channel, program)]
    for note in notes:
        start = round(note.start * RATE)
        key = int(np.clip(round(note.pitch), 0, 127))
        hit = int(np.clip(note.velocity * 105 + rng.normal(0, 6), 12, 127))
        end = min(start + max(round(note.length * RATE), 256), samples - 1)
        if start < samples:
            events += [Event(start, "on", channel, key, hit), Event(end, "off", channel, key)]
    return events


def play(rng: Random, notes: Sequence[Note], programs: Sequence[int], samples: int) -> Floats:
    """Play notes with a random program of a random bank, float32, shape (2, samples).

    Notes
    -----
    Thread: [any]
    """
    name = GENERAL[rng.integers(len(GENERAL))]
    program = programs[int(rng.integers(len(programs)))]
    return bank(name).render(melodic(rng, notes, program, samples), samples)


def line(rng: Random, notes: Sequence[Note], samples: int) -> Floats:
    """Play a monophonic bass line on a random bass, float32, shape (2, samples).

    Notes
    -----
    Thread: [any]
    """
    ends = [note.start for note in notes[1:]] + [float("inf")]
    cut = [
        Note(n.start, max(0.03, min(n.length, end - n.start)), n.pitch, n.velocity)
        for n, end in zip(notes, ends, strict=True)
    ]
    return play(rng, cut, BASSES, samples)


def kit(rng: Random, hits: Sequence[Hit], samples: int, *, acoustic: bool) -> Floats:
    """Play strokes on a General MIDI kit or a recorded acoustic one, float32, (2, samples).

    Notes
    -----
    The acoustic kits stand as melodic program 0, so they play on channel 0. Thread: [any]
    """
    names = ACOUSTIC if acoustic else GENERAL
    name = names[rng.integers(len(names))]
    channel, program = (0, 0) if acoustic else (DRUMS, KITS[rng.integers(len(KITS))])
    table = ACOUSTIC_KEYS if acoustic else GENERAL_KEYS
    # A drummer has one hat and one snare, and takes the other ones now and then.
    usual = {piece: keys[rng.integers(len(keys))] for piece, keys in table.items()}
    events = [Event(0, "program", channel, program)]
    for hit in hits:
        piece = hit.piece if hit.piece in table else "perc"
        keys = table[piece]
        key = keys[rng.integers(len(keys))] if rng.random() < 0.08 else usual[piece]
        start = max(0, round(hit.start * RATE))
        loud = int(np.clip(hit.velocity * 112 + rng.normal(0, 7), 8, 127))
        if start < samples:
            events.append(Event(start, "on", channel, key, loud))
            events.append(Event(min(start + RATE // 8, samples - 1), "off", channel, key))
    return bank(name).render(events, samples)


def overlay(track: Floats, sound: Floats, starts: Sequence[float], gain: float) -> None:
    """Add a sound at each of the times, in s.

    Notes
    -----
    Thread: [any]
    """
    for start in starts:
        place(track, sound, round(start * RATE), gain)
