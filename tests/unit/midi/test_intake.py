"""What a port received: checked, bounded, counted."""

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.midi.intake import Intake, PortCounters, is_whole


def by_mido(message: bytes) -> bool:
    """Tell the same by mido, which is of other hands."""
    try:
        return bool(mido.Message.from_bytes(message).type != "sysex")
    except (ValueError, LookupError):
        return False


# Statuses that MIDI 1.0 leaves undefined; RtMidi hands them on, mido knows two of them.
UNDEFINED = {0xF4, 0xF5, 0xF9, 0xFD}


@given(st.binary(max_size=5))
def test_whole_is_what_mido_reads(message: bytes) -> None:
    """A message is whole exactly if an independent reader takes it, SysEx excepted."""
    if not message or message[0] not in UNDEFINED:
        assert is_whole(message) == by_mido(message)


@pytest.mark.parametrize("status", range(0x80, 0x100))
def test_every_status_has_one_length(status: int) -> None:
    """Of all lengths one is whole, none for SysEx and what is not defined."""
    lengths = [n for n in range(1, 5) if is_whole(bytes([status] + [0] * (n - 1)))]
    none = (0xF0, 0xF4, 0xF5, 0xF7)
    assert len(lengths) == (0 if status in none else 1)


@given(st.lists(st.binary(max_size=4), max_size=40), st.integers(0, 10))
def test_every_message_is_counted_once(messages: list[bytes], most: int) -> None:
    """What goes in is kept in order up to the bound, and everything is in one counter."""
    counters = PortCounters()
    intake = Intake(counters, most)
    for place, message in enumerate(messages):
        intake.put(message, float(place))
    whole = [(m, float(n)) for n, m in enumerate(messages) if is_whole(m)]
    taken = [entry for _ in messages if (entry := intake.take()) is not None]
    assert taken == whole[:most]
    assert len(intake) == 0
    assert intake.take() is None
    assert counters == PortCounters(
        messages=len(taken),
        malformed=len(messages) - len(whole),
        dropped=len(whole) - len(taken),
    )
