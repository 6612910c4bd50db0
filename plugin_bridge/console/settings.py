"""Attributes that check what they are set to, and name it by its path: `vocals.gain_db`."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, Generic, Protocol, TypeVar, overload

import numpy as np

from plugin_bridge.errors import SpecError

# dB. Below -120 a signal is under the last bit of 20-bit audio; -inf says silence.
LOWEST_DB, HIGHEST_DB = -120.0, 24.0

_Value = TypeVar("_Value")


class Owner(Protocol):
    """What has settings: a name for messages, and somebody to tell of changes."""

    @property
    def name(self) -> str:
        """What comes before the key in a path."""

    @property
    def changed(self) -> Callable[[], None]:
        """What to call after a change."""


class Setting(Generic[_Value]):
    """A descriptor that checks on setting and tells its owner; kept in the slot `_key`.

    Parameters
    ----------
    default : the value before it is set
    check : callable
        Gets (value, path) and gives the value to keep, or raises SpecError.

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    def __init__(self, default: _Value, check: Callable[[Any, str], _Value]) -> None:
        self._default = default
        self._check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = name
        self._slot = f"_{name}"

    @overload
    def __get__(self, owner: None, kind: type) -> "Setting[_Value]": ...
    @overload
    def __get__(self, owner: Owner, kind: type) -> _Value: ...
    def __get__(self, owner: Owner | None, kind: type) -> "Setting[_Value] | _Value":
        if owner is None:
            return self
        value: _Value = getattr(owner, self._slot, self._default)
        return value

    def __set__(self, owner: Owner, value: _Value) -> None:
        setattr(owner, self._slot, self._check(value, f"{owner.name}.{self._key}"))
        owner.changed()


def decibels(value: Any, path: str) -> float:
    """Check a gain in dB: -120 to 24, or -inf.

    Raises
    ------
    SpecError
        If it is something else; names the path.

    Examples
    --------
    >>> decibels(-6, "vocals.gain_db")
    -6.0

    Notes
    -----
    Thread: [any]
    """
    allowed = f"{LOWEST_DB:g} to {HIGHEST_DB:g} dB, or -inf for silence"
    number = _number(value, path, allowed)
    if number == -math.inf or LOWEST_DB <= number <= HIGHEST_DB:
        return number
    raise SpecError(f"{path} is {number:g}; give {allowed}")


def balance(value: Any, path: str) -> float:
    """Check a balance: -1 (left) to 1 (right).

    Raises
    ------
    SpecError
        If it is something else; names the path.

    Examples
    --------
    >>> balance(1, "vocals.pan")
    1.0

    Notes
    -----
    Thread: [any]
    """
    allowed = "-1 (left) to 1 (right)"
    number = _number(value, path, allowed)
    if -1 <= number <= 1:
        return number
    raise SpecError(f"{path} is {number:g}; give {allowed}")


def switch(value: Any, path: str) -> bool:
    """Check a switch: true or false, 1 or 0.

    Raises
    ------
    SpecError
        If it is something else; names the path.

    Examples
    --------
    >>> switch(1.0, "vocals.mute")
    True

    Notes
    -----
    Thread: [any]
    """
    if isinstance(value, Real | np.bool_) and value in (0, 1):
        return bool(value)
    raise SpecError(f"{path} is {value!r}; give true or false")


CHECKS: dict[str, Callable[[Any, str], float]] = {
    "gain_db": decibels,
    "pan": balance,
    "mute": switch,
    "solo": switch,
    "clip": switch,
}


def check_of(path: str) -> Callable[[Any, str], float]:
    """Give the check of a control's values, by its path alone: the gain of a send has three parts.

    Parameters
    ----------
    path : str, of a control that exists

    Examples
    --------
    >>> check_of("drums.mute")(1.0, "drums.mute"), check_of("drums.sends.mute") is decibels
    (True, True)

    Notes
    -----
    Thread: [any]
    """
    parts = path.split(".")
    return decibels if len(parts) > 2 else CHECKS[parts[-1]]


def _number(value: Any, path: str, allowed: str) -> float:
    # A bool is a number to Python; as a gain it is a mistake.
    if isinstance(value, bool) or not isinstance(value, Real):
        raise SpecError(f"{path} is {value!r}; give a number, {allowed}")
    return float(value)
