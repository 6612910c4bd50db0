"""Native plugins that are streamed in blocks of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedalboard import Chorus, Compressor, Delay, Limiter, Pedalboard, Plugin, Reverb
from pedalboard_native._internal import AddLatency

from plugin_bridge.console.series import GUARD, Series
from plugin_bridge.testing import noise

RATE = 44100
SIZES = st.lists(st.integers(0, 5) | st.integers(0, 3000), min_size=1, max_size=12)


def plugins() -> list[Plugin]:
    """Give effects with memory, one of them late."""
    return [Chorus(), AddLatency(100), Compressor(-30), Delay(0.01), Reverb(), Limiter(-20)]


@pytest.mark.parametrize("channels", [1, 2])
@given(sizes=SIZES)
def test_blocks_of_any_size_give_what_one_call_gives(channels: int, sizes: list[int]) -> None:
    """Bit for bit: growing ones, and of fewer samples than channels, too."""
    audio = noise(1, channels=channels)[:, : sum(sizes)]
    series = Series(plugins(), guarded=True, steady=True)
    parts, start = [], 0
    for size in sizes:
        block = audio[:, start : start + size]
        parts.append(series.run(block, RATE, 8192, reset=False))
        start += size
        given_ = sum(part.shape[1] for part in parts)
        assert given_ == max(0, start - 100 - GUARD)
    out = np.concatenate([*parts, series.rest(8192), audio[:, :0]], axis=1)
    wanted = Series(plugins(), guarded=False, steady=False).run(audio, RATE, 8192, reset=True)
    np.testing.assert_array_equal(out, wanted)


@given(size=st.integers(0, 4))
def test_a_whole_signal_may_be_as_short(size: int) -> None:
    """As many samples come back, and then blocks do at once."""
    series = Series([AddLatency(100)], guarded=True, steady=True)
    audio = noise(1)[:, :size]
    np.testing.assert_array_equal(series.run(audio, RATE, 8192, reset=True), audio)
    if size:
        assert series.run(noise(1)[:, :1], RATE, 8192, reset=False).shape == (2, 1)


def test_latency_is_measured_but_never_in_a_stream() -> None:
    """There, what it lacks at the time is given."""
    series = Series([AddLatency(100)], guarded=True, steady=True)
    series.run(noise(0.1)[:, :50], RATE, 8192, reset=False)
    assert series.latency_samples == 50
    series.run(noise(0.1)[:, :500], RATE, 8192, reset=False)
    assert series.latency_samples == 100 + GUARD
    series.reset()
    assert series.latency_samples == 100 + GUARD


def test_latency_follows_what_is_set_and_added() -> None:
    """A board may get plugins later."""
    board = Pedalboard([AddLatency(100)])
    series = Series([board], guarded=False, steady=True)
    assert series.latency_samples == 100
    board.append(AddLatency(50))
    assert series.latency_samples == 150


@pytest.mark.parametrize("guarded", [False, True])
def test_asking_for_the_latency_changes_no_stream(guarded: bool) -> None:
    """Not even of plugins that have none, and whose states are all that could be disturbed."""
    audio = noise(0.2)
    asked, quiet = (Series([Reverb()], guarded=guarded, steady=True) for _ in range(2))
    for start in range(0, 8000, 1000):
        block = audio[:, start : start + 1000]
        given_ = asked.run(block, RATE, 8192, reset=False)
        np.testing.assert_array_equal(given_, quiet.run(block, RATE, 8192, reset=False))
        assert asked.latency_samples == (GUARD if guarded else 0)


def test_a_larger_buffer_within_a_stream_changes_nothing() -> None:
    """Plugins would be prepared anew by it."""
    audio = noise(0.2)
    series = Series(plugins(), guarded=True, steady=True)
    parts = [
        series.run(audio[:, :3000], RATE, 64, reset=False),
        series.run(audio[:, 3000:], RATE, 8192, reset=False),
        series.rest(8192),
    ]
    wanted = Series(plugins(), guarded=False, steady=False).run(audio, RATE, 64, reset=True)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), wanted)
