"""The plugin in a CLAP host of our own: rates, blocks, parameters, state."""

import os
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.bridge import StemBridge
from plugin_bridge.console import Console
from plugin_bridge.daw import protocol
from plugin_bridge.disk import digest
from plugin_bridge.midi.performance import perform
from plugin_bridge.presets import load
from plugin_bridge.presets.shelf import FOLDER_VARIABLE
from tests.daw.hosts import MISSES, STATE, ClapHost, Serving, commanded, reference, serving
from tests.tiny import hiss

pytestmark = [pytest.mark.system("dpf-source", "g++", "make"), pytest.mark.timeout(600)]
STEMS = list(protocol.STEMS)


def index_of(path: str) -> int:
    """Give a parameter's number."""
    return [name for name, _, _ in protocol.PARAMETERS].index(path)


@pytest.mark.parametrize(
    ("rate", "most", "block"),
    [(44100, 64, 64), (44100, 2048, 0), (48000, 512, 512), (96000, 2048, 1000), (48000, 96, 0)],
)
def test_offline_is_exact(
    server: Serving, clap: ClapHost, rate: int, most: int, block: int
) -> None:
    """Offline every bus has StemBridge's samples, for any block; the latency is the formula's."""
    signal = hiss(rate)
    words = ("block", block, "run", rate + 2 * most + 6000, "get", STATE, "get", MISSES)
    played = clap.play(server, signal, *words, rate=rate, most=most)
    scale = 2 if rate > 88000 else 1
    hop = 256 * scale
    assert played.latency == 512 * scale - 1 + max(most, hop) + hop
    assert played.values == {STATE: protocol.PLAYING, MISSES: 0}
    assert np.array_equal(played.aligned(rate), reference(server.model, signal, rate))
    assert not played.out[:, : played.latency].any()


@pytest.mark.parametrize(("rate", "block"), [(44100, 512), (44100, 64), (96000, 256)])
def test_a_restart_begins_anew(server: Serving, clap: ClapHost, rate: int, block: int) -> None:
    """After an activation the same input gives the same output, without a new engine."""
    signal = hiss(30000)
    words = ("block", block, "run", 40000, "restart", "run", 40000, "get", MISSES)
    played = clap.play(server, signal, *words, rate=rate)
    once, again = np.split(played.out, 2, axis=1)
    assert np.array_equal(once, again)
    assert "restarts 0" in played.text
    assert played.values[MISSES] == 0


