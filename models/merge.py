"""Merge branches that were trained alone into model 1.

`python -m models.merge VOCALS.pt DRUMS.pt BASS.pt OTHER.pt OUT.pt`; models.export takes OUT.pt.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from models import checkpoints, command
from models.zoo.fragment import FragmentNetwork


def merged(held: Sequence[checkpoints.Content]) -> checkpoints.Content:
    """Give one checkpoint of branches' checkpoints, in their order.

    Raises
    ------
    ValueError
        If one is no branch, two are of one stem, or they differ in more than their stems.

    Notes
    -----
    Thread: [main]
    """
    kinds = [each.get("architecture", "lastframe") for each in held]
    branches = [each for each in held if each.get("architecture") == "branch" and "scores" in each]
    stems = [stem for each in branches for stem in each["config"]["stems"]]
    if len(set(stems)) < len(held):
        raise ValueError(
            f"given are {', '.join(kinds)} of {', '.join(stems) or 'no stem'}; name the best.pt of "
            "branches of different stems"
        )
    first = held[0]["config"]
    for each in held[1:]:
        different = [key for key in first if key != "stems" and first[key] != each["config"][key]]
        if different:
            raise ValueError(
                f"the branches differ in {', '.join(different)}; train them with the same [network]"
            )
    parts = [_without_spread(checkpoints.weights(each)) for each in held]
    scores = {stem: each["scores"][stem] for each, stem in zip(held, stems, strict=True)}
    return {
        "architecture": "model1",
        "config": first | {"stems": tuple(stems), "trunks": len(held), "branches": len(held)},
        "weights": {
            # every weight has its branch on the first axis
            name: torch.cat([part[name] for part in parts]) if value.dim() else value
            for name, value in parts[0].items()
        },
        "scores": scores | {"mean": sum(scores.values()) / len(scores)},
        "step": sum(each["step"] for each in held),
        "data": checkpoints.heard(held),
    }


def _without_spread(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let the first convolution divide by the input's spread, which each run measured itself."""
    first = "convolutions.0.weight"
    scaled = {first: weights[first] / weights["spread"], "spread": torch.ones(())}
    return {**weights, **scaled}


def merge(
    branches: Annotated[list[Path], typer.Argument(help="best.pt of each stem's branch")],
    out: Annotated[Path, typer.Argument(help="the .pt file to write")],
) -> None:
    """Merge branches that were trained alone into model 1."""
    content: Any = merged([checkpoints.load(path) for path in branches])
    network = FragmentNetwork(**content["config"])
    network.load_state_dict(content["weights"])
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoints.save(out, content)
    typer.echo(f"{out}: {sum(p.numel() for p in network.parameters()):,} parameters")


if __name__ == "__main__":
    command.run(lambda: typer.run(merge))
