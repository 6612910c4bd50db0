"""PortAudioDevice on a real JACK server, without an engine: what goes in comes out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import DeviceConfigError, DeviceNotFoundError
from plugin_bridge.live.devices import portaudio
from tests.live.conftest import StartServer
from tests.live.jackd import Jackd, Peer, environment, peer_of

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

GAINS = np.array([1, 1, 0.5, 0.5, -0.25, -0.25, 2, 2], np.float32)

# A process that plays until its server goes, and then ends as any Python program does.
PLAYER = """
import sys, time
from plugin_bridge.errors import DeviceError
from plugin_bridge.live.devices import portaudio
pair = portaudio.pair(None, None)
if sys.argv[1] == "play":
    device = portaudio.PortAudioDevice(*pair, outputs=8)
    device.start(lambda indata, outdata, flags: outdata.fill(0))
print(pair[1], flush=True)
if sys.argv[1] == "play":
    while device.alive:
        time.sleep(0.01)
    device.stop()
    for attempt in (portaudio.refresh, lambda: device.start(print)):
        try:
            attempt()
        except DeviceError as error:
            print(error, flush=True)
else:
    sys.stdin.read()
"""


def noise(samples: int) -> FloatArray:
    """Give stereo noise."""
    return np.random.default_rng(1).uniform(-0.4, 0.4, (2, samples)).astype(np.float32)


class Copier:
    """Copies stereo to eight outputs, each at a gain of its own."""

    def __init__(self) -> None:
        self.sizes: set[int] = set()

    def __call__(self, indata: FloatArray, outdata: FloatArray, flags: int, /) -> None:
        self.sizes.add(len(indata))
        outdata[...] = np.tile(indata, (1, 4)) * GAINS


@contextmanager
def copying(
    server: Jackd, rate: int, block: int | None
) -> Iterator[tuple[portaudio.PortAudioDevice, Copier, Peer]]:
    """Open the default device, and copy until the end."""
    pair, copy = portaudio.pair(None, None), Copier()
    device = portaudio.PortAudioDevice(*pair, rate, block, 2, 8)
    device.start(copy)
    try:
        with peer_of(server) as peer:
            yield device, copy, peer
    finally:
        device.stop()


def at_gains(signal: FloatArray, tail: int) -> FloatArray:
    """Give what a Copier makes of a signal, and a tail of silence."""
    return np.pad(np.tile(signal, (4, 1)) * GAINS[:, None], ((0, 0), (0, tail)))


@pytest.mark.parametrize(
    ("rate", "period", "block"),
    [(44100, 256, None), (48000, 128, None), (48000, 512, 200), (44100, 480, 1024)],
)
def test_what_a_callback_copies_leaves_the_eight_outputs_in_the_same_cycle(
    start_server: StartServer, rate: int, period: int, block: int | None
) -> None:
    """A copying callback adds no latency and changes no bit, in slices of any size."""
    server = start_server(rate, period)
    with copying(server, rate, block) as (device, copy, peer):
        signal = noise(rate + 77)
        captured = peer.play(signal, tail=period)
    np.testing.assert_array_equal(captured, at_gains(signal, period))
    assert (device.block, device.period) == (min(block or period, period), period)
    assert max(copy.sizes) == device.block


def test_a_device_that_was_stopped_starts_again(start_server: StartServer) -> None:
    """The second start is as good as the first."""
    server = start_server(48000, 256)
    device = portaudio.PortAudioDevice(*portaudio.pair(None, None), outputs=8)
    for _ in range(2):
        device.start(Copier())
        with peer_of(server) as peer:
            captured = peer.play(noise(1000), tail=24)
        assert device.alive
        device.stop()
        assert not device.alive
        np.testing.assert_array_equal(captured, at_gains(noise(1000), 24))


@pytest.mark.parametrize("period", [64, 1024])
def test_a_server_may_change_its_period_while_it_plays(
    start_server: StartServer, period: int
) -> None:
    """Longer periods are cut into blocks, shorter ones handed on; no sample is lost."""
    server = start_server(48000, 256)
    with copying(server, 48000, None) as (device, copy, peer):
        peer.set_period(period)
        signal = noise(5000)
        captured = peer.play(signal, tail=100)
        assert (device.block, device.period) == (256, max(256, period))
        peer.set_period(256)  # jackd does not end well at another one
    np.testing.assert_array_equal(captured, at_gains(signal, 100))
    assert copy.sizes == {256, min(256, period)}


def test_a_server_that_came_late_is_seen_after_a_refresh(start_server: StartServer) -> None:
    """PortAudio looks once; `refresh` makes it look again, at another server, too."""
    with pytest.raises(DeviceNotFoundError):
        portaudio.find("JACK", None, "output")
    for outputs in (8, 2):
        start_server(48000, 256, outputs=outputs)
        assert portaudio.find("JACK", None, "output").outputs == outputs
    assert portaudio.rates(portaudio.find("JACK", "system", "output")) == [48000]


def test_too_few_channels_and_a_wrong_rate_are_one_sentence(start_server: StartServer) -> None:
    """What was asked, what there is, what to do; and the device can be opened afterwards."""
    start_server(48000, 256, outputs=2)
    pair = portaudio.pair(None, None)
    with pytest.raises(DeviceConfigError, match=r"8 output channels.*JACK:system has 2.*\(2 in, 2"):
        portaudio.PortAudioDevice(*pair, outputs=8)
    with pytest.raises(DeviceConfigError, match=r"44100 Hz was asked.*at 48000 Hz.*--rate 48000"):
        portaudio.PortAudioDevice(*pair, rate=44100)
    portaudio.PortAudioDevice(*pair).stop()


@pytest.mark.parametrize("task", ["play", "look"])
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_process_outlives_its_server_and_ends_by_itself(task: str, how: str) -> None:
    """PortAudio would hang in stop and close, and abort at exit; its device is abandoned."""
    with Jackd(48000, 256) as server:
        child = subprocess.Popen(
            [sys.executable, "-c", PLAYER, task],
            env={**os.environ, **environment(server.name)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        try:
            assert "JACK:system" in child.stdout.readline()
            getattr(server, how)()
            said, _ = child.communicate(timeout=30)
        finally:
            child.kill()
            child.wait()
    assert child.returncode == 0
    assert said.count("start a new") == (2 if task == "play" else 0)


def test_devices_and_doctor_see_the_server(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they print can be typed; and they leave the server to those who play."""
    start_server(44100, 256)
    assert main(["devices", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["device"], row["inputs"], row["outputs"]) == ("JACK:system", 2, 8)
    assert (row["rates"], row["default_input"], row["default_output"]) == ([44100], True, True)
    assert main(["devices"]) == 0
    assert "JACK:system  2   8    44100 Hz  input, output" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    found = {row["topic"]: row for row in json.loads(capsys.readouterr().out)}
    assert {found[topic]["state"] for topic in ("PortAudio", "JACK", "provider")} == {"ok"}
    assert "2 in, 8 out, 44100 Hz" in found["JACK"]["found"]
    assert all(row["advice"] for row in found.values() if row["state"] != "ok")
