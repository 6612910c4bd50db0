"""Ramps and delays do not depend on how the stream is cut."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.dsp.delay import Delay
from plugin_bridge.dsp.ramps import Ramp
from plugin_bridge.testing import noise

CUTS = st.lists(st.integers(1, 60), min_size=1, max_size=12)


@given(CUTS, st.integers(1, 50), st.integers(0, 200))
def test_a_ramp_is_a_function_of_the_sample_index(cuts: list[int], length: int, at: int) -> None:
    """Cut anywhere, it has the same values, and never steps more than 1 / length."""
    ramp = Ramp(1.0, length)
    ramp.move(0.0, at)
    whole = ramp.values(0, sum(cuts))
    edges = np.cumsum([0, *cuts])
    parts = [ramp.values(int(a), b) for a, b in zip(edges, cuts, strict=False)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.abs(np.diff(whole, prepend=1.0)).max() <= 1 / length + 1e-6
    assert ramp.values(at + length - 1, 1)[0] == 0.0


def test_a_ramp_turns_back_from_where_it_is() -> None:
    """A second move during the first starts at the value reached, without a step."""
    ramp = Ramp(0.0, 10)
    ramp.move(1.0, at=0)
    ramp.move(0.0, at=5)
    first = [ramp.values(i, 1)[0] for i in range(5, 20)]
    assert first[0] == np.float32(0.45)
    assert min(first) == 0.0


@given(CUTS, st.integers(0, 100))
def test_a_delay_shifts_the_stream(cuts: list[int], samples: int) -> None:
    """Any cut, any length: the same samples, later."""
    signal = noise(sum(cuts) / 44100, channels=1)
    delay = Delay(1, samples)
    edges = np.cumsum([0, *cuts])
    parts = [delay.push(signal[:, a:b]) for a, b in pairwise(edges)]
    wanted = np.pad(signal, ((0, 0), (samples, 0)))[:, : signal.shape[1]]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), wanted)
