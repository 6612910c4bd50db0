"""Learning: the message that was touched becomes a row of a MIDI map.

Pure: messages in, bindings out.
"""

from collections.abc import Iterable

from plugin_bridge.midi.binding import PRESET, TOP, Binding, Value
from plugin_bridge.midi.mapping import Event, parse

# Controllers that devices send by themselves: bank select before a program change, and from here
# on channel modes such as all notes off.
BANKS, MODES = (0, 32), 120
# Kinds of targets that are levels: a fader on them has a fader's taper.
LEVELS = ("gain_db", "sends")


def usable(message: bytes) -> Event | None:
    """Give what a message says if a hand can have meant it, or None.

    Examples
    --------
    >>> usable(bytes([0x80, 36, 64])), usable(bytes([0xB0, 123, 0]))
    (None, None)

    Notes
    -----
    Thread: [any]
    """
    event = parse(message)
    if event is None:
        return None
    released = event.source == "note" and not event.pressed
    by_itself = event.source == "cc" and (event.number in BANKS or event.number >= MODES)
    return None if released or by_itself else event


def binding_for(
    event: Event, target: str, *, mode: str | None = None, value: Value | None = None
) -> Binding:
    """Give the row for a message that was touched.

    Parameters
    ----------
    event : Event
    target : str, a setting's path, or `preset`
    mode : str or None
        As in `Binding`. None: buttons toggle, and what has a range follows it; a controller that
        comes with 127 counts as a button if the target is a switch.
    value : float, bool, str or None, what a message sets; a preset's name for `preset`

    Raises
    ------
    pydantic.ValidationError
        If the row could not work.

    Examples
    --------
    >>> row = binding_for(Event("cc", 1, 16, 93, True), "drums.gain_db")
    >>> row.mode, row.curve, row.channel
    ('set', 'decibel', 1)

    Notes
    -----
    Thread: [any]
    """
    row = {
        "source": event.source,
        "number": event.number,
        "channel": event.channel,
        "target": target,
        "value": value,
    }
    kind = Binding.model_construct(target=target).kind
    if mode is None:
        button = event.source != "cc" or (kind == "switch" and event.data == TOP)
        mode = "toggle" if button and value is None and target != PRESET else "set"
    if mode == "set" and value is None and kind in LEVELS and event.source == "cc":
        row["curve"] = "decibel"
    return Binding.model_validate(row | {"mode": mode})


def learned(bindings: Iterable[Binding], new: Binding) -> tuple[tuple[Binding, ...], list[Binding]]:
    """Give a map with a new row, and the rows that gave way: those of the same message.

    Examples
    --------
    >>> old = Binding(source="note", number=36, target="bass.mute", mode="toggle")
    >>> new = Binding(source="note", number=36, target="drums.mute", mode="toggle", channel=10)
    >>> rows, gone = learned([old], new)
    >>> [row.target for row in rows], [row.target for row in gone]
    (['drums.mute'], ['bass.mute'])

    Notes
    -----
    Thread: [any]
    """
    rows = list(bindings)
    gone = [row for row in rows if _same_message(row, new)]
    return (*(row for row in rows if row not in gone), new), gone


def _same_message(one: Binding, other: Binding) -> bool:
    return (one.source, one.number) == (other.source, other.number) and (
        None in (one.channel, other.channel) or one.channel == other.channel
    )
