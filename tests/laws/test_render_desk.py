"""A MIDI file plays the console of a render: when, how smoothly, and the same however it is cut."""

from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from pedalboard import Compressor, Reverb

from plugin_bridge import StemBridge
from plugin_bridge.console import Command, Console, Route
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.files.report import RenderReport
from plugin_bridge.testing import FunctionModel, card
from tests.tiny import equal_model, halves_model, hiss, read_audio, write_audio, write_midi

RATE, HOP = 44100, 256
RAMP = 220  # 5 ms
SUM_DB = -120
# A product of float32 numbers, in another order or width.
ROUNDING = 1e-6

PADS = """
format = 1
name = "pads"

[[midi]]
source = "note"
number = 36
target = "drums.mute"
mode = "toggle"

[[midi]]
source = "cc"
number = 7
target = "bass.gain_db"
curve = "decibel"

[[midi]]
source = "program"
number = 1
target = "preset"
value = "drumless"
"""

ROOM = """
format = 1

[buses.room]
inserts = [{ plugin = "Reverb", room_size = 0.7 }]

[strips.vocals]
inserts = [{ plugin = "Compressor", threshold_db = -30, ratio = 8 }]
sends = { room = -9 }

[strips.drums]
pan = 0.25

[strips.bass]
gain_db = -3
"""


def uneven_model() -> FunctionModel:
    """Give a model whose shares depend on the signal, so that rounding would show."""

    def network(features: FloatArray) -> FloatArray:
        shares = [np.sin(features * np.float32(k)) for k in range(1, 5)]
        return np.concatenate(shares, axis=1)

    return FunctionModel(card(), network)


def pad(at: int) -> tuple[int, mido.Message]:
    """Give a press of the drums' pad at a sample."""
    return at, mido.Message("note_on", note=36, velocity=99)


def fader(at: int, value: int) -> tuple[int, mido.Message]:
    """Give a move of the bass's fader at a sample."""
    return at, mido.Message("control_change", control=7, value=value)


