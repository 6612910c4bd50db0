"""A song played live is the song rendered, from the play head's console to the last bit."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pedalboard import Compressor

from plugin_bridge.console import Command, Console, Route
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.live import ahead as ahead_module
from plugin_bridge.live.control import ControlBlock, Head
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.playing import Playing
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.testing import STEMS, FunctionModel, IdentityModel, card, noise, sine
from tests import graphs
from tests.tiny import write_audio

RATE, HOP = 44100, 256
# Of a sine at 100 Hz of 0.5 between two samples, and of fades of 5 ms.
SMOOTH = 0.02


def model_of(kind: str, folder: Path) -> Model:
    """Give a model of a kind, on four stems."""
    makers: dict[str, Any] = {
        "streaming": lambda path: graphs.streaming(path),
        "windowed": lambda path: graphs.windowed(path, target=2),
        "waveform": lambda path: graphs.waves(path),
        "segment": lambda path: graphs.waves(path, kind="segment", samples=8820),
    }
    return Model(makers[kind](folder / f"{kind}.onnx"), "cpu")


def desk() -> Console:
    """Give a console with a plugin that remembers, and stems on outputs of their own."""
    console = Console(STEMS)
    console["vocals"].inserts = [Compressor(-30)]
    console.routes = [Route("mix", (1, 2)), Route("drums", (3, 4)), Route("dry", (5, 6))]
    return console


class Session:
    """A song on a device that is cranked by hand."""

    def __init__(
        self,
        file: Path,
        model: AnyModel,
        console: Console | None = None,
        block: int = 256,
        mode: str = "inline",
        waits: bool = True,
        **options: Any,
    ) -> None:
        self.control = ControlBlock()
        self.block = block
        settings = LiveSettings(play=str(file), clock="wait" if waits else "live")

        def open_device(rate: float) -> NullDevice:
            return NullDevice(rate, block, 0, 8, clocked=False)

        consoles = {"": console or Console(model.card.stems)}
        self.playing = Playing(settings, model, consoles, open_device, self.control)
        self.stream = LiveStream(
            self.playing.engine,
            self.playing.device,
            mode=mode,
            **{"clock": "wait"} | options,
            control=self.control,
            seek=self.playing.ahead.seek,
        )
        self.playing.start()
        self.stream.start()

    def crank(self, samples: int) -> FloatArray:
        """Play so much, in whole blocks."""
        device: Any = self.playing.device._device
        blocks = -(-samples // self.block)
        out: FloatArray = device.crank(np.zeros((0, blocks * self.block), np.float32))
        return out

    def send(self, path: str, value: float, position: int = -1) -> None:
        self.control.send(self.stream.paths.index(path), value, position)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.stop()
        self.playing.stop()


@pytest.mark.parametrize("kind", ["streaming", "windowed", "waveform", "segment"])
@pytest.mark.parametrize(("mode", "block"), [("inline", 480), ("worker", 256)])
def test_what_is_heard_is_the_render_bit_for_bit(
    kind: str, mode: str, block: int, tmp_path: Path
) -> None:
    """For every kind of model, with an insert and a mute at a sample of the play head."""
    model, song = model_of(kind, tmp_path), noise(0.6)[:, :-77]
    reference = Engine(model, RATE, desk())
    hop = reference.hop
    command = Command(11 * hop, "drums.mute", True)
    reference.send(command)
    expected = reference.whole(song)
    with Session(write_audio(tmp_path / "s.wav", song), model, desk(), block, mode) as session:
        session.send(command.path, True, command.position)
        late = session.stream.latency_samples
        out = session.crank(song.shape[1] + late)
        assert session.playing.engine.hop == hop
        assert not session.control.cells[Head.PAUSED_SAMPLES]
    assert not out[:, :late].any()
    np.testing.assert_array_equal(out[:6, late : late + song.shape[1]], expected)
    assert np.abs(expected[2:4, : 10 * hop]).max() > 1e-3
    assert not expected[2:4, 13 * hop :].any()


def test_look_ahead_adds_no_latency(tmp_path: Path) -> None:
    """A model that sees the future sees it in the queue: only the blocks of the device wait."""
    with Session(
        write_audio(tmp_path / "s.wav", noise(0.2)), model_of("windowed", tmp_path)
    ) as session:
        assert session.stream.latency_samples == 0


def test_the_queue_has_a_bound(tmp_path: Path) -> None:
    """However long the song is: so much is ahead, and no more is held."""
    file = write_audio(tmp_path / "s.wav", noise(9))
    with Session(file, IdentityModel(["all"])) as session:
        ahead = session.playing.ahead
        tape, step = ahead._tape, session.playing.engine.step
        assert ahead.bound == tape.capacity == ahead_module.BOUND_SECONDS * RATE
        for _ in range(6):
            session.crank(RATE)
            assert tape.end - ahead.deck.head <= ahead.bound
        ahead._wait(lambda: tape.end - ahead.deck.head + step <= ahead.bound)
        assert tape.end - ahead.deck.head <= ahead.bound
        assert session.control.cells[Head.LEAD] <= ahead.bound


@pytest.mark.parametrize("target", [0.0, 0.31, 2.5, 1.0])
def test_a_jump_is_exact_and_smooth(target: float, tmp_path: Path) -> None:
    """A fade, silence, a rise at a hop of the console, and then the song from that sample on."""
    song = sine(100.7, 3)[:, : 3 * RATE] * np.float32(0.5)
    at, file = round(target * RATE), write_audio(tmp_path / "s.wav", song)
    with Session(file, IdentityModel(["all"]), block=480) as session:
        before = session.crank(RATE // 2)
        session.send("position", at)
        out = np.concatenate([before, session.crank(RATE // 2)], axis=1)[0]
        cells = session.control.cells
        head, ahead = int(cells[Head.POSITION]), session.playing.ahead.deck
        assert cells[Head.JUMPS] == 1
        late = session.stream.latency_samples
    out, last = out[late:], len(out) - late - 1
    assert head <= at + RATE // 2 + 480
    assert (len(out) + late - (head - at)) % HOP == 0
    head -= late
    count = head - at - ahead.fade
    np.testing.assert_allclose(out[last + 1 - count :], song[0, head - count : head], atol=1e-6)
    assert np.abs(np.diff(out)).max() < SMOOTH
    assert (out == 0).sum() >= 1
    assert not cells[Head.UNDERRUNS]


def test_jumps_beyond_the_song_are_its_ends(tmp_path: Path) -> None:
    """Before the begin is the begin, behind the end is the end and silence."""
    with Session(write_audio(tmp_path / "s.wav", noise(0.5)), IdentityModel(["all"])) as session:
        session.crank(RATE // 4)
        session.send("position", 10 * RATE)
        session.crank(1024)
        out = session.crank(1024)
        assert session.control.cells[Head.POSITION] >= round(0.5 * RATE)
        assert np.abs(out).max() < 1e-6  # rounding of the transform
        session.send("position", -5)
        session.crank(1024)
        session.crank(1024)
        assert 0 < session.control.cells[Head.POSITION] <= 2048


def test_a_song_that_starves_pauses_and_loses_nothing(tmp_path: Path) -> None:
    """A slow network: counted; the song fades, stands, and goes on where the fade began."""
    song = sine(100, 8)[:, : 8 * RATE] * np.float32(0.5)
    gate = threading.Event()
    gate.set()

    def network(features: FloatArray) -> FloatArray:
        gate.wait(30)
        return np.ones((1, 2, *features.shape[2:]), np.float32)

    model = FunctionModel(card(stems=("all",), head="none"), network)
    with Session(write_audio(tmp_path / "s.wav", song), model, waits=False) as session:
        cells, ahead = session.control.cells, session.playing.ahead
        tape, deck = ahead._tape, ahead.deck
        ahead._wait(lambda: tape.end < ahead.bound - HOP)
        gate.clear()
        parts = [session.crank(ahead.bound + RATE // 10)]
        assert cells[Head.UNDERRUNS] == 1
        stood, held = int(cells[Head.POSITION]), tape.end
        assert held - HOP - deck.fade <= stood <= held - deck.fade
        assert cells[Head.PAUSED_SAMPLES] > 0
        assert cells[Head.LEAST_LEAD] < HOP + deck.fade
        parts.append(session.crank(512))
        assert cells[Head.POSITION] == stood
        gate.set()
        ahead._wait(lambda: tape.end - deck.head < RATE)
        parts.append(session.crank(RATE // 2))
        assert cells[Head.UNDERRUNS] == 1
        head = int(cells[Head.POSITION])
    out = np.concatenate(parts, axis=1)[0]
    np.testing.assert_allclose(out[:stood], song[0, :stood], atol=1e-6)
    count = head - stood - deck.fade
    np.testing.assert_allclose(out[-count:], song[0, head - count : head], atol=1e-6)
    assert not out[stood + deck.fade : parts[0].shape[1]].any()
    assert np.abs(np.diff(out)).max() < SMOOTH


def test_dry_on_a_miss_is_the_song_on_the_first_outputs(tmp_path: Path) -> None:
    """Where the console itself is late: what stands in for it is the mix, never a stem's row."""
    console = desk()
    console.routes = [Route("drums", (1, 2)), Route("vocals", (3, 4))]
    for stem in STEMS:
        console[stem].mute = True
    file = write_audio(tmp_path / "s.wav", noise(3))
    late: dict[str, Any] = {"clock": "live", "on_miss": "dry", "mode": "worker"}
    with Session(file, IdentityModel(STEMS), console, waits=False, **late) as session:
        session.stream._runner.ended = True  # a worker that does not get the processor
        out = session.crank(RATE)
    assert out[:2].any()
    assert not out[2:].any()


def test_a_song_at_another_rate_is_resampled(tmp_path: Path) -> None:
    """A model that does not run at the file's rate plays at its own; a tone keeps its pitch."""
    song = sine(441, 1, 48000) * np.float32(0.5)
    model = model_of("segment", tmp_path)
    with Session(write_audio(tmp_path / "s.wav", song, 48000), model) as session:
        assert session.playing.device.sample_rate == RATE
        late = session.stream.latency_samples
        out = session.crank(RATE)[:, late:]
    weight = float(graphs.weights(4).sum())
    wanted = weight * 0.5 * np.sin(2 * np.pi * 441 * np.arange(20000) / RATE)
    np.testing.assert_allclose(out[0, 2000:20000], wanted[2000:], atol=1e-3)
