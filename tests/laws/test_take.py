"""A take rendered again is what was heard, bit for bit, at the stated latency."""

import time
from pathlib import Path

import mido
import numpy as np
import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.cli.terminal import MISTAKE, OK
from plugin_bridge.errors import PresetError
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.live.take import load, write_midi
from tests import graphs
from tests.tiny import read_audio

pytestmark = pytest.mark.linux

PRESET = """
format = 1
name = "desk"

[strips.vocals]
inserts = [{ plugin = "Compressor", threshold_db = -30.0 }]
sends = { room = -6.0 }

[buses.room]
inserts = [{ plugin = "Reverb", room_size = 0.4 }]

[[routes]]
source = "mix"
channels = [1, 2]

[[routes]]
source = "drums"
channels = [3, 4]

[[midi]]
source = "program"
number = 1
target = "preset"
mode = "set"
value = "karaoke"
"""


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_a_take_rendered_again_is_what_was_heard(mode: str, tmp_path: Path) -> None:
    """With inserts, sends, faders, mutes and a switch of presets while it plays."""
    preset = tmp_path / "desk.toml"
    preset.write_text(PRESET)
    folder = tmp_path / "take"
    settings = LiveSettings(
        device="null",
        block=480,
        preset=str(preset),
        model=str(graphs.streaming(tmp_path / "m.onnx")),
        provider="cpu",
        mode=mode,
        clock="wait",
        record=str(folder),
        reach=True,
    )
    live = Live(settings)
    live.start()
    for path, value in (
        ("drums.mute", True),
        ("vocals.gain_db", -7.5),
        ("drums.mute", False),
        ("preset", "karaoke"),
        ("master.gain_db", -3.0),
        ("preset", "desk"),
    ):
        time.sleep(0.07)
        live.send(path, value)
    time.sleep(0.2)
    live.stop()
    take = load(folder)
    assert take.exact
    assert len(take.commands) == 6
    assert (
        main(["render", "--take", str(folder), "--out", str(tmp_path / "again"), "--exact"]) == OK
    )
    heard, again = read_audio(folder / "out.wav"), read_audio(tmp_path / "again/take/out.wav")
    late = take.latency_samples
    assert heard.shape == again.shape
    assert again.any(axis=1).all()
    assert np.array_equal(heard[:, late:], again[:, :-late])
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_without_a_take_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a missing folder, nor a take and files at once, is guessed at."""
    with pytest.raises(PresetError, match="live --record"):
        load(tmp_path)
    assert main(["render", "--take", str(tmp_path)]) == MISTAKE
    assert main(["render", "--take", str(tmp_path), "song.wav"]) == MISTAKE
    assert main(["render"]) == MISTAKE
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize("rate", [44100, 48000, 96000, 192000])
def test_a_tick_of_the_midi_file_is_a_sample(rate: int, tmp_path: Path) -> None:
    """Read back, every message is at its sample."""
    path = tmp_path / "take.mid"
    positions = [0, 1, 4410, rate, 30 * rate + 7]
    write_midi(path, [(at, bytes([0x90, 36, 100])) for at in positions], rate)
    file = mido.MidiFile(path)
    tempo = file.tracks[0][0].tempo
    assert round(file.ticks_per_beat * 1e6 / tempo) == pytest.approx(rate, rel=1e-4)
    times = np.cumsum([message.time for message in file.tracks[0][1:-1]])
    assert times.tolist() == positions
