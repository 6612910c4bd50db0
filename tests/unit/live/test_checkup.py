"""The doctor: what it finds where something is missing, and what it advises."""

import json
import os

import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.errors import DeviceError, MissingExtraError
from plugin_bridge.live import checkup
from plugin_bridge.live.checkup import Finding, examine
from plugin_bridge.live.devices import portaudio
from plugin_bridge.live.devices.choice import JACK, DeviceInfo
from plugin_bridge.midi import ports


def refuse(error: Exception) -> None:
    """Raise, where a lambda cannot."""
    raise error


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a machine that has everything in the place of this one."""
    system = DeviceInfo(JACK, "system", 2, 8, 48000, True, True)
    pad = ports.PortInfo("ALSA", "pad", "input")
    for place, name, value in (
        (portaudio, "refresh", lambda: None),
        (portaudio, "release", lambda: None),
        (portaudio, "host_apis", lambda: ["ALSA", JACK]),
        (portaudio, "listing", lambda: [system]),
        (checkup, "_portaudio_version", lambda: "PortAudio V19"),
        (ports, "usable", lambda: ["ALSA"]),
        (ports, "listing", lambda: [pad]),
        (checkup, "_version", {"onnxruntime-gpu": "1.31.1"}.get),
        (os, "sched_setscheduler", lambda *_: None),
    ):
        monkeypatch.setattr(place, name, value, raising=False)


def found(topic: str) -> Finding:
    """Examine the machine and give one finding."""
    (finding,) = (each for each in examine() if each.topic == topic)
    return finding


def test_a_machine_that_has_all_gets_no_advice() -> None:
    """No problem, no note, exit code 0."""
    assert {finding.state for finding in examine()} == {"ok"}
    assert not any(finding.advice for finding in examine())
    assert main(["doctor"]) == 0


def test_without_portaudio_live_cannot_play(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A problem is exit code 1; all the rest is still looked at."""
    error = DeviceError("PortAudio is not installed; run apt-get install libportaudio2")
    monkeypatch.setattr(portaudio, "refresh", lambda: refuse(error))
    monkeypatch.setattr(portaudio, "listing", lambda: refuse(error))
    assert found("PortAudio") == Finding(
        "PortAudio", "problem", "PortAudio is not installed", "run apt-get install libportaudio2"
    )
    assert main(["doctor", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["topic"] for row in rows if row["state"] == "problem"] == ["PortAudio"]
    assert len(rows) == len(examine())


def test_without_any_output_live_cannot_play(monkeypatch: pytest.MonkeyPatch) -> None:
    """A microphone is not enough."""
    microphone = DeviceInfo("ALSA", "microphone", 1, 0, 48000)
    monkeypatch.setattr(portaudio, "listing", lambda: [microphone])
    assert found("PortAudio").state == "problem"
    assert found("JACK").state == "note"


def test_what_costs_comfort_only_is_a_note_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """MIDI, realtime permission and a second onnxruntime do not keep live from playing."""
    monkeypatch.setattr(ports, "usable", lambda: refuse(MissingExtraError("no rtmidi; install it")))
    monkeypatch.setattr(
        os, "sched_setscheduler", lambda *_: refuse(PermissionError()), raising=False
    )
    monkeypatch.setattr(checkup, "_version", lambda _: "1.31.1")
    for topic, advice in (
        ("MIDI", "install it"),
        ("realtime", "rtprio"),
        ("onnxruntime", "pip uninstall onnxruntime onnxruntime-gpu"),
    ):
        assert found(topic).state == "note"
        assert advice in found(topic).advice
    assert main(["doctor"]) == 0


def test_without_onnxruntime_nothing_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its absence is a problem that names the package to install."""
    monkeypatch.setattr(checkup, "_version", lambda _: None)
    assert found("onnxruntime").state == "problem"
    assert "pip install onnxruntime" in found("onnxruntime").advice
