"""The plugin, built once for all tests of a checkout; a server, and a host for it."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plugin_bridge.daw import build as maker
from tests.daw.hosts import ClapHost, Serving, serving
from tests.daw.models import write_shares

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "cache" / "daw"
HOST = Path(__file__).with_name("host.cpp")


def _once(name: str, sources: list[Path], make: Callable[[Path], object]) -> Path:
    """Give a folder that `make` has filled, made anew when a source has changed."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()
    folder = CACHE / f"{name}-{digest[:16]}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)
        (folder / "done").touch()
    return folder


def compiled_plugin() -> Path:
    """Give the folder with the three bundles."""
    return _once("plugin", [*maker.SOURCE.iterdir(), Path(maker.__file__)], maker.build)


def _compile_host(folder: Path, *flags: str) -> None:
    command = ["g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", *flags, "-isystem"]
    include = maker.DPF / "distrho" / "src"
    subprocess.run([*command, include, HOST, "-ldl", "-o", folder / "host"], check=True)


def compiled_host() -> Path:
    """Give the CLAP host."""
    return _once("host", [HOST], _compile_host) / "host"


def compiled_with_guards() -> Path:
    """Give CLAP host and plugin, stopped by their first wrong access to memory."""
    # Undefined steps trap: that needs no second library beside that of the first.
    guards = ["-fsanitize=address,undefined", "-fsanitize-undefined-trap-on-error"]

    def make(folder: Path) -> None:
        _compile_host(folder, *guards)
        work = folder / "work"
        maker.gather(work)
        target = f"{folder}/StemBridge.clap"
        words = [f"DPF={work}", f"OUT={folder}", "CXXFLAGS=-O1", f"CXX=g++ {' '.join(guards)}"]
        subprocess.run(["make", "-C", work / "source", "-s", target, *words], check=True)
        shutil.rmtree(work)

    return _once("guarded", [*maker.SOURCE.iterdir(), Path(maker.__file__), HOST], make)


@pytest.fixture(scope="session")
def built() -> Path:
    """Build the plugin, if that was not done before."""
    return compiled_plugin()


@pytest.fixture(scope="session")
def host_program() -> Path:
    """Build the host, if that was not done before."""
    return compiled_host()


@pytest.fixture(scope="session")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a model that is fast, and whose stems can be told apart."""
    return write_shares(tmp_path_factory.mktemp("models") / "shares.onnx")


@pytest.fixture(scope="session")
def server(shares: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Serve that model to all tests that do no harm."""
    with serving(tmp_path_factory.mktemp("runtime"), shares) as running:
        yield running


@pytest.fixture
def clap(built: Path, host_program: Path, tmp_path: Path) -> ClapHost:
    """Give a CLAP host with the plugin."""
    return ClapHost(host_program, built / "StemBridge.clap", tmp_path)


@pytest.fixture
def guarded(tmp_path: Path) -> ClapHost:
    """Give a CLAP host with the plugin, both stopped by a wrong access to memory."""
    folder = compiled_with_guards()
    return ClapHost(folder / "host", folder / "StemBridge.clap", tmp_path)
