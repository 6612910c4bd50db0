"""plugin-bridge presets: what is there, what it does, whether it works."""

import json
from pathlib import Path

import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.console import trust
from tests.tiny import write_model

MINE = """
format = 1
description = "All that can be said."
clip = true
[strips.vocals]
gain_db = -inf
pan = -0.5
solo = true
sends = { hall = -12.0 }
output = "hall"
[strips.drums]
mute = true
inserts = [{ plugin = "BrickwallLimiter", lookahead_ms = 5.0 }]
[buses.hall]
inserts = [{ vst3 = "SomeVerb" }]
[[routes]]
source = "hall"
channels = [3]
[[midi]]
source = "note"
number = 36
channel = 10
target = "drums.mute"
mode = "toggle"
[[midi]]
source = "note"
number = 37
target = "drums.solo"
mode = "solo-exclusive"
[[midi]]
source = "note"
number = 38
target = "drums.solo"
mode = "momentary"
[[midi]]
source = "cc"
number = 7
target = "vocals.gain_db"
curve = "decibel"
[[midi]]
source = "cc"
number = 10
target = "vocals.pan"
[[midi]]
source = "cc"
number = 11
target = "drums.mute"
[[midi]]
source = "program"
number = 3
target = "preset"
value = "karaoke"
[[midi]]
source = "program"
number = 4
target = "drums.mute"
value = true
[[midi]]
source = "program"
number = 5
target = "vocals.gain_db"
value = -6.0
"""

