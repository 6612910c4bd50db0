"""One row of a MIDI map: which message moves which setting, and how.

Rules of this file
 1. A row that could do nothing, or two things, is refused when it is made, never while playing.
 2. Numbers are those on the wire: 0 to 127. Channels are those on the device's display: 1 to 16.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from plugin_bridge.console.settings import HIGHEST_DB, LOWEST_DB
from plugin_bridge.names import composed

Value = float | bool | str
"""A setting's value: a number, a switch, or a preset's name."""

TOP = 127
# MIDI 1.0 reads a controller that is a switch as off below this and on from here.
ON = 64
# A fader's taper: the Volume controller of the General MIDI Developer Guidelines, 40 log10(x).
TAPER = 40.0

PRESET = "preset"
SWITCHES = ("mute", "solo", "clip")
# What the console takes; a level may also be silence, -inf.
LIMITS = {
    "gain_db": (LOWEST_DB, HIGHEST_DB),
    "sends": (LOWEST_DB, HIGHEST_DB),
    "pan": (-1.0, 1.0),
}
# A setting's usual range for the linear curve; the decibel curve starts at silence.
RANGES = {"gain_db": (-60.0, 0.0), "sends": (-60.0, 0.0), "pan": (-1.0, 1.0)}


class Binding(BaseModel):
    """What one MIDI message does; also a row of a preset's `[[midi]]` table.

    Attributes
    ----------
    source : `note`, `cc` or `program`
    number : int, 0 to 127, of the note, the controller or the program
    channel : int, 1 to 16; None: any
    target : str
        A setting's path (`drums.mute`, `vocals.gain_db`, `vocals.sends.hall`), or `preset`.
    mode : str
        `toggle`: each press changes a switch, or goes from `high` to `low` and back.
        `momentary`: on while it is held.
        `set`: to `value`; without one, the velocity or controller value through the curve.
        `solo-exclusive`: solo this strip and no other; pressed again, none.
    value : number, bool or str, for `set`; a preset's name for the target `preset`
    low, high : float, the ends of the setting's range; the linear curve may run downwards
    curve : `linear`, or `decibel`: silence at 0, `high` at 127, a fader's taper between
        that stays above `low`

    Raises
    ------
    pydantic.ValidationError
        If the row could not work; one sentence each.

    Examples
    --------
    >>> Binding(source="cc", number=7, target="drums.gain_db", curve="decibel").scaled(0)
    -inf

    Notes
    -----
    Thread: [any]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    source: Literal["note", "cc", "program"] = Field(
        description="What the device sends: a note, a controller (cc) or a program change."
    )
    number: int = Field(
        ge=0, le=TOP, description="Of the note, the controller or the program, counted from 0."
    )
    channel: int | None = Field(
        default=None, ge=1, le=16, description="1 to 16; any when it is left out."
    )
    target: Annotated[str, AfterValidator(composed)] = Field(
        min_length=1, description="The setting's path, e.g. drums.mute, or preset."
    )
    mode: Literal["toggle", "momentary", "set", "solo-exclusive"] = Field(
        default="set", description="toggle, momentary, set or solo-exclusive."
    )
    value: bool | float | str | None = Field(
        default=None, description="For set: the value; for the target preset: its name."
    )
    low: float | None = Field(
        default=None, description="The lower end of the setting's range, e.g. -60."
    )
    high: float | None = Field(
        default=None, description="The upper end of the setting's range, e.g. 0."
    )
    curve: Literal["linear", "decibel"] = Field(
        default="linear", description="linear, or decibel: a fader's taper with silence at 0."
    )

    @property
    def name(self) -> str:
        """The row in words, as errors tell it."""
        where = "" if self.channel is None else f" on channel {self.channel}"
        return f"{self.source} {self.number}{where} -> {self.target}"

    @property
    def kind(self) -> str:
        """What the target is: `preset`, `switch`, or the name of its range."""
        if self.target == PRESET:
            return PRESET
        parts = self.target.split(".")
        key = parts[1] if len(parts) == 3 else parts[-1]  # a bus may be called solo
        return "switch" if key in SWITCHES else key

    @property
    def bounds(self) -> tuple[float, float]:
        """The two ends of the range in use."""
        low, high = RANGES[self.kind]
        if self.curve == "decibel":
            low = -math.inf
        return (low if self.low is None else self.low, high if self.high is None else self.high)

    @model_validator(mode="after")
    def _must_work(self) -> Self:
        for wrong, way_out in (
            (not _known(self.target, self.kind), _PATHS),
            (self.source == "program" and self.mode == "momentary", "has no release; use set"),
            (self.kind == PRESET and (self.mode != "set" or not _is_name(self.value)), _NAME),
            (self.kind != PRESET and isinstance(self.value, str), "takes no text; give a number"),
            (self.mode == "solo-exclusive" and not self._is_solo, _SOLO),
            (self.value is not None and self.mode != "set", "uses no value; take mode set"),
            (self.kind == "switch" and self._is_number, "is a switch; give value true or false"),
            (self.kind == "switch" and self._ranged, "is a switch; leave low, high, curve out"),
            (self.kind in RANGES and isinstance(self.value, bool), "is a number; give e.g. 0.0"),
            (self._unfit_number, f"allows no such number; {self._allowed}"),
            (self.curve == "decibel" and self.kind == "pan", "is no level; use curve linear"),
            (self._needs_value, "carries no value of its own; give value"),
        ):
            if wrong:
                raise ValueError(f"{self.name} {way_out}")
        self._check_range()
        return self

    @property
    def _is_number(self) -> bool:
        return isinstance(self.value, float | int) and not isinstance(self.value, bool)

    @property
    def _ranged(self) -> bool:
        return (self.low, self.high, self.curve) != (None, None, "linear")

    @property
    def _unfit_number(self) -> bool:
        if self.kind not in LIMITS:
            return False
        lowest, highest = LIMITS[self.kind]
        numbers = [n for n in (self.value, self.low, self.high) if isinstance(n, float | int)]
        return not all(lowest <= n <= highest or self._is_silence(n) for n in numbers)

    def _is_silence(self, number: float) -> bool:
        return number == -math.inf and self.kind != "pan"

    @property
    def _allowed(self) -> str:
        if self.kind == "pan":
            return "give -1 (left) to 1 (right)"
        return f"give {LOWEST_DB:g} to {HIGHEST_DB:g} dB, or -inf for silence"

    @property
    def _is_solo(self) -> bool:
        return self.kind == "switch" and self.target.endswith(".solo")

    @property
    def _needs_value(self) -> bool:
        return self.source == "program" and self.mode == "set" and self.value is None

    def _check_range(self) -> None:
        if self.kind not in RANGES or (self.mode == "set" and self.value is not None):
            return
        low, high = self.bounds
        if low == high or (self.curve == "decibel" and low > high):
            raise ValueError(f"{self.name} has low {low:g} and high {high:g}; give low below high")
        if self.mode == "set" and self.curve == "linear" and -math.inf in (low, high):
            raise ValueError(f"{self.name} cannot be linear down to -inf; use curve decibel")

    def scaled(self, data: int) -> float | bool:
        """Give the setting for a velocity or controller value through range and curve.

        Parameters
        ----------
        data : int, 0 to 127

        Returns
        -------
        value : float, or bool for a switch

        Notes
        -----
        Thread: [any]
        """
        if self.kind == "switch":
            return data >= ON
        low, high = self.bounds
        if self.curve == "linear":
            return low + (high - low) * data / TOP
        softest = max(low, LOWEST_DB)
        return max(softest, high + TAPER * math.log10(data / TOP)) if data else -math.inf

    def unscaled(self, value: float | bool) -> int:
        """Give the controller value, 0 to 127, that comes nearest to a setting.

        Notes
        -----
        Thread: [any]
        """
        if self.kind == "switch":
            return TOP if value else 0
        low, high = self.bounds
        if self.curve == "linear":
            share = (value - low) / (high - low)
        else:
            share = 10 ** ((value - high) / TAPER)
        return round(TOP * min(1.0, max(0.0, share)))


_PATHS = (
    "names no setting; give e.g. drums.mute, drums.solo, drums.gain_db, drums.pan, "
    "drums.sends.hall, master.gain_db, clip or preset"
)
_NAME = "needs mode set and a preset's name as value"
_SOLO = "cannot solo; give a target such as drums.solo"


def _is_name(value: Value | None) -> bool:
    return isinstance(value, str) and bool(value)


def _known(target: str, kind: str) -> bool:
    parts = target.split(".")
    if target in (PRESET, "clip"):
        return True
    wanted = 3 if kind == "sends" else 2
    return (
        all(parts) and len(parts) == wanted and parts[-1] != "clip" and kind in (*RANGES, "switch")
    )
