"""Presets: found by name, loaded, saved, migrated; and what the shipped ones do."""

import json
import tomllib
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pedalboard import Compressor, Convolution, Gain, Reverb

from plugin_bridge import disk, presets, shipped
from plugin_bridge.cli.main import main
from plugin_bridge.console import Console, Route
from plugin_bridge.console.rehearsal import rehearse
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.errors import PresetError, SpecError
from plugin_bridge.midi import DEFAULT_VOICES, Binding
from plugin_bridge.presets import ModelReference, Preset, migration
from plugin_bridge.testing import STEMS, FunctionModel, card, sine
from tests.tiny import hiss, write_audio, write_model

SHIPPED = (
    "acapella",
    "bassless",
    "dj-pads",
    "drumless",
    "four-outs",
    "in-ear-monitor",
    "karaoke",
    "rhythm-section",
)
# Hz: one sine for each stem of `bands_model`, in the middle of its band.
TONES = {"vocals": 2000.0, "drums": 8000.0, "bass": 100.0, "other": 600.0}
EDGES = {"bass": (0, 12), "other": (12, 56), "vocals": (56, 230), "drums": (230, 1025)}
# Below this a tone is taken for absent; the windows' side lobes stay under it.
FAINT = 0.01


def bands_model() -> FunctionModel:
    """Give a model whose stems are bands of the spectrum: what it does can be heard."""
    made = card(head="none", stems=STEMS)
    masks = np.zeros((len(STEMS), 1025), np.float32)
    for stem, (low, high) in EDGES.items():
        masks[STEMS.index(stem), low:high] = 1
    rows = np.repeat(masks, made.channels, axis=0)

    def network(features: FloatArray) -> FloatArray:
        return np.tile(rows[None, :, None], (1, 1, features.shape[2], 1))

    return FunctionModel(made, network)


def heard(preset: str, seconds: float = 1.0) -> list[dict[str, float]]:
    """Play a chord of all tones through a preset; give each output's amplitudes by stem."""
    console = presets.load(preset).console(STEMS)
    engine = Engine(bands_model(), 44100, console)
    chord = sum(0.2 * sine(tone, seconds) for tone in TONES.values())
    assert isinstance(chord, np.ndarray)
    out = engine.push(np.asarray(chord, np.float32))[:, 8192:]
    time = np.arange(out.shape[1]) / 44100
    amplitudes = {
        stem: 2 * np.abs(out @ np.exp(-2j * np.pi * tone * time)) / out.shape[1] / 0.2
        for stem, tone in TONES.items()
    }
    return [{stem: values[row] for stem, values in amplitudes.items()} for row in range(len(out))]


