"""Weights between two checkpoints."""

from pathlib import Path
from typing import Any

import pytest
import torch

from models import checkpoints
from models.blend import blend, blended
from models.export import heard
from models.zoo.fragment import FragmentNetwork
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
    grown = LastFrame(
        **PLAIN | {"memories": (4,), "pairs": ("cos_ipd",), "hop": 128, "synthesis": 256}
    )
    end = {"config": grown.config, "architecture": "lastframe", "weights": grown.state_dict()}
    start = checkpoints.load(ends[0])
    made = blended(start, end, 0.25, {})
    assert made["config"] == grown.config
    for name, value in grown.state_dict().items():
        before = start["weights"].get(name, value)
        if before.shape != value.shape:  # what it sees more, the start did not weigh
            size = before.shape[1]
            before = torch.cat([before, torch.zeros_like(value[:, size:])], 1)
        torch.testing.assert_close(made["weights"][name], before.lerp(value, 0.25))


@pytest.mark.parametrize("sizes", [{}, {"low": 0}, {"memories": (4,)}])
def test_scores_are_divided_by_the_temperature(sizes: dict[str, Any]) -> None:
    """All of them, whichever path they come from; what is remembered stays as it is."""
    torch.manual_seed(0)
    network = LastFrame(**PLAIN | sizes).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    held = {"architecture": "lastframe", "config": network.config, "weights": network.state_dict()}
    softer = LastFrame(**network.config).eval()
    softer.load_state_dict(blended(held, held, 1.0, {}, 1.3)["weights"])
    x = torch.rand(1, 2, 5, 1025)
    with torch.no_grad():
        scores, *states = network(x, *network.initial_states())
        divided, *same = softer(x, *network.initial_states())
    torch.testing.assert_close(divided, scores / 1.3)
    torch.testing.assert_close(same, states, rtol=0, atol=0)


def test_what_is_refused(ends: tuple[Path, Path], tmp_path: Path) -> None:
    """Another network, an unknown part, and a share that is no number: one sentence each."""
    start, end = (checkpoints.load(path) for path in ends)
    with pytest.raises(ValueError, match="no weight's name begins with 'lowend'; use decoder"):
        blended(start, end, 0.5, {"lowend": 1})
    with pytest.raises(ValueError, match="different networks"):
        blended(start, end | {"config": end["config"] | {"hidden": 16}}, 0.5, {})
    with pytest.raises(ValueError, match="temperature 0 for a lastframe with head softmax"):
        blended(start, end, 0.5, {}, 0.0)
    other = [each | {"architecture": "model2"} for each in (start, end)]
    with pytest.raises(ValueError, match=r"temperature 1.3 for a model2 .* for lastframe"):
        blended(other[0], other[1], 0.5, {}, 1.3)
    with pytest.raises(ValueError, match="write NAME=SHARE"):
        blend(*ends, tmp_path / "out.pt", 0.5, ["low_end"])
    with pytest.raises(ValueError, match="share is nan; give 0, the start"):
        blended(start, end, float("nan"), {})
    branch = FragmentNetwork(stems=("bass",), trunks=1, branches=1)
    stranger = {"architecture": "branch", "config": branch.config, "weights": branch.state_dict()}
    with pytest.raises(ValueError, match="different networks"):
        blended(start, stranger, 0.5, {})


def test_what_both_heard_is_noted_down(ends: tuple[Path, Path]) -> None:
    """As far as both knew it."""
    start, end = (checkpoints.load(path) for path in ends)
    assert heard(blended(start, end, 0.5, {})) == "not noted down"
    first = {"data": {"stem_hours": {"real": 1.0}, "heard_hours": 2.0}}
    other = {"data": {"stem_hours": {"real": 1.0, "midi": 0.5}, "heard_hours": 0.25}}
    told = heard(blended(start | first, end | other, 0.5, {}))
    assert told == "stems in the library: real 1 h, midi 0.5 h; 2.25 h of mixtures heard"
