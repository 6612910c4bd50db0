from pathlib import Path

import pytest

from plugin_bridge.daw import build
from plugin_bridge.errors import PluginBridgeError


def made(folder: Path, text: str) -> Path:
    """Make bundles, two of them folders."""
    for name in build.BUNDLES:
        bundle = folder / name
        if name.endswith(".clap"):
            folder.mkdir(parents=True, exist_ok=True)
            bundle.write_text(text)
        else:
            bundle.mkdir(parents=True)
            (bundle / "StemBridge.so").write_text(text)
    return folder


@pytest.mark.linux
def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without compiler or DPF one sentence says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PluginBridgeError, match=r"apt-get install g\+\+ make dpf-source"):
        build.build(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("machine", ["aarch64", "riscv64"])
def test_other_processors_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    """Where stores may be seen in another order nothing is built, and one sentence says why."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(PluginBridgeError, match=f"Linux on x86-64, this is .* on {machine}"):
        build.build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_install_replaces_what_was_there(tmp_path: Path) -> None:
    """Bundles are where DAWs look, and an older one is gone, with nothing left beside it."""
    build.install(made(tmp_path / "one", "old"), tmp_path / "home")
    installed = build.install(made(tmp_path / "two", "new"), tmp_path / "home")
    names = [path.relative_to(tmp_path / "home").as_posix() for path in installed]
    assert names == [".vst3/StemBridge.vst3", ".clap/StemBridge.clap", ".lv2/StemBridge.lv2"]
    assert (tmp_path / "home/.vst3/StemBridge.vst3/StemBridge.so").read_text() == "new"
    assert (tmp_path / "home/.clap/StemBridge.clap").read_text() == "new"
    for folder in (".vst3", ".clap", ".lv2"):
        assert len(list((tmp_path / "home" / folder).iterdir())) == 1


def test_nothing_built_is_told(tmp_path: Path) -> None:
    """Without bundles one sentence says what to run, and nothing is installed."""
    with pytest.raises(PluginBridgeError, match="plugin-bridge daw build"):
        build.install(tmp_path, tmp_path / "home")
    assert not (tmp_path / "home").exists()
