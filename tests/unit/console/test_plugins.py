"""Inserts as tables: the allowlist, files in the folder, VST3 by name, state and trust."""

import base64
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import pytest
from pedalboard import VST3Plugin

from plugin_bridge.console import plugins, probe, trust, vst3
from plugin_bridge.console.effects import (
    EFFECTS,
    IMPULSE_RESPONSE,
    Choice,
    Number,
    Parameter,
    Switch,
    stays_inside,
)
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError
from tests.tiny import hiss, write_audio

HOP = 256
ZAM = Path("/usr/lib/vst3")
zam = pytest.mark.system("zam-plugins")


def chosen(parameter: Parameter, share: float) -> Any:
    """Give an allowed value: the lowest at 0, the highest at 1."""
    if isinstance(parameter, Number):
        # cents of the range keep the numbers those that somebody would write
        return round(parameter.low + share * (parameter.high - parameter.low), 2)
    if isinstance(parameter, Choice):
        return parameter.names[round(share * (len(parameter.names) - 1))]
    return share > 0.5 if isinstance(parameter, Switch) else "room.wav"


def spec(name: str, share: float) -> dict[str, Any]:
    """Give a spec with every parameter of an effect at the same share of its range."""
    return {"plugin": name} | {key: chosen(p, share) for key, p in EFFECTS[name].items()}


