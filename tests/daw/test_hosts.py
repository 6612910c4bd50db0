"""The plugin in hosts that people use: Pedalboard, DawDreamer and jalv."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import pytest

from plugin_bridge import StemBridge
from plugin_bridge.cli.main import main
from plugin_bridge.console import Command, Console
from plugin_bridge.daw import protocol
from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.daw.runtime import FOLDER_VARIABLE
from plugin_bridge.model import store
from tests.daw.hosts import Patched, Serving, commanded, reference, serving, wait_for
from tests.live.jackd import Jackd, environment
from tests.tiny import hiss, read_audio, write_audio

pytestmark = [pytest.mark.system("dpf-source", "g++", "make"), pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def vst3(built: Path, server: Serving, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the VST3 plugin, for a host in this process."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(server.folder))
    return str(built / "StemBridge.vst3")


def test_pedalboard_hears_the_mix(vst3: str, server: Serving) -> None:
    """In a stock Pedalboard the main bus is StemBridge's mix, at any rate and block."""
    plugin: Any = pedalboard.load_plugin(vst3)
    board = pedalboard.Pedalboard([plugin])
    signal = hiss(48000)
    for rate, block in ((44100, 512), (48000, 64), (96000, 2048)):
        mix = board(signal, rate, buffer_size=block)
        assert np.array_equal(mix, reference(server.model, signal, rate)[:2])
    assert plugin.state == "playing"
    assert len(plugin.parameters) == protocol.VALUES + 3  # latency, state, misses: no MIDI
    plugin.drums_mute = True
    bridge = StemBridge(server.model)
    bridge["drums"].mute = True
    assert np.array_equal(board(signal, 44100), bridge(signal, 44100))


def test_pedalboard_keeps_the_state(vst3: str, server: Serving) -> None:
    """What a plugin was saved with is what it is again."""
    saved: Any = pedalboard.load_plugin(vst3)
    saved.vocals_gain_db, saved.bass_solo, saved.preset = -7.5, True, 3
    signal = hiss(20000)
    before = saved(signal, 44100)  # the host hands parameters over with the audio
    again: Any = pedalboard.load_plugin(vst3)
    again.raw_state = saved.raw_state
    assert np.array_equal(again(signal, 44100), before)
    for name in ("vocals_gain_db", "bass_solo", "preset"):
        assert getattr(again, name) == getattr(saved, name), name


def test_several_instances_in_one_host_do_not_meet(vst3: str, server: Serving) -> None:
    """Three instances at once, on threads of their own: each has an engine, and its own sound."""
    plugins: list[Any] = [pedalboard.load_plugin(vst3) for _ in range(3)]
    signals = [hiss(48000, seed=seed) for seed in range(3)]
    plugins[1].drums_mute = True
    with ThreadPoolExecutor(3) as threads:
        heard = list(threads.map(lambda plugin, signal: plugin(signal, 44100), plugins, signals))
    mine = [report for report in server.plugins() if report.get("host") == os.getpid()]
    assert len({report["pid"] for report in mine}) == len(mine) >= len(plugins)
    for number, (signal, mix) in enumerate(zip(signals, heard, strict=True)):
        bridge = StemBridge(server.model)
        bridge["drums"].mute = number == 1
        assert np.array_equal(mix, bridge(signal, sample_rate=44100))


