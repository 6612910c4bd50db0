"""A console gives and takes its settings by path."""

import unicodedata

import pytest

from plugin_bridge.console import Console, Route
from plugin_bridge.errors import SpecError
from plugin_bridge.separator import choose_stems


@pytest.fixture
def console() -> Console:
    """Give two strips, one of which is sent to a bus."""
    made = Console(["vocals", "drums"])
    made.add_bus("reverb")
    made["vocals"].sends["reverb"] = -12.0
    return made


def test_controls_are_all_that_can_be_set(console: Console) -> None:
    """Every path that is listed is read, set and read again."""
    controls = console.controls()
    assert controls["vocals.sends.reverb"] == -12.0
    assert set(controls) == {
        *(f"{strip}.{key}" for strip in ("vocals", "drums") for key in ("gain_db", "mute")),
        *(f"{strip}.{key}" for strip in ("vocals", "drums") for key in ("pan", "solo")),
        *(f"reverb.{key}" for key in ("gain_db", "mute", "pan")),
        *("vocals.sends.reverb", "master.gain_db", "master.mute", "clip"),
    }
    for path, value in controls.items():
        other = (not value) if isinstance(value, bool) else 0.25
        console.set(path, other)
        assert console.get(path) == other
        assert type(console.get(path)) is type(value)


def test_paths_and_attributes_are_one(console: Console) -> None:
    """What is set by path is read from the strip."""
    console.set("drums.mute", 1.0)
    console.set("reverb.pan", -1)
    console.set("clip", True)
    assert console["drums"].mute is True
    assert console["reverb"].pan == -1.0
    assert console.clip is True


def test_the_version_grows_with_every_change(console: Console) -> None:
    """Of strips, buses, sends, master, clip and the list of buses."""
    seen = [console.version]
    for path in console.controls():
        console.set(path, 0)
        seen.append(console.version)
    console.add_bus("delay")
    seen.append(console.version)
    assert seen == sorted(set(seen))


def test_reading_and_refused_changes_leave_the_version(console: Console) -> None:
    """The mixer looks at it once per hop."""
    before = console.version
    console.controls()
    with pytest.raises(SpecError):
        console.set("vocals.gain_db", 1e9)
    assert console.version == before
    assert console.get("vocals.gain_db") == 0.0


def test_sources_are_strips_buses_mix_and_dry(console: Console) -> None:
    """In the order that the mixer gives them."""
    assert console.sources == ("vocals", "drums", "reverb", "mix", "dry")
    assert console.routes == [Route("mix", (1, 2))]


def test_a_name_is_found_in_both_forms_of_unicode() -> None:
    """Whatever an editor or a system makes of its accents."""
    whole, apart = (unicodedata.normalize(form, "höhe") for form in ("NFC", "NFD"))
    console = Console([apart])
    console.add_bus(f"{apart}-2")
    console[apart].sends[f"{apart}-2"] = -3.0
    console[whole].output = f"{apart}-2"
    console.routes = [Route(apart, (1, 2))]
    console.check()
    console.set(f"{apart}.gain_db", -6.0)
    assert console.get(f"{whole}.gain_db") == console.get(f"{apart}.gain_db") == -6.0
    assert console.get(f"{apart}.sends.{apart}-2") == console[whole].sends[f"{whole}-2"] == -3.0
    assert choose_stems([whole], [apart]) == (whole,)
