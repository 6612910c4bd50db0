"""What live playing finds on this machine, and what to do about each.

Rules of this file
  1. A problem keeps `live` from playing; a note costs comfort only.
  2. Nothing is changed, and nothing stays open.
"""

import os
import platform
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from plugin_bridge.errors import MissingExtraError, PluginBridgeError
from plugin_bridge.live.devices import portaudio
from plugin_bridge.live.devices.choice import JACK
from plugin_bridge.live.devices.driver import driver

State = Literal["ok", "note", "problem"]

PACKAGES = ("onnxruntime-gpu", "onnxruntime")
# What is asked for; any realtime priority will do to see whether it is granted.
PRIORITY = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    topic : str
    state : "ok", "note" or "problem"
    found : str, what there is
    advice : str, what to do; "" if nothing
    """

    topic: str
    state: State
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything that live playing needs.

    Returns
    -------
    findings : list of Finding, one per topic

    Notes
    -----
    Takes a second: the shipped model is opened to see where it runs.
    Thread: [main]
    """
    checks: tuple[Callable[[], Finding], ...] = (
        _program,
        _portaudio,
        _jack,
        _midi,
        _realtime,
        _packages,
        _provider,
    )
    return [check() for check in checks]


def _program() -> Finding:
    found = f"{version('plugin-bridge')} on Python {platform.python_version()}, {_system()}"
    return Finding("plugin-bridge", "ok", found)


def _system() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _portaudio() -> Finding:
    try:
        portaudio.refresh()
        apis, devices = portaudio.host_apis(), portaudio.listing()
        text = _portaudio_version()
        portaudio.release()
    except PluginBridgeError as error:
        found, _, advice = str(error).partition("; ")
        return Finding("PortAudio", "problem", found, advice)
    found = f"{text}; {', '.join(apis)}; devices: {len(devices)}"
    if any(device.outputs for device in devices):
        return Finding("PortAudio", "ok", found)
    advice = "connect an audio interface or start a JACK server; --device null plays without"
    return Finding("PortAudio", "problem", found, advice)


def _portaudio_version() -> str:
    return str(driver().get_portaudio_version()[1]).partition(",")[0]


def _jack() -> Finding:
    try:
        devices = [device for device in portaudio.listing() if device.host_api == JACK]
        portaudio.release()
    except PluginBridgeError:
        devices = []
    if devices:
        return Finding("JACK", "ok", "a server runs: " + "; ".join(map(str, devices)))
    advice = (
        "not needed where the interface works without; on Linux it joins programs and devices: "
        "start jackd, or take PipeWire's with pw-jack plugin-bridge live"
    )
    return Finding("JACK", "note", "no server runs", advice)


def _midi() -> Finding:
    from plugin_bridge.midi import ports

    try:
        apis, found = ports.usable(), ports.listing()
    except MissingExtraError as error:
        what, _, advice = str(error).partition("; ")
        return Finding("MIDI", "note", what, advice)
    except PluginBridgeError as error:
        return Finding("MIDI", "note", str(error))
    names = ", ".join(dict.fromkeys(port.title for port in found)) or "no ports"
    if apis:
        return Finding("MIDI", "ok", f"{', '.join(apis)}; {names}")
    advice = (
        "load the ALSA sequencer (modprobe snd-seq), or start a JACK server"
        if sys.platform == "linux"
        else "check the system's MIDI settings"
    )
    return Finding("MIDI", "note", "no MIDI system answers", advice)


def _realtime() -> Finding:
    if not hasattr(os, "sched_setscheduler"):
        return Finding("realtime", "ok", "the system has its own priorities for audio")
    refusal: list[OSError] = []

    def ask() -> None:
        try:
            os.sched_setscheduler(
                0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY)
            )
        except OSError as error:
            refusal.append(error)

    # What is granted to this thread ends with it.
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    if not refusal:
        return Finding("realtime", "ok", "the worker gets realtime priority (SCHED_FIFO)")
    advice = (
        "write '@audio - rtprio 95' and '@audio - memlock unlimited' into "
        "/etc/security/limits.d/audio.conf, join that group (usermod -aG audio), and log in again"
    )
    return Finding("realtime", "note", "no realtime priority: hops will be late under load", advice)


def _packages() -> Finding:
    found = {name: _version(name) for name in PACKAGES}
    text = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    if not text:
        advice = "pip install onnxruntime-gpu, or onnxruntime where there is no GPU build"
        return Finding("onnxruntime", "problem", "not installed", advice)
    if all(found.values()):
        advice = (
            "together they hide the GPU: pip uninstall onnxruntime onnxruntime-gpu, then pip "
            "install onnxruntime-gpu"
        )
        return Finding("onnxruntime", "note", text, advice)
    return Finding("onnxruntime", "ok", text)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _provider() -> Finding:
    from plugin_bridge.model.onnx import Model
    from plugin_bridge.model.store import DEFAULT

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two packages, which has a row of its own
            provider = Model(DEFAULT, "auto").provider
    except PluginBridgeError as error:
        found, _, advice = str(error).partition("; ")
        return Finding("provider", "problem", found, advice)
    return Finding("provider", "ok", f"{provider} in use for the model {DEFAULT}")
