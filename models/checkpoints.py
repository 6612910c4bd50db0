"""Checkpoints: whole or not at all, and only into the network that they were made from."""

import io
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Content = dict[str, Any]
# Parts that begin as nothing, so a run may add them to what it starts with; their sizes without.
ADDED: dict[str, Any] = {"low": 0, "memories": (), "pairs": ()}
# Sizes that networks got later, with what was there before: older checkpoints lack them.
LATER: dict[str, Any] = {"head": "softmax", "synthesis": 512, "hop": 256} | ADDED
# What a run may have other than what it starts with: nothing learnt has its shape.
FREE = ("synthesis", "hop")


def save(path: Path, content: Content) -> None:
    """Write a file so that a half-written one never stands under its name.

    Raises
    ------
    OSError
        If the disk is full or fails; what stood under the name before is still there.

    Notes
    -----
    Thread: [main]
    """
    memory = io.BytesIO()
    torch.save(content, memory)
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(memory.getbuffer())
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves the name without the content
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def load(path: Path) -> Content:
    """Read a checkpoint to the CPU.

    Raises
    ------
    ValueError
        If it is none.

    Notes
    -----
    Thread: [main]
    """
    try:
        held: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); name a .pt file") from error
    except Exception as error:
        # torch raises whatever its reader stumbles over
        raise ValueError(
            f"{path} is not a checkpoint of models.train; name its best.pt or checkpoint.pt"
        ) from error
    content: Content = held if isinstance(held, dict) else {}
    if "config" not in content:
        raise ValueError(
            f"{path} holds no network of models.train; name its best.pt or checkpoint.pt"
        )
    return content


def weights(held: Content) -> Content:
    """Give the averaged weights of a best.pt or a checkpoint.pt.

    Raises
    ------
    ValueError
        If it has none.
    """
    found: Content | None = held.get("weights", held.get("average"))
    if not found:
        raise ValueError("the checkpoint holds no weights; name a run's best.pt or checkpoint.pt")
    return found


def heard(runs: Sequence[Content]) -> Content:
    """Give what all of several runs noted down of what they heard; nothing if one did not.

    Notes
    -----
    Thread: [any]
    """
    held = [each["data"] for each in runs if each.get("data")]
    if len(held) < len(runs):
        return {}
    stems: Content = {}
    for each in held:
        stems |= each["stem_hours"]
    return {"stem_hours": stems, "heard_hours": round(sum(e["heard_hours"] for e in held), 2)}


def free_for(held: Content, sizes: Mapping[str, Any]) -> set[str]:
    """Tell in which sizes a run may differ from what it starts with.

    Notes
    -----
    Thread: [any]
    """
    there, here = LATER | held["config"], LATER | dict(sizes)
    return {*FREE, *(name for name in ADDED if _adds(there[name], here[name], ADDED[name]))}


def _adds(there: Any, here: Any, none: Any) -> bool:
    """Tell whether a part is there what it is here, or nothing, level by level."""
    if there == none or not isinstance(there, tuple | list):
        return bool(there == none)
    return all(before in (0, now) for before, now in zip_longest(there, here, fillvalue=0))


def grown(start: Content, wanted: Mapping[str, Tensor]) -> Content:
    """Fit weights into those of a network that sees more: what comes in anew begins without weight.

    Parameters
    ----------
    start : name -> weights
    wanted : name -> weights of the network, whose shapes count

    Notes
    -----
    Thread: [any]
    """
    made = dict(start)
    for name in start.keys() & wanted.keys():
        if start[name].shape != wanted[name].shape:
            made[name] = torch.zeros_like(wanted[name])
            made[name][tuple(slice(size) for size in start[name].shape)] = start[name]
    return made


def differences(
    held: Content, architecture: str, sizes: Mapping[str, Any], free: Collection[str] = ()
) -> list[str]:
    """Tell in what a checkpoint's network is another one, there and here, but for `free`.

    Notes
    -----
    Thread: [any]
    """
    there = {"architecture": held.get("architecture", "lastframe"), **held["config"]}
    here = {"architecture": architecture, **sizes}
    there |= {key: value for key, value in LATER.items() if key in here and key not in there}
    return [
        f"{key} is {_plain(there.get(key))} there and {_plain(here.get(key))} here"
        for key in sorted(there.keys() | here.keys())
        if key not in free and _plain(there.get(key)) != _plain(here.get(key))
    ]


def refuse_another(
    path: Path,
    held: Content,
    architecture: str,
    sizes: Mapping[str, Any],
    free: Collection[str] = (),
) -> None:
    """Refuse a checkpoint of another network; sizes in `free` may differ.

    Raises
    ------
    ValueError
        If the architecture or a size differs: names each, there and here.

    Notes
    -----
    Thread: [any]
    """
    different = differences(held, architecture, sizes, free)
    if different:
        raise ValueError(
            f"{path} is of another network: {', '.join(different)}; change [network], or train "
            "into another folder"
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
