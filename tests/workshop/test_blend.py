"""Weights between two checkpoints."""

from pathlib import Path

import pytest
import torch

from models import checkpoints
from models.blend import blend, blended
from models.zoo.lastframe import LastFrame
from tests.workshop.conftest import TINY

PLAIN = TINY | {"normed": False, "low": 32}


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Path, Path]:
    """Write two checkpoints of one network."""
    paths = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = LastFrame(**PLAIN)
        path = tmp_path / f"{seed}.pt"
        held = {"architecture": "lastframe", "config": network.config}
        checkpoints.save(path, held | {"weights": network.state_dict()})
        paths.append(path)
    return paths[0], paths[1]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_each_weight_lies_between(ends: tuple[Path, Path], tmp_path: Path, share: float) -> None:
    """As far as asked, and a named part as far as it; what comes out is a checkpoint."""
    blend(*ends, tmp_path / "out.pt", share, ["low_end=1.5"])
    one, other, result = (
        checkpoints.weights(checkpoints.load(path)) for path in (*ends, tmp_path / "out.pt")
    )
    for name, value in one.items():
        way = 1.5 if name.startswith("low_end") else share
        torch.testing.assert_close(result[name], value + way * (other[name] - value))
    LastFrame(**PLAIN).load_state_dict(result)


def test_what_a_run_has_added_is_as_the_run_has_it(ends: tuple[Path, Path]) -> None:
    """Its memories and its transform; all else lies between."""
    torch.manual_seed(2)
    grown = LastFrame(**PLAIN | {"memories": (4,), "hop": 128, "synthesis": 256})
    end = {"config": grown.config, "architecture": "lastframe", "weights": grown.state_dict()}
    start = checkpoints.load(ends[0])
    made = blended(start, end, 0.25, {})
    assert made["config"] == grown.config
    for name, value in grown.state_dict().items():
        before = start["weights"].get(name, value)
        torch.testing.assert_close(made["weights"][name], before.lerp(value, 0.25))


def test_what_is_refused(ends: tuple[Path, Path], tmp_path: Path) -> None:
    """Another network, an unknown part, and a share that is no number: one sentence each."""
    start, end = (checkpoints.load(path) for path in ends)
    with pytest.raises(ValueError, match="no weight's name begins with 'lowend'; use decoder"):
        blended(start, end, 0.5, {"lowend": 1})
    with pytest.raises(ValueError, match="different networks"):
        blended(start, end | {"config": end["config"] | {"hidden": 16}}, 0.5, {})
    with pytest.raises(ValueError, match="write NAME=SHARE"):
        blend(*ends, tmp_path / "out.pt", 0.5, ["low_end"])
