"""The whole of live playing on a real PortAudio stream, against the offline render.

A JACK server runs free of any clock; an independent client plays stereo into the stream and
captures its eight outputs.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from plugin_bridge import presets
from plugin_bridge.cli.main import main
from plugin_bridge.console import Console
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.live.control import Audio
from plugin_bridge.live.devices import portaudio
from plugin_bridge.live.devices.device import Callback
from plugin_bridge.live.session import open_device
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import step_of
from plugin_bridge.testing import IdentityModel
from tests.live.conftest import StartServer
from tests.live.jackd import peer_of

pytestmark = [pytest.mark.system("jackd2", "libportaudio2"), pytest.mark.model]

# Inserts with and without latency, one of them on a bus that a strip and a bus feed by sends.
DESK = """
format = 1
[strips.vocals]
gain_db = -3.0
sends = { room = -9.0 }
inserts = [
    { plugin = "HighpassFilter", cutoff_frequency_hz = 120.0 },
    { plugin = "Compressor", threshold_db = -30.0, ratio = 3.0 },
]
[strips.drums]
pan = -0.4
sends = { room = -20.0 }
inserts = [{ plugin = "Limiter", threshold_db = -12.0 }]
[strips.other]
output = "room"
[buses.room]
inserts = [{ plugin = "Reverb", room_size = 0.4, wet_level = 0.4, dry_level = 0.6 }]
[[routes]]
source = "vocals"
channels = [1, 2]
[[routes]]
source = "drums"
channels = [3, 4]
[[routes]]
source = "mix"
channels = [5, 6]
[[routes]]
source = "room"
channels = [7, 8]
"""
SOURCES = {"four-outs": "vocals,drums,bass,other", "desk": "vocals,drums,mix,room"}


class Tapped:
    """A device whose input is kept: what the engine saw before the signal began, too."""

    def __init__(self, device: portaudio.PortAudioDevice) -> None:
        self._device = device
        self.heard: list[FloatArray] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._device, name)

    def start(self, callback: Callback) -> None:
        def tapped(indata: FloatArray, outdata: FloatArray, flags: int, /) -> None:
            self.heard.append(indata.copy())
            callback(indata, outdata, flags)

        self._device.start(tapped)


def song(rate: int) -> FloatArray:
    """Give half a second of tones that come and go over noise, never silent, left unlike right."""
    time = np.arange(rate // 2) / rate
    tones = sum(
        np.sin(2 * np.pi * f * time) * (np.sin(2 * np.pi * f / 90 * time) > 0)
        for f in (82.4, 220.0, 659.3)
    )
    noise = np.random.default_rng(rate).standard_normal((2, len(time)))
    return (0.15 * np.stack([tones, np.roll(tones, 300)]) + 0.05 * noise).astype(np.float32)


def render_exact(folder: Path, preset: Path, name: str, heard: FloatArray, rate: int) -> FloatArray:
    """Render what the stream heard, and give what belongs on its eight outputs."""
    with AudioFile(str(folder / "heard.wav"), "w", rate, 2, bit_depth=32) as file:
        file.write(heard)
    options = ["--exact", "--multichannel", "--stems", SOURCES[name], "--provider", "cpu"]
    out = ["--preset", str(preset), "--out", str(folder / "out"), "--json"]
    assert main(["render", str(folder / "heard.wav"), *options, *out]) == 0
    (found,) = (folder / "out" / "heard").glob("*.wav")
    with AudioFile(str(found)) as file:
        return file.read(file.frames)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("mode", ["inline", "worker"])
@pytest.mark.parametrize("block", [128, 256, 480, 512])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_eight_outputs_equal_render_exact_at_the_reported_latency(
    start_server: StartServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rate: int,
    block: int,
    mode: str,
    name: str,
) -> None:
    """What leaves the device is `render --exact` of what entered, bit for bit, late as stated."""
    file = tmp_path / f"{name}.toml"
    file.write_text(DESK, encoding="utf-8")
    preset = presets.load(name if name == "four-outs" else file)
    model = Model("lastframe", "cpu")
    server = start_server(rate, block)
    device = portaudio.PortAudioDevice(*portaudio.pair(None, None), rate, block, 2, 8)
    tapped = Tapped(device)
    engine = Engine(model, rate, preset.console(model.card.stems), block=step_of(model, rate))
    stream = LiveStream(engine, tapped, mode=mode, clock="wait")  # type: ignore[arg-type]
    signal = song(rate)
    stream.start()
    try:
        with peer_of(server) as peer:
            captured = peer.play(signal, tail=stream.latency_samples)
    finally:
        stream.stop()
    assert (stream.mode, device.block) == (mode, block)
    heard = np.concatenate(tapped.heard).T
    start = int(np.flatnonzero(heard[0] == signal[0, 0])[0])
    np.testing.assert_array_equal(heard[:, start : start + signal.shape[1]], signal)
    rendered = render_exact(
        tmp_path, file if name == "desk" else Path("four-outs"), name, heard, rate
    )
    late = start - stream.latency_samples
    expected = rendered[:, max(0, late) : late + captured.shape[1]]
    np.testing.assert_array_equal(captured[:, max(0, -late) :], expected)
    assert np.abs(expected).max(axis=1).min() > 1e-4
    json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("block", "synthesis", "mode", "latency"),
    [(256, 512, "inline", 256), (256, 512, "worker", 512), (128, 256, "inline", 128)],
)
def test_an_impulse_comes_out_at_the_stated_latency(
    start_server: StartServer, block: int, synthesis: int, mode: str, latency: int
) -> None:
    """The figures that the README promises, through a real stream."""
    server = start_server(44100, block)
    model = IdentityModel(["all"], synthesis=synthesis, hop=synthesis // 2)
    console = Console(["all"])
    engine = Engine(model, 44100, console, block=step_of(model, 44100))
    device = portaudio.PortAudioDevice(*portaudio.pair(None, None), 44100, block, 2, 2)
    stream = LiveStream(engine, device, mode=mode, clock="wait")
    click = np.zeros((2, 8 * block), np.float32)
    click[:, 3 * block + 17] = 0.5
    stream.start()
    try:
        with peer_of(server) as peer:
            captured = peer.play(click, tail=latency)
    finally:
        stream.stop()
    assert stream.latency_samples == latency
    np.testing.assert_allclose(captured[:, latency:], click, atol=1e-6)


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_a_device_of_one_capture_port_feeds_both_channels(
    start_server: StartServer, mode: str
) -> None:
    """A microphone alone is opened as it is, and heard on the left and the right, as stated."""
    server = start_server(44100, 256, outputs=2, inputs=1)
    device = open_device(LiveSettings(), outputs=2)
    model = IdentityModel(["all"])
    engine = Engine(model, 44100, Console(["all"]), block=step_of(model, 44100))
    stream = LiveStream(engine, device, mode=mode, clock="wait")
    signal = song(44100)[:1]
    stream.start()
    try:
        with peer_of(server) as peer:
            captured = peer.play(signal, tail=stream.latency_samples)
    finally:
        stream.stop()
    assert device.inputs == 1
    np.testing.assert_array_equal(captured[0], captured[1])
    np.testing.assert_allclose(captured[:1, stream.latency_samples :], signal, atol=1e-6)


# Inline has no room for shorter ones: a session makes a new stream for them.
@pytest.mark.parametrize(("period", "mode"), [(1024, "inline"), (1024, "worker"), (64, "worker")])
def test_a_server_may_change_its_period_under_an_engine(
    start_server: StartServer, period: int, mode: str
) -> None:
    """The stated latency stays, and no sample is lost."""
    server = start_server(44100, 256)
    model = IdentityModel(["all"])
    engine = Engine(model, 44100, Console(["all"]), block=step_of(model, 44100))
    device = portaudio.PortAudioDevice(*portaudio.pair(None, None), 44100, None, 2, 2)
    stream = LiveStream(engine, device, mode=mode, clock="wait")
    signal = song(44100)
    stream.start()
    try:
        with peer_of(server) as peer:
            peer.set_period(period)
            captured = peer.play(signal, tail=stream.latency_samples)
            peer.set_period(256)  # jackd does not end well at another one
    finally:
        stream.stop()
    assert device.block == 256
    assert stream.control.cells[Audio.BLOCK] in (256, min(256, period))
    assert stream.control.cells[Audio.MISSES] == 0
    np.testing.assert_allclose(captured[:, stream.latency_samples :], signal, atol=1e-6)
