"""The picture of an analysis: what is drawn where."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from plugin_bridge.analysis.results import Note, SongAnalysis, StemAnalysis
from plugin_bridge.files import picture


def test_a_stem_without_notes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small row with two words for it, a piano roll for the other; both have a waveform."""
    made: list[Figure] = []

    def figure(**how: Any) -> Figure:
        made.append(Figure(**how))
        return made[0]

    monkeypatch.setattr(picture, "matplotlib", lambda: SimpleNamespace(Figure=figure))
    stems = {
        "bass": StemAnalysis("bass", notes=[Note(0.5, 1.0, 40, 0.8)]),
        "other": StemAnalysis("other"),
    }
    outline = np.stack([-np.ones(300, np.float32), np.ones(300, np.float32)])
    png = picture.draw(SongAnalysis(2.0, None, [], stems), dict.fromkeys(stems, outline), "song")
    assert png.startswith(b"\x89PNG")
    _, wave, roll, _, other_wave, other_roll = made[0].axes
    assert [text.get_text() for axis in made[0].axes for text in axis.texts] == ["no notes"]
    assert [text.get_text() for text in other_roll.texts] == ["no notes"]
    assert (len(roll.patches) > 0, len(other_roll.patches)) == (True, 0)
    assert len(wave.collections) == len(other_wave.collections) == 1
    assert roll.get_position().height > 2 * other_roll.get_position().height
