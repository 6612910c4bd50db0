"""Strips keep what they are told, refuse what they cannot do, and tell of changes."""

import math

import numpy as np
import pedalboard
import pytest
from pedalboard import Compressor, Gain, Invert, Mix, Pedalboard

from plugin_bridge.console import Bus, Console, Strip
from plugin_bridge.console.inserts import walk
from plugin_bridge.errors import SpecError


def test_a_new_strip_changes_nothing() -> None:
    """Unity, centre, heard, no inserts, into the mix."""
    strip = Strip("vocals")
    assert (strip.gain_db, strip.pan, strip.mute, strip.solo) == (0.0, 0.0, False, False)
    assert (strip.gain, strip.output, dict(strip.sends), len(strip.inserts)) == (1.0, "mix", {}, 0)


@pytest.mark.parametrize("gain_db", [-120, -6.0, 24, -math.inf, np.float32(3)])
def test_gains_from_minus_120_to_24_are_kept(gain_db: float) -> None:
    """Silence, whole and numpy's numbers, too."""
    strip = Strip("vocals")
    strip.gain_db = gain_db
    strip.sends["reverb"] = gain_db
    assert strip.gain_db == strip.sends["reverb"] == gain_db
    assert strip.gain == pytest.approx(10 ** (gain_db / 20))


def test_a_muted_strip_has_no_gain() -> None:
    """Whatever its fader says."""
    strip = Strip("vocals")
    strip.mute = True
    assert strip.gain == 0.0


def test_every_change_is_told() -> None:
    """Settings, sends, connections and inserts, each once."""
    told: list[int] = []
    strip = Strip("vocals", lambda: told.append(1))
    strip.gain_db, strip.pan, strip.mute, strip.solo = 1.0, 0.5, True, True
    strip.sends["reverb"] = -6
    del strip.sends["reverb"]
    strip.output = "reverb"
    strip.inserts = Pedalboard([Gain()])
    assert len(told) == 8


@pytest.mark.parametrize("inserts", [Gain(3), [Gain(3)], (Gain(3),), Pedalboard([Gain(3)])])
def test_inserts_come_in_several_shapes(inserts: Gain) -> None:
    """A board, a list, one plugin; None takes them out."""
    strip = Strip("vocals")
    strip.inserts = inserts
    assert [plugin.gain_db for plugin in walk(strip.inserts)] == [3.0]  # type: ignore[attr-defined]
    strip.inserts = None
    assert len(strip.inserts) == 0


def test_a_board_stays_the_users_own() -> None:
    """What is appended to it later is seen."""
    strip, board = Strip("vocals"), Pedalboard([Gain()])
    strip.inserts = board
    board.append(Invert())
    assert strip.inserts is board
    assert len(list(walk(strip.inserts))) == 2


def test_walk_finds_plugins_in_chains_and_mixes() -> None:
    """At any depth, in order."""
    board = Pedalboard([Compressor(), Mix([Gain(), pedalboard.Chain([Invert(), Gain()])])])
    names = [type(plugin).__name__ for plugin in walk(board)]
    assert names == ["Compressor", "Gain", "Invert", "Gain"]


def test_a_misspelt_setting_is_an_error() -> None:
    """It would be kept silently otherwise."""
    with pytest.raises(AttributeError, match="mutte"):
        Strip("vocals").mutte = True  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="solo"):
        Bus("reverb").solo = True  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        Strip("vocals").name = "drums"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="clp"):
        Console(["vocals"]).clp = True  # type: ignore[attr-defined]


def test_a_strip_shows_its_settings() -> None:
    """All that can be commanded."""
    strip = Strip("vocals")
    strip.gain_db, strip.solo = -3, True
    shown = "<plugin_bridge.Strip vocals: gain_db=-3.0, mute=False, pan=0.0, solo=True>"
    assert repr(strip) == shown


def test_sends_are_set_as_a_whole_or_not_at_all() -> None:
    """A bad gain among them leaves the old ones."""
    strip = Strip("vocals")
    strip.sends = {"reverb": -6.0}
    with pytest.raises(SpecError, match=r"vocals\.sends\.delay is 1000"):
        strip.sends = {"reverb": 0.0, "delay": 1000.0}
    assert dict(strip.sends) == {"reverb": -6.0}
