"""The play head alone, on a tape that is there at once."""

import numpy as np
import pytest

from plugin_bridge.live.control import ControlBlock, Head
from plugin_bridge.live.deck import Deck, Splice
from plugin_bridge.live.tape import Tape

RATE, HOP = 8000, 64


@pytest.mark.parametrize("before", [64, 100, 201])
def test_after_a_jump_the_song_goes_on_at_a_hop_of_the_console(before: int) -> None:
    """Wherever in a hop the jump was asked for, and however soon the stems are there."""
    control, tape = ControlBlock(), Tape(1, 4 * RATE)
    deck = Deck(tape, RATE, HOP, HOP, control.cells)
    deck.splice = Splice(0, 0, 0)
    tape.write(np.ones((1, RATE), np.float32))
    tape.write(np.full((1, RATE), 2, np.float32))
    out = np.zeros((1, 1000), np.float32)
    deck.play(out[:, :before])
    deck.seek(5000)
    deck.splice = Splice(1, RATE, 5000)
    deck.play(out[:, before:])
    count = deck.head - RATE
    assert (out.shape[1] - count) % HOP == 0
    assert control.cells[Head.POSITION] == 5000 + count
    assert control.cells[Head.JUMPS] == 1
    np.testing.assert_array_equal(out[0, :before], 1)
    np.testing.assert_array_equal(out[0, -count + deck.fade :], 2)
    assert not out[0, before + deck.fade : -count].any()
