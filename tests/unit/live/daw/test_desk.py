import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from plugin_bridge.console import Console
from plugin_bridge.daw import protocol
from plugin_bridge.live.daw.desk import Desk, Numbers, load_shelf, stamps
from plugin_bridge.midi import Binding, MidiMap
from plugin_bridge.presets.reach import PLAIN
from plugin_bridge.presets.shelf import FOLDER_VARIABLE

STEMS = protocol.STEMS
HASHES = {"calm": "a" * 64, "loud": "b" * 64}


def desk_of(loud: Console, maps: Mapping[str, MidiMap] | None = None) -> Desk:
    """Give a desk with two presets."""
    numbers = Numbers(HASHES)
    numbers.follow("")
    return Desk(
        {PLAIN: Console(STEMS), "calm": Console(STEMS), "loud": loud}, STEMS, numbers, maps or {}
    )


def number_of(path: str) -> int:
    """Give a parameter's number."""
    return [name for name, _, _ in protocol.PARAMETERS].index(path)


@pytest.mark.parametrize(
    ("path", "own", "moved", "heard"),
    [
        ("gain_db", 6.0, 0.0, 6.0),
        ("gain_db", -6.0, 4.0, -2.0),
        ("gain_db", 20.0, 12.0, 24.0),
        ("gain_db", -math.inf, 12.0, -math.inf),
        ("gain_db", 0.0, -1000.0, -60.0),
        ("pan", -0.5, 1.0, 0.5),
        ("pan", 0.5, 1.0, 1.0),
        ("mute", True, 0.0, True),
        ("mute", False, 1.0, True),
        ("solo", False, 0.0, False),
    ],
)
def test_parameters_add_to_the_preset(path: str, own: float, moved: float, heard: float) -> None:
    """Gain and balance add to the preset's within their range, mute and solo join them."""
    loud = Console(STEMS)
    setattr(loud["drums"], path, own)
    desk = desk_of(loud)
    desk.commands(protocol.PRESET, 2, 0)
    name = {"pan": "balance"}.get(path, path)
    (command,) = desk.commands(number_of(f"drums.{name}"), moved, 100)
    assert (command.path, command.position) == (f"drums.{path}", 100)
    assert command.value == heard
    loud.set(command.path, command.value)


def test_a_switch_takes_all_parameters_along() -> None:
    """After a switch the parameters are on top of the new preset, at the same sample."""
    desk = desk_of(Console(STEMS))
    desk.commands(number_of("vocals.mute"), 1.0, 0)
    first, *rest = desk.commands(protocol.PRESET, 2, 50)
    assert (first.path, first.value) == ("preset", "loud")
    assert len(rest) == protocol.PRESET
    assert {command.position for command in rest} == {50}
    assert [c.path for c in rest if c.value is True] == ["vocals.mute"]


def pads(*targets: str) -> MidiMap:
    """Give a map with one toggle per target, from note 36 on."""
    rows = [
        Binding(source="note", number=36 + n, target=target, mode="toggle")
        for n, target in enumerate(targets)
    ]
    switch = Binding(source="program", number=1, target="preset", mode="set", value="loud")
    return MidiMap([*rows, switch])


def test_midi_moves_the_preset_below_the_parameters() -> None:
    """A pad mutes and unmutes the preset's strip; a parameter's mute holds all the same."""
    desk = desk_of(Console(STEMS), {"dj-pads": pads("drums.mute")})
    pad = bytes([0x90, 36, 100])
    assert [(c.path, c.value, c.position) for c in desk.hear(pad, 9)] == [("drums.mute", True, 9)]
    assert [c.value for c in desk.hear(pad, 10)] == [False]
    desk.commands(number_of("drums.mute"), 1.0, 11)
    assert [c.value for c in desk.hear(pad, 12)] == [True]
    assert [c.value for c in desk.hear(pad, 13)] == [True]
    assert desk.hear(b"", 14) == []


def test_midi_switches_presets_with_the_parameters_on_top() -> None:
    """A program change takes all parameters along; buttons keep their meaning."""
    desk = desk_of(Console(STEMS), {"dj-pads": pads("drums.mute"), "loud": pads("bass.mute")})
    desk.commands(number_of("vocals.mute"), 1.0, 0)
    first, *rest = desk.hear(bytes([0xC0, 1]), 50)
    assert (first.path, first.value, desk.preset) == ("preset", "loud", "loud")
    assert [c.path for c in rest if c.value is True] == ["vocals.mute"]
    assert [c.path for c in desk.hear(bytes([0x90, 36, 1]), 60)] == ["drums.mute"]


def test_a_presets_own_map_is_heard() -> None:
    """Where the parameter names a preset with a map of its own, that map is played."""
    desk = desk_of(Console(STEMS), {"dj-pads": pads("drums.mute"), "loud": pads("bass.mute")})
    desk.commands(protocol.PRESET, 2, 0)
    assert [c.path for c in desk.hear(bytes([0x90, 36, 1]), 60)] == ["bass.mute"]
    desk.restore()
    assert [c.path for c in desk.hear(bytes([0x90, 36, 1]), 60)] == ["drums.mute"]


def test_restore_forgets_what_was_moved() -> None:
    """A new stream begins with the presets as they were loaded."""
    loud = Console(STEMS)
    desk = desk_of(loud)
    loud["bass"].gain_db = -3.0
    desk.restore()
    assert loud["bass"].gain_db == 0.0


def test_projects_keep_their_numbers() -> None:
    """Presets keep a project's numbers; new ones come after, and what is gone is said."""
    numbers = Numbers(HASHES)
    numbers.follow(f"{'c' * 64} gone\n{'b' * 64} loud\nnonsense\n")
    assert numbers.find(0) == (PLAIN, protocol.PLAYING)
    assert numbers.find(1) == (PLAIN, protocol.PRESET_MISSING)
    assert numbers.find(2) == ("loud", protocol.PLAYING)
    assert numbers.find(3) == ("calm", protocol.PLAYING)
    assert numbers.find(99) == (PLAIN, protocol.PRESET_MISSING)
    again = Numbers(HASHES)
    again.follow(numbers.text)
    assert again.text == numbers.text


def test_a_preset_that_has_changed_is_said() -> None:
    """A preset with another hash than the project's is played, and told."""
    numbers = Numbers(HASHES)
    numbers.follow(f"{'c' * 64} loud\n")
    assert numbers.find(1) == ("loud", protocol.PRESET_CHANGED)
    # until the project has been saved with it
    reopened = Numbers(HASHES)
    reopened.follow(numbers.text)
    assert reopened.find(1) == ("loud", protocol.PLAYING)


def test_a_shelf_knows_whether_it_is_still_what_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading anew takes seconds where presets have plugins of their own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    shelf = load_shelf(STEMS)
    assert shelf.stamps == stamps()
    (tmp_path / "new.toml").write_text("format = 1\n")
    assert shelf.stamps != stamps()
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    assert load_shelf(STEMS).stamps == stamps()


def test_a_project_gets_as_many_presets_as_it_can_hold() -> None:
    """Whole lines, as many as fit; those have numbers."""
    many = {f"{number:0200}": "a" * 64 for number in range(100)}
    numbers = Numbers(many)
    numbers.follow("")
    held = numbers.text.count("\n")
    assert numbers.text.endswith("\n")
    assert protocol.TEXT - 266 < len(numbers.text) <= protocol.TEXT
    assert numbers.find(held)[1] == protocol.PLAYING
    assert numbers.find(held + 1)[1] == protocol.PRESET_MISSING
