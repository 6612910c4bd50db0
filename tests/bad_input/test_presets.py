"""Every bad preset gets one sentence, which names the file and the key."""

import sys
from pathlib import Path

import numpy as np
import pedalboard
import pytest

from plugin_bridge import presets
from plugin_bridge.cli.main import main
from plugin_bridge.console import Console, Mixer, plugins, probe
from plugin_bridge.console.rehearsal import rehearse
from plugin_bridge.errors import PresetError, SpecError
from plugin_bridge.testing import STEMS
from tests.tiny import hiss, write_audio, write_model

VOCALS = "[strips.vocals]\n"
INSERT = VOCALS + "inserts = [{}]\n"
ROUTE = "[[routes]]\nsource = {}\nchannels = {}\n"
MIDI = '[[midi]]\nsource = "note"\nnumber = 36\n'

# What is wrong, the file after its first line, the key, what the sentence says.
MISTAKES = [
    ("unknown key", "strip = 3", "strip", "did you mean strips?"),
    ("unknown key of a strip", VOCALS + "gain = 3.0", "strips.vocals.gain", "mean gain_db?"),
    ("a stem that the model lacks", "[strips.vocal]\nmute = true", "strips.vocal", "mean vocals?"),
    ("gain 1e9", VOCALS + "gain_db = 1e9", "strips.vocals.gain_db", "1e+09; give -120 to 24 dB"),
    ("gain NaN", VOCALS + "gain_db = nan", "strips.vocals.gain_db", "nan; give -120 to 24 dB"),
    ("gain +inf", VOCALS + "gain_db = inf", "strips.vocals.gain_db", "inf; give -120 to 24 dB"),
    ("gain as text", VOCALS + 'gain_db = "loud"', "strips.vocals.gain_db", "'loud'; give a number"),
    ("gain as switch", VOCALS + "gain_db = true", "strips.vocals.gain_db", "give a number"),
    ("pan 2", VOCALS + "pan = 2", "strips.vocals.pan", "is 2; give -1 (left) to 1 (right)"),
    ("pan NaN", VOCALS + "pan = nan", "strips.vocals.pan", "is nan; give -1"),
    ("mute 1", VOCALS + "mute = 1", "strips.vocals.mute", "is 1; give true or false"),
    ("master solo", "[master]\nsolo = true", "master.solo", "use one of gain_db, mute"),
    ("strips as list", "strips = [1]", "strips", "is [1]; make it a table"),
    ("a strip as number", "strips = {vocals = 1}", "strips.vocals", "is 1; make it a table"),
    ("circle", '[buses.a]\nsends = {b = 0}\n[buses.b]\noutput = "a"', "a.sends.b", "a circle"),
    ("own circle", '[buses.a]\noutput = "a"', "a.output", "a circle"),
    ("send to nowhere", VOCALS + "sends = {hal = 0}\n[buses.hall]", "vocals.sends.hal", "hall?"),
    ("send NaN", VOCALS + "sends = {a = nan}\n[buses.a]", "strips.vocals.sends.a", "is nan"),
    ("output nowhere", VOCALS + 'output = "hall"', "strips.vocals.output", "preset has no bus"),
    ("a bus named mix", "[buses.mix]", "buses.mix", "cannot be the name"),
    ("a bus named as a stem", "[buses.bass]", "buses.bass", "already; give it another name"),
    ("a bus with a slash", '[buses."a/b"]', "buses.a/b", "slashes"),
    ("a bus with a zero", '[buses."a\\u0000b"]', "buses.a", "cannot be the name"),
    ("a bus with a dot", '[buses."a.b"]', "buses.a.b", "without dots"),
    ("channel -1", ROUTE.format('"mix"', "[1, -1]"), "routes[0].channels[1]", "is -1; give 1 or"),
    ("channel 0", ROUTE.format('"mix"', "[0]"), "routes[0].channels[0]", "is 0; give 1 or more"),
    ("channel 1e9", ROUTE.format('"mix"', "[1000000000]"), "routes[0].channels[0]", "1024 or less"),
    ("channel 1.5", ROUTE.format('"mix"', "[1.5]"), "routes[0].channels[0]", "a whole number"),
    ("no channel", ROUTE.format('"mix"', "[]"), "routes[0].channels", "give 1 at least"),
    ("three channels", ROUTE.format('"mix"', "[1, 2, 3]"), "routes[0].channels", "give 2 at most"),
    ("a channel twice", ROUTE.format('"mix"', "[1, 1]"), "routes[0]", "two different"),
    ("a route from nowhere", ROUTE.format('"vocal"', "[1]"), "routes[0].source", "mean vocals?"),
    ("a route without source", "routes = [{channels = [1]}]", "routes[0].source", "is missing"),
    ("no routes", "routes = []", "routes", "is []; give 1 at least"),
    ("unknown class", INSERT.format('{plugin = "Compresor"}'), "inserts[0].plugin", "Compressor?"),
    ("a class of Python", INSERT.format('{plugin = "__class__"}'), "inserts[0].plugin", "use one"),
    ("effect NaN", INSERT.format('{plugin = "Gain", gain_db = nan}'), "inserts[0].gain_db", "nan"),
    ("effect 1e9", INSERT.format('{plugin = "Gain", gain_db = 1e9}'), "inserts[0].gain_db", "1e+"),
    ("insert as text", INSERT.format('"Gain"'), "strips.vocals.inserts[0]", "make it a table"),
    ("insert of nothing", INSERT.format("{}"), "strips.vocals.inserts[0]", "such as {plugin ="),
    (
        "IR elsewhere",
        INSERT.format('{plugin = "Convolution", impulse_response_filename = "../hall.wav"}'),
        "inserts[0].impulse_response_filename",
        "inside the preset's folder",
    ),
    (
        "IR by absolute path",
        INSERT.format('{plugin = "Convolution", impulse_response_filename = "/hall.wav"}'),
        "inserts[0].impulse_response_filename",
        "inside the preset's folder",
    ),
    (
        "IR that is not there",
        INSERT.format('{plugin = "Convolution", impulse_response_filename = "hall.wav"}'),
        "inserts[0].impulse_response_filename",
        "there is no file",
    ),
    ("a plugin that vanished", INSERT.format('{vst3 = "Vanished"}'), "inserts[0].vst3", "install"),
    ("a plugin by path", INSERT.format('{vst3 = "/tmp/x"}'), "inserts[0].vst3", "without folder"),
    ("state", INSERT.format('{vst3 = "A", state = "%"}'), "inserts[0].state", "is not base64"),
    ("MIDI to nowhere", MIDI + 'target = "drum.mute"', "midi[0].target", "drums.mute?"),
    ("MIDI to no setting", MIDI + 'target = "drums.mut"', "midi[0]", "names no setting"),
    ("MIDI misspelt", MIDI + 'targt = "drums.mute"', "midi[0].targt", "did you mean target?"),
    (
        "MIDI note as text",
        MIDI.replace("36", '"36"') + 'target = "clip"',
        "midi[0].number",
        "whole",
    ),
    (
        "MIDI note as switch",
        MIDI.replace("36", "true") + 'target = "clip"',
        "midi[0].number",
        "whole",
    ),
    ("MIDI level as text", MIDI + 'target = "drums.pan"\nlow = "-1"', "midi[0].low", "a number"),
    ("MIDI channel 17", MIDI + 'target = "clip"\nchannel = 17', "midi[0].channel", "16 or less"),
    ("MIDI twice", 2 * (MIDI + 'target = "drums.mute"\n'), "drums.mute", "keep one of them"),
    ("no such model", '[model]\nname = "lastfrme"', "", "no model named 'lastfrme'"),
    ("a model elsewhere", '[model]\nname = "../m.onnx"', "model.name", "leads out of"),
    ("another model", f'[model]\nname = "my.onnx"\nsha256 = "{"0" * 64}"', "model.sha256", "not"),
    ("no hash", '[model]\nname = "my.onnx"\nsha256 = "abc"', "model.sha256", "64 digits"),
    ("a model as text", 'model = "lastframe"', "model", "make it a table"),
    ("an empty name", 'name = ""', "name", "is empty"),
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of a preset, beside a model and below an impulse response."""
    write_audio(tmp_path / "hall.wav", hiss(100))
    (tmp_path / "show").mkdir()
    write_model(tmp_path / "show" / "my.onnx")
    monkeypatch.setattr("plugin_bridge.console.vst3.folders", lambda: [tmp_path / "vst3"])
    return tmp_path / "show" / "my.toml"


def refused(file: Path, allow_plugins: bool = False) -> str:
    """Load a preset and all that it names; give the sentence by which it is refused."""

    def use() -> None:
        preset = presets.load(file)
        preset.model_file()
        rehearse(preset.console(STEMS, allow_plugins=allow_plugins))

    with pytest.raises(PresetError) as caught:
        use()
    return str(caught.value)


@pytest.mark.parametrize(("_what", "text", "key", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistakes(file: Path, _what: str, text: str, key: str, words: str) -> None:
    """The sentence begins with the file, and has the key and what is allowed."""
    file.write_text(f"format = 1\n{text}")
    told = refused(file)
    assert told.startswith(f"{file}: ")
    assert key in told
    assert words in told
    assert "\n" not in told


def test_a_circle_is_found_when_the_file_is_loaded(file: Path) -> None:
    """Before there is a model to make a console for."""
    file.write_text('format = 1\n[buses.a]\noutput = "a"\n')
    with pytest.raises(PresetError, match=r"a\.output closes a circle"):
        presets.load(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"format = 2", "format is 2, and this version of plugin-bridge knows 1 at most; upgrade"),
        (b"format = 0", "format is 0; give 1"),
        (b'format = "1"', 'format is "1"; give 1'),
        (b"format = true", "format is true; give 1"),
        (b"", "format is missing; write format = 1"),
        (b"karaoke, please", "is not TOML: Expected '='"),
        (b"format = 1\nformat = 1", "is not TOML: Cannot overwrite"),
        (b"\xff\xfe\x00", "is no text file"),
        (b"x = " + 5000 * b"[", "is no text file"),
        (17_000_000 * b"#", "has over 16 MB"),
    ],
    ids=["future", "zero", "text", "switch", "empty", "prose", "twice", "binary", "deep", "huge"],
)
def test_files_that_are_no_preset(file: Path, content: bytes, words: str) -> None:
    """Anything may stand in a file; the sentence says what does."""
    file.write_bytes(content)
    told = refused(file)
    assert str(file) in told
    assert words in told


def test_windows_editors_are_welcome(file: Path) -> None:
    """A byte order mark and its line ends are no mistake."""
    file.write_bytes(b"\xef\xbb\xbfformat = 1\r\n[strips.vocals]\r\nmute = true\r\n")
    assert presets.load(file).console(STEMS)["vocals"].mute


def test_several_mistakes_are_counted(file: Path) -> None:
    """The first one is explained, the others are counted once each."""
    file.write_text(f"format = 1\n{VOCALS}gain = 1\nmut = true\n[[routes]]\nchannels = [0]")
    assert refused(file).endswith(
        "strips.vocals.gain is not known; did you mean gain_db? (and 3 more)"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_an_impulse_response_by_a_link_elsewhere(file: Path) -> None:
    """A symbolic link out of the folder is refused with the key."""
    (file.parent / "near.wav").symlink_to(file.parent.parent / "hall.wav")
    insert = '{plugin = "Convolution", impulse_response_filename = "near.wav"}'
    file.write_text("format = 1\n" + INSERT.format(insert))
    told = refused(file)
    assert f"{file}: strips.vocals.inserts[0].impulse_response_filename is 'near.wav'" in told
    assert "leads out of the preset's folder" in told


@pytest.mark.parametrize(
    ("code", "allowed", "words"),
    [
        ("", False, "is a program you have not trusted; give --allow-plugins, or run once: "),
        ("import time; time.sleep(600)", True, "did not open within 0.05 s"),
        ("import os; os.abort()", True, "crashes when it is opened"),
    ],
    ids=["no trust", "slow", "crash"],
)
def test_plugin_programs(
    file: Path, monkeypatch: pytest.MonkeyPatch, code: str, allowed: bool, words: str
) -> None:
    """A program without trust, one that takes too long and one that crashes: file and key."""
    plugin = file.parent.parent / "vst3" / "Bad.vst3"
    plugin.parent.mkdir()
    plugin.write_bytes(b"a program")
    monkeypatch.setattr(probe, "_ANSWER", code)
    monkeypatch.setattr(probe, "OPENING_SECONDS", 0.05 if "sleep" in code else 60.0)
    file.write_text("format = 1\n" + INSERT.format('{vst3 = "Bad"}'))
    told = refused(file, allow_plugins=allowed)
    assert told.startswith(f"{file}: strips.vocals.inserts[0].vst3: Bad ")
    assert words in told


@pytest.mark.system("zam-plugins")
@pytest.mark.parametrize(
    ("insert", "words"),
    [
        ('{vst3 = "ZamEQ2"}', "inserts[0].vst3: ZamEQ2 is mono, and a stem has 2 channel(s)"),
        (
            '{vst3 = "ZamGateX2", parameters = {ratio = 2.0}}',
            "inserts[0].parameters.ratio is no parameter of the ZamGateX2 installed here",
        ),
        (
            '{vst3 = "ZamGateX2", parameters = {attack_ms = 1e9}}',
            "inserts[0].parameters.attack_ms is 1000000000.0, which the ZamGateX2",
        ),
    ],
    ids=["mono", "parameter gone", "range changed"],
)
def test_real_plugins(file: Path, monkeypatch: pytest.MonkeyPatch, insert: str, words: str) -> None:
    """Real plugins that are mono, or are not the version that was saved: file and key."""
    monkeypatch.setattr("plugin_bridge.console.vst3.folders", lambda: [Path("/usr/lib/vst3")])
    file.write_text("format = 1\n" + INSERT.format(insert))
    told = refused(file, allow_plugins=True)
    assert told.startswith(f"{file}: strips.vocals.")
    assert words in told


def broken_console() -> Console:
    """Give a console with a plugin that gives no numbers, which no preset could make."""
    console = Console(STEMS)
    console["drums"].inserts = [pedalboard.Invert(), pedalboard.Gain(1e6)]
    return console


def test_a_plugin_without_numbers_is_found_in_the_rehearsal() -> None:
    """The insert is named."""
    with pytest.raises(SpecError, match=r"strips\.drums\.inserts\[1\], a Gain, gives no numbers"):
        rehearse(broken_console())


def test_a_plugin_without_numbers_is_silent_in_the_mix() -> None:
    """Should one slip through, the others are heard, and it is counted."""
    mixer = Mixer(broken_console(), 44100, 2, 256)
    stems = np.stack([hiss(256, seed=seed) for seed in range(4)])
    out = mixer.process(stems, stems.sum(axis=0))
    assert np.isfinite(out).all()
    assert np.abs(out).max() > 0.1
    assert mixer.counters.nonfinite_samples > 0


def test_check_names_the_file_of_a_plugin_without_numbers(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`presets check` puts the file in front."""
    monkeypatch.setattr(plugins, "build", lambda *_, **__: pedalboard.Gain(1e6))
    file.write_text("format = 1\n" + INSERT.format('{plugin = "Gain"}'))
    assert main(["presets", "check", str(file), "--model", str(file.parent / "my.onnx")]) == 2
    told = capsys.readouterr().err
    assert f"{file}: strips.vocals.inserts[0], a Gain, gives no numbers (NaN); change" in told
    assert told.count("\n") == 1


def test_names_that_are_not_there(file: Path) -> None:
    """A near name is suggested, a path that is wrong says so."""
    for name, words in (
        ("karaok", "did you mean karaoke?"),
        ("zzz", "use one of acapella"),
        (file, "does not exist; name a .toml file"),
        (file.parent / "", "is a folder"),
    ):
        with pytest.raises(PresetError, match=words.replace("?", r"\?")):
            presets.load(name)
