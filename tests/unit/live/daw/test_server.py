import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.daw.protocol import GREETING, MAGIC, SIZE, VERSION
from plugin_bridge.errors import DeviceError
from plugin_bridge.live.daw import runtime
from plugin_bridge.live.daw.memory import welcome
from plugin_bridge.live.daw.server import Served, Server, ask

pytestmark = pytest.mark.linux


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a runtime folder of the test's own."""
    path = tmp_path / "run"
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(path))
    return path


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give a plugin's and an engine's end of a connection."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


def greeting(version: int = VERSION) -> bytes:
    """Give what a plugin says."""
    said = np.zeros(1, GREETING)
    said[0] = (MAGIC, version, SIZE, 0, 0)
    return said.tobytes()


def test_the_folder_is_made_private(folder: Path) -> None:
    """A folder that was not there is the user's alone."""
    assert runtime.private_folder() == folder
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_for_others_is_refused(folder: Path, mode: int) -> None:
    """A folder that others can enter is refused, with what to do."""
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(DeviceError, match="chmod 700"):
        Server(Served("none.onnx"))


def test_a_link_is_no_folder(folder: Path, tmp_path: Path) -> None:
    """A link to a folder is refused: somebody else may turn it."""
    (tmp_path / "other").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "other")
    with pytest.raises(DeviceError, match="no folder"):
        runtime.private_folder()


def test_a_second_server_is_refused() -> None:
    """Two servers in one folder are refused, the first one stays."""
    server = Server(Served("none.onnx"))
    with pytest.raises(DeviceError, match="already serves"):
        Server(Served("none.onnx"))
    server.stop()
    server.run()


def test_a_server_leaves_nothing_but_its_lock(folder: Path) -> None:
    """After its end nobody answers, and no socket is left."""
    assert ask() is None
    server = Server(Served("none.onnx"))
    thread = threading.Thread(target=server.run)
    thread.start()
    found = ask()
    assert found is not None
    assert found["pid"] == os.getpid()
    server.stop()
    thread.join()
    assert ask() is None
    assert [path.name for path in folder.iterdir()] == [runtime.LOCK]


def test_another_version_gets_an_answer(pair: tuple[socket.socket, socket.socket]) -> None:
    """A plugin of another version is told ours, and refused with what to do."""
    plugin, engine = pair
    plugin.send(greeting(VERSION + 1))
    with pytest.raises(DeviceError, match="daw install"):
        welcome(engine)
    answer = np.frombuffer(plugin.recv(100), GREETING)[0]
    assert answer["version"] == VERSION
    assert answer["verdict"] != 0


@pytest.mark.parametrize("said", [b"", b"x", b"x" * GREETING.itemsize, b"x" * 4096])
def test_nonsense_is_refused(pair: tuple[socket.socket, socket.socket], said: bytes) -> None:
    """What is no greeting is refused in a sentence."""
    plugin, engine = pair
    plugin.send(said) if said else plugin.close()
    with pytest.raises(DeviceError, match="install"):
        welcome(engine)


def test_memory_must_be_as_agreed(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    """A file that is too small, or that can be cut off, is not mapped."""
    plugin, engine = pair
    before = len(os.listdir("/proc/self/fd"))
    for size in (SIZE - 1, SIZE):
        with (tmp_path / "memory").open("w+b") as file:
            file.truncate(size)
            socket.send_fds(plugin, [greeting()], [file.fileno()])
            with pytest.raises(DeviceError, match="sealed"):
                welcome(engine)
    assert len(os.listdir("/proc/self/fd")) == before
