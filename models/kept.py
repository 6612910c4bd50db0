"""The weights of finished runs, kept in the repository so that no row has to be trained twice.

They are the runs' best.pt in half precision, half as large; scores are taken of what is kept.
Nobody but the workshop reads them: `plugin-bridge models list` and the wheel know ONNX files.
"""

from pathlib import Path
from typing import Any

import torch

from models import checkpoints

FOLDER = Path(__file__).parent / "weights" / "article"


def find(name: str, folder: Path = FOLDER) -> Path | None:
    """Give the file of a run, or None where it is not kept.

    Notes
    -----
    Thread: [any]
    """
    path = folder / f"{name}.pt"
    return path if path.exists() else None


def load(path: Path) -> checkpoints.Content:
    """Read kept weights, or a run's own best.pt, in single precision.

    Raises
    ------
    ValueError
        If it is neither.

    Notes
    -----
    Thread: [main]
    """
    held = checkpoints.load(path)
    return held | {"weights": _cast(checkpoints.weights(held), torch.float32)}


def keep(run: Path, steps: int, folder: Path = FOLDER) -> Path:
    """Keep the weights of a run that is over.

    Parameters
    ----------
    run : folder of the run
    steps : int
        Of its schedule.
    folder : where to keep them

    Raises
    ------
    ValueError
        If the run is not over, or has no weights: tells how far it is.

    Notes
    -----
    Thread: [main]
    """
    last = checkpoints.load(run / "checkpoint.pt")["step"]
    if last < steps:
        raise ValueError(
            f"{run.name} is at step {last} of {steps}; let python -m models.results train finish it"
        )
    held = checkpoints.load(run / "best.pt")
    weights: dict[str, Any] = _cast(checkpoints.weights(held), torch.float16)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.name}.pt"
    checkpoints.save(path, held | {"weights": weights})
    return path


def _cast(weights: dict[str, torch.Tensor], to: torch.dtype) -> dict[str, torch.Tensor]:
    return {
        name: value.to(to) if value.is_floating_point() else value
        for name, value in weights.items()
    }
