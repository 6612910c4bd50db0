"""What the engine hears while it plays is what an Analyst hears in the stems of a render."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.songs import generate
from plugin_bridge.analysis import Analyst, Event
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError
from plugin_bridge.live.control import ControlBlock, Worker
from plugin_bridge.live.ear import Ear
from plugin_bridge.live.heard import HeardEvent, Sum
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import Separator
from plugin_bridge.testing import STEMS
from tests import graphs
from tests.laws.test_play import Session, desk, model_of
from tests.live_desk import cranked, engine_of
from tests.tiny import equal_model, write_audio

RATE = 44100


def song() -> FloatArray:
    """Give 1.5 s in which all stems begin."""
    mix = np.sum(list(generate(3, 1.5).stems.values()), axis=0)
    return np.asarray(mix / np.abs(mix).max() * 0.9, np.float32)


def expected(model: AnyModel, mix: FloatArray, late: int) -> list[HeardEvent]:
    """Give the events of the stems of a whole song, at their places in the output."""
    mix = np.pad(mix, ((0, 0), (0, 1024)))  # a song is followed by silence
    separator = Separator(model, RATE)
    analyst = Analyst(separator.stems, RATE)
    stems = np.concatenate([separator.push(mix), separator.flush()], axis=2)
    events: list[Event] = analyst.push(stems)
    number = {stem: n for n, stem in enumerate(separator.stems)}
    return [
        HeardEvent(e.position + late, e.found + late, number[e.stem], e.kind, e.key, e.velocity)
        for e in events
    ]


def same(found: list[HeardEvent], wanted: list[HeardEvent], end: int) -> None:
    """Compare what was found up to a sample; velocities are single precision on the way."""
    told = [event for event in wanted if event.found <= end]
    assert len(told) > 10
    assert [e[:5] for e in found] == [e[:5] for e in told]
    assert np.allclose([e.velocity for e in found], [e.velocity for e in told], atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "block"), [("inline", 256), ("inline", 480), ("worker", 128), ("worker", 1024)]
)
def test_live_events_are_those_of_the_stems(mode: str, block: int) -> None:
    """In every mode, at the samples at which their sound leaves."""
    model, mix = equal_model(), song()
    stream, device = cranked(engine_of(model), block, mode=mode, clock="wait", listens=True)
    device.crank(mix[:, : mix.shape[1] // block * block])
    stream.stop()
    late = stream.latency_samples
    found, _, lost = stream.control.heard.read(0)
    assert not lost
    # The last steps may wait for the end of a block.
    end = max(e.found for e in found)
    same(found, expected(model, mix, late), end)
    assert end > mix.shape[1] - 2 * RATE // 10
    sums = stream.control.heard.sums
    drums = {e.due for e in found if e.stem == 1}
    assert sums[1, Sum.ONSETS] == len(drums)


@pytest.mark.parametrize("kind", ["streaming", "waveform", "segment"])
def test_a_song_that_is_played_is_heard_at_the_play_head(kind: str, tmp_path: Path) -> None:
    """Steps of any length, and stems that were separated seconds before."""
    model, mix = model_of(kind, tmp_path), song()
    file = write_audio(tmp_path / "s.wav", mix)
    with Session(file, model, desk(), 256, "worker", listens=True) as session:
        late = session.stream.latency_samples
        session.crank(mix.shape[1])
        found, _, _ = session.control.heard.read(0)
        end = max(e.found for e in found)
    same(found, expected(model, mix, late), end)


def test_a_waveform_model_with_long_steps_is_heard_whole(tmp_path: Path) -> None:
    """A step of several hops of the console gives all of them to the ear."""
    model = graphs.waves(tmp_path / "w.onnx", samples=8820)
    from plugin_bridge.model.onnx import Model

    opened, mix = Model(model, "cpu"), song()
    stream, device = cranked(engine_of(opened), 256, mode="worker", clock="wait", listens=True)
    device.crank(mix[:, : mix.shape[1] // 256 * 256])
    stream.stop()
    found, _, _ = stream.control.heard.read(0)
    same(found, expected(opened, mix, stream.latency_samples), max(e.found for e in found))


def test_nobody_listens_unless_asked() -> None:
    """Without it no event is told, and no sum counted."""
    stream, device = cranked(engine_of(equal_model()), 256, mode="inline", clock="wait")
    device.crank(song()[:, : 256 * 100])
    stream.stop()
    assert stream.control.heard.read(0) == ([], 0, 0)
    assert not stream.control.heard.sums.any()


def test_the_music_outlives_a_fault_of_the_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples are the same, no step failed, and the fault is counted."""
    mix = song()[:, : 256 * 60]

    class Deaf(Ear):
        def hear(self, late: int, *, tell: bool = True) -> None:
            if tell:
                raise ArithmeticError
            super().hear(late, tell=tell)

    played = []
    for fails, ear in ((False, Ear), (True, Deaf)):
        monkeypatch.setattr("plugin_bridge.live.ear.Ear", ear)
        control = ControlBlock()
        stream, device = cranked(
            engine_of(equal_model()), 256, mode="inline", clock="wait", control=control,
            listens=True,
        )  # fmt: skip
        played.append(device.crank(mix))
        stream.stop()
        assert (control.cells[Worker.DEAF], control.cells[Worker.FAILURES]) == (fails, 0)
    np.testing.assert_array_equal(played[0], played[1])


def test_a_rate_that_cannot_be_heard_is_refused_at_the_start() -> None:
    """With the sentence of the analysis, and only where it is asked for."""
    engine: Any = engine_of(equal_model())
    engine.sample_rate = 16000
    with pytest.raises(SpecError, match="resample first"):
        cranked(engine, 256, mode="inline", clock="wait", listens=True)


def test_stems_are_the_models() -> None:
    """The order that numbers stems is the one that is told."""
    assert engine_of(equal_model()).stems == STEMS
