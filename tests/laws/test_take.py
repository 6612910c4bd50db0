"""A take rendered again is what was heard, bit for bit, at the stated latency."""

import os
import signal
import time
import unicodedata
from pathlib import Path

import mido
import numpy as np
import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.cli.terminal import MISTAKE, OK
from plugin_bridge.errors import PresetError
from plugin_bridge.live.parts import write_midi
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.live.take import load
from tests import graphs
from tests.processes import until
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
    until(lambda: live.status()["counters"]["commands"] == 6)
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
    assert take.notes == []


def test_a_take_of_a_killed_engine_is_whole_up_to_its_end(tmp_path: Path) -> None:
    """Its parent seals it, with the commands and MIDI so far; the next engine has its own."""
    folder, model = tmp_path / "take", str(graphs.streaming(tmp_path / "m.onnx"))
    live = Live(
        LiveSettings(
            device="null",
            model=model,
            provider="cpu",
            mode="worker",
            clock="wait",
            record=str(folder),
        )
    )
    live.start()
    pad = bytes([0x90, 36, 100])
    try:
        for muted in (True, False, True):
            live.note(pad)
            live.send("drums.mute", muted)
            until(lambda: (folder / ".out.wav.part").stat().st_size > 100_000)
        before, pid = live.status()["counters"]["callbacks"], live.pid
        until(lambda: live.status()["counters"]["callbacks"] > before + 50)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: live.restarts == 1)
        live.note(pad)
    finally:
        live.stop()
    cut, next_one = load(folder), load(tmp_path / "take-2")
    assert (cut.table["cut_off"], next_one.table["cut_off"]) == (True, False)
    assert [command.value for command in cut.commands] == [True, False, True]
    assert cut.exact
    assert any("cut off after" in note for note in cut.notes)
    again = tmp_path / "again"
    assert main(["render", "--take", str(folder), "--out", str(again), "--exact"]) == OK
    heard, rendered = read_audio(folder / "out.wav"), read_audio(again / "take/out.wav")
    assert heard.shape == rendered.shape == (2, cut.table["samples"])
    late = cut.latency_samples
    assert np.array_equal(heard[:, late:], rendered[:, :-late])
    for name, count in (("take", 3), ("take-2", 1)):
        notes = [m for m in mido.MidiFile(tmp_path / name / "take.mid") if m.type == "note_on"]
        assert len(notes) == count
    assert not list(tmp_path.rglob("*.part"))


def test_a_take_always_has_its_four_files(tmp_path: Path) -> None:
    """Without MIDI take.mid is empty; one that was changed is told of, and --take is as before."""
    folder = tmp_path / "take"
    model = str(graphs.streaming(tmp_path / "m.onnx"))
    live = Live(LiveSettings(device="null", model=model, record=str(folder)))
    live.start()
    live.stop()
    assert sorted(path.name for path in folder.iterdir()) == [
        "input.wav",
        "out.wav",
        "take.mid",
        "take.toml",
    ]
    assert len(list(mido.MidiFile(folder / "take.mid"))) == 2  # tempo and end
    assert load(folder).notes == []
    write_midi(folder / "take.mid", [(5, bytes([0x90, 36, 100]))], 44100)
    (note,) = load(folder).notes
    assert "was changed after the recording" in note


def test_commands_that_cannot_be_followed_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A take whose commands were edited renders without them, and says how many those are."""
    folder = tmp_path / "take"
    model = str(graphs.streaming(tmp_path / "m.onnx"))
    live = Live(LiveSettings(device="null", model=model, record=str(folder)))
    live.start()
    live.send("vocals.gain_db", -7.5)
    live.send("drums.mute", True)
    until(lambda: live.status()["counters"]["commands"] == 2)
    live.stop()
    arguments = ["render", "--take", str(folder), "--out", str(tmp_path / "again")]
    assert main(arguments) == OK
    assert "followed" not in capsys.readouterr().err
    description = folder / "take.toml"
    description.write_text(description.read_text().replace("-7.5", "99.0"))
    assert main(arguments) == OK
    assert f"{description}: 1 of 2 commands could not be followed" in capsys.readouterr().err


def test_a_take_of_names_in_another_form_of_unicode_renders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As earlier versions kept them: letters and accents by themselves."""
    whole, apart = (unicodedata.normalize(form, "höhe") for form in ("NFC", "NFD"))
    preset, folder = tmp_path / "desk.toml", tmp_path / "take"
    preset.write_text(f'format = 1\nname = "desk"\n[buses."{apart}"]\ngain_db = -3.0\n')
    model = str(graphs.streaming(tmp_path / "m.onnx"))
    live = Live(LiveSettings(device="null", preset=str(preset), model=model, record=str(folder)))
    live.start()
    live.send(f"{apart}.gain_db", -7.5)
    until(lambda: live.status()["counters"]["commands"] == 1)
    live.stop()
    description = folder / "take.toml"
    text = description.read_text()
    assert whole in text
    description.write_text(text.replace(whole, apart))
    assert main(["render", "--take", str(folder), "--out", str(tmp_path / "again")]) == OK
    assert "followed" not in capsys.readouterr().err


def test_a_folder_without_a_take_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a missing folder, nor a take and files at once, is guessed at."""
    with pytest.raises(PresetError, match="cannot be read: file name too long"):
        load(tmp_path / ("long" * 100))
    with pytest.raises(PresetError, match="live --record"):
        load(tmp_path)
    assert main(["render", "--take", str(tmp_path)]) == MISTAKE
    assert main(["render", "--take", str(tmp_path), "song.wav"]) == MISTAKE
    assert main(["render"]) == MISTAKE
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 88200, 96000, 176400, 192000, 44101])
def test_a_tick_of_the_midi_file_is_a_sample(rate: int, tmp_path: Path) -> None:
    """Read back, every message is at its sample."""
    path = tmp_path / "take.mid"
    positions = [0, 1, 4410, rate, 30 * rate + 7]
    write_midi(path, [(at, bytes([0x90, 36, 100])) for at in positions], rate)
    file = mido.MidiFile(path)
    tempo = file.tracks[0][0].tempo
    assert file.ticks_per_beat * 1e6 / tempo == pytest.approx(
        rate, rel=0 if rate % 50 == 0 else 1e-9
    )
    times = np.cumsum([message.time for message in file.tracks[0][1:-1]])
    assert times.tolist() == positions