def play(plugin: pedalboard.Plugin, seconds: float = 1.0) -> FloatArray:
    """Run noise through a plugin hop by hop, as the console does."""
    plugin.reset()
    noise = hiss(round(seconds * 44100) // HOP * HOP)
    parts = [
        plugin.process(noise[:, at : at + HOP], 44100, HOP, reset=False)
        for at in range(0, noise.shape[1], HOP)
    ]
    return np.concatenate(parts, axis=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with an impulse response."""
    write_audio(
        tmp_path / "room.wav", hiss(2000) * np.exp(-np.arange(2000) / 300, dtype=np.float32)
    )
    return tmp_path


@pytest.fixture
def own_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user's own plugin folder, in a home of this test, and an empty trust list."""
    monkeypatch.setattr(vst3, "folders", lambda: [tmp_path / "own", ZAM])
    monkeypatch.setenv("PLUGIN_BRIDGE_CONFIG", str(tmp_path / "config"))
    return tmp_path / "own"


def make_bundle(folder: Path, name: str, content: bytes = b"no program") -> Path:
    """Make what looks like a VST3 plugin on this system."""
    bundle = folder / f"{name}.vst3"
    machine = platform.machine()
    inside = vst3._INSIDE[sys.platform if sys.platform in vst3._INSIDE else "linux"]
    binary = bundle / inside.format(machine=vst3._MACHINES.get(machine, machine), name=name)
    binary.parent.mkdir(parents=True)
    binary.write_bytes(content)
    return bundle


def copy_plugin(original: str, folder: Path, name: str) -> Path:
    """Install the program of a plugin under another name."""
    return make_bundle(folder, name, vst3.binary_of(ZAM / f"{original}.vst3").read_bytes())


@pytest.mark.parametrize("share", [0.0, 0.37, 1.0])
@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_comes_back_as_it_was(name: str, share: float, folder: Path) -> None:
    """The spec of what a spec built is that spec, and both sound the same, in numbers."""
    given = spec(name, share)
    first = plugins.build(given, folder=folder)
    again = plugins.spec_of(first, folder=folder)
    assert again == given
    heard = play(first)
    np.testing.assert_array_equal(heard, play(plugins.build(again, folder=folder)))
    assert np.isfinite(heard).all()


@pytest.mark.parametrize("name", EFFECTS)
def test_the_table_knows_all_parameters(name: str, folder: Path) -> None:
    """Each effect's parameters are all of Pedalboard's, so that nothing is lost in saving."""
    kind = getattr(pedalboard, name)
    settable = {
        key
        for key in dir(kind)
        if isinstance(getattr(kind, key), property) and getattr(kind, key).fset is not None
    }
    # a file is given once, when the effect is made
    assert settable == set(EFFECTS[name]) - {IMPULSE_RESPONSE}


def test_what_is_excluded_is_refused_by_name() -> None:
    """Effects with a latency that changes, and containers, are not saved and not built."""
    for plugin in (pedalboard.PitchShift(3), pedalboard.Mix([pedalboard.Gain()])):
        with pytest.raises(SpecError, match="which a preset cannot hold; use one of Bitcrush"):
            plugins.spec_of(plugin)
    with pytest.raises(SpecError, match=r"insert\.plugin is 'PitchShift'"):
        plugins.build({"plugin": "PitchShift"})


def test_numbers_are_written_as_people_do() -> None:
    """A float32 comes out as its shortest decimal."""
    assert plugins.spec_of(pedalboard.Reverb(room_size=0.3))["room_size"] == 0.3


def test_an_unsaveable_value_names_its_key() -> None:
    """A plugin set beyond the ranges of a preset is refused on saving."""
    with pytest.raises(SpecError, match=r"vocals\.ratio is 5000; Compressor takes 1 to 100"):
        plugins.spec_of(pedalboard.Compressor(ratio=5000), "vocals")


def test_an_effect_that_pedalboard_lacks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older pedalboard without the class gives a sentence."""
    monkeypatch.delattr(pedalboard, "BrickwallLimiter")
    with pytest.raises(SpecError, match="does not have; upgrade pedalboard"):
        plugins.build({"plugin": "BrickwallLimiter"})


@pytest.mark.parametrize(
    "name",
    ["", ".", "../a.wav", "a/../../b.wav", "/a.wav", "\\a.wav", "C:/a.wav", "C:a.wav", "a\0b", 3],
)
def test_names_that_lead_out(name: Any, folder: Path) -> None:
    """No spelling of another folder is accepted, on any system."""
    assert name == "." or not stays_inside(name)
    with pytest.raises(SpecError, match=IMPULSE_RESPONSE):
        plugins.build({"plugin": "Convolution", IMPULSE_RESPONSE: name}, folder=folder)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_symbolic_links_that_lead_out(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A link to a file elsewhere is refused; one inside the folder is not."""
    outside = write_audio(tmp_path_factory.mktemp("elsewhere") / "secret.wav", hiss(100))
    (folder / "link.wav").symlink_to(outside)
    (folder / "near.wav").symlink_to(folder / "room.wav")
    near = {"plugin": "Convolution", IMPULSE_RESPONSE: "near.wav"}
    assert plugins.spec_of(plugins.build(near, folder=folder), folder=folder)["mix"] == 1
    with pytest.raises(SpecError, match="leads out of the preset's folder"):
        plugins.build({"plugin": "Convolution", IMPULSE_RESPONSE: "link.wav"}, folder=folder)


def test_impulse_responses_that_are_none(folder: Path) -> None:
    """A text, an empty wave, nothing at all, no folder: one sentence each."""
    (folder / "text.wav").write_text("hello")
    write_audio(folder / "empty.wav", hiss(0))
    for name, words in (
        ("text.wav", "is no audio file"),
        ("empty.wav", "has no samples"),
        ("none.wav", "there is no file"),
    ):
        with pytest.raises(SpecError, match=words):
            plugins.build({"plugin": "Convolution", IMPULSE_RESPONSE: name}, folder=folder)
    with pytest.raises(SpecError, match="save the preset first"):
        plugins.build({"plugin": "Convolution", IMPULSE_RESPONSE: "room.wav"})


def test_impulse_responses_outside_are_not_saved(folder: Path) -> None:
    """A response from an array, or from another folder, says what to do."""
    array = pedalboard.Convolution(hiss(100), sample_rate=44100)
    with pytest.raises(SpecError, match="is no file"):
        plugins.spec_of(array, folder=folder)
    inside = pedalboard.Convolution(str(folder / "room.wav"))
    for other in (None, folder / "below"):
        with pytest.raises(SpecError, match="copy the file there"):
            plugins.spec_of(inside, folder=other)


def test_a_plugin_that_is_not_trusted_is_never_opened(
    own_plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without trust neither this process nor another touches the program."""
    bundle = make_bundle(own_plugins, "Evil")
    for name in ("probe", "open_plugin"):
        monkeypatch.setattr(vst3, name, lambda *_: pytest.fail("was opened"))
    with pytest.raises(SpecError) as caught:
        plugins.build({"vst3": "Evil"}, "strips.vocals.inserts[0]")
    assert "strips.vocals.inserts[0].vst3: Evil is a program you have not" in str(caught.value)
    assert f"plugin-bridge presets trust {bundle}" in str(caught.value)


def test_trust_is_for_one_binary(own_plugins: Path) -> None:
    """Trust holds until a byte of the program changes, and then says so."""
    binary = vst3.binary_of(make_bundle(own_plugins, "Mine"))
    trust.trust(binary)
    with pytest.raises(SpecError, match="does not open"):  # it is no program, but it is trusted
        plugins.build({"vst3": "Mine"})
    binary.write_bytes(b"another program")
    with pytest.raises(SpecError, match="has changed since you trusted it"):
        plugins.build({"vst3": "Mine"})


def test_the_trust_list_is_what_sha256sum_reads(own_plugins: Path) -> None:
    """One line per binary, digest and path; lines that are none are left out."""
    binaries = [vst3.binary_of(make_bundle(own_plugins, name)) for name in ("A", "B")]
    binaries[1].write_bytes(b"other")
    digests = [trust.trust(binary) for binary in binaries]
    assert trust.list_file().read_text() == "".join(
        f"{digest}  {binary.resolve()}\n" for digest, binary in zip(digests, binaries, strict=True)
    )
    trust.list_file().write_text(f"\nnonsense\n{digests[1]}  x y.so\n")
    assert trust.trusted() == {digests[1]: "x y.so"}


def test_a_trust_list_that_cannot_be_written(
    own_plugins: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file where the folder should be, and a folder where the list should be: a sentence."""
    binary = vst3.binary_of(make_bundle(own_plugins, "A"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("PLUGIN_BRIDGE_CONFIG", str(tmp_path / "file"))
    with pytest.raises(SpecError, match=r"cannot be (trusted|read)"):
        trust.trust(binary)
    monkeypatch.setenv("PLUGIN_BRIDGE_CONFIG", str(tmp_path))
    trust.list_file().mkdir()
    with pytest.raises(SpecError, match="cannot be read"):
        trust.trusted()


def test_a_plugin_that_takes_too_long_is_given_up(
    own_plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is stopped after the limit, and is asked once per program."""
    make_bundle(own_plugins, "Slow")
    probe.probe.cache_clear()
    monkeypatch.setattr(probe, "OPENING_SECONDS", 0.05)
    monkeypatch.setattr(probe, "_ANSWER", "import time; time.sleep(600)")
    for _ in range(2):
        with pytest.raises(SpecError, match=r"inserts\[0\]\.vst3: Slow did not open within 0.05 s"):
            plugins.build({"vst3": "Slow"}, "inserts[0]", allow_plugins=True)
    assert probe.probe.cache_info().misses == 1


FAKE = """
import numpy as np
import plugin_bridge.console.probe as probe
class Fake:
    is_effect = {effect}
    def process(self, noise, rate, size):
        {act}
probe.open_plugin = lambda *_: Fake()
probe.answer()
"""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "crashes when it is opened"),
        ("print('a plugin talks')", "crashes when it is opened"),
        (FAKE.format(effect=True, act="return noise * np.nan"), "gives no numbers"),
        (FAKE.format(effect=True, act="raise ValueError"), "is mono, and a stem has 2 channel"),
        (FAKE.format(effect=False, act="pass"), "is an instrument; name an effect"),
    ],
    ids=["crash", "silent exit", "NaN", "mono", "instrument"],
)
def test_what_the_other_process_finds(
    own_plugins: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    """A plugin that crashes, gives no numbers, is mono or an instrument is not opened here."""
    make_bundle(own_plugins, "Bad")
    monkeypatch.setattr(probe, "_ANSWER", code)
    monkeypatch.setattr(vst3, "open_plugin", lambda *_: pytest.fail("was opened here"))
    with pytest.raises(SpecError, match=words):
        plugins.build({"vst3": "Bad"}, allow_plugins=True)


def test_the_other_process_takes_no_code_from_the_current_folder(
    own_plugins: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file there that has the name of a module is not run."""
    make_bundle(own_plugins, "Empty")
    here = tmp_path / "here"
    here.mkdir()
    (here / "plugin_bridge.py").write_text("raise SystemExit")
    monkeypatch.chdir(here)
    with pytest.raises(SpecError, match=r"Empty does not open \("):
        plugins.build({"vst3": "Empty"}, allow_plugins=True)


def test_a_bundle_for_another_system(own_plugins: Path) -> None:
    """A bundle without a program for this system says which system this is."""
    (own_plugins / "Other.vst3" / "Contents" / "amiga").mkdir(parents=True)
    with pytest.raises(SpecError, match="holds no plugin for this system"):
        plugins.build({"vst3": "Other"}, allow_plugins=True)


def test_folders_are_those_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """The VST3 folders that each system's hosts search."""
    for system, part in (("linux", ".vst3"), ("darwin", "Audio"), ("win32", "VST3")):
        monkeypatch.setattr("sys.platform", system)
        assert any(part in str(folder) for folder in vst3.folders())


def test_plugins_are_found_one_folder_deep(own_plugins: Path) -> None:
    """Makers put theirs into a folder of their own; the first folder wins."""
    deep = make_bundle(own_plugins / "Maker", "Deep")
    assert vst3.find("Deep") == deep
    with pytest.raises(SpecError, match=r"insert\.vst3 is 'Dep', which is not in"):
        vst3.find("Dep")


@zam
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ZamCompX2", {"threshold_db": -33.3, "ratio": 7, "slew": 20}),
        ("ZamGateX2", {"threshold_db": -30.0, "attack_ms": 3.0}),
        ("ZaMaximX2", {"threshold_db": -20.0, "release_ms": 7.0}),
    ],
)
@pytest.mark.parametrize("played", [False, True])
def test_a_vst3_comes_back_as_it_was(
    own_plugins: Path, name: str, settings: dict[str, Any], played: bool
) -> None:
    """State and parameters bring back every bit, whether the plugin has run before or not."""
    plugin = plugins.build({"vst3": name, "parameters": settings}, allow_plugins=True)
    if played:
        play(plugin, 0.1)
    saved = plugins.spec_of(plugin)
    assert set(saved["parameters"]) == set(settings)
    again = plugins.build(saved, allow_plugins=True)
    np.testing.assert_array_equal(play(plugin), play(again))
    assert plugins.spec_of(again) == saved


@zam
def test_a_plugin_loaded_elsewhere_can_be_saved(own_plugins: Path) -> None:
    """A plugin that Pedalboard loaded is found by its name."""
    plugin = VST3Plugin(str(ZAM / "ZamCompX2.vst3"))
    assert plugins.spec_of(plugin)["vst3"] == "ZamCompX2"


@zam
def test_another_plugin_of_that_name_is_not_saved(own_plugins: Path) -> None:
    """A plugin that is not the one its name leads to would come back as another: refused."""
    plugin = VST3Plugin(str(ZAM / "ZamCompX2.vst3"))
    copy_plugin("ZamGateX2", own_plugins, "ZamCompX2")
    with pytest.raises(SpecError, match=r"is ZamCompX2 4\.\d\.\d, and .*; load that one instead"):
        plugins.spec_of(plugin)


@zam
def test_a_value_edited_by_hand_counts(own_plugins: Path) -> None:
    """Parameters win over the state."""
    plugin = plugins.build({"vst3": "ZamCompX2", "parameters": {"ratio": 7}}, allow_plugins=True)
    saved = plugins.spec_of(plugin)
    saved["parameters"]["ratio"] = 2.0
    edited: Any = plugins.build(saved, allow_plugins=True)
    assert edited.ratio == pytest.approx(2, abs=0.02)  # the plugin has steps of 0.019


@zam
def test_a_plugin_that_changed_its_parameters(own_plugins: Path) -> None:
    """A program that lacks a parameter, or refuses its value, is named with the key."""
    copy_plugin("ZamGateX2", own_plugins, "ZamCompX2")
    with pytest.raises(SpecError) as caught:
        plugins.build(
            {"vst3": "ZamCompX2", "parameters": {"treshold_db": 1.0}},
            "buses.a.inserts[2]",
            allow_plugins=True,
        )
    assert "buses.a.inserts[2].parameters.treshold_db is no parameter of the" in str(caught.value)
    assert "did you mean threshold_db?" in str(caught.value)
    with pytest.raises(SpecError, match=r"attack_ms is 1000000000\.0, which the ZamCompX2"):
        plugins.build({"vst3": "ZamCompX2", "parameters": {"attack_ms": 1e9}}, allow_plugins=True)


@zam
def test_mono_plugins_fit_mono_only(own_plugins: Path) -> None:
    """A mono plugin is refused for stereo stems in one sentence, and taken for mono ones."""
    with pytest.raises(SpecError, match="ZamEQ2 is mono, and a stem has 2 channel"):
        plugins.build({"vst3": "ZamEQ2"}, allow_plugins=True)
    assert plugins.build({"vst3": "ZamEQ2"}, allow_plugins=True, channels=1).is_effect


@zam
def test_a_state_of_nothing_is_no_harm(own_plugins: Path) -> None:
    """A state that the plugin does not know leaves it as it is."""
    state = base64.b64encode(b"garbage").decode()
    plugin: Any = plugins.build({"vst3": "ZamCompX2", "state": state}, allow_plugins=True)
    assert plugin.ratio == 4


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("Compressor", "give a table such as"),
        ({}, "give a table such as"),
        ({"plugin": ["x"]}, "plugin is"),
        ({"plugin": "os.system"}, "plugin is 'os.system'"),
        ({"plugin": "Compressor", "threshold": 1}, "did you mean threshold_db"),
        ({"plugin": "Compressor", "threshold_db": float("nan")}, "is nan; Compressor takes"),
        ({"plugin": "Compressor", "threshold_db": True}, "is True; Compressor takes"),
        ({"plugin": "Compressor", "threshold_db": "-18"}, "is '-18'; Compressor takes"),
        ({"plugin": "LadderFilter", "mode": "LPF13"}, "LadderFilter takes one of LPF12"),
        ({"plugin": "BrickwallLimiter", "true_peak": 1}, "takes true or false"),
        ({"plugin": "Invert", "mix": 1}, "it has none"),
        ({"plugin": "Convolution"}, "impulse_response_filename is missing"),
        ({"vst3": "../x"}, "give the plugin's name"),
        ({"vst3": 3}, "give the plugin's name"),
        ({"vst3": "A", "plugin": "Gain"}, "is no key of a VST3 insert"),
        ({"vst3": "A", "plugin_name": 3}, "plugin_name is 3"),
        ({"vst3": "A", "parameters": [1]}, "give a table of names and values"),
        ({"vst3": "A", "parameters": {"x": float("nan")}}, r"parameters\.x is nan"),
        ({"vst3": "A", "state": "%"}, "is not base64"),
        ({"vst3": "A", "state": 3}, "is not base64"),
    ],
)
def test_tables_that_are_no_insert(bad: Any, words: str) -> None:
    """Each mistake is one sentence that names place, key and what is allowed."""
    with pytest.raises(SpecError, match=words) as caught:
        plugins.check(bad, "here")
    assert str(caught.value).startswith("here")


def test_the_schema_has_all_effects() -> None:
    """An editor is told every class, its parameters and ranges."""
    *effects, external = plugins.json_schema()["anyOf"]
    assert [effect["properties"]["plugin"]["const"] for effect in effects] == list(EFFECTS)
    threshold = effects[list(EFFECTS).index("Compressor")]["properties"]["threshold_db"]
    assert threshold == {"type": "number", "minimum": -100, "maximum": 24}
    assert external["required"] == ["vst3"]
