"""A pad's mute in the audio that an independent client captures: in time, and without a click."""

from pathlib import Path

import pytest

from tests.live.mutes import RATE, measure

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

# A mute's ramp; half a cosine is steepest in its middle.
RAMP = 0.005 * RATE
STEEPEST = 2 / RAMP


@pytest.mark.parametrize(("block", "mode"), [(256, "inline"), (128, "worker")])
def test_a_mute_is_heard_within_a_block_and_a_hop(tmp_path: Path, block: int, mode: str) -> None:
    """From the command's write to the begin of the mute, and it begins with its ramp."""
    found = measure(tmp_path, block, mode, hits=6)
    assert max(found.early) <= found.most
    assert min(found.late) >= 0
    assert found.steepest <= STEEPEST
