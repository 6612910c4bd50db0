"""Ramps and delays do not depend on how the stream is cut."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.dsp.delay import Delay
from plugin_bridge.dsp.ramps import Ramps
from plugin_bridge.testing import noise

CUTS = st.lists(st.integers(1, 60), min_size=1, max_size=12)
# At which cut a lane turns, and where to.
MOVES = st.dictionaries(st.integers(0, 11), st.tuples(st.integers(0, 1), st.floats(0, 4)))


def played(ramps: Ramps, cuts: list[int], moves: dict[int, tuple[int, float]]) -> list[list[float]]:
    """Give two lanes of a stream cut into blocks, with some turns at the cuts."""
    targets, parts, index = [1.0, 0.5], [], 0
    for number, count in enumerate(cuts):
        if number in moves:
            lane, target = moves[number]
            targets[lane] = target
            ramps.move(targets, index)
        parts.append(np.broadcast_to(ramps.values(index, count), (2, count)))
        index += count
    lanes: list[list[float]] = np.concatenate(parts, axis=1).tolist()
    return lanes


@given(CUTS, MOVES, st.integers(1, 50))
def test_ramps_are_straight_lines(
    cuts: list[int], moves: dict[int, tuple[int, float]], length: int
) -> None:
    """Sample by sample: each turn starts at the value reached, and takes `length` samples."""
    wanted: list[list[float]] = [[], []]
    for lane, value in enumerate((1.0, 0.5)):
        target, step, left = value, 0.0, 0
        for number, count in enumerate(cuts):
            turn = moves.get(number, (lane, target))
            if turn[0] == lane and turn[1] != target:
                target = turn[1]
                step, left = (target - value) / length, length
            for _ in range(count):
                left = max(0, left - 1)
                value = target - step * left
                wanted[lane].append(value)
    lanes = played(Ramps([1.0, 0.5], length), cuts, moves)
    np.testing.assert_allclose(lanes, wanted, atol=1e-6)


@given(CUTS, st.integers(1, 50), st.integers(0, 200))
def test_a_ramp_is_a_function_of_the_sample_index(cuts: list[int], length: int, at: int) -> None:
    """Cut anywhere, it has the same values, and ends at its target to the bit."""

    def ramp() -> Ramps:
        made = Ramps([1.0], length)
        made.move([0.3], at)
        return made

    whole = np.broadcast_to(ramp().values(0, sum(cuts)), (1, sum(cuts)))
    cut, edges = ramp(), np.cumsum([0, *cuts])
    parts = [np.broadcast_to(cut.values(a, b - a), (1, b - a)) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert ramp().values(at + length - 1, 1)[0, 0] == np.float32(0.3)


@given(CUTS, MOVES, st.integers(0, 300))
def test_a_lag_shifts_a_lane(
    cuts: list[int], moves: dict[int, tuple[int, float]], lag: int
) -> None:
    """The same values, later, whatever the other lanes do."""
    total = sum(cuts)
    plain = played(Ramps([1.0, 0.5], 20), cuts, moves)
    lagging = played(Ramps([1.0, 0.5], 20, [0, lag]), cuts, moves)
    assert lagging[0] == plain[0]
    assert lagging[1] == ([0.5] * lag + plain[1])[:total]


def test_a_ramp_turns_back_from_where_it_is() -> None:
    """A second move during the first starts at the value reached, without a step."""
    ramps = Ramps([0.0], 10)
    ramps.move([1.0], at=0)
    ramps.move([0.0], at=5)
    first = ramps.values(5, 15)[0]
    assert first[0] == np.float32(0.45)
    assert first.min() == 0.0


def test_another_lane_does_not_slow_a_ramp_down() -> None:
    """A lane whose target stays goes on as it was."""
    ramps = Ramps([0.0, 0.0], 4)
    ramps.move([1.0, 0.0], at=0)
    ramps.move([1.0, 1.0], at=2)
    assert ramps.values(0, 6).tolist() == [[0.25, 0.5, 0.75, 1, 1, 1], [0, 0, 0.25, 0.5, 0.75, 1]]


def test_values_at_rest_are_one_column() -> None:
    """Before, and as soon as the latest lane has arrived."""
    ramps = Ramps([1.0, 1.0], 4, [0, 3])
    assert ramps.values(0, 8).shape == (2, 1)
    ramps.move([0.0, 0.0], at=8)
    assert ramps.values(8, 7).shape == (2, 7)
    assert ramps.values(15, 8).tolist() == [[0.0], [0.0]]


@given(CUTS, st.integers(0, 100))
def test_a_delay_shifts_the_stream(cuts: list[int], samples: int) -> None:
    """Any cut, any length: the same samples, later."""
    signal = noise(sum(cuts) / 44100, channels=1)
    delay = Delay(1, samples)
    edges = np.cumsum([0, *cuts])
    parts = [delay.push(signal[:, a:b]) for a, b in pairwise(edges)]
    wanted = np.pad(signal, ((0, 0), (samples, 0)))[:, : signal.shape[1]]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), wanted)
