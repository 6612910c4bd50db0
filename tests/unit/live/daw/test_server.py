import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_bridge.daw.protocol import GREETING, MAGIC, SIZE, VERSION
from plugin_bridge.errors import DeviceError
from plugin_bridge.live.daw import runtime
from plugin_bridge.live.daw.memory import welcome
from plugin_bridge.live.daw.server import Served, Server, ask
from tests.processes import children, until
from tests.tiny import write_model

pytestmark = pytest.mark.linux


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a runtime folder of the test's own."""
    path = tmp_path / "run"
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(path))
    return path


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """Give what a server is to serve."""
    return Served(str(write_model(tmp_path / "tiny.onnx")))


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


@contextmanager
def running(server: Server) -> Iterator[None]:
    """Let a server run."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join()


def told(condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Give the status once it is as wanted."""
    return dict(until(lambda: condition(found := ask() or {}) and found))


def test_a_server_leaves_nothing_but_its_lock(folder: Path, served: Served) -> None:
    """After its end nobody answers, and no socket is left."""
    assert ask() is None
    with running(Server(served)):
        found = ask()
        assert found is not None
        assert found["pid"] == os.getpid()
    assert ask() is None
    assert [path.name for path in folder.iterdir()] == [runtime.LOCK]


def test_a_model_that_cannot_be_opened_ends_the_server(tmp_path: Path) -> None:
    """Where no engine has ever started the next one would fail, too: the reason, and the end."""
    (tmp_path / "none.onnx").write_text("nothing")
    with pytest.raises(DeviceError, match=r"none\.onnx"):
        Server(Served(str(tmp_path / "none.onnx"))).run()


def test_plugins_of_another_version_cost_no_engine(folder: Path, served: Served) -> None:
    """What refuses them is ahead again, and it is said once however often they come."""
    said = list[str]()
    before = set(children(os.getpid()))
    with running(Server(served, said.append)):
        told(lambda found: found.get("ahead"))
        engines = set[int]()
        for _ in range(4):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as plugin:
                plugin.connect(str(folder / runtime.PLUGINS))
                plugin.send(greeting(VERSION + 1))
                assert plugin.recv(100)
            told(lambda found: not found["plugins"] and found["ahead"])
            engines.update(children(os.getpid()))
        assert "install the plugin anew" in told(lambda found: found["trouble"])["trouble"]
    assert len(engines - before) <= 2
    assert len(said) == 1


def test_somebody_elses_question_is_not_answered(
    folder: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user, such as root, gets nothing, and the server goes on."""
    with running(Server(served)):
        with (
            monkeypatch.context() as patch,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking,
        ):
            patch.setattr("plugin_bridge.live.daw.server.peer_of", _refuse)
            asking.connect(str(folder / runtime.STATUS))
            assert not asking.recv(100)
        assert ask() is not None


def _refuse(_: socket.socket) -> int:
    raise DeviceError("somebody else")


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