class Session:
    """A folder with a preset and a song."""

    def __init__(self, folder: Path, song: FloatArray, rate: int = RATE) -> None:
        self.folder = folder
        self.preset = folder / "pads.toml"
        self.preset.write_text(PADS)
        self.song = write_audio(folder / "song.wav", song, rate)

    def take(self, *events: tuple[int, mido.Message]) -> Path:
        """Write events at samples to a file whose tick is one sample at 44.1 kHz."""
        before = [0, *(at for at, _ in events)]
        track = [m.copy(time=at - last) for (at, m), last in zip(events, before, strict=False)]
        return write_midi(self.folder / "take.mid", track, ticks_per_beat=RATE // 2)

    def render(self, *events: tuple[int, mido.Message], **fields: Any) -> RenderReport:
        """Render the song as the events play it."""
        model = fields.pop("model", None) or equal_model()
        fields = {"preset": self.preset} | fields
        if events:
            fields["midi"] = self.take(*events)
        options = RenderOptions(out=self.folder / "out", **fields)
        return render(self.song, options, model=model)

    def read(self, name: str) -> FloatArray:
        """Read one of the rendered files."""
        return read_audio(self.folder / "out" / "song" / f"{name}.wav")


def next_hop(at: int) -> int:
    """Give the first hop that starts at or after a sample."""
    return -(-at // HOP) * HOP


def course(samples: int, start: float, moves: list[tuple[int, float]]) -> FloatArray:
    """Give a gain that goes straight to each target, in 5 ms from its sample on."""
    gain = np.full(samples, start)
    for at, target in moves:
        before = gain[at - 1] if at else start
        gain[at:] = target
        gain[at : at + RAMP] = np.linspace(before, target, RAMP + 1)[1 : 1 + samples - at]
    return gain.astype(np.float32)


@pytest.mark.parametrize("at", [1, 5119, 5120, 5121])
def test_a_mute_silences_from_the_next_hop_on(tmp_path: Path, at: int) -> None:
    """Untouched before that hop, then the ramp, then nothing; the other stems as they were."""
    session = Session(tmp_path, hiss(9000))
    session.render()
    plain = {name: session.read(name) for name in ("drums", "bass")}
    session.render(pad(at))
    drums, hop = session.read("drums"), next_hop(at)
    assert np.array_equal(drums[:, :hop], plain["drums"][:, :hop])
    wanted = plain["drums"] * course(9000, 1.0, [(hop, 0.0)])
    assert np.abs(drums - wanted).max() <= ROUNDING
    assert drums[:, hop : hop + RAMP - 1].all()
    assert not drums[:, hop + RAMP - 1 :].any()
    assert np.array_equal(session.read("bass"), plain["bass"])


def test_a_mute_at_the_first_sample_is_where_the_console_starts(tmp_path: Path) -> None:
    """No ramp: not a sample of that stem is heard."""
    session = Session(tmp_path, hiss(9000))
    session.render(pad(0))
    assert not session.read("drums").any()
    assert session.read("bass").any()


def test_a_ride_follows_the_fader(tmp_path: Path) -> None:
    """Every value from its hop on, through the decibel curve, with a ramp to each."""
    session = Session(tmp_path, hiss(20000))
    session.render()
    plain = session.read("bass")
    moves = [(3000, 90), (3600, 30), (4000, 64), (9000, 0), (15000, 127)]
    session.render(*[fader(at, value) for at, value in moves])
    # 40 log10 in dB is a square.
    gain = course(20000, 1.0, [(next_hop(at), (value / 127) ** 2) for at, value in moves])
    assert np.abs(session.read("bass") - plain * gain).max() <= ROUNDING


@pytest.mark.parametrize(("presses", "muted"), [(1, True), (2, False), (100, False), (301, True)])
def test_any_number_of_commands_in_a_hop(tmp_path: Path, presses: int, muted: bool) -> None:
    """What the last of them says holds; a mute taken back within a hop is not heard."""
    session = Session(tmp_path, hiss(6000))
    session.render()
    plain = session.read("drums")
    report = session.render(*[pad(2050 + k * 250 // presses) for k in range(presses)])
    assert report.console is not None
    assert report.console["commands"] == presses
    assert np.array_equal(session.read("drums"), plain) is not muted


@pytest.mark.parametrize("exact", [False, True])
def test_the_chunks_of_the_file_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    """Read in chunks of any size, the rendered files are the same bits."""
    session = Session(tmp_path, hiss(30011))
    found = []
    for chunk in (16384, 777, 5000):
        monkeypatch.setattr("plugin_bridge.files.render.CHUNK", chunk)
        session.render(pad(7001), fader(7002, 50), pad(20000), exact=exact, model=uneven_model())
        found.append([session.read(name) for name in ("drums", "bass", "mix")])
    for other in found[1:]:
        assert all(np.array_equal(*pair) for pair in zip(found[0], other, strict=True))


@pytest.mark.parametrize("block", [255, 256, 1000])
def test_exact_is_the_engine_bit_for_bit(tmp_path: Path, block: int) -> None:
    """--exact --midi and the engine, block by block with the same commands, are the same bits."""
    mix = hiss(20011)
    session = Session(tmp_path, mix)
    session.render(pad(7001), fader(7001, 50), exact=True, model=uneven_model())
    console = Console(["vocals", "drums", "bass", "other"])
    names = ["drums", "bass", "mix"]
    routes = [Route(name, (2 * k + 1, 2 * k + 2)) for k, name in enumerate(names)]
    engine = Engine(uneven_model(), RATE, console, routes=routes)
    engine.send(Command(7001, "drums.mute", True))
    engine.send(Command(7001, "bass.gain_db", 40 * np.log10(50 / 127)))
    parts = [engine.push(mix[:, at : at + block]) for at in range(0, mix.shape[1], block)]
    streamed = np.concatenate([*parts, engine.flush()], axis=1)
    for k, name in enumerate(names):
        assert np.array_equal(session.read(name), streamed[2 * k : 2 * k + 2])


def test_exact_is_the_bridge_bit_for_bit(tmp_path: Path) -> None:
    """--exact --midi, and a bridge whose strips are set while it streams, are the same bits."""
    mix = hiss(20011)
    session = Session(tmp_path, mix)
    session.render(pad(7001), fader(7001, 50), exact=True, model=uneven_model())
    bridge = StemBridge(uneven_model())
    parts = []
    for at in range(0, mix.shape[1], HOP):
        # The transform holds one hop: with this block the console runs on the one before it.
        if at == next_hop(7001) + HOP:
            bridge["drums"].mute = True
            bridge["bass"].gain_db = 40 * np.log10(50 / 127)
        parts.append(bridge.process_stems(mix[:, at : at + HOP], RATE, reset=False))
    parts.append(bridge.flush_stems())
    for name in bridge.stems:
        streamed = np.concatenate([part[name] for part in parts], axis=1)
        assert np.array_equal(session.read(name), streamed)


def test_an_exact_preset_is_the_bridge_bit_for_bit(tmp_path: Path) -> None:
    """A preset rendered with --exact equals a bridge with the same inserts, sends and faders."""
    mix = hiss(30011)
    session = Session(tmp_path, mix)
    session.preset.write_text(ROOM)
    session.render(exact=True, model=uneven_model())
    bridge = StemBridge(uneven_model())
    bridge.add_bus("room").inserts = Reverb(room_size=0.7)
    bridge["vocals"].inserts = Compressor(threshold_db=-30, ratio=8)
    bridge["vocals"].sends["room"] = -9
    bridge["drums"].pan = 0.25
    bridge["bass"].gain_db = -3
    assert np.array_equal(session.read("mix"), bridge(mix, RATE))
    stems = bridge.process_stems(mix, RATE)
    assert all(np.array_equal(session.read(name), stem) for name, stem in stems.items())


@pytest.mark.parametrize("rate", [8000, 32000, 48000])
def test_another_rate_moves_nothing(tmp_path: Path, rate: int) -> None:
    """A mute at a second of the MIDI file stands at that second, resampled or not."""
    session = Session(tmp_path, hiss(2 * rate), rate)
    report = session.render(pad(RATE))
    assert report.resampled == (rate < 44100)
    drums = session.read("drums")
    assert drums.shape == (2, 2 * rate)
    # One hop and the ramp, and at low rates what the resampler spreads.
    later = rate + round(rate * (HOP + RAMP) / RATE) + 64
    assert np.abs(drums[:, later:]).max() < ROUNDING
    assert np.abs(drums[:, rate - 200 : rate - 64]).max() > 0.01


def test_the_mix_is_the_input(tmp_path: Path) -> None:
    """Faders at 0 dB, nothing inserted: what went in, below -120 dB; the only file is mix.wav."""
    song = hiss(30000)
    session = Session(tmp_path, song)
    session.render(preset=None, mix=True)
    error = np.abs(session.read("mix") - song).max() / np.abs(song).max()
    assert 20 * np.log10(error) < SUM_DB
    files = {path.name for path in (tmp_path / "out" / "song").iterdir()}
    assert files == {"mix.wav", "render.json"}


def test_the_mix_is_the_sum_of_what_is_written(tmp_path: Path) -> None:
    """Strips are written behind their faders: they add up to the mix, muted ones left out."""
    session = Session(tmp_path, hiss(20000))
    session.render(pad(4000), fader(9000, 20))
    total = sum(session.read(name) for name in ("vocals", "drums", "bass", "other"))
    assert np.abs(session.read("mix") - total).max() <= ROUNDING


def test_a_program_change_switches_the_preset(tmp_path: Path) -> None:
    """`drumless` takes the drums out, 20 ms after the hop; before it they are there."""
    session = Session(tmp_path, hiss(20000))
    session.render()
    plain = session.read("mix")
    report = session.render((8000, mido.Message("program_change", program=1)), mix=True)
    assert report.console is not None
    assert report.console["commands"] == 1
    mix, hop = session.read("mix"), next_hop(8000)
    assert np.abs(mix[:, :hop] - plain[:, :hop]).max() <= ROUNDING
    after = slice(hop + 882 + RAMP, None)
    assert np.abs(mix[:, after] - 0.75 * plain[:, after]).max() <= ROUNDING


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_own_rate_models_take_part(tmp_path: Path, channels: int) -> None:
    """A waveform model on a mono or stereo file: two strips and the mix, as long as the input."""
    session = Session(tmp_path, hiss(5000, channels))
    session.render(preset=None, mix=False, model=halves_model())
    session.render(preset=None, mix=True, stems=("vocals",), model=halves_model())
    assert session.read("vocals").shape == (channels, 5000)
    assert np.abs(session.read("mix") - 2 * session.read("vocals")).max() <= ROUNDING
