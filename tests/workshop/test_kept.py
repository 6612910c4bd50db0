"""Weights that are kept are those of runs that are over, and serve as the runs' own do."""

from pathlib import Path

import pytest
import torch

from models import checkpoints, kept

HALF = 2**-11  # relative rounding of half precision


def run_at(step: int, folder: Path) -> Path:
    """Write what a run leaves."""
    folder.mkdir()
    torch.manual_seed(0)
    weights = {"a": torch.randn(3, 5), "count": torch.tensor(7)}
    common = {"architecture": "branch", "config": {"stems": ("bass",)}, "step": step}
    checkpoints.save(folder / "checkpoint.pt", common)
    checkpoints.save(folder / "best.pt", common | {"weights": weights, "scores": {"mean": 1.0}})
    return folder


def test_kept_weights_are_the_run_s(tmp_path: Path) -> None:
    """In half precision, all else as it was; read in single precision."""
    run = run_at(10, tmp_path / "branch-bass")
    assert kept.find("branch-bass", tmp_path / "kept") is None
    path = kept.keep(run, 10, tmp_path / "kept")
    assert kept.find("branch-bass", tmp_path / "kept") == path
    found, own = kept.load(path), kept.load(run / "best.pt")
    assert found.keys() == own.keys()
    assert found["scores"] == own["scores"]
    assert found["weights"]["count"] == 7
    assert found["weights"]["a"].dtype == torch.float32
    torch.testing.assert_close(found["weights"]["a"], own["weights"]["a"], rtol=HALF, atol=1e-7)
    # nothing is lost a second time
    checkpoints.save(run / "best.pt", found)
    again = kept.load(kept.keep(run, 10, tmp_path / "again"))
    assert torch.equal(again["weights"]["a"], found["weights"]["a"])


def test_a_run_that_is_not_over_is_not_kept(tmp_path: Path) -> None:
    """It is told how far it is, and nothing is written."""
    run = run_at(9, tmp_path / "branch-bass")
    with pytest.raises(ValueError, match="step 9 of 10"):
        kept.keep(run, 10, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
