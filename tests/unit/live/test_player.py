"""What plays where hops are missing: tails, silence, dry signal, and everything in its place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.player import Player
from plugin_bridge.live.tape import Tape

HOP, HOPS = 16, 24
START = 16
# A tail and a rise that are out of step add up to this at most; a full-scale jump is 1.
STEP = 0.35


def flat(hop: int) -> FloatArray:
    """Give the samples of a hop of a steady tone of one, told apart by a small slope."""
    return (1 + 1e-6 * np.arange(hop * HOP, (hop + 1) * HOP, dtype=np.float32))[None]


def tail() -> FloatArray:
    """Give what follows a steady tone, faded by a window."""
    return (np.cos(np.linspace(0, np.pi / 2, HOP + 1, dtype=np.float32)[1:]) ** 2)[None]


def played(ready_at: list[int], block: int = HOP) -> tuple[Player, FloatArray]:
    """Play HOPS hops, of which hop i is written before the block at `ready_at[i]` samples."""
    player = Player(1, HOP, block, START, HOP)
    out = np.full((1, HOPS * HOP), np.nan, np.float32)
    written = 0
    for at in range(0, out.shape[1], block):
        while written < HOPS and ready_at[written] <= at:
            player.write(flat(written), tail())
            written += 1
        player.play(out[:, at : at + block])
    return player, out


def in_time() -> list[int]:
    """Give when each hop is written if none is late."""
    return [START + hop * HOP for hop in range(HOPS)]


@pytest.mark.parametrize("block", [4, 16, 48])
def test_in_time_every_sample_is_as_written(block: int) -> None:
    """Without a miss the hops follow the silence of the start, bit for bit."""
    player, out = played([at // block * block for at in in_time()], block)
    expected = np.concatenate([flat(hop) for hop in range(HOPS)], axis=1)
    assert not out[:, :START].any()
    assert np.array_equal(out[:, START:], expected[:, : -START or None])
    assert player.misses == player.missed_samples == 0


@given(
    late=st.dictionaries(st.integers(1, HOPS - 8), st.integers(1, 6 * HOP), max_size=6),
    block=st.sampled_from([4, 8, 16]),
)
def test_late_hops_leave_no_click_and_move_nothing(late: dict[int, int], block: int) -> None:
    """Wherever hops are late: in their places afterwards, counted, and without a jump."""
    ready = in_time()
    for hop, delay in late.items():
        ready[hop] += delay
    ready = list(np.maximum.accumulate(ready))  # one worker: in order
    player, out = played(ready, block)
    first_block = [-(-at // block) * block for at in ready]
    places = [START + hop * HOP for hop in range(HOPS)]
    missed = sum(
        first > place and place < HOPS * HOP
        for first, place in zip(first_block, places, strict=True)
    )
    assert player.misses == missed
    assert np.abs(np.diff(out[0, START + HOP :])).max() <= STEP
    assert np.isfinite(out).all()
    # A hop's length after the last late sample all is as if nothing had happened.
    settled = max(
        [first for first, at in zip(first_block, places, strict=True) if first > at] + [0]
    )
    rest = slice(max(settled, START) + HOP + block, None)
    expected = np.concatenate([np.zeros((1, START)), *map(flat, range(HOPS))], axis=1)
    assert np.array_equal(out[:, rest], expected[:, : out.shape[1]].astype(np.float32)[:, rest])


def test_a_missing_hop_is_its_predecessors_tail_then_silence() -> None:
    """The tail is played as it was written, then nothing until the rest fades in."""
    ready = in_time()
    ready[4:] = [max(at, START + 7 * HOP) for at in ready[4:]]
    player, out = played(ready)
    gap = START + 4 * HOP
    assert np.array_equal(out[:, gap : gap + HOP], tail())
    assert not out[:, gap + HOP : gap + 3 * HOP].any()
    rising = out[0, gap + 3 * HOP : gap + 4 * HOP]
    assert rising[0] == 0
    assert (np.diff(rising) > 0).all()
    assert (player.misses, player.missed_samples) == (3, 3 * HOP)


def test_dry_takes_the_place_of_silence_where_asked_for() -> None:
    """With a dry tape the input, at the output's latency, fades in under a gap and out again."""
    dry = Tape(1, 64 * HOP)
    dry.write(np.full((1, HOPS * HOP), 2, np.float32))
    player = Player(1, HOP, HOP, START, HOP, dry, START)
    silent = np.zeros((1, HOP), np.float32)
    out = np.zeros((1, HOPS * HOP), np.float32)
    for at in range(0, out.shape[1], HOP):
        if at < 6 * HOP or at >= 10 * HOP:
            while player.end <= at:
                player.write(silent, silent)
        player.play(out[:, at : at + HOP])
    gap = out[0, 6 * HOP : 10 * HOP]
    assert gap[0] == 0
    assert (gap[HOP:] == 2).all()
    assert (np.diff(out[0, 10 * HOP : 11 * HOP]) < 0).all()
    assert not out[0, 11 * HOP :].any()
    assert np.abs(np.diff(out)).max() <= 2 * STEP


def test_left_out_hops_keep_the_place_of_the_others() -> None:
    """After `skip` the next hop is played where it belongs."""
    player = Player(1, HOP, HOP, 0, HOP)
    out = np.zeros((1, 4 * HOP), np.float32)
    player.play(out[:, : 2 * HOP][:, :HOP])
    player.play(out[:, HOP : 2 * HOP])
    player.skip(2)
    player.write(flat(2), tail())
    player.write(flat(3), tail())
    player.play(out[:, 2 * HOP : 3 * HOP])
    player.play(out[:, 3 * HOP :])
    assert np.array_equal(out[:, 3 * HOP :], flat(3))
    assert player.misses == 2


def test_the_tape_reads_back_what_it_was_given() -> None:
    """Across the end of its memory, and from any position that is still held."""
    tape, out = Tape(2, 10), np.zeros((2, 7), np.float32)
    signal = np.arange(80, dtype=np.float32).reshape(2, 40)
    for at in range(0, 40, 5):
        tape.write(signal[:, at : at + 5])
        if at >= 5:
            tape.read(at - 2, out)
            assert np.array_equal(out, signal[:, at - 2 : at + 5])
