"""The plugin in hosts that people use: Pedalboard, DawDreamer, jalv and Ardour."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import pytest

from plugin_bridge import StemBridge
from plugin_bridge.cli.main import main
from plugin_bridge.daw.build import install
from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.daw.runtime import FOLDER_VARIABLE
from plugin_bridge.model import store
from tests.daw.hosts import Serving, reference, serving, wait_for
from tests.live.jackd import Jackd, Peer, environment
from tests.tiny import hiss, read_audio, write_audio

pytestmark = [pytest.mark.system("dpf-source", "g++", "make"), pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = Path("/usr/lib/ardour7")
# Ardour's ports resample, at a ratio of one: half of this before the plugin, half behind it.
ARDOUR_DELAY = 32


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


class Patched(Peer):
    """A peer of any JACK client, found by the names of its ports."""

    def __init__(self, server: Jackd, into: list[str], out_of: list[str]) -> None:
        super().__init__(server)
        self._into, self._out_of = into, out_of

    def connect(self) -> None:
        """Take the place of whoever is connected to these ports."""
        player, recorder = self._player, self._recorder
        self._sinks = [recorder.inports.register(f"in_{i}") for i in range(len(self._out_of))]
        player.activate()
        recorder.activate()
        for name in (*self._into, *self._out_of):
            port = player.get_port_by_name(name)
            for other in player.get_all_connections(port):
                pair = (other, port) if name in self._into else (port, other)
                player.disconnect(*pair)
        for source, name in zip(self._sources, self._into, strict=True):
            player.connect(source, name)
        for name, sink in zip(self._out_of, self._sinks, strict=True):
            player.connect(name, sink)


def patched(
    server: Jackd, into: list[str], out_of: list[str], signal: FloatArray, *, free: bool
) -> FloatArray:
    """Play a signal into ports, as fast as it goes or by the clock; capture what others give."""
    peer = Patched(server, into, out_of)
    try:
        peer.connect()
        if free:
            peer.free()
        captured = peer.play(signal, 8192)
        if free:
            peer.free(wanted=False)
    finally:
        peer.close()
    return captured


@pytest.mark.system("jalv", "jackd2")
def test_jalv_hears_every_bus(built: Path, server: Serving) -> None:
    """In jalv the LV2 plugin's ten channels are right; jalv tells it nothing of freewheeling."""
    signal = hiss(24000)
    with Jackd(48000, 512) as jack:
        names = environment(jack.name)
        host = subprocess.Popen(
            ["jalv", "-n", "stems", "urn:plugin-bridge:stem-bridge"],
            env={**server.environment, **names, "LV2_PATH": f"{built}:/usr/lib/lv2"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        look = jack.client("look")
        try:
            into = ["stems:lv2_in_l", "stems:lv2_in_r"]
            stems = ("mix", "vocals", "drums", "bass", "other")
            out_of = [f"stems:lv2_{stem}_{side}" for stem in stems for side in "lr"]
            known = wait_for(lambda: _ports(look, "stems:") >= {*into, *out_of}, "jalv")
            assert known
            wait_for(lambda: any(p.get("state") == "playing" for p in server.plugins()), "play")
            captured = patched(jack, into, out_of, signal, free=False)
        finally:
            look.close()
            host.stdin.close()  # type: ignore[union-attr]  # it was asked for
            host.terminate()
            host.wait()
    late = 511 + 512 + 256
    # By the clock of a busy machine a hop may be late: what is heard is right, and in its place.
    wanted = reference(server.model, signal, 48000)
    heard = captured[:, late : late + 24000]
    same = np.abs(heard - wanted).max(axis=0) < 1e-6
    assert same.mean() > 0.2


def _ports(client: Any, start: str) -> set[str]:
    return {port.name for port in client.get_ports(f"{start}.*", is_audio=True)}


class Ardour:
    """A session of Ardour without a screen, in a home of its own."""

    def __init__(self, home: Path, built: Path, server: Serving, jack: Jackd) -> None:
        self._home, self._jack, self._server = home, jack, server
        home.mkdir(exist_ok=True)
        install(built, home)
        self._environment = {
            **server.environment,
            **environment(jack.name),
            "HOME": str(home),
            "LV2_PATH": f"{home / '.lv2'}:/usr/lib/lv2",
        }
        # Ardour takes a plugin for changed that is as new as what it knows about it.
        old = time.time() - 60
        for path in (home / ".vst3").rglob("*"):
            os.utime(path, (old, old))
        scanner = [str(LIBRARIES / "ardour-vst3-scanner"), "-q", "-f"]
        subprocess.run(
            [*scanner, str(home / ".vst3" / "StemBridge.vst3")],
            env={**self._environment, "LD_LIBRARY_PATH": str(LIBRARIES)},
            check=True,
            capture_output=True,
        )

    @contextmanager
    def session(self, kind: str, *, again: bool = False) -> Iterator[None]:
        """Play a session with the plugin on a track; saved at the end."""
        ready, stop = self._home / "ready", self._home / "stop"
        ready.unlink(missing_ok=True)
        stop.unlink(missing_ok=True)
        if not again:
            shutil.rmtree(self._home / "session", ignore_errors=True)
        host = subprocess.Popen(
            ["ardour7-lua", str(Path(__file__).with_name("ardour.lua"))],
            env={
                **self._environment,
                "SESSION": str(self._home / "session"),
                "NAME": "StemBridge",
                "KIND": kind,
                "READY": str(ready),
                "STOP": str(stop),
                "REOPEN": "1" if again else "",
                "RATE": str(self._jack.rate),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: _is_ready(ready, host), "Ardour", 100)
            wait_for(lambda: any(p.get("state") == "playing" for p in self._server.plugins()), "it")
            yield
            stop.touch()
            host.wait(60)
        finally:
            host.kill()
            host.wait()

    def play(self, signal: FloatArray, *, free: bool) -> FloatArray:
        """Play into the track; give its ten outputs."""
        into = [f"ardour:music/audio_in {i}" for i in (1, 2)]
        out_of = [f"ardour:music/audio_out {i}" for i in range(1, 11)]
        look = self._jack.client("look")
        try:
            wait_for(lambda: _ports(look, "ardour:") >= {*into, *out_of}, "Ardour's ports", 20)
        except AssertionError as error:
            raise HostLostError(str(error)) from error
        finally:
            look.close()
        return patched(self._jack, into, out_of, signal, free=free)


class HostLostError(Exception):
    """Ardour ended by itself, or JACK let go of it, before anything was played."""


def _is_ready(ready: Path, host: "subprocess.Popen[bytes]") -> bool:
    if host.poll() is not None:
        raise HostLostError(f"Ardour ended with {host.returncode}")
    return ready.exists() and ready.read_text().endswith("end\n")


def heard_in(
    ardour: Ardour, kind: str, signal: FloatArray, *, free: bool, again: bool
) -> FloatArray:
    """Play in a session of Ardour's; its scripting host is lost now and then while it starts."""
    for _ in range(3):
        try:
            with ardour.session(kind, again=again):
                return ardour.play(signal, free=free)
        except HostLostError as error:
            lost = error
    raise lost


@pytest.mark.system("ardour", "jackd2")
@pytest.mark.parametrize("kind", ["VST3", "LV2"])
def test_ardour_hears_every_bus(built: Path, server: Serving, tmp_path: Path, kind: str) -> None:
    """In Ardour all ten channels are right, and so they are in the session reopened.

    Freewheeling it tells LV2, and every bit is right. It tells VST3 nothing, so that is played by
    the clock, where on a busy machine a hop may be late.
    """
    rate, period, free = 48000, 512, kind == "LV2"
    signal = hiss(rate)
    with Jackd(rate, period) as jack:
        ardour = Ardour(tmp_path / "home", built, server, jack)
        captured = [heard_in(ardour, kind, signal, free=free, again=n) for n in (False, True)]
    # The stream's grid of hops begins with the plugin's first block, the signal half a delay later.
    shift = ARDOUR_DELAY // 2
    padded = np.pad(signal, ((0, 0), (shift, 0)))
    wanted = reference(server.model, padded, rate)[:, shift:]
    # Some sessions of Ardour take a period more on the way from its inputs to its outputs, and one
    # that plays by the clock and comes too late takes another.
    late = 511 + period + 256 + ARDOUR_DELAY
    for heard in captured:
        room = heard.shape[1] - rate - late
        lates = [late + n * period for n in range(2 if free else 1 + room // period)]
        same = max(((heard[:, n : n + rate] == wanted).all(axis=0) for n in lates), key=np.mean)
        assert same.all() if free else same.mean() > 0.2
