"""A preset saved and loaded gives the same audio, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge import presets
from plugin_bridge.console import Console, Mixer, Route, plugins
from plugin_bridge.console.effects import EFFECTS, IMPULSE_RESPONSE, Choice, Number, Switch
from plugin_bridge.dsp import FloatArray
from plugin_bridge.presets import Preset
from plugin_bridge.testing import STEMS
from tests.tiny import hiss, write_audio

HOP, HOPS = 256, 40
LEVELS = st.one_of(st.just(-np.inf), st.floats(-120, 24))


def values(parameter: Any) -> st.SearchStrategy[Any]:
    """Give every value that a parameter of an effect may have."""
    if isinstance(parameter, Number):
        return st.floats(parameter.low, parameter.high)
    if isinstance(parameter, Choice):
        return st.sampled_from(parameter.names)
    return st.booleans() if isinstance(parameter, Switch) else st.just("room.wav")


INSERTS = st.sampled_from(sorted(EFFECTS)).flatmap(
    lambda name: st.fixed_dictionaries(
        {"plugin": st.just(name)} | {key: values(kind) for key, kind in EFFECTS[name].items()}
    )
)


@st.composite
def consoles(draw: st.DrawFn, folder: Path) -> Console:
    """Give a console with any settings, and inserts of any class."""
    console = Console(STEMS)
    for bus in draw(st.lists(st.sampled_from(["hall", "group two", "ünï"]), unique=True)):
        console.add_bus(bus)
    for name, channel in console.channels.items():
        channel.gain_db, channel.mute = draw(LEVELS), draw(st.booleans())
        channel.pan = draw(st.floats(-1, 1))
        specs = draw(st.lists(INSERTS, max_size=2))
        channel.inserts = [plugins.build(spec, folder=folder) for spec in specs]
        if name in STEMS:
            buses = draw(st.lists(st.sampled_from(["mix", *console.buses]), unique=True))
            channel.sends = {bus: draw(LEVELS) for bus in buses if bus != "mix"}
            channel.output = draw(st.sampled_from(["mix", *console.buses]))
    console.strips["bass"].solo = draw(st.booleans())
    console.master.gain_db = draw(LEVELS)
    console.clip = draw(st.booleans())
    console.routes[:] = [Route(name, (1, 2)) for name in draw(st.permutations(console.sources))]
    return console


def play(console: Console) -> FloatArray:
    """Mix some noise."""
    mixer = Mixer(console, 44100, 2, HOP)
    stems = np.stack([hiss(HOP * HOPS, seed=seed) for seed in range(len(STEMS))])
    hops = [slice(at, at + HOP) for at in range(0, HOP * HOPS, HOP)]
    return np.concatenate(
        [mixer.process(stems[:, :, hop], stems[:, :, hop].sum(axis=0)) for hop in hops], axis=1
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an impulse response."""
    folder = tmp_path_factory.mktemp("presets")
    write_audio(folder / "room.wav", hiss(500))
    assert IMPULSE_RESPONSE in EFFECTS["Convolution"]
    return folder


@given(data=st.data())
def test_saved_and_loaded_is_the_same_audio(folder: Path, data: st.DataObject) -> None:
    """Any console, saved from its settings and loaded from the file, mixes the same bits."""
    console = data.draw(consoles(folder))
    Preset.from_console(console, "any", folder=folder).save(folder / "any.toml")
    loaded = presets.load(folder / "any.toml").console(STEMS)
    np.testing.assert_array_equal(play(loaded), play(console))


@pytest.mark.system("zam-plugins")
def test_saved_and_loaded_vst3_is_the_same_audio(folder: Path) -> None:
    """The same with real plugins, one of which has latency, set before and after they ran."""
    console = Console(STEMS)
    table = {"vst3": "ZamCompX2", "parameters": {"threshold_db": -40.0, "ratio": 9.0}}
    squeeze = plugins.build(table, allow_plugins=True)
    loud: Any = plugins.build({"vst3": "ZaMaximX2"}, allow_plugins=True)
    console["vocals"].inserts, console["drums"].inserts = squeeze, loud
    play(console)
    loud.threshold_db = -25.0
    Preset.from_console(console, "real").save(folder / "real.toml")
    loaded = presets.load(folder / "real.toml").console(STEMS, allow_plugins=True)
    np.testing.assert_array_equal(play(loaded), play(console))