def present(output: dict[str, float]) -> set[str]:
    """Give the stems that an output has."""
    return {stem for stem, amplitude in output.items() if amplitude > FAINT}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder of the user's presets."""
    monkeypatch.setenv("PLUGIN_BRIDGE_PRESETS", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_presets_load_and_run(name: str) -> None:
    """Each shipped preset is named as its file, explained, free of latency, and saves as it is."""
    preset = presets.load(name)
    assert preset.name == name
    assert preset.description.endswith(".")
    assert preset.model_file() is None
    assert rehearse(preset.console(STEMS)) == 0
    assert Preset.from_table(preset.model_dump()).model_dump() == preset.model_dump()


def test_the_shipped_presets_are_these() -> None:
    """No preset is missing from this list, or from the folder's README."""
    assert tuple(sorted(p.stem for p in shipped.presets_folder().glob("*.toml"))) == SHIPPED
    readme = (shipped.presets_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in SHIPPED)


def test_the_readmes_preset_loads() -> None:
    """The example of the folder's README is a preset."""
    readme = (shipped.presets_folder() / "README.md").read_text(encoding="utf-8")
    text = readme.split("```toml\n")[1].split("```")[0]
    preset = Preset.from_table(tomllib.loads(text))
    assert preset.buses["hall"].inserts[0]["plugin"] == "Reverb"


@pytest.mark.parametrize(
    ("name", "stems"),
    [
        ("karaoke", {"drums", "bass", "other"}),
        ("acapella", {"vocals"}),
        ("drumless", {"vocals", "bass", "other"}),
        ("bassless", {"vocals", "drums", "other"}),
        ("rhythm-section", {"drums", "bass"}),
        ("dj-pads", set(STEMS)),
        ("in-ear-monitor", set(STEMS)),
    ],
)
def test_what_is_heard(name: str, stems: set[str]) -> None:
    """A preset lets through exactly the stems of its name, on outputs 1 and 2."""
    assert [present(output) for output in heard(name)] == [stems, stems]


def test_four_outs_has_a_pair_per_stem() -> None:
    """Vocals on 1-2, drums on 3-4, bass on 5-6, other on 7-8, at their own level."""
    outputs = heard("four-outs")
    assert [present(output) for output in outputs] == [
        {stem} for stem in ("vocals", "drums", "bass", "other") for _ in range(2)
    ]
    assert min(max(output.values()) for output in outputs) == pytest.approx(1, abs=0.01)


def test_the_in_ear_monitor_puts_the_voice_in_front() -> None:
    """The voice is the loudest, the compressed drums the quietest, and no peak is over."""
    output = heard("in-ear-monitor")[0]
    assert sorted(output, key=output.__getitem__) == ["drums", "other", "bass", "vocals"]
    engine = Engine(bands_model(), 44100, presets.load("in-ear-monitor").console(STEMS))
    assert np.abs(engine.push(hiss(44100) * 20)).max() <= 1


def test_dj_pads_mute_solo_and_ride() -> None:
    """Lower pads toggle mutes, upper ones solo while held, faders reach from silence to 0 dB."""
    preset = presets.load("dj-pads")
    console, pads = preset.console(STEMS), preset.midi_map()

    def press(*message: int) -> None:
        for command in pads.commands(bytes(message), 0, console.get):
            console.set(command.path, command.value)  # type: ignore[arg-type]

    for place, stem in enumerate(STEMS):
        press(0x99, 36 + place, 100)
        press(0x89, 36 + place, 0)
        assert console[stem].mute
        press(0x90, 36 + place, 100)
        assert not console[stem].mute
        press(0x90, 40 + place, 100)
        assert console.get(f"{stem}.solo")
        press(0x80, 40 + place, 0)
        assert not console.get(f"{stem}.solo")
        press(0xB0, 16 + place, 0)
        assert console[stem].gain_db == -np.inf
        press(0xB0, 16 + place, 127)
        assert console[stem].gain_db == 0
    press(0xB0, 7, 64)
    assert -20 < console.master.gain_db < -6
    assert pads.ignored == 0


def everything(folder: Path) -> Console:
    """Give a console on which every setting has another value than its default."""
    write_audio(folder / "rooms" / "hall.wav", hiss(1000))
    console = Console(STEMS)
    hall, group = console.add_bus("hall"), console.add_bus("group")
    hall.inserts = [Reverb(room_size=0.3), Convolution(str(folder / "rooms" / "hall.wav"), 0.25)]
    hall.output = "group"
    group.gain_db, group.pan, group.mute = -0.1, -0.25, True
    vocals = console.strips["vocals"]
    vocals.inserts = [Compressor(threshold_db=-18.3, ratio=3), Gain(2)]
    vocals.gain_db, vocals.pan, vocals.solo = 1 / 3, 0.5, True
    vocals.sends = {"hall": -12.5, "group": -np.inf}
    console.strips["drums"].mute = True
    console.strips["drums"].output = "group"
    console.strips["bass"].gain_db = -np.inf
    console.master.gain_db, console.master.mute = -3.0, True
    console.clip = True
    console.routes[:] = [Route("mix", (1, 2)), Route("hall", (3,)), Route("dry", (4, 5))]
    return console


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with one below."""
    (tmp_path / "rooms").mkdir()
    return tmp_path


ROWS = (
    Binding(source="note", number=36, channel=10, target="drums.mute", mode="toggle"),
    Binding(source="cc", number=7, target="vocals.sends.hall", curve="decibel", high=6),
    Binding(source="program", number=0, target="preset", value="karaoke"),
)


def test_a_console_comes_back_whole(folder: Path) -> None:
    """Every setting of a console survives saving and loading, and saving again."""
    console = everything(folder)
    made = Preset.from_console(
        console,
        "everything",
        description='All of it: "quotes", ünïcode\nand lines.',
        model=ModelReference(name="lastframe"),
        midi=ROWS,
        folder=folder,
    )
    saved = made.save(folder / "all.toml")
    loaded = presets.load(folder / "all.toml")
    assert loaded.model_dump() == saved.model_dump() == made.model_dump()
    assert loaded.file == folder / "all.toml"
    again = loaded.console(STEMS)
    assert again.controls() == console.controls()
    assert again.routes == console.routes
    assert [again[n].output for n in again.channels] == [
        console[n].output for n in console.channels
    ]
    assert loaded.midi_map().bindings == ROWS
    once_more = Preset.from_console(
        again, made.name, description=made.description, model=made.model, midi=ROWS, folder=folder
    )
    assert once_more.model_dump() == made.model_dump()


def test_a_saved_file_says_only_what_it_changes(folder: Path) -> None:
    """What is at its default is left out, so that a preset stays readable."""
    console = Console(STEMS)
    console["vocals"].mute = True
    Preset.from_console(console, "mine").save(folder / "mine.toml")
    table = tomllib.loads((folder / "mine.toml").read_text())
    assert {k: v for k, v in table.items() if k != "strips"} == {"format": 1, "name": "mine"}
    assert table["strips"]["vocals"] == {"mute": True}


def test_what_is_played_out_is_the_presets(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows come back from a file and are told; without any, General MIDI's; no row is none."""
    rows = (
        'midi_out = [{ stem = "drums", hears = "onset", channel = 1, note = 60 },\n'
        '{ stem = "bass", hears = "note", channel = 3, transpose = -12 }]\n'
    )
    for name, text in (("own", rows), ("none", "midi_out = []\n"), ("plain", "")):
        (folder / f"{name}.toml").write_text(f"format = 1\n{text}")
    own, none, plain = (presets.load(folder / f"{n}.toml") for n in ("own", "none", "plain"))
    assert [(v.hears, v.note, v.transpose) for v in own.midi_out] == [
        ("onset", 60, 0), ("note", None, -12),
    ]  # fmt: skip
    assert (none.midi_out, plain.midi_out) == ((), DEFAULT_VOICES)
    assert own.save(folder / "again.toml").midi_out == own.midi_out
    assert none.save(folder / "again.toml").midi_out == ()
    plain.save(folder / "again.toml")
    assert "midi_out" not in (folder / "again.toml").read_text()
    assert main(["presets", "show", str(folder / "own.toml")]) == 0
    shown = capsys.readouterr().out
    assert "onset of drums  is played as note 60 on channel 1" in shown
    assert "note of bass    is played as itself on channel 3, -12 semitones" in shown


def test_what_cannot_be_played_out_is_refused(folder: Path) -> None:
    """With file and key; a model without drums or bass takes a preset that names no rows."""
    file = folder / "odd.toml"
    row = '[[midi_out]]\nstem = "drumz"\nhears = "kick"\nchannel = 10\nnote = 36\n'
    file.write_text(f"format = 1\n{row}")
    with pytest.raises(PresetError, match=r"odd.toml: midi_out\[0\].stem.*did you mean drums"):
        presets.load(file).console(STEMS)
    file.write_text(f"format = 1\n{row.replace('note = 36', 'note = 200')}")
    with pytest.raises(PresetError, match=r"odd.toml: midi_out\[0\].note"):
        presets.load(file)
    file.write_text("format = 1\n")
    presets.load(file).console(("vocals", "other"))


# One name in the two forms that Unicode has: accents with their letters, and behind them.
WHOLE, APART = (unicodedata.normalize(form, "höhe") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("named", "meant"), [(WHOLE, APART), (APART, WHOLE), (APART, APART)])
def test_a_name_is_the_same_in_both_forms_of_unicode(named: str, meant: str) -> None:
    """A bus is found by all that refer to it, and is called by its composed name."""
    table = {
        "format": 1,
        "name": "x",
        "strips": {"vocals": {"output": meant, "sends": {meant: -6.0}}},
        "buses": {named: {"gain_db": -3.0}},
        "routes": [{"source": meant, "channels": [1, 2]}],
        "midi": [{"source": "cc", "number": 7, "target": f"{meant}.gain_db"}],
    }
    preset = Preset.from_table(table)
    console = preset.console(STEMS)
    assert list(console.buses) == [WHOLE]
    assert console["vocals"].output == console.routes[0].source == WHOLE
    assert console.get(preset.midi[0].target) == -3
    assert console.get(f"vocals.sends.{WHOLE}") == -6


def test_a_stem_is_the_same_in_both_forms_of_unicode() -> None:
    """A preset fits a model whose card has the other form: Hangul's letters may be apart, too."""
    whole, apart = (unicodedata.normalize(form, "보컬") for form in ("NFC", "NFD"))
    stems = card(stems=(apart, "other"), head="sigmoid", residual_stem=apart).stems
    table: dict[str, Any] = {"format": 1, "name": "x", "strips": {whole: {"gain_db": -3.0}}}
    table["midi_out"] = [{"stem": apart, "hears": "onset", "channel": 1, "note": 36}]
    assert Preset.from_table(table).console(stems).get(f"{whole}.gain_db") == -3


def test_a_name_twice_in_two_forms_is_refused() -> None:
    """Neither of the two is dropped without a word."""
    table = {"format": 1, "name": "x", "buses": {WHOLE: {}, APART: {}}}
    with pytest.raises(PresetError, match=f"buses has '{WHOLE}' twice"):
        Preset.from_table(table)
    console = Console(STEMS)
    console.add_bus(WHOLE)
    with pytest.raises(SpecError, match="already"):
        console.add_bus(APART)


def test_a_preset_with_a_file_is_saved_beside_it(folder: Path) -> None:
    """A preset whose impulse response would not be found again is refused on saving."""
    made = Preset.from_console(everything(folder), "all", folder=folder)
    with pytest.raises(PresetError, match=r"buses\.hall\.inserts\[1\].*save there"):
        made.save(folder / "rooms" / "all.toml")
    write_model(folder / "my.onnx")
    table = {"format": 1, "name": "x", "model": {"name": "my.onnx"}}
    with_model = Preset.from_table(table, folder=folder)
    with pytest.raises(PresetError, match=r"model\.name is 'my\.onnx' in .*save there"):
        with_model.save(folder / "rooms" / "all.toml")
    assert not (folder / "rooms" / "all.toml").exists()
    assert with_model.save(folder / "all.toml").model_file() == folder / "my.onnx"


@pytest.mark.parametrize(
    ("place", "words"), [("x.txt", "does not end in .toml"), ("file/x.toml", "cannot be written")]
)
def test_places_that_cannot_be_written(folder: Path, place: str, words: str) -> None:
    """Another ending and a folder that is a file are one sentence."""
    (folder / "file").touch()
    with pytest.raises(PresetError, match=words):
        presets.load("karaoke").save(folder / place)


def test_your_own_preset_hides_a_shipped_one(own: Path) -> None:
    """A file of the same name in the user's folder wins; paths are taken as they are."""
    presets.load("karaoke").save(own / "karaoke.toml")
    presets.load("karaoke").save(own / "mine.toml")
    names = [path.stem for path in presets.listing()]
    assert names == ["karaoke", "mine", *(name for name in SHIPPED if name != "karaoke")]
    assert presets.find("karaoke") == own / "karaoke.toml"
    shipped_one = shipped.presets_folder() / "karaoke.toml"
    assert presets.find(shipped_one) == shipped_one


def test_a_file_without_a_name_has_its_own(own: Path) -> None:
    """The key `name` may be left out."""
    (own / "late show.toml").write_text("format = 1\n")
    assert presets.load("late show").name == "late show"


def test_old_formats_are_migrated_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each format has one step to the next; the present one is left alone."""
    steps: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
        1: lambda table: table | {"steps": [*table["steps"], 1]},
        2: lambda table: table | {"steps": [*table["steps"], 2]},
    }
    monkeypatch.setattr(migration, "FORMAT", 3)
    monkeypatch.setattr(migration, "MIGRATIONS", steps)
    assert presets.migrate({"format": 1, "steps": []}) == {"format": 3, "steps": [1, 2]}
    assert presets.migrate({"format": 3, "steps": []}) == {"format": 3, "steps": []}


def test_every_old_format_has_its_step() -> None:
    """The table of migrations has no gap."""
    assert set(presets.MIGRATIONS) == set(range(1, presets.FORMAT))


def test_models_by_name_path_and_hash(folder: Path) -> None:
    """A model is found by name, or in the preset's folder, and is the very one if it has a hash."""
    path = write_model(folder / "my.onnx")
    digest = disk.digest(path)
    table = {"format": 1, "name": "x"}
    for model, found in (
        ({}, None),
        ({"name": "my.onnx"}, path),
        ({"name": "my.onnx", "sha256": digest}, path),
        ({"name": "lastframe"}, shipped.models_folder() / "lastframe.onnx"),
    ):
        assert Preset.from_table(table | {"model": model}, folder / "x.toml").model_file() == found


def test_a_preset_does_not_change() -> None:
    """A loaded preset is frozen: its console is changed, not itself."""
    preset = presets.load("karaoke")
    with pytest.raises(ValueError, match="frozen"):
        preset.name = "other"


def test_the_schema_explains_every_key() -> None:
    """The JSON Schema is JSON, names all keys, and refuses unknown ones."""
    schema = json.loads(json.dumps(presets.json_schema(), allow_nan=False))
    assert set(schema["properties"]) == set(Preset.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["format"]
    assert not any("---" in part["description"] for part in schema["$defs"].values())
    strip = schema["$defs"]["StripSettings"]["properties"]
    assert strip["gain_db"]["maximum"] == 24
    assert "Compressor" in json.dumps(strip["inserts"])