def test_parameters_move_where_they_were_written(server: Serving, clap: ClapHost) -> None:
    """A parameter takes effect at the first hop that starts at or after its block."""
    signal, at = hiss(44100), 10000
    moves: tuple[object, ...] = (
        "set",
        0,
        index_of("vocals.gain_db"),
        -6,
        "set",
        0,
        index_of("bass.balance"),
        0.5,
    )
    moves = (*moves, "set", at, index_of("drums.mute"), 1)
    played = clap.play(server, signal, "block", 100, *moves, "run", 50000)
    bridge = StemBridge(server.model)
    bridge["vocals"].gain_db, bridge["bass"].pan = -6.0, 0.5
    first = bridge.process_stems(signal, 44100)
    bridge["drums"].mute = True
    then = bridge.process_stems(signal, 44100)
    hop = -(-at // 256) * 256
    ramp = round(0.005 * 44100)
    out = played.aligned(44100)
    for row, stem in enumerate(STEMS):
        rows = out[2 + 2 * row : 4 + 2 * row]
        assert np.array_equal(rows[:, :hop], first[stem][:, :hop])
        assert np.array_equal(rows[:, hop + ramp :], then[stem][:, hop + ramp :])
    assert np.abs(out[4:6, hop : hop + ramp]).max() > 0  # it was a ramp


def test_presets_add_up_with_parameters(server: Serving, clap: ClapHost, tmp_path: Path) -> None:
    """A preset's console is heard with the parameters on top; the state names it, no path."""
    signal = hiss(44100)
    names = sorted(["karaoke", "acapella", "drumless", "bassless", "rhythm-section", "four-outs"])
    names = sorted([*names, "in-ear-monitor", "dj-pads"])
    words: tuple[object, ...] = ("set", 0, protocol.PRESET, 1 + names.index("drumless"))
    words = (*words, "set", 0, index_of("bass.mute"), 1, "run", 50000, "save", "state")
    played = clap.play(server, signal, *words)
    console: Console = load("drumless").console(STEMS)
    console["bass"].mute = True
    console.routes.clear()
    assert np.array_equal(
        played.aligned(44100), reference(server.model, signal, 44100, console=console)
    )
    saved = (tmp_path / "state").read_bytes()
    assert b"drumless" in saved
    assert b"/" not in saved
    reopened = clap.play(server, signal, "load", "state", "restart", "run", 50000)
    assert np.array_equal(reopened.aligned(44100), played.aligned(44100))


def test_a_preset_is_played_as_it_is_when_the_plugin_opens(
    shares: Path, clap: ClapHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved after the engine had loaded is heard; what no project can name is left out."""
    presets = tmp_path / "presets"
    presets.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(presets))
    Path(os.fsdecode(bytes(presets) + b"/caf\xe9.toml")).write_text("format = 1\n")
    (presets / "a\tb.toml").write_text("format = 1\n")
    own = presets / "aaa.toml"
    own.write_text("format = 1\n")
    with serving(tmp_path / "run", shares) as server:
        own.write_text("format = 1\n[strips.drums]\nmute = true\n")
        words = ("set", 0, protocol.PRESET, 1, "run", 30000, "get", STATE, "save", "state")
        played = clap.play(server, hiss(20000), *words)
    assert played.values[STATE] == protocol.PLAYING
    assert not played.out[4:6].any()
    assert played.out[2:4].any()
    saved = (tmp_path / "state").read_bytes()
    assert digest(own).encode() + b" aaa\n" in saved
    assert b"karaoke" in saved


def test_midi_plays_the_presets_map(server: Serving, clap: ClapHost) -> None:
    """Pads and faders move the preset's console from the first hop after their sample."""
    signal = hiss(44100)
    take = [(5000, "902540"), (9000, "b11040"), (20001, "902500"), (30100, "902540")]
    words = [word for at, message in take for word in ("midi", at, message)]
    played = clap.play(server, signal, "block", 2000, *words, "run", 50000, "get", STATE, most=2048)
    messages = [(at, bytes.fromhex(message)) for at, message in take]
    console = Console(STEMS)
    performance = perform(messages, load("dj-pads").midi_map(STEMS), {"": console.controls()}, "")
    assert len(performance.commands) == 3  # letting a pad go does nothing
    wanted = commanded(server.model, signal, 44100, console, performance.commands)
    assert np.array_equal(played.aligned(44100), wanted[:, :44100])
    assert not wanted[4:6, 6000:30000].any()  # the drums were muted
    assert wanted[4:6, 31000:44000].any()


def test_midi_begins_with_the_preset_at_every_activation(server: Serving, clap: ClapHost) -> None:
    """A mute by MIDI is gone after an activation, so that every bounce is the same."""
    signal = hiss(8192)
    words = ("midi", 0, "902540", "run", 10240, "restart", "run", 10240)
    played = clap.play(server, signal, *words)
    first, again = played.out[:, :10240], played.out[:, 10240:]
    assert not first[4:6].any()
    aligned = again[:, played.latency : played.latency + 8192]
    assert np.array_equal(aligned, reference(server.model, signal, 44100))


def test_bypass_keeps_the_latency(server: Serving, clap: ClapHost) -> None:
    """Bypassed, the main bus is the input, as late as ever, and the others are silent."""
    signal, at = hiss(44100), 20480
    played = clap.play(server, signal, "block", 512, "set", at, protocol.BYPASS, 1, "run", 50000)
    ramp = round(0.005 * 44100) + 1
    out, before = played.aligned(44100), reference(server.model, signal, 44100)
    assert np.array_equal(out[:, :at], before[:, :at])
    assert np.array_equal(out[:2, at + ramp :], signal[:, at + ramp :])
    assert not out[2:, at + ramp :].any()


@pytest.mark.parametrize("offline", [True, False])
def test_memory_is_used_as_it_should_be(server: Serving, guarded: ClapHost, offline: bool) -> None:
    """No wrong access, no undefined step and no leak: parameters, MIDI, state, restarts, bypass."""
    pace = () if offline else ("pace",)
    moves = (
        "set",
        0,
        0,
        -6,
        "midi",
        3000,
        "902540",
        "midi",
        5000,
        "c00100",
        "midi",
        6000,
        "b01040",
    )
    again = ("run", 30000, "save", "state", "restart", "run", 20000, "load", "state", "block", 0)
    turns = ("run", 20000, "set", 0, 16, 1, "set", 0, 17, 1, "run", 8000, "restart", "run", 8000)
    words = (*moves, *pace, *again, *turns)
    played = guarded.play(server, hiss(44100), *words, offline=offline, most=1024)
    assert played.out.any()
