"""A change of one setting, at a sample."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """Set `path` to `value` from a sample on.

    Attributes
    ----------
    position : int
        Absolute input sample; takes effect at the first hop that starts at or after it.
    path : str
        A setting of the console, such as "drums.mute", or "preset": switch the console.
    value : float, bool or str

    Examples
    --------
    >>> Command(44100, "drums.mute", True).path
    'drums.mute'

    Notes
    -----
    Thread: [any]
    """

    position: int
    path: str
    value: float | bool | str
