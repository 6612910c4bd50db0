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
from plugin_bridge.console import Command, Console
from plugin_bridge.daw import protocol
from plugin_bridge.daw.build import install
from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.daw.runtime import FOLDER_VARIABLE
from plugin_bridge.model import store
from tests.daw.hosts import Serving, commanded, reference, serving, wait_for
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
    """A peer of any JACK client, found by the names of its ports.

    `midi` is a port, and a message for it with its sample.
    """

    def __init__(
        self, server: Jackd, into: list[str], out_of: list[str], midi: tuple[str, int, bytes]
    ) -> None:
        super().__init__(server)
        self._into, self._out_of = into, out_of
        self._keys, self._at, self._message = midi
        self._pad = self._player.midi_outports.register("midi")

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
        player.connect(self._pad, self._keys)

    def _play(self, samples: int) -> None:
        self._pad.clear_buffer()
        here = self._at - self._position
        if self._playing and 0 <= here < samples:
            self._pad.write_midi_event(here, self._message)
        super()._play(samples)


@pytest.mark.system("jalv", "jackd2")
def test_jalv_hears_every_bus(built: Path, server: Serving) -> None:
    """In jalv the LV2 plugin's ten channels are right, and a pad mutes the drums.

    jalv tells it nothing of freewheeling, so this is played by the clock.
    """
    signal, pad, pad_37 = hiss(24000), 12000, bytes([0x90, 37, 100])
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
            peer = Patched(jack, into, out_of, ("stems:lv2_events_in", pad, pad_37))
            try:
                peer.connect()
                captured = peer.play(signal, 8192)
            finally:
                peer.close()
        finally:
            look.close()
            host.stdin.close()  # type: ignore[union-attr]  # it was asked for
            host.terminate()
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
                "LABEL": "Vocals gain",
                "VALUE": "-6",
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

    def play(self, signal: FloatArray, midi: tuple[int, bytes]) -> FloatArray:
        """Play into the track, freewheeling; give its ten outputs."""
        into = [f"ardour:music/audio_in {i}" for i in (1, 2)]
        out_of = [f"ardour:music/audio_out {i}" for i in range(1, 11)]
        peer = Patched(self._jack, into, out_of, ("ardour:music/midi_in 1", *midi))
        try:
            peer.connect()
            peer.free()
            captured = peer.play(signal, 8192)
            peer.free(wanted=False)
        finally:
            peer.close()
        return captured


def _is_ready(ready: Path, host: "subprocess.Popen[bytes]") -> bool:
    assert host.poll() is None, f"Ardour ended with {host.returncode}"
    return ready.exists() and ready.read_text().endswith("end\n")


@pytest.mark.system("ardour", "jackd2")
@pytest.mark.parametrize("kind", ["VST3", "LV2"])
def test_ardour_hears_every_bus(built: Path, server: Serving, tmp_path: Path, kind: str) -> None:
    """In Ardour every sample of ten channels is exact, in the session reopened as well.

    A parameter is saved with the session, and a pad mutes the drums at the hop after its sample.
    """
    rate, period, pad = 48000, 512, 24001
    signal, message = hiss(rate), bytes([0x90, 37, 100])
    with Jackd(rate, period) as jack:
        ardour = Ardour(tmp_path / "home", built, server, jack)
        captured = []
        for again in (False, True):
            with ardour.session(kind, again=again):
                captured.append(ardour.play(signal, (pad, message)))
    # The stream's grid of hops begins with a period, the signal half a delay later.
    shift = ARDOUR_DELAY // 2
    padded = np.pad(signal, ((0, 0), (shift, period)))
    console = Console(protocol.STEMS)
    console["vocals"].gain_db = -6.0
    mute = Command(pad, "drums.mute", True)
    wanted = commanded(server.model, padded, rate, console, [mute])[:, shift : shift + rate]
    assert not wanted[4:6, pad + 1024 :].any()
    late = 511 + period + 256 + ARDOUR_DELAY
    for heard in captured:
        assert np.array_equal(heard[:, late : late + rate], wanted)
