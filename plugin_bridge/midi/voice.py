"""One row of what is played out by MIDI: which message stands for what is heard in a stem.

Rules of this file
 1. A row that could do nothing, or two things, is refused when it is made, never while playing.
 2. Numbers are those on the wire: 0 to 127. Channels are those on the device's display: 1 to 16.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from plugin_bridge.names import composed

TOP = 127
# General MIDI's channel of drums, and its keys of what is told apart.
DRUM_CHANNEL = 10
STROKES = {36: "kick", 38: "snare", 42: "hat"}
NOTE, ONSET = "note", "onset"


class Voice(BaseModel):
    """What is played when something is heard; also a row of a preset's `[[midi_out]]` table.

    Attributes
    ----------
    stem : str
    hears : `kick`, `snare`, `hat`, `onset` (a beginning of any kind) or `note`
    channel : int, 1 to 16
    note : int, 0 to 127; a row that hears notes plays the note itself and has none
    transpose : int, semitones, of a row that hears notes

    Raises
    ------
    pydantic.ValidationError
        If the row could not work; one sentence each.

    Examples
    --------
    >>> Voice(stem="drums", hears="kick", channel=10, note=36).name
    'kick of drums'

    Notes
    -----
    Thread: [any]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stem: Annotated[str, AfterValidator(composed)] = Field(
        min_length=1, description="Where it is heard, e.g. drums."
    )
    hears: Literal["kick", "snare", "hat", "onset", "note"] = Field(
        description="kick, snare, hat of drums; onset of any stem; note of bass and vocals."
    )
    channel: int = Field(ge=1, le=16, description="1 to 16; 10 is that of drums.")
    note: int | None = Field(
        default=None,
        ge=0,
        le=TOP,
        description="What is played; left out where notes are heard, which are played themselves.",
    )
    transpose: int = Field(
        default=0, ge=-TOP, le=TOP, description="Semitones by which heard notes move, e.g. 12."
    )

    @property
    def name(self) -> str:
        """The row in words, as errors tell it."""
        return f"{self.hears} of {self.stem}"

    @model_validator(mode="after")
    def _must_work(self) -> Self:
        plays_itself = self.hears == NOTE
        for wrong, way_out in (
            (plays_itself and self.note is not None, "is played itself; take transpose, not note"),
            (not plays_itself and self.note is None, "needs a note to play, such as 36"),
            (not plays_itself and self.transpose, "has a note of its own; leave transpose out"),
        ):
            if wrong:
                raise ValueError(f"{self.name} {way_out}")
        return self


# Where a preset has no rows: General MIDI's drums, and the bass on a channel beside them.
DEFAULT_VOICES = (
    *(
        Voice(stem="drums", hears=stroke, channel=DRUM_CHANNEL, note=key)  # type: ignore[arg-type]
        for key, stroke in STROKES.items()
    ),
    Voice(stem="bass", hears=NOTE, channel=2),  # type: ignore[arg-type]
)
