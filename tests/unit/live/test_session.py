"""A session inside the engine's process, made here."""

import threading
from pathlib import Path

import pytest

from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.live import fit
from plugin_bridge.live.control import ControlBlock
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.parts import Journal
from plugin_bridge.live.session import Session
from plugin_bridge.live.settings import LiveSettings
from tests.tiny import write_model


@pytest.mark.parametrize(
    ("owner", "name"), [(fit, "probe"), (Journal, "__init__"), (NullDevice, "start")]
)
def test_a_session_that_does_not_begin_leaves_no_take(
    owner: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the stream, the disk or the device: folder and threads are as they were."""

    def refuse(*_: object, **__: object) -> None:
        raise PluginBridgeError(name)

    monkeypatch.setattr(owner, name, refuse)
    model, folder = write_model(tmp_path / "tiny.onnx"), tmp_path / "take"
    settings = LiveSettings(device="null", model=str(model), mode="worker", record=str(folder))
    before = set(threading.enumerate())
    with pytest.raises(PluginBridgeError, match=name):
        Session(settings, ControlBlock(), {}, "").start()
    assert list(folder.iterdir()) == []
    assert {*threading.enumerate()} <= before
