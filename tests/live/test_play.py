"""A song through a real PortAudio stream on a JACK server, against the offline render."""

import time
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from plugin_bridge import presets
from plugin_bridge.cli.main import main
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import DeviceConfigError
from plugin_bridge.live.control import ControlBlock, Head
from plugin_bridge.live.devices import portaudio
from plugin_bridge.live.devices.device import Callback
from plugin_bridge.live.playing import Playing
from plugin_bridge.live.session import Session
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests import graphs
from tests.live.conftest import StartServer
from tests.live.jackd import peer_of
from tests.tiny import write_audio

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

STEMS = "vocals,drums,bass,other"


class Held:
    """A device that is silent until something comes in: the song begins with the capture."""

    def __init__(self, device: portaudio.PortAudioDevice) -> None:
        self._device = device

    def __getattr__(self, name: str) -> object:
        return getattr(self._device, name)

    def start(self, callback: Callback) -> None:
        begun = False

        def held(indata: FloatArray, outdata: FloatArray, flags: int, /) -> None:
            nonlocal begun
            begun = begun or bool(indata.any())
            if begun:
                callback(indata, outdata, flags)
            else:
                outdata[...] = 0

        self._device.start(held)


@pytest.mark.parametrize("kind", ["streaming", "segment"])
@pytest.mark.parametrize(
    ("rate", "block", "mode"), [(44100, 256, "inline"), (44100, 480, "worker")]
)
def test_the_outputs_equal_render_exact(
    start_server: StartServer, tmp_path: Path, rate: int, block: int, mode: str, kind: str
) -> None:
    """What leaves the eight outputs is `render --exact` of the file, bit for bit."""
    path = tmp_path / "m.onnx"
    made = (
        graphs.streaming(path)
        if kind == "streaming"
        else graphs.waves(path, kind="segment", samples=8820)
    )
    song = noise(1.1, rate)[:, :-13]
    file = write_audio(tmp_path / "song.wav", song, rate)
    server = start_server(rate, block)
    device = portaudio.PortAudioDevice(*portaudio.pair(None, None), rate, block, 2, 8)
    model, control = Model(made, "cpu"), ControlBlock()
    consoles = {"four-outs": presets.load("four-outs").console(model.card.stems)}
    settings = LiveSettings(play=str(file), clock="wait")
    playing = Playing(settings, model, consoles, lambda _: Held(device), control)  # type: ignore[arg-type, return-value]
    stream = LiveStream(playing.engine, playing.device, mode=mode, clock="wait", control=control)
    playing.start()
    stream.start()
    try:
        with peer_of(server) as peer:
            captured = peer.play(np.ones_like(song), tail=stream.latency_samples)
    finally:
        stream.stop()
        playing.stop()
    assert not control.cells[Head.PAUSED_SAMPLES]
    options = ["--exact", "--multichannel", "--stems", STEMS, "--provider", "cpu"]
    out = ["--preset", "four-outs", "--model", str(made), "--out", str(tmp_path / "out"), "--json"]
    assert main(["render", str(file), *options, *out]) == 0
    (found,) = (tmp_path / "out" / "song").glob("*.wav")
    with AudioFile(str(found)) as rendered:
        expected = rendered.read(rendered.frames)
    late = stream.latency_samples
    np.testing.assert_array_equal(captured[:, late : late + song.shape[1]], expected)
    assert np.abs(expected).max(axis=1).min() > 1e-3


def session_of(folder: Path, rate: int, control: ControlBlock) -> Session:
    """Give a session that plays a fifth of a second at a rate to the server's outputs."""
    song = write_audio(folder / "song.wav", noise(0.2, rate), rate)
    settings = LiveSettings(
        play=str(song),
        model=str(graphs.streaming(folder / "m.onnx")),
        preset="four-outs",
        output="JACK:system",
        clock="wait",
    )
    return Session(settings, control, {}, "")


def test_a_device_without_inputs_plays_a_song(start_server: StartServer, tmp_path: Path) -> None:
    """Only outputs are opened, at the rate of the file."""
    start_server(48000, 256)
    control = ControlBlock()
    session = session_of(tmp_path, 48000, control)
    session.start()
    limit = time.monotonic() + 30
    while control.cells[Head.POSITION] < 9600:
        assert time.monotonic() < limit, "the song stands still"
        time.sleep(0.005)
    session.stop()
    assert session.device.host_api.startswith("JACK")
    assert session.described()["device"]["outputs"] == 8


def test_a_rate_that_the_server_refuses_is_one_sentence(
    start_server: StartServer, tmp_path: Path
) -> None:
    """What the file has, what the server runs at, and what to do."""
    start_server(48000, 256)
    with pytest.raises(DeviceConfigError, match=r"44100 Hz was asked.*--rate 48000"):
        session_of(tmp_path, 44100, ControlBlock())
