"""Commands on their way. What they do to the sound is tested on the engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.console import Command, Console
from plugin_bridge.console.agenda import Agenda
from plugin_bridge.console.rack import Rack
from plugin_bridge.errors import SpecError
from plugin_bridge.testing import STEMS

GAIN = "drums.gain_db"


def rack() -> Rack:
    """Give two consoles, of which one has a bus."""
    with_bus = Console(STEMS)
    with_bus.add_bus("room")
    return Rack({"plain": Console(STEMS), "wet": with_bus}, 44100, 2, 256)


@given(positions=st.lists(st.integers(0, 20), max_size=20), until=st.integers(0, 20))
def test_the_last_command_up_to_a_sample_holds(positions: list[int], until: int) -> None:
    """In the order of positions, and of sending where these are equal."""
    agenda = Agenda(made := rack())
    for value, position in enumerate(positions):
        agenda.add(Command(position, GAIN, -value - 1))
    agenda.run(until)
    due = [(position, value) for value, position in enumerate(positions) if position <= until]
    assert made.console.get(GAIN) == (-max(due)[1] - 1 if due else 0)


def test_what_the_active_console_cannot_follow_is_counted() -> None:
    """A bus that only another has, a value that no fader takes; the rest is followed."""
    agenda = Agenda(made := rack())
    changes: list[tuple[str, float | bool | str]] = [
        ("room.mute", True),
        (GAIN, 1e9),
        (GAIN, -3),
        ("preset", "wet"),
    ]
    for path, value in changes:
        agenda.add(Command(0, path, value))
    agenda.add(Command(1, "room.mute", True))
    agenda.run(1)
    assert agenda.ignored == 2
    assert made.console.get("room.mute")
    assert made.consoles["plain"].get(GAIN) == -3


def test_what_nobody_can_follow_is_refused() -> None:
    """With what may have been meant."""
    agenda = Agenda(rack())
    with pytest.raises(
        SpecError, match=r"no control 'drums.gain' here; did you mean drums.gain_db"
    ):
        agenda.add(Command(0, "drums.gain", -3))
    with pytest.raises(SpecError, match="no preset 'dry' here; use one of plain, wet"):
        agenda.add(Command(0, "preset", "dry"))


def test_what_is_dropped_is_never_followed() -> None:
    """At a reset."""
    agenda = Agenda(made := rack())
    agenda.add(Command(0, GAIN, -3))
    agenda.clear()
    agenda.run(1000)
    assert made.console.get(GAIN) == 0
