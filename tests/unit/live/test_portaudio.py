"""PortAudioDevice on a PortAudio of our own: what other systems than JACK say and refuse."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import DeviceConfigError, DeviceError, DeviceNotFoundError
from plugin_bridge.live.devices import driver, portaudio


class PortAudioError(Exception):
    pass


class Stream:
    """Stands for sounddevice.Stream; `call` is what the driver's thread does."""

    latency: Any = (0.004, 0.006)

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.active, self.stopped = False, True

    def start(self) -> None:
        self.active, self.stopped = True, False

    def stop(self) -> None:
        self.active, self.stopped = False, True

    def close(self) -> None:
        pass

    def call(self, indata: FloatArray, bits: int = 0) -> FloatArray:
        outdata = np.full((len(indata), self.settings["channels"][1]), np.nan, np.float32)
        status = SimpleNamespace(_flags=bits)
        self.settings["callback"](indata, outdata, len(indata), None, status)
        return outdata


class OutputStream(Stream):
    latency = 0.006


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Put a machine with one ALSA interface in the place of sounddevice."""
    device = {
        "name": "Studio 8",
        "hostapi": 0,
        "max_input_channels": 2,
        "max_output_channels": 8,
        "default_samplerate": 48000.0,
    }
    api = {"name": "ALSA", "devices": [0], "default_input_device": 0, "default_output_device": 0}

    def check(samplerate: float, **_: object) -> None:
        if samplerate not in (44100, 48000):
            raise PortAudioError("Invalid sample rate", -9997)

    fake = SimpleNamespace(
        PortAudioError=PortAudioError,
        _initialized=1,
        _exit_handler=lambda: None,
        check_output_settings=check,
        default=SimpleNamespace(device=[0, 0]),
        query_hostapis=lambda: [api],
        query_devices=lambda: [device],
        device=device,
        Stream=Stream,
        OutputStream=OutputStream,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    yield fake
    driver.process.opened.clear()


def opened(**settings: Any) -> portaudio.PortAudioDevice:
    """Open the default device."""
    return portaudio.PortAudioDevice(*portaudio.pair(None, None), **settings)


def test_flags_tell_which_side_the_driver_lost(sound: SimpleNamespace) -> None:
    """PortAudio's four bits are two of ours, and only the first slice of a block has them."""
    device, seen = opened(block=64, outputs=8), []

    def callback(indata: FloatArray, outdata: FloatArray, flags: int, /) -> None:
        seen.append((len(indata), flags))
        outdata[...] = indata[:, :1]

    device.start(callback)
    stream: Stream = device._stream
    for bits in (0, 1, 2, 4, 8, 12, 15, 16):
        stream.call(np.zeros((64, 2), np.float32), bits)
    assert [flags for _, flags in seen] == [0, 1, 1, 2, 2, 2, 3, 0]
    seen.clear()
    ramp = np.arange(300, dtype=np.float32).reshape(150, 2)
    np.testing.assert_array_equal(stream.call(ramp, 2), np.tile(ramp[:, :1], (1, 8)))
    assert seen == [(64, 1), (64, 0), (22, 0)]
    assert device.period == 150
    device.stop()


def test_a_device_states_what_the_driver_states(sound: SimpleNamespace) -> None:
    """Rate, block and latencies are the driver's; a device without inputs has no latency there."""
    device = opened(outputs=8)
    assert (device.sample_rate, device.block) == (48000.0, portaudio.DEFAULT_BLOCK)
    assert (device.input_latency, device.output_latency) == (0.004, 0.006)
    assert device._stream.settings["blocksize"] == portaudio.DEFAULT_BLOCK
    device.stop()
    player = portaudio.PortAudioDevice(None, portaudio.find("alsa", "studio", "output"), outputs=8)
    assert (player.inputs, player.input_latency, player.output_latency) == (0, 0.0, 0.006)
    player.stop()


def refusing(code: int, text: str) -> Callable[..., Stream]:
    """Give a class of streams that do not open."""

    def stream(**_: object) -> Stream:
        raise PortAudioError(f"Error opening Stream: {text} [PaErrorCode {code}]", code)

    return stream


@pytest.mark.parametrize(
    ("code", "text", "advice"),
    [
        (-9985, "Device unavailable", "another program uses it"),
        (-9997, "Invalid sample rate", "take --rate 48000"),
        (-9998, "Invalid number of channels", "fewer channels"),
        (-9999, "Unanticipated host error", "plugin-bridge devices"),
    ],
)
def test_a_refusal_says_what_was_asked_what_there_is_and_what_to_do(
    sound: SimpleNamespace, code: int, text: str, advice: str
) -> None:
    """One sentence, with the driver's own words where they help."""
    sound.Stream = refusing(code, text)
    with pytest.raises(DeviceConfigError) as refused:
        opened(rate=96000, block=64, outputs=8)
    message = str(refused.value)
    assert "96000 Hz" in message
    assert "ALSA:Studio 8" in message
    assert "48000" in message
    assert advice in message
    assert "\n" not in message
    assert "PaErrorCode" not in message


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 8), (2, 10)])
def test_too_few_channels_are_refused_before_anything_opens(
    sound: SimpleNamespace, inputs: int, outputs: int
) -> None:
    """The sentence has both numbers and the devices there are."""
    sound.Stream = refusing(-1, "must not be called")
    with pytest.raises(DeviceConfigError, match=r"were asked for, ALSA:Studio 8 has .*8 out"):
        opened(inputs=inputs, outputs=outputs)


def test_a_device_that_was_unplugged_since_it_was_found_is_refused(sound: SimpleNamespace) -> None:
    """It is looked for again by its name when it opens."""
    found = portaudio.pair(None, None)
    sound.device["name"] = "Another"
    with pytest.raises(DeviceNotFoundError, match="Studio 8 is gone"):
        portaudio.PortAudioDevice(*found)


def test_the_same_device_is_found_under_another_number(sound: SimpleNamespace) -> None:
    """Numbers are PortAudio's own and change with what is plugged in."""
    found = portaudio.pair(None, None)
    other = sound.device | {"name": "Headset"}
    sound.query_devices = lambda: [other, sound.device]
    device = portaudio.PortAudioDevice(*found)
    assert device._stream.settings["device"] == (1, 1)
    device.stop()


def test_without_portaudio_one_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bindings raise OSError at import where the library is missing."""
    text = "raise OSError('PortAudio library not found')"
    (tmp_path / "sounddevice.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(DeviceError, match="apt-get install libportaudio2"):
        portaudio.listing()