def dreamed(
    built: Path, server: Serving, folder: Path, signal: FloatArray, rate: int, block: int
) -> tuple[FloatArray, int]:
    """Give what DawDreamer hears on every bus, and the latency that it is told."""
    np.save(folder / "in.npy", signal)
    words = (built / "StemBridge.vst3", rate, block, folder / "in.npy", folder / "out.npy")
    said = subprocess.check_output(
        [sys.executable, "-m", "tests.daw.dream", *(str(word) for word in words)],
        env=server.environment,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    heard: FloatArray = np.load(folder / "out.npy")
    return heard, int(said.split()[-1])


@pytest.mark.parametrize(("rate", "block"), [(44100, 512), (48000, 64), (96000, 2048)])
def test_dawdreamer_hears_every_bus(
    built: Path, server: Serving, tmp_path: Path, rate: int, block: int
) -> None:
    """In DawDreamer all ten channels are exact, as late as the plugin says."""
    signal = hiss(rate)
    heard, late = dreamed(built, server, tmp_path, signal, rate, block)
    assert heard.shape == (10, rate)
    assert np.array_equal(heard[:, late:], reference(server.model, signal, rate)[:, : rate - late])


@pytest.mark.model
def test_the_shipped_model_is_what_render_gives(built: Path, tmp_path: Path) -> None:
    """With the shipped model every bus has the bits of `render --exact`."""
    signal = hiss(44100)
    song = write_audio(tmp_path / "song.wav", signal)
    words = ["render", str(song), "--exact", "--provider", "cpu", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    with serving(tmp_path / "run", store.find(store.DEFAULT)) as server:
        heard, late = dreamed(built, server, tmp_path, signal, 44100, 512)
    for row, stem in enumerate(("vocals", "drums", "bass", "other")):
        wanted = read_audio(next((tmp_path / "out").rglob(f"{stem}.wav")))
        rows = heard[2 + 2 * row : 4 + 2 * row, late:]
        assert np.array_equal(rows, wanted[:, : rows.shape[1]])


@pytest.mark.system("lilv-utils")
def test_lv2_describes_its_ports(built: Path) -> None:
    """The LV2 description has all ports, groups, the latency and the freewheel port."""
    environment = {**os.environ, "LV2_PATH": f"{built}:/usr/lib/lv2"}
    found = subprocess.run(
        ["lv2info", "urn:plugin-bridge:stem-bridge"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for symbol in ("lv2_mix_l", "lv2_other_r", "lv2_latency", "lv2_freewheel", "vocals_gain_db"):
        assert f"Symbol:      {symbol}" in found
    assert "lv2core#freeWheeling" in found


@pytest.mark.system("jalv", "jackd2")
def test_jalv_hears_every_bus(built: Path, server: Serving) -> None:
    """In jalv the LV2 plugin's ten channels are right, and a pad mutes the drums.

    jalv tells it nothing of freewheeling, so this is played by the clock.
    """
    signal, pad, pad_37 = hiss(24000), 12000, bytes([0x90, 37, 100])
    with Jackd(48000, 512) as jack:
        into = ["stems:lv2_in_l", "stems:lv2_in_r"]
        stems = ("mix", "vocals", "drums", "bass", "other")
        out_of = [f"stems:lv2_{stem}_{side}" for stem in stems for side in "lr"]
        # All clients are open before it comes: jackd refuses one now and then that comes with it.
        look = jack.client("look")
        peer = Patched(jack, into, out_of, ("stems:lv2_events_in", pad, pad_37))
        host = subprocess.Popen(
            ["jalv", "-n", "stems", "urn:plugin-bridge:stem-bridge"],
            env={
                **server.environment,
                **environment(jack.name),
                "LV2_PATH": f"{built}:/usr/lib/lv2",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: _ports(look, "stems:") >= {*into, *out_of}, "jalv")
            wait_for(lambda: server.plays_in(host.pid), "the plugin")
            peer.connect()
            captured = peer.play(signal, 8192)
        finally:
            peer.close()
            look.close()
            host.stdin.close()  # type: ignore[union-attr]  # it was asked for
            # All has been heard: jackd may keep a client waiting that wants to go.
            host.kill()
            host.wait()
    late = 511 + 512 + 256
    # By the clock of a busy machine a hop may be late: what is heard is right, and in its place.
    mute = Command(pad, "drums.mute", True)
    wanted = commanded(server.model, signal, 48000, Console(protocol.STEMS), [mute])[:, :24000]
    heard = captured[:, late : late + 24000]
    assert (np.abs(heard - wanted).max(axis=0) < 1e-6).mean() > 0.2
    assert not heard[4:6, pad + 1024 :].any()
    assert heard[2:4, pad + 1024 :].any()


def _ports(client: Any, start: str) -> set[str]:
    return {port.name for port in client.get_ports(f"{start}.*", is_audio=True)}
