"""A render through the console: which files, which report, which sentences."""

import json
from pathlib import Path
from typing import Any

import mido
import pytest
from pedalboard import Gain

from plugin_bridge.errors import PresetError, SpecError
from plugin_bridge.files.jobs import render_all
from plugin_bridge.files.options import RenderOptions, choose_sources
from plugin_bridge.files.render import render
from plugin_bridge.files.report import RenderReport
from tests.tiny import (
    equal_model,
    halves_model,
    hiss,
    read_audio,
    write_audio,
    write_midi,
    write_model,
)

HALL = """
format = 1
name = "hall"

[buses.hall]
gain_db = -6

[strips.drums.sends]
hall = 0

[[midi]]
source = "note"
number = 36
target = "drums.mute"
mode = "toggle"

[[midi]]
source = "program"
number = 0
target = "preset"
value = "karaoke"
"""
DRUMS = mido.Message("note_on", note=36)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a song and a preset of one bus, made the current one."""
    monkeypatch.chdir(tmp_path)
    Path("hall.toml").write_text(HALL)
    write_audio(Path("song.wav"), hiss(20000))
    return tmp_path


def make(*track: mido.Message, **fields: Any) -> RenderReport:
    """Render the song with this track."""
    midi = write_midi(Path("take.mid"), list(track)) if track else None
    options = RenderOptions(out=Path("out"), midi=midi, **fields)
    return render("song.wav", options, model=equal_model())


def files() -> set[str]:
    """Give the names of what was rendered, without the report."""
    return {path.stem for path in Path("out/song").iterdir() if path.suffix != ".json"}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, "vocals drums bass other hall mix"),
        ({"mix": True}, "mix"),
        ({"stems": ("hall", "drums")}, "hall drums"),
        ({"stems": ("drums", "mix")}, "drums mix"),
        ({"stems": ("drums",), "mix": True}, "drums mix"),
        ({"stems": ("drums", "mix"), "mix": True}, "drums mix"),
    ],
)
def test_what_is_written(here: Path, fields: dict[str, Any], wanted: str) -> None:
    """All of the console, or what is asked for; the report names the same."""
    report = make(preset="hall.toml", **fields)
    assert files() == set(wanted.split())
    assert [stem.name for stem in report.stems] == wanted.split()


def test_a_bus_is_behind_its_fader(here: Path) -> None:
    """The hall gets the drums and is 6 dB softer."""
    make(preset="hall.toml")
    drums, hall = (read_audio(Path(f"out/song/{name}.wav")) for name in ("drums", "hall"))
    assert abs(hall - 10 ** (-6 / 20) * drums).max() < 1e-6


def test_several_in_one_file(here: Path) -> None:
    """--multichannel holds what is asked for, in that order."""
    make(preset="hall.toml", multichannel=True, stems=("mix", "hall", "drums"))
    assert read_audio(Path("out/song/stems.wav")).shape == (6, 20000)


def test_the_report_tells_of_the_console(here: Path) -> None:
    """Preset, MIDI file, messages and commands; without the console, null."""
    make(DRUMS, DRUMS, mido.Message("note_on", note=99), preset="hall.toml")
    saved = json.loads(Path("out/song/render.json").read_text())
    assert saved["console"] == {
        "preset": "hall",
        "midi": "take.mid",
        "messages": 3,
        "commands": 2,
        "insert_latency_samples": 0,
        "clipped_samples": 0,
        "nonfinite_insert_samples": 0,
    }
    assert saved["warnings"] == []
    assert make().console is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (mido.Message("note_on", note=99), "take.mid holds no message that the MIDI map of hall"),
        (DRUMS.copy(time=5000), "take.mid goes on after the end of song.wav; 1 of its 1 commands"),
    ],
)
def test_a_take_that_does_nothing_is_told(here: Path, message: mido.Message, words: str) -> None:
    """One sentence; the song is rendered."""
    (said,) = make(message, preset="hall.toml").warnings
    assert words in said
    assert "mix" in files()


def test_the_end_of_the_song_is_at_its_own_rate(here: Path) -> None:
    """A command just before the end is heard, also where a second has more samples."""
    write_audio(Path("song.wav"), hiss(48000), 48000)
    assert make(DRUMS.copy(time=930), preset="hall.toml").warnings == []  # 960 ticks a second


def test_solo_exclusive_takes_every_strip_out_of_solo(here: Path) -> None:
    """Also one without a button of its own, which the preset soloed."""
    row = '[[midi]]\nsource = "note"\nnumber = 36\ntarget = "drums.solo"\nmode = "solo-exclusive"'
    Path("solo.toml").write_text(f"format = 1\n[strips.vocals]\nsolo = true\n{row}\n")
    make(DRUMS.copy(time=100), preset="solo.toml")
    vocals, drums = (read_audio(Path(f"out/song/{name}.wav")) for name in ("vocals", "drums"))
    assert vocals[:, :4000].any()
    assert not vocals[:, 6000:].any()
    assert drums[:, 6000:].any()


@pytest.mark.parametrize("channels", [1, 2])
def test_plugins_are_opened_for_the_channels_of_the_song(
    here: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    """Some take mono only, or stereo only."""
    asked: list[int] = []

    def build(*_: Any, channels: int, **__: Any) -> Gain:
        asked.append(channels)
        return Gain()

    monkeypatch.setattr("plugin_bridge.console.vst3.build", build)
    Path("vst.toml").write_text('format = 1\n[strips.vocals]\ninserts = [{ vst3 = "Some" }]\n')
    write_audio(Path("song.wav"), hiss(5000, channels))
    make(preset="vst.toml")
    assert asked == [channels]


def test_an_insert_that_cannot_run_at_a_songs_rate_is_told(here: Path) -> None:
    """The sentence names the song, the preset and the key; songs of other rates are rendered."""
    low_pass = '{ plugin = "LowpassFilter", cutoff_frequency_hz = 15000 }'
    Path("dull.toml").write_text(f"format = 1\n[strips.vocals]\ninserts = [{low_pass}]\n")
    make(preset="dull.toml")
    write_audio(Path("song.wav"), hiss(5000), 22050)
    with pytest.raises(
        PresetError, match=r"^song\.wav with dull\.toml: vocals\.inserts cannot run"
    ):
        make(preset="dull.toml")


def test_what_the_model_lacks_is_told(here: Path) -> None:
    """Without a preset, pads of stems that are not there are named and left out."""
    midi = write_midi(Path("take.mid"), [mido.Message("note_on", note=n) for n in (36, 37, 38)])
    report = render("song.wav", RenderOptions(out=Path("out"), midi=midi), model=halves_model())
    assert report.console is not None
    assert report.console["commands"] == 1
    said, silent = report.warnings
    assert "take.mid moves drums.mute, bass.mute, which the console lacks" in said
    assert silent.startswith("vocals of song.wav: silent")


@pytest.mark.parametrize(
    ("fields", "silent"),
    [
        ({"preset": "karaoke"}, "vocals of song.wav: silent"),
        ({"preset": "karaoke", "mix": True}, None),
        ({"stems": ("drums",)}, None),
    ],
)
def test_a_strip_that_the_console_silences_is_told(
    here: Path, fields: dict[str, Any], silent: str | None
) -> None:
    """Who renders karaoke for the voice gets silence, and a sentence."""
    said = make(**fields).warnings
    assert len(said) == (silent is not None)
    assert silent is None or silent in said[0]


def test_what_an_earlier_render_left_is_told(here: Path) -> None:
    """Files that are not of this render, and those of another song that were replaced."""
    assert make().warnings == []
    assert make().warnings == []
    Path("other").mkdir()
    write_audio(Path("other/song.wav"), hiss(20000))
    options = RenderOptions(out=Path("out"), stems=("drums", "bass"))
    another, left = render("other/song.wav", options, model=equal_model()).warnings
    assert another.startswith("out/song held the render of song.wav, another file; give songs")
    assert left.startswith("vocals.wav, other.wav in out/song are of an earlier render")
    Path("out/song/render.json").write_text('{"stems": 3}')
    assert render("song.wav", options, model=equal_model()).warnings == []


def test_a_preset_without_a_map_is_told(here: Path) -> None:
    """It says where a map is."""
    said, silent = make(DRUMS, preset="drumless").warnings
    assert "drumless has no MIDI map, so take.mid changed nothing" in said
    assert silent.startswith("drums of song.wav: silent")


def test_a_preset_of_another_model_cannot_be_switched_to(here: Path) -> None:
    """Said before anything is rendered, with the way out; one --model for all is one."""
    folder = here / "presets"
    folder.mkdir()
    model = write_model(folder / "own.onnx")
    own = 'format = 1\nname = "own"\n[model]\nname = "own.onnx"\n'
    (folder / "own.toml").write_text(own)
    Path("hall.toml").write_text(HALL.replace("karaoke", "own"))
    midi = write_midi(Path("take.mid"), [DRUMS])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUGIN_BRIDGE_PRESETS", str(folder))
        with pytest.raises(PresetError, match=r"is for the model own\.onnx, so it cannot be"):
            render("song.wav", RenderOptions(out=Path("out"), preset="hall.toml", midi=midi))
        assert not Path("out").exists()
        render(
            "song.wav", RenderOptions(out=Path("out"), preset="hall.toml", midi=midi, model=model)
        )


def test_a_presets_model_is_used(here: Path) -> None:
    """Unless another one is named."""
    write_model(Path("own.onnx"))
    write_model(Path("named.onnx"))
    Path("mine.toml").write_text('format = 1\n[model]\nname = "own.onnx"\n')
    assert render("song.wav", RenderOptions(preset="mine.toml", mix=True)).model["name"] == "own"
    named = RenderOptions(preset="mine.toml", mix=True, model="named.onnx")
    assert render("song.wav", named).model["name"] == "named"


def test_a_preset_with_fewer_buses_can_be_switched_to(here: Path) -> None:
    """A bus of one preset is silent in the other, and its file goes on."""
    make(mido.Message("program_change", program=0), preset="hall.toml")
    hall = read_audio(Path("out/song/hall.wav"))
    assert hall.shape == (2, 20000)
    assert not hall[:, 2000:].any()


def test_buses_that_differ_by_capitals_are_no_pair(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files would be one on some systems; the sentence names preset and bus."""
    monkeypatch.setenv("PLUGIN_BRIDGE_PRESETS", str(here))
    Path("next.toml").write_text("format = 1\n[buses.Hall]\n")
    Path("first.toml").write_text(HALL.replace("karaoke", "next"))
    with pytest.raises(PresetError, match=r"preset '(first|next)' .* the bus '[Hh]all': there is"):
        make(mido.Message("program_change", program=0), preset="first")


def test_without_a_preset_the_pads_play(here: Path) -> None:
    """The map is that of dj-pads, on a console with everything at 0 dB."""
    report = make(*[mido.Message("note_on", note=note) for note in range(36, 40)])
    assert report.console is not None
    assert report.console["preset"] is None
    assert report.console["commands"] > 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_input_starts_anew(here: Path, jobs: int) -> None:
    """What the take changed in one song is not changed in the next, in any number of processes."""
    model = write_model(Path("equal.onnx"))
    other = write_audio(Path("other.wav"), hiss(20000))
    midi = write_midi(Path("take.mid"), [DRUMS.copy(time=200)])
    options = RenderOptions(out=Path("out"), model=model, preset="hall.toml", midi=midi)
    for outcome in render_all([Path("song.wav"), other], options, jobs):
        assert outcome.error is None
    first, second = (read_audio(Path(f"out/{name}/drums.wav")) for name in ("song", "other"))
    assert first[:, 5000].any()
    assert (first == second).all()


def test_sources_are_checked_by_name() -> None:
    """A misspelt bus gets a suggestion."""
    with pytest.raises(SpecError, match="did you mean hall"):
        choose_sources(RenderOptions(mix=True, stems=("hal",)), ["drums", "hall"])
