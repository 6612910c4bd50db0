"""A library of sounds that need no generator, and short trainings on it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from numpy.typing import NDArray

from models.configuration import Configuration
from models.data.library import RATE, Job, Library

SECONDS = 6
TINY: dict[str, Any] = {"widths": (4, 4, 8, 8), "hidden": 8, "layers": 1, "last": 4}
Configure = Callable[..., Configuration]


def write_config(path: Path, network: dict[str, Any]) -> None:
    """Write a configuration of a small network and a short training."""
    content = {
        "data": {"library": "x"},
        "network": network,
        "schedule": {"steps": 9, "batch": 1, "frames": 8, "late_frames": 8},
        "run": {"out": "x", "validation_excerpts": 1, "validation_seconds": 0.5},
    }
    path.write_text(tomli_w.dumps(content))


def song(seed: int) -> dict[str, NDArray[np.float32]]:
    """Make a wavering tone, bursts of noise, a low tone and a chord."""
    rng = np.random.default_rng(seed)
    time = np.arange(SECONDS * RATE) / RATE
    pitch = rng.uniform(200, 400)
    voice = np.sin(2 * np.pi * pitch * time + 3 * np.sin(2 * np.pi * 5 * time))
    bursts = rng.standard_normal(len(time)) * np.exp(-(time % 0.25) * 40)
    low = np.sin(2 * np.pi * rng.uniform(40, 90) * time)
    chord = sum(np.sin(2 * np.pi * pitch * ratio * time) for ratio in (2, 2.5, 3)) / 3
    stems = zip(("vocals", "drums", "bass", "other"), (voice, bursts, low, chord), strict=True)
    return {stem: np.stack([0.2 * wave, 0.15 * wave]).astype(np.float32) for stem, wave in stems}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a library of three short songs, one of them for validation."""
    root = tmp_path_factory.mktemp("library")
    splits = ("train", "train", "validation")
    jobs = [Job("generated", str(i), split, partial(song, i)) for i, split in enumerate(splits)]
    list(Library.open(root).fill(jobs))
    return root


@pytest.fixture
def configure(library: Path, tmp_path: Path) -> Configure:
    """Give a maker of configurations of a tiny network and few steps, changed table by table."""

    def made(**tables: dict[str, Any]) -> Configuration:
        plain: dict[str, dict[str, Any]] = {
            "data": {"library": library},
            "network": {} if "architecture" in tables.get("network", {}) else TINY,
            "schedule": {
                "steps": 6,
                "batch": 1,
                "frames": 8,
                "late_batch": 1,
                "late_frames": 12,
                "warm_up_steps": 2,
            },
            "run": {
                "out": tmp_path / "run",
                "log_steps": 1,
                "validation_minutes": 1e9,
                "validation_excerpts": 2,
                "validation_seconds": 0.5,
            },
        }
        content = {name: plain.get(name, {}) | tables.get(name, {}) for name in {*plain, *tables}}
        return Configuration.model_validate(content)

    return made
