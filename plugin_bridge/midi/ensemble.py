"""Voices at work: what is heard in stems to MIDI messages, each note ended once.

Pure: time comes in as a number.
"""

from collections.abc import Iterator, Sequence

from plugin_bridge.midi.voice import NOTE, ONSET, STROKES, TOP, Voice

# Seconds after which a stroke's note is ended: short of the 46 ms that lie between two strokes
# at least, long enough for a sampler that plays only while a note is held to be heard.
STROKE_SECONDS = 0.04
NOTE_ON, NOTE_OFF, CONTROL = 0x90, 0x80, 0xB0
ALL_NOTES_OFF = 123


class Ensemble:
    """Voices, and what they have sounding.

    Parameters
    ----------
    voices : sequence of Voice

    Examples
    --------
    >>> ensemble = Ensemble([Voice(stem="drums", hears="kick", channel=10, note=36)])
    >>> [message.hex() for message in ensemble.stroke("drums", 0, 36, 1.0, 5.0)]
    ['99247f']
    >>> [message.hex() for message in ensemble.due(5.1)]
    ['892400']

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, voices: Sequence[Voice]) -> None:
        self.voices = tuple(voices)
        # Sounding notes: channel and note -> the row that plays it, and when it ends by itself.
        self._sounding: dict[tuple[int, int], tuple[Voice, float | None]] = {}
        self._last: dict[str, int] = {}  # stem -> place of its last onset

    def stroke(
        self, stem: str, place: int, key: int | None, velocity: float, now: float
    ) -> list[bytes]:
        """Play a beginning.

        Parameters
        ----------
        stem : str
        place : int, where it is: several kinds of stroke at one place are one onset
        key : int or None, General MIDI's of a drum stroke
        velocity : float, 0..1
        now : float, seconds

        Returns
        -------
        messages : list of bytes

        Notes
        -----
        Thread: [any], one at a time
        """
        kind = STROKES.get(-1 if key is None else key)
        is_new = self._last.get(stem) != place
        self._last[stem] = place
        messages: list[bytes] = []
        for voice in self._of(stem):
            if voice.note is not None and (
                voice.hears == kind or (voice.hears == ONSET and is_new)
            ):
                messages += self._begin(voice, voice.note, velocity, now + STROKE_SECONDS)
        return messages

    def note_on(self, stem: str, key: int, velocity: float) -> list[bytes]:
        """Play a note, after the end of the one that the same voice has sounding.

        Notes
        -----
        Thread: [any], one at a time
        """
        messages = self.note_off(stem)
        for voice in self._of(stem):
            note = key + voice.transpose
            if voice.hears == NOTE and 0 <= note <= TOP:
                messages += self._begin(voice, note, velocity, None)
        return messages

    def note_off(self, stem: str) -> list[bytes]:
        """End the notes that were heard in a stem.

        Notes
        -----
        Thread: [any], one at a time
        """
        held = [
            at for at, (voice, end) in self._sounding.items() if voice.stem == stem and end is None
        ]
        return [self._end(at) for at in held]

    def due(self, now: float) -> list[bytes]:
        """End the strokes whose time is over.

        Notes
        -----
        Thread: [any], one at a time
        """
        over = [at for at, (_, end) in self._sounding.items() if end is not None and now >= end]
        return [self._end(at) for at in over]

    def silence(self) -> list[bytes]:
        """End all that sounds, and tell every channel in use so.

        Notes
        -----
        Thread: [any], one at a time
        """
        messages = [self._end(at) for at in list(self._sounding)]
        channels = sorted({voice.channel for voice in self.voices})
        return messages + [bytes([CONTROL + c - 1, ALL_NOTES_OFF, 0]) for c in channels]

    def _of(self, stem: str) -> Iterator[Voice]:
        return (voice for voice in self.voices if voice.stem == stem)

    def _begin(self, voice: Voice, note: int, velocity: float, end: float | None) -> list[bytes]:
        at = voice.channel, note
        messages = [self._end(at)] if at in self._sounding else []
        self._sounding[at] = voice, end
        loud = min(TOP, max(1, round(TOP * velocity)))
        return [*messages, bytes([NOTE_ON + voice.channel - 1, note, loud])]

    def _end(self, at: tuple[int, int]) -> bytes:
        del self._sounding[at]
        channel, note = at
        return bytes([NOTE_OFF + channel - 1, note, 0])
