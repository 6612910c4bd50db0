"""Which consoles a session has: the preset, those its map can reach, and what goes on."""

from pathlib import Path

import pytest

from plugin_bridge.errors import PresetError
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.testing import STEMS
from tests.tiny import write_model

PROGRAMS = """
format = 1
name = "first"
midi = [
    { source = "program", number = 1, target = "preset", mode = "set", value = "karaoke" },
    { source = "program", number = 2, target = "preset", mode = "set", value = "drumless" },
]
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Give the file of a tiny model."""
    return str(write_model(tmp_path / "tiny.onnx"))


@pytest.fixture
def first(tmp_path: Path) -> str:
    """Give a preset whose map switches to two others."""
    path = tmp_path / "first.toml"
    path.write_text(PROGRAMS)
    return str(path)


def test_without_a_preset_all_faders_are_at_0_db(model: str) -> None:
    """One console, kept within full scale, and no MIDI map."""
    desk = Desk(LiveSettings(model=model))
    (console,) = desk.consoles(STEMS, 2).values()
    assert all(strip.gain_db == 0 and not strip.mute for strip in console.strips.values())
    assert console.clip
    assert desk.midi_map(STEMS).bindings == ()


def test_without_a_preset_midi_is_that_of_dj_pads(model: str) -> None:
    """A controller does something even if nobody made a preset."""
    assert Desk(LiveSettings(model=model, reach=True)).midi_map(STEMS).bindings


@pytest.mark.parametrize("reach", [False, True])
def test_what_a_map_reaches_is_loaded_only_where_midi_plays(
    model: str, first: str, reach: bool
) -> None:
    """Else the start would wait for presets that nobody can switch to."""
    made = Desk(LiveSettings(model=model, preset=first, reach=reach)).consoles(STEMS, 2)
    assert list(made) == (["first", "karaoke", "drumless"] if reach else ["first"])
    assert all(console.clip for console in made.values())


def test_a_session_goes_on_where_it_was(model: str, first: str) -> None:
    """Settings of every preset, and the one that was heard in front."""
    state: dict[str, dict[str, float | bool | str]] = {
        "first": {"bass.gain_db": -4.0},
        "karaoke": {"vocals.mute": False},
    }
    desk = Desk(LiveSettings(model=model, preset=first, reach=True))
    made = desk.consoles(STEMS, 2, state, "karaoke")
    assert list(made) == ["karaoke", "first", "drumless"]
    assert made["first"].get("bass.gain_db") == -4.0
    assert made["karaoke"].get("vocals.mute") is False


def test_a_preset_of_another_model_cannot_be_reached(tmp_path: Path) -> None:
    """It is told at the start, by file and model, not when the button is pressed."""
    write_model(tmp_path / "a.onnx")
    write_model(tmp_path / "b.onnx", version="2")
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(
            f'format = 1\nname = "{name}"\nmodel = {{ name = "{name}.onnx" }}\n'
            'midi = [{ source = "program", number = 1, target = "preset", mode = "set", '
            f'value = "{tmp_path / "b.toml"}" }}]\n'
        )
    with pytest.raises(PresetError, match=r"b\.toml is for the model b\.onnx"):
        Desk(LiveSettings(preset=str(tmp_path / "a.toml"), reach=True))