SHOWN = """
All that can be said.
  model      any with these stems
  vocals     solo, silence, 50% left, sends -12 dB to hall, goes to hall
  drums      muted, BrickwallLimiter
  bus hall   0 dB, SomeVerb
  master     0 dB, peaks cut at full scale
  output 3   hall
  note 36    toggles mute drums, on channel 10
  note 37    solo drums and nothing else
  note 38    solo drums while held
  cc 7       level of vocals, silence to 0 dB
  cc 10      pan of vocals, -1 to 1
  cc 11      mute drums on and off
  program 3  switches to preset karaoke
  program 4  mute drums on
  program 5  level of vocals to -6 dB
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user's preset folder with one preset, no shipped ones, and a model."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("PLUGIN_BRIDGE_PRESETS", str(folder))
    monkeypatch.setenv("PLUGIN_BRIDGE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PLUGIN_BRIDGE_MODELS", str(tmp_path))
    monkeypatch.setattr("plugin_bridge.shipped.presets_folder", lambda: tmp_path / "none")
    monkeypatch.setattr("plugin_bridge.console.vst3.folders", lambda: [tmp_path / "vst3"])
    write_model(tmp_path / "lastframe.onnx")
    (folder / "mine.toml").write_text(MINE)
    return folder


def test_list_names_and_explains(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line per preset, which are one's own, and where those go."""
    assert main(["presets", "list"]) == 0
    shown = capsys.readouterr().out
    assert "mine  All that can be said.  (your own)" in shown
    assert f"your own presets go to {own}" in shown
    assert main(["presets", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["file"]) == ("mine", str(own / "mine.toml"))


def test_the_shipped_ones_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any setting the shipped presets are there."""
    assert main(["presets", "list"]) == 0
    shown = capsys.readouterr().out
    assert "karaoke         Everything but the voice." in shown
    assert "your own)" not in shown


def test_an_empty_folder_says_so(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No preset at all is a sentence, too."""
    (own / "mine.toml").unlink()
    assert main(["presets", "list"]) == 0
    assert "no preset is installed" in capsys.readouterr().out


def test_a_broken_file_does_not_hide_the_others(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no preset is named on stderr; the rest is listed; the exit code tells."""
    (own / "bad.toml").write_text("format = 9")
    assert main(["presets", "list", "--json"]) == 2
    shown = capsys.readouterr()
    assert [row["name"] for row in json.loads(shown.out)] == ["mine"]
    assert "bad.toml: format is 9" in shown.err


def test_show_says_it_in_words(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of setting and of MIDI row has its words."""
    assert main(["presets", "show", "mine"]) == 0
    assert capsys.readouterr().out == f"mine  {own / 'mine.toml'}{SHOWN}"


def test_show_as_json_is_json(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What JSON cannot say, silence, is a word."""
    assert main(["presets", "show", "mine", "--json"]) == 0
    content = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert content["strips"]["vocals"]["gain_db"] == "-Infinity"
    assert content["file"] == str(own / "mine.toml")


def test_check_tells_each_verdict(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good ones say the model and the latency, bad ones a sentence; the exit code tells."""
    limiter = 'format = 1\n[strips.drums]\ninserts = [{ plugin = "BrickwallLimiter" }]\n'
    (own / "limited.toml").write_text(limiter)
    (own / "plain.toml").write_text("format = 1\n")
    assert main(["presets", "check"]) == 2
    shown = capsys.readouterr()
    assert "limited: fits lastframe, its inserts add 220 samples, 5.0 ms" in shown.out
    assert "plain: fits lastframe, no added latency" in shown.out
    assert "mine.toml: buses.hall.inserts[0].vst3 is 'SomeVerb', which is not in" in shown.err
    assert main(["presets", "check", "limited", "plain", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["verdict"], row["insert_latency_samples"]) for row in rows] == [
        ("ok", 220),
        ("ok", 0),
    ]


def test_check_looks_for_the_presets_of_the_map(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that a program change switches to is found; a preset finds itself, installed or not."""
    row = '[[midi]]\nsource = "program"\nnumber = {}\ntarget = "preset"\nvalue = "{}"\n'
    path = own.parent / "show.toml"
    path.write_text("format = 1\n" + row.format(0, "show") + row.format(1, "next"))
    assert main(["presets", "check", str(path)]) == 2
    assert "show.toml: midi[1].value: there is no preset named 'next'" in capsys.readouterr().err
    (own / "next.toml").write_text("format = 1\n")
    assert main(["presets", "check", str(path)]) == 0


def test_check_takes_the_models_stems(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A preset is checked against the model that is named on the command line."""
    two = write_model(own / "two.onnx", stems=("vocals", "other"))
    (own / "drumless.toml").write_text("format = 1\n[strips.drums]\nmute = true\n")
    assert main(["presets", "check", "drumless"]) == 0
    assert main(["presets", "check", "drumless", "--model", str(two)]) == 2
    assert "strips.drums is no stem of the model" in capsys.readouterr().err


def test_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema goes to stdout, to be redirected into a file."""
    assert main(["presets", "schema"]) == 0
    assert "2020-12" in json.loads(capsys.readouterr().out)["$schema"]


def test_trust_adds_a_plugin(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin file is written to the list, which is named."""
    plugin = own / "Some.vst3"
    plugin.write_bytes(b"a program")
    assert main(["presets", "trust", str(plugin)]) == 0
    shown = capsys.readouterr().out
    assert f"presets may now load {plugin}, until the file changes" in shown
    assert list(trust.trusted().values()) == [str(plugin.resolve())]
    assert str(trust.list_file()) in shown


@pytest.mark.parametrize(
    ("name", "words"),
    [("None.vst3", "does not exist; name its"), ("mine.toml", "is not a .vst3 plugin")],
)
def test_only_plugins_are_trusted(
    own: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another file, or none, is one sentence and is not added."""
    assert main(["presets", "trust", str(own / name)]) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1
    assert trust.trusted() == {}


@pytest.mark.parametrize("command", ["show", "check"])
def test_a_missing_preset_is_one_sentence(
    own: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that is not there suggests one that is."""
    assert main(["presets", command, "mien"]) == 2
    shown = capsys.readouterr().err
    assert shown == "plugin-bridge: there is no preset named 'mien'; did you mean mine?\n"


def test_alone_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """`plugin-bridge presets` lists its commands, none of them cut off."""
    assert main(["presets"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("list", "show", "check", "schema", "trust"))
    commands = shown.partition("Commands:")[2]
    assert not any(line.endswith("...") for line in commands.splitlines())
