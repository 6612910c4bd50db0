"""Blend a training's weights with those it began with.

`python -m models.blend START.pt RUN.pt OUT.pt --share 0.5`: a run on new material often loses on
the old what it wins on the new; a way in between may have most of both. `--temperature 1.3`
divides the scores before the softmax: on music unlike the training's a network is surer than it
is right, and softer masks err less.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from models import checkpoints, command
from models.zoo.lastframe import SCORES

FARTHEST = 2.0


def blended(
    start: checkpoints.Content,
    end: checkpoints.Content,
    share: float,
    parts: Mapping[str, float],
    temperature: float = 1.0,
) -> checkpoints.Content:
    """Go from one checkpoint's weights towards another's; what only that one has is as there.

    Parameters
    ----------
    start, end : of the same network, but for what a run may have other than its start
    share : how far; 1 is the end
    parts : the same for weights whose names begin so
    temperature : what the scores are divided by, of lastframe with a softmax

    Raises
    ------
    ValueError
        If they are of different networks, a share is none, a part is of neither, or the network
        has no temperature.

    Notes
    -----
    Thread: [main]
    """
    other = checkpoints.weights(end)
    network = (end.get("architecture", "lastframe"), end["config"])
    free = checkpoints.free_for(start, end["config"])
    one: checkpoints.Content = {}
    if not checkpoints.differences(start, *network, free):
        one = other | checkpoints.grown(checkpoints.weights(start), other)
    if one.keys() != other.keys():
        raise ValueError(
            "the two are of different networks; give a run and the weights it began with"
        )
    for name, far in {"share": share, **parts}.items():
        if not 0 <= far <= FARTHEST:
            raise ValueError(
                f"{name} is {far:g}; give 0, the start, to 1, the run, or beyond it to {FARTHEST:g}"
            )
    unknown = [part for part in parts if not any(name.startswith(part) for name in one)]
    if unknown:
        known = sorted({name.partition(".")[0] for name in one})
        raise ValueError(f"no weight's name begins with {unknown[0]!r}; use {', '.join(known)}")

    def share_of(name: str) -> float:
        return next((s for part, s in parts.items() if name.startswith(part)), share)

    weights = {
        name: value.lerp(other[name], share_of(name)) if value.is_floating_point() else value
        for name, value in one.items()
    }
    if temperature != 1:
        architecture, head = network[0], network[1].get("head", "softmax")
        if (architecture, head) != ("lastframe", "softmax") or not temperature > 0:
            raise ValueError(
                f"temperature {temperature:g} for a {architecture} with head {head}; give a "
                "number above 0, for lastframe with softmax"
            )
        weights |= {k: w / temperature for k, w in weights.items() if k.startswith(SCORES)}
    kept = {"architecture": network[0], "config": network[1]}
    return kept | {"data": checkpoints.heard((start, end)), "weights": weights}


def blend(
    start: Annotated[Path, typer.Argument(help="what the run began with")],
    run: Annotated[Path, typer.Argument(help="its best.pt or checkpoint.pt")],
    out: Annotated[Path, typer.Argument(help="the .pt file to write")],
    share: Annotated[float, typer.Option(help="how far to go, 1 is the run")] = 0.5,
    part: Annotated[
        list[str] | None, typer.Option(help="NAME=SHARE for weights whose names begin so")
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="what scores are divided by; above 1 masks are softer")
    ] = 1.0,
) -> None:
    """Blend a run's weights with those it began with."""
    parts = {}
    for text in part or []:
        name, _, number = text.partition("=")
        try:
            parts[name] = float(number)
        except ValueError:
            raise ValueError(f"--part is {text!r}; write NAME=SHARE, such as low_end=1") from None
    content = blended(checkpoints.load(start), checkpoints.load(run), share, parts, temperature)
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoints.save(out, content)
    typer.echo(f"{out}: written; score it with models.export and models.evaluate")


if __name__ == "__main__":
    command.run(lambda: typer.run(blend))
