"""An engine's pulse, from cells that are written by hand."""

import time
from collections.abc import Iterator

import pytest

from plugin_bridge.live.control import Ahead, Audio, ControlBlock, Worker
from plugin_bridge.live.pulse import MOST_AGE_SECONDS, MOST_MISFITS, Pulse

DESCRIBED = {"device": {"block": 256, "rate": 44100.0}}
# A block that is longer than what a callback may be late by elsewhere.
LONG = {"device": {"block": 16384, "rate": 44100.0}}


@pytest.fixture
def control() -> Iterator[ControlBlock]:
    """Give a block whose engine called back just now."""
    made = ControlBlock()
    made.cells[Audio.CLOCK_NS] = time.monotonic_ns()
    yield made
    made.close()


def call_back(control: ControlBlock, strange: int, misses: int) -> None:
    """Write what ten callbacks would."""
    control.cells[Audio.CALLBACKS] += 10
    control.cells[Audio.STRANGE_BLOCKS] += strange
    control.cells[Audio.MISSES] += misses


@pytest.mark.parametrize("age", [0.0, 0.9 * MOST_AGE_SECONDS, 1.1 * MOST_AGE_SECONDS])
def test_it_beats_while_callbacks_are_young(control: ControlBlock, age: float) -> None:
    """Unless blocks are long, or the device waits for the worker."""
    control.cells[Audio.CLOCK_NS] -= int(1e9 * age)
    young = Pulse(control, DESCRIBED, waits=False).beats
    # A machine that is late between two lines makes a callback older, never younger.
    assert young <= (age < MOST_AGE_SECONDS)
    assert young or age > 0
    assert Pulse(control, LONG, waits=False).beats
    assert Pulse(control, DESCRIBED, waits=True).beats


def test_one_that_never_called_is_given_time(control: ControlBlock) -> None:
    """From when it was first looked at; and a failure ends it at once."""
    control.cells[Audio.CLOCK_NS] = 0
    assert Pulse(control, DESCRIBED, waits=True).beats
    for cell in (Worker.FAILURES, Ahead.FAILURES):
        control.cells[cell] = 1
        assert not Pulse(control, DESCRIBED, waits=True).beats
        control.cells[cell] = 0


def test_only_blocks_that_all_differ_and_miss_for_good_are_no_fit(control: ControlBlock) -> None:
    """A miss, a strange block, a short time of both, or a device that stands, change nothing."""
    pulse = Pulse(control, DESCRIBED, waits=False)
    for strange, misses in ((0, 5), (9, 5), (10, 0)):
        for _ in range(2 * MOST_MISFITS):
            call_back(control, strange, misses)
            assert pulse.fits()
    for _ in range(2 * MOST_MISFITS):
        assert pulse.fits()
    for _ in range(2):
        for _ in range(MOST_MISFITS - 1):
            call_back(control, 10, 5)
            assert pulse.fits()
        call_back(control, 0, 0)
        assert pulse.fits()
    for _ in range(MOST_MISFITS):
        call_back(control, 10, 5)
        found = pulse.fits()
    assert not found
