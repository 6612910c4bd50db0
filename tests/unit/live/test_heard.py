"""What the engine hears, in shared memory: in order, counted, and never half an event."""

import subprocess
import sys

import pytest

from plugin_bridge.analysis import events as analysed
from plugin_bridge.live.control import ControlBlock
from plugin_bridge.live.heard import EVENTS, KINDS, SIZE, STEMS, Heard, HeardEvent, Sum


def event(number: int, kind: str = "hit", key: int | None = 36, stem: int = 1) -> HeardEvent:
    """Give one whose every field tells its number."""
    return HeardEvent(number, number + 7, stem, kind, key, number % 8 / 8)


def test_events_arrive_in_order_and_lost_ones_are_counted() -> None:
    """Across the end of the ring; a reader that slept gets the newest and knows the rest."""
    heard = Heard(bytearray(SIZE), 0)
    for number in range(10):
        heard.write(event(number))
    events, place, lost = heard.read(0)
    assert (events, place, lost) == ([event(n) for n in range(10)], 10, 0)
    assert heard.read(place) == ([], 10, 0)
    for number in range(10, 10 + 3 * EVENTS):
        heard.write(event(number))
    events, place, lost = heard.read(place)
    assert events == [event(n) for n in range(11 + 2 * EVENTS, 10 + 3 * EVENTS)]
    assert len(events) + lost == 3 * EVENTS
    assert place == 10 + 3 * EVENTS


def test_what_is_overwritten_while_it_is_read_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A writer that overtakes the reader costs events, and never mixes two."""
    heard = Heard(bytearray(SIZE), 0)
    for number in range(EVENTS - 1):
        heard.write(event(number))
    read, overtaken = heard._event, EVENTS // 2

    def slowly(number: int) -> HeardEvent:
        if number == overtaken:
            for later in range(EVENTS - 1, EVENTS - 1 + 300):
                heard.write(event(later))
        return read(number)

    monkeypatch.setattr(heard, "_event", slowly)
    events, place, lost = heard.read(0)
    assert events == [event(n) for n in range(300, EVENTS - 1)]  # the next one may be half written
    assert (place, lost) == (EVENTS - 1, 300)


def test_kinds_are_those_of_the_analysis() -> None:
    """Which is not loaded to read them."""
    assert set(KINDS) == {analysed.ONSET, analysed.HIT, analysed.NOTE_ON, analysed.NOTE_OFF}


def test_sums_tell_what_a_screen_wants() -> None:
    """Kinds of a stroke at one place are one onset; what sounds is known until it ends."""
    heard = Heard(bytearray(SIZE), 0)
    for one in (event(5), event(5, key=42), event(9), event(9, "onset", None, 0)):
        heard.write(one)
    assert heard.sums[:2, Sum.ONSETS].tolist() == [1, 2]
    assert heard.sums[:2, Sum.LAST].tolist() == [9, 9]
    heard.write(event(20, "note_on", 0, 0))
    assert heard.sums[0].tolist() == [1, 1, 9, 1]
    heard.write(event(30, "note_off", 0, 0))
    assert heard.sums[0, Sum.SOUNDING] == 0
    heard.write(event(40, stem=STEMS))  # told, without a row of sums
    assert heard.read(0)[0][-1].stem == STEMS


@pytest.mark.linux
def test_the_parent_reads_what_the_engine_wrote() -> None:
    """Through the control block, whose other parts stay as they are."""
    block = ControlBlock()
    code = (
        "import sys; from plugin_bridge.live.control import ControlBlock\n"
        "from plugin_bridge.live.heard import HeardEvent\n"
        "from plugin_bridge.live.shared import SharedMemory\n"
        "b = ControlBlock(SharedMemory(sys.argv[1]))\n"
        "for n in range(3): b.heard.write(HeardEvent(n, n + 1, 2, 'note_on', 40 + n, 0.5))\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, block.memory.address],
        pass_fds=block.memory.inherited,
        check=True,
    )
    events, _, _ = block.heard.read(0)
    assert [(e.due, e.stem, e.kind, e.key, e.velocity) for e in events] == [
        (n, 2, "note_on", 40 + n, 0.5) for n in range(3)
    ]
    assert not block.meters.any()
    assert not block.cells.any()
    assert block.receive() is None
    block.close()
