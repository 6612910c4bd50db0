"""Which provider is used, and what is said when it is not the one asked for."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.errors import PluginBridgeWarning, ProviderError, SpecError
from plugin_bridge.model import providers
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.providers import CPU, CUDA, choose_session
from tests import graphs

FEED = {"x": np.zeros(1, np.float32)}


class FakeSession:
    """Stands for a session on a machine with a GPU, which the tests do not have."""

    def __init__(self, in_use: str, seconds: float = 0.0) -> None:
        self.in_use = in_use
        self.seconds = seconds

    def get_providers(self) -> list[str]:
        return [self.in_use]

    def run(self, names: object, feed: object) -> None:
        FakeSession.clock += self.seconds

    clock = 0.0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Pretend that there is a driver, and time by what the fakes say."""
    monkeypatch.setattr(providers, "_has_driver", lambda: True)
    monkeypatch.setattr("time.perf_counter", lambda: FakeSession.clock)
    return monkeypatch


def choose(patch: pytest.MonkeyPatch, provider: str, cuda: FakeSession) -> str:
    """Give what is in use when CUDA would open this session."""
    patch.setattr(providers, "_session", lambda content, name: cuda)
    plain = FakeSession(CPU, seconds=1.0)
    chosen = choose_session(plain, b"", provider, FEED)
    return str(chosen.get_providers()[0])


@pytest.mark.parametrize(
    ("provider", "cuda", "wanted"),
    [
        ("auto", FakeSession(CUDA, 0.5), CUDA),
        ("auto", FakeSession(CUDA, 2.0), CPU),  # slower than the CPU
        ("auto", FakeSession(CPU, 0.5), CPU),  # fell back
        ("cuda", FakeSession(CUDA, 2.0), CUDA),
        ("cpu", FakeSession(CUDA, 0.5), CPU),
    ],
)
def test_the_provider_in_use(
    driver: pytest.MonkeyPatch, provider: str, cuda: FakeSession, wanted: str
) -> None:
    """Auto takes CUDA only where it works and is faster."""
    assert choose(driver, provider, cuda) == wanted


def test_a_silent_fallback_is_an_error_when_cuda_was_asked_for(driver: pytest.MonkeyPatch) -> None:
    """Onnxruntime does not raise; the session's own list tells."""
    with pytest.raises(ProviderError, match=r"fell back to the CPU.*onnxruntime-gpu\[cuda,cudnn\]"):
        choose(driver, "cuda", FakeSession(CPU))


def test_without_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Auto uses the CPU and says nothing, CUDA is refused with what to do."""
    monkeypatch.setattr(providers, "_has_driver", lambda: False)
    path = graphs.streaming(tmp_path / "m.onnx")
    assert Model(path, "auto").provider == CPU
    with pytest.raises(ProviderError, match="no NVIDIA driver; install the driver or use"):
        Model(path, "cuda")
    with pytest.raises(SpecError, match="'gpu' is unknown; use one of auto, cpu, cuda"):
        Model(path, "gpu")


def test_nothing_is_left_in_the_home_folder(tmp_path: Path) -> None:
    """The runtime's telemetry is off: no identifier, no database."""
    path = graphs.streaming(tmp_path / "m.onnx")
    home = tmp_path / "home"
    home.mkdir()
    code = f"from plugin_bridge.model.onnx import Model; Model({str(path)!r}).stream(1).run()"
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", code], env=plain | {"HOME": str(home)}, check=True)
    assert not list(home.rglob("*"))


def test_both_packages_are_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says which to remove, and the model loads."""
    monkeypatch.setattr(providers, "version", lambda name: "1")
    with pytest.warns(PluginBridgeWarning, match="installed together.*pip uninstall onnxruntime"):
        assert Model(graphs.streaming(tmp_path / "m.onnx"), "cpu").card.name == "graph"
