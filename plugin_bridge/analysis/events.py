"""What the causal detectors find: onsets, drum hits, notes that begin and end."""

from typing import NamedTuple

# Kinds of events.
ONSET, HIT, NOTE_ON, NOTE_OFF = "onset", "hit", "note_on", "note_off"
# General MIDI's keys of the three kinds of drums that are told apart.
KICK, SNARE, HAT = 36, 38, 42


class Event(NamedTuple):
    """Something that happens in a stem.

    Attributes
    ----------
    position : int, the sample of the stem at which it happens
    stem : str
    kind : "onset", "hit", "note_on" or "note_off"
    key : int or None
        MIDI key of a note, General MIDI key of a hit (36 kick, 38 snare, 42 hat).
    velocity : float, 0..1, 0 for the end of a note
    found : int
        How many samples of the stem had been heard when it was found: `found - position` is
        the delay.
    """

    position: int
    stem: str
    kind: str
    key: int | None
    velocity: float
    found: int
