from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data.score import STEMS
from models.evaluation import bss
from plugin_bridge.errors import MissingExtraError
from tests.tiny import hiss


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ffprobe the sentence names it, its package, and the way round it."""
    monkeypatch.setattr(bss, "which", lambda name: None if name == "ffprobe" else name)
    with pytest.raises(MissingExtraError, match=r"needs ffprobe on PATH; .*apt-get.*--museval"):
        bss.museval()


def test_groups_and_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vocals are set against the accompaniment; silent stems and empty frames do not count."""
    asked: list[int] = []

    def evaluate(
        references: NDArray[Any], estimates: NDArray[Any], **frame: int
    ) -> list[NDArray[Any]]:
        assert references.shape == estimates.shape
        assert references.dtype == np.float64
        assert frame == {"win": 100, "hop": 100}
        asked.append(len(references))
        level = 10 * len(references) + np.arange(len(references), dtype=float)
        frames = np.stack([level - 1, level + 1, level * np.nan, level + 7], axis=1)
        return [frames + 100 * figure for figure in range(4)]

    monkeypatch.setattr(bss, "museval", lambda: SimpleNamespace(evaluate=evaluate))
    stems = {stem: hiss(400, seed=i) for i, stem in enumerate(STEMS)}
    stems["bass"] = np.zeros_like(stems["bass"])
    found = bss.ratios(stems, {**stems, "bass": stems["other"]}, 100)
    assert asked == [3, 2]
    assert np.isnan(found["sir"]["bass"])
    # the pair comes last: vocals and accompaniment are 0 and 1 of two
    assert found["sdr"]["vocals"] == 20 + 1
    assert found["sdr"]["accompaniment"] == 21 + 1
    assert found["isr"]["drums"] == 131 + 1
    assert found["sir"]["other"] == 232 + 1
    assert found["sar"]["other"] == 332 + 1
