"""The parts of a take, sealed in every state in which an engine may have left them."""

import json
import re
from pathlib import Path

import mido
import numpy as np
import pytest
from pedalboard.io import AudioFile

from plugin_bridge.console import Command
from plugin_bridge.errors import PluginBridgeError, PresetError
from plugin_bridge.live import wave
from plugin_bridge.live.control import Audio, ControlBlock, Head
from plugin_bridge.live.parts import (
    INPUT,
    MIDI,
    OUTPUT,
    TAKE,
    Journal,
    is_taken,
    note_midi,
    part,
    seal,
)
from plugin_bridge.live.take import load
from plugin_bridge.live.wave import WavePart, close_wave, held_samples
from plugin_bridge.testing import noise

RATE = 48000
DESCRIBED = {
    "rate": RATE,
    "latency_samples": 256,
    "provider": "CPUExecutionProvider",
    "song": {"begin": 7},
    "state": {"": {"drums.mute": False}},
}


def recorded(folder: Path) -> None:
    """Leave the parts of a take, the output a little shorter than the input."""
    journal = Journal(folder, DESCRIBED)
    for name, channels, samples in ((INPUT, 2, 1000), (OUTPUT, 8, 960)):
        file = WavePart(part(folder, name), RATE, channels)
        file.write(noise(1, channels=channels)[:, :samples])
        file.close()
    journal.add([Command(5, "drums.mute", True), Command(9, "preset", "karaoke")])
    journal.lose(3)
    note_midi(folder, 10, bytes([0xFA]))  # start, which no file can hold
    note_midi(folder, 11, bytes([0x90, 36, 1]))


def sealed(folder: Path) -> None:
    """Seal the take as the parent does."""
    block = ControlBlock()
    block.cells[Audio.MISSES] = 4
    block.cells[Head.JUMPS] = 2
    seal(folder, block.cells, cut_off=True)
    block.close()


@pytest.mark.parametrize("left", ["whole", "torn", "full disk", "renamed", "no header"])
def test_parts_become_a_take(tmp_path: Path, left: str) -> None:
    """Lines and samples that were being written are left out; a seal that was begun is ended."""
    recorded(tmp_path)
    if left == "torn":
        for name, rest in ((TAKE, b'{"command": {"posi'), (MIDI, b"12 9024"), (OUTPUT, b"abc")):
            with part(tmp_path, name).open("ab") as file:
                file.write(rest)
    if left == "full disk":  # half a line, and then there was room again
        with part(tmp_path, MIDI).open("ab") as file:
            file.write(b"12 9024")
        note_midi(tmp_path, 13, bytes([0x90, 36, 2]))
    if left == "renamed":
        part(tmp_path, INPUT).rename(tmp_path / INPUT)
    if left == "no header":
        part(tmp_path, OUTPUT).write_bytes(part(tmp_path, OUTPUT).read_bytes()[:50])
    sealed(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {INPUT, OUTPUT, TAKE, MIDI}
    take = load(tmp_path)
    samples = 0 if left == "no header" else 960
    assert [(c.position, c.path, c.value) for c in take.commands] == [
        (5, "drums.mute", True),
        (9, "preset", "karaoke"),
    ]
    expected = {"samples": samples, "lost_samples": 3, "misses": 4, "cut_off": True}
    expected |= {"midi_messages": 1}
    assert {name: take.table[name] for name in expected} == expected
    assert take.table["song"] == {"begin": 7, "jumps": 2, "underruns": 0, "paused_samples": 0}
    assert [m.time for m in mido.MidiFile(tmp_path / MIDI).tracks[0] if m.type == "note_on"] == [11]
    if left != "no header":
        for name, channels in ((INPUT, 2), (OUTPUT, 8)):
            with AudioFile(str(tmp_path / name)) as file:
                assert (file.samplerate, file.num_channels, file.frames) == (RATE, channels, 960)
                assert np.array_equal(file.read(960), noise(1, channels=channels)[:, :960])
    sealed(tmp_path)  # a second time there is nothing to do
    assert load(tmp_path).table == take.table


def test_a_take_that_is_being_recorded_is_none(tmp_path: Path) -> None:
    """Its folder is taken, and who renders it is told where its sound is."""
    assert not is_taken(tmp_path)
    recorded(tmp_path)
    assert is_taken(tmp_path)
    with pytest.raises(PresetError, match="still being recorded"):
        load(tmp_path)
    part(tmp_path, OUTPUT).rename(tmp_path / OUTPUT)  # a seal that was interrupted
    told = rf"its sound is in {part(tmp_path, INPUT)} and {tmp_path / OUTPUT}, which"
    with pytest.raises(PresetError, match=re.escape(told)):
        load(tmp_path)
    with part(tmp_path, INPUT).open("rb") as handle, AudioFile(handle) as file:
        assert file.samplerate == RATE


def test_a_file_over_the_limit_becomes_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limit lowered for a test: long sizes, read back to the bit."""
    monkeypatch.setattr(wave, "OPEN", 4000)
    path = tmp_path / "long.wav"
    file = WavePart(path, RATE, 2)
    file.write(noise(1)[:, :700])
    file.close()
    close_wave(path, held_samples(path))
    assert path.read_bytes()[:4] == b"RF64"
    with AudioFile(str(path)) as found:
        assert np.array_equal(found.read(found.frames), noise(1)[:, :700])


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """The error names the file."""
    for make in (lambda f: WavePart(part(f, INPUT), RATE, 2), lambda f: Journal(f, DESCRIBED)):
        with pytest.raises(PluginBridgeError, match="cannot be written"):
            make(tmp_path / "nowhere")


def test_a_journal_is_lines(tmp_path: Path) -> None:
    """Every line is JSON by itself, so that the last one may be torn."""
    recorded(tmp_path)
    lines = part(tmp_path, TAKE).read_text().splitlines()
    assert [next(iter(json.loads(line))) for line in lines] == [
        "described",
        "command",
        "command",
        "lost",
    ]
