"""What goes wrong between a DAW and the engine; the host goes on in every case."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.daw import protocol
from plugin_bridge.daw.protocol import GREETING, MAGIC, SIZE, VERSION, parts, stamp
from plugin_bridge.daw.views import Views
from plugin_bridge.live.daw import runtime
from plugin_bridge.live.daw.memory import welcome
from plugin_bridge.live.daw.server import Served, Server, ask
from tests.daw.hosts import (
    MISSES,
    STATE,
    ClapHost,
    Played,
    Serving,
    answer,
    hear,
    reference,
    serving,
    wait_for,
)
from tests.daw.models import write_shares
from tests.tiny import hiss

pytestmark = [pytest.mark.system("dpf-source", "g++", "make"), pytest.mark.timeout(600)]
NO_ENGINE, LOST, UNSAFE = 1, 3, 7


@pytest.fixture
def own(shares: Path, tmp_path: Path) -> Iterator[Serving]:
    """Serve from a folder of the test's own: it does harm."""
    with serving(tmp_path / "run", shares) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a runtime folder in which nobody serves."""
    path = tmp_path / "alone"
    path.mkdir(mode=0o700)
    return path


class Imposter:
    """Listens where the server should, and answers as it likes."""

    def __init__(self, folder: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(str(folder / runtime.PLUGINS))
        self._listening.listen(4)

    def meet(self, seconds: float = 60) -> socket.socket:
        """Take a plugin."""
        self._listening.settimeout(seconds)
        return self._listening.accept()[0]

    def close(self) -> None:
        """Go away."""
        self._listening.close()


def test_without_an_engine_the_host_goes_on(folder: Path, clap: ClapHost) -> None:
    """Live without a server there is silence in time, a miss, and a state that says why."""
    words = ("pace", "run", 8192, "get", STATE, "get", MISSES)
    played = clap.play(folder, hiss(8192), *words, offline=False)
    assert played.values[STATE] == NO_ENGINE
    assert played.values[MISSES] > 0
    assert not played.out.any()
    assert played.latency == 511 + 512 + 256  # that of the shipped model


def test_a_folder_that_others_can_enter_is_refused(folder: Path, clap: ClapHost) -> None:
    """A runtime folder that is not the user's alone is not used, and the state says so."""
    folder.chmod(0o755)
    words = ("until", STATE, UNSAFE, "run", 512)
    played = clap.play(folder, hiss(512), *words, offline=False)
    assert not played.out.any()


def test_another_version_is_told(folder: Path, clap: ClapHost) -> None:
    """An engine of another version is not used, and the state says so."""
    imposter = Imposter(folder)
    host = clap.start(folder, hiss(512), "until", STATE, protocol.OTHER_VERSION, offline=False)
    said = np.zeros(1, GREETING)
    said[0] = (MAGIC, VERSION + 1, SIZE, 0, 0)
    # The plugin asks again, at once if it is activated meanwhile: each time it gets the same.
    limit = time.monotonic() + 60
    while host.poll() is None and time.monotonic() < limit:
        with suppress(OSError), imposter.meet(0.5) as plugin:
            plugin.settimeout(0.5)
            plugin.recv(GREETING.itemsize)
            plugin.send(said.tobytes())
    clap.finish(host)
    imposter.close()


def _killed(own: Serving, clap: ClapHost, host: "subprocess.Popen[str]") -> Played:
    """Kill the engine of a host that waits for it; let it go on once there is another one."""
    hear(host, "kill")
    (plugin,) = own.plugins()
    os.kill(plugin["pid"], signal.SIGKILL)
    wait_for(lambda: _playing(own, plugin["pid"]), "another engine")
    answer(host)
    return clap.finish(host)


def test_an_engine_that_is_killed_is_replaced(own: Serving, clap: ClapHost) -> None:
    """After a kill there is silence, then another engine takes over at the right place."""
    signal_in = hiss(44100 * 8)
    words = ("block", 256, "pace", "run", 22050, "signal", "kill", "run", 44100, "get", MISSES)
    host = clap.start(own, signal_in, *words, offline=False)
    played = _killed(own, clap, host)
    assert played.values[MISSES] > 0
    assert np.isfinite(played.out).all()
    # The new engine's hops lie where the old one's would: in step with the input.
    wanted = reference(own.model, signal_in, 44100)
    heard = min(played.out.shape[1] - played.latency, wanted.shape[1])
    last = slice(heard - 8192, heard)
    error = played.aligned(heard)[:, last] - wanted[:, last]
    silent = np.abs(played.aligned(heard)[:2, last]).max(axis=0) == 0
    assert np.abs(error[:, ~silent]).max() < 1e-6
    assert not silent.all()


@pytest.mark.parametrize("most", [2048, 8192])
def test_a_change_of_engines_does_not_click(own: Serving, clap: ClapHost, most: int) -> None:
    """Where hops are queued until the next engine gives its first, none is cut off."""
    wave = 0.5 * np.sin(2 * np.pi * 110 / 44100 * np.arange(44100 * 3))
    signal_in = np.tile(wave.astype(np.float32), (2, 1))
    words = ("block", 256, "pace", "run", 44100, "signal", "kill", "run", 44100, "get", MISSES)
    host = clap.start(own, signal_in, *words, most=most, offline=False)
    played = _killed(own, clap, host)
    steps = np.abs(np.diff(played.out[0, played.latency + 300 :]))
    assert steps.max() < 2 * np.abs(np.diff(signal_in[0])).max()
    assert "ended with code -9" in own.stop()


def test_an_engine_that_hangs_is_ended(
    shares: Path, tmp_path: Path, clap: ClapHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that says nothing any more is let go, whatever its plugin does."""
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(tmp_path / "run"))
    monkeypatch.setattr("plugin_bridge.live.daw.server.SILENT_SECONDS", 3.0)
    said = list[str]()
    server = Server(Served(str(shares)), said.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: (ask() or {}).get("ahead"), "an engine")
        host = clap.start(server.folder, hiss(512), "signal", "go", offline=False)
        hear(host, "go")
        (plugin,) = wait_for(lambda: (ask() or {})["plugins"], "a plugin")
        os.kill(plugin["pid"], signal.SIGSTOP)
        wait_for(lambda: not _lives(plugin["pid"]), "the end of the engine")
        wait_for(lambda: "has said nothing" in " ".join(said), "the reason")
        answer(host)
        clap.finish(host)
    finally:
        server.stop()
        thread.join()


def test_offline_a_killed_engine_costs_no_sample_of_time(own: Serving, clap: ClapHost) -> None:
    """Offline the plugin waits for the next engine; what comes after lies where it belongs."""
    signal_in = hiss(44100 * 3)
    words = ("run", 22050, "signal", "kill", "run", 44100 * 2, "get", STATE)
    host = clap.start(own, signal_in, *words)
    hear(host, "kill")
    (plugin,) = own.plugins()
    os.kill(plugin["pid"], signal.SIGKILL)
    answer(host)
    played = clap.finish(host)
    assert played.values[STATE] == protocol.PLAYING
    samples = 44100 * 2
    error = played.aligned(samples) - reference(own.model, signal_in, 44100)[:, :samples]
    assert np.abs(error[:, 44100:]).max() < 1e-6


def test_a_server_that_ends_and_comes_back(own: Serving, clap: ClapHost) -> None:
    """A plugin finds a server again that was stopped and started under a playing host."""
    words: tuple[object, ...] = ("pace", "signal", "stop", "until", STATE, LOST, "signal", "start")
    words = (*words, "until", STATE, protocol.PLAYING, "run", 512)
    host = clap.start(own, hiss(44100), *words, offline=False)
    hear(host, "stop")
    own.stop()
    answer(host)
    hear(host, "start")
    own.start()
    answer(host)
    clap.finish(host)


def test_two_hosts_have_two_engines(own: Serving, clap: ClapHost, tmp_path: Path) -> None:
    """Hosts at the same time do not hear each other, each has a process of its own."""
    other = ClapHost(clap._program, clap._plugin, tmp_path / "other")
    (tmp_path / "other").mkdir()
    first_in, other_in = hiss(20000), hiss(20000, seed=1)
    first = clap.start(own, first_in, "signal", "go", "restart", "run", 30000)
    second = other.start(own, other_in, "signal", "go", "restart", "run", 30000, rate=48000)
    hear(first, "go")
    hear(second, "go")
    plugins = wait_for(lambda: len(own.plugins()) == 2 and own.plugins(), "two engines")
    assert len({plugin["pid"] for plugin in plugins}) == 2
    for host in (first, second):
        answer(host)
    for one, process, sound, rate in (
        (clap, first, first_in, 44100),
        (other, second, other_in, 48000),
    ):
        played = one.finish(process)
        last = played.out[:, -30000:]
        aligned = last[:, played.latency : played.latency + 20000]
        assert np.array_equal(aligned, reference(own.model, sound, rate))


def test_a_host_that_is_killed_leaves_nothing(own: Serving, clap: ClapHost) -> None:
    """When a host dies its engine ends, and no file, process or memory is left of either."""
    before = sorted(path.name for path in own.folder.iterdir())
    host = clap.start(own, hiss(512), "signal", "go", offline=False)
    hear(host, "go")
    (plugin,) = wait_for(own.plugins, "an engine")
    host.kill()
    host.communicate()
    wait_for(lambda: not own.plugins(), "the engine's end")
    wait_for(lambda: not _lives(plugin["pid"]), "the process's end")
    assert sorted(path.name for path in own.folder.iterdir()) == before


def test_a_server_that_is_killed_takes_its_engines_along(
    shares: Path, tmp_path: Path, clap: ClapHost
) -> None:
    """After a kill of the server no engine is left, and another server starts at once."""
    server = Serving(tmp_path / "run", shares)
    server.start()
    host = clap.start(server, hiss(512), "signal", "go", offline=False)
    hear(host, "go")
    (plugin,) = wait_for(server.plugins, "an engine")
    process = server._process
    assert process is not None
    process.kill()
    process.communicate()
    wait_for(lambda: not _lives(plugin["pid"]), "the process's end")
    with serving(server.folder, shares):
        pass
    host.kill()
    host.communicate()


def test_a_corrupted_header_is_repaired(folder: Path, clap: ClapHost) -> None:
    """A header that was overwritten costs the engine, not the host; it is right for the next."""
    imposter = Imposter(folder)
    host = clap.start(folder, hiss(44100), "pace", "signal", "go", "run", 4096, offline=False)
    with imposter.meet() as plugin:
        views, memory = welcome(plugin)
        _pretend(views)
        for name in ("magic", "version", "bytes"):
            views.put(name, 12345)
        assert plugin.recv(1) == b""  # the plugin has hung up
        del views, memory
    with imposter.meet() as plugin:
        views, memory = welcome(plugin)
        assert [views.get(n) for n in ("magic", "version", "bytes")] == [MAGIC, VERSION, SIZE]
        hear(host, "go")
        answer(host)
        played = clap.finish(host)
        del views, memory
    imposter.close()
    assert np.isfinite(played.out).all()


def test_a_hostile_peer_cannot_hurt_the_host(folder: Path, clap: ClapHost) -> None:
    """A peer that writes wild numbers into every field it has is survived, and not heard."""
    imposter = Imposter(folder)
    words = ("pace", "signal", "go", "run", 44100, "get", MISSES)
    host = clap.start(folder, hiss(44100), *words, offline=False)
    with imposter.meet() as plugin:
        views, memory = welcome(plugin)
        _pretend(views)
        generator = np.random.default_rng(0)
        hear(host, "go")
        answer(host)
        mine = {name for name, _, _, writer in protocol.SHARED if writer == "engine"}
        # A hundred rounds of garbage, with stamps that look right among it.
        for turn in range(100):
            epoch = parts(views.get("written"))[0]
            for name in mine - {"", "engine_clock"}:
                raw = views.fields[name].view(np.uint8)
                raw[...] = generator.integers(0, 256, raw.shape, np.uint8)
            views.put("engine_clock", time.monotonic_ns())
            views.put("hop", (64, 256, 4096, 2**32 - 1, 0)[turn % 5])
            views.put("engine_latency", (0, 256, 16384, 2**32 - 1)[turn % 4])
            views.put("ready", stamp(epoch, 1 + turn))
            numbers = np.arange(1, 1 + protocol.HOPS, dtype=np.uint64)
            marks = np.uint64(stamp(epoch, 0)) | numbers
            views.fields["hops"][0]["before"] = views.fields["hops"][0]["after"] = marks
            time.sleep(0.002)
        played = clap.finish(host)
        del views, memory
    imposter.close()
    assert np.isfinite(played.out).all()
    assert not played.out.any()
    assert played.values[MISSES] > 0


def test_a_missing_hop_is_its_predecessors_tail_then_silence(folder: Path, clap: ClapHost) -> None:
    """Where hops are missing or damaged the last one's tail plays, then nothing; then a fade."""
    imposter = Imposter(folder)
    hop, late, given = 256, 1279 - 256, (0, 1, 2, 3, 6, 7, 8)
    parts_of = {n: hiss(hop, protocol.OUTPUTS, seed=n) for n in given}
    tails_of = {n: hiss(hop, protocol.OUTPUTS, seed=100 + n) for n in given}
    host = clap.start(folder, hiss(512), "block", 100, "run", late + 9 * hop, offline=False)
    with imposter.meet() as plugin:
        views, memory = welcome(plugin)
        _pretend(views, ready=False)
        epoch = parts(views.get("written"))[0]
        parts_of[1][3, 7] = np.nan  # with the right sum: a broken engine, not a broken memory
        for n in given:
            views.put_hop(epoch, n, parts_of[n], tails_of[n])
        views.fields["output"].reshape(protocol.OUTPUTS, -1)[0, 7 * hop] += 1
        _pretend(views)
        played = clap.finish(host)
        assert (views.get("misses"), views.get("damaged")) == (3, 1)
        del views, memory
    imposter.close()
    parts_of[1][3, 7] = 0
    ramp = np.sin(np.pi / 2 * np.arange(hop) / hop) ** 2
    silence = np.zeros((protocol.OUTPUTS, hop), np.float32)
    wanted = [*(parts_of[n] for n in range(4)), tails_of[3], silence]
    wanted += [parts_of[6] * ramp, tails_of[6], parts_of[8] * ramp]
    assert not played.out[:, :late].any()
    assert np.abs(played.out[:, late:] - np.concatenate(wanted, axis=1)).max() < 1e-6


@pytest.mark.parametrize("served", [True, False])
def test_the_audio_thread_makes_no_system_call(
    server: Serving, folder: Path, clap: ClapHost, served: bool
) -> None:
    """Live the audio thread makes no system call and asks for no memory, engine or not."""
    words = ("pace", "run", 22050, "strict", 3000, "get", MISSES)
    at: Serving | Path = server if served else folder
    played = clap.play(at, hiss(22050), *words, offline=False)
    assert "allocations 0" in played.text
    assert played.values[MISSES] > 0  # nobody can keep up with that


@pytest.mark.parametrize("preset", [0, 99])
def test_an_engine_that_needs_more_latency_says_so(
    tmp_path: Path, clap: ClapHost, preset: int
) -> None:
    """An engine that comes after the activation and needs more is heard from the next one on.

    That is said also where the preset is missing, which would be heard without it.
    """
    model = write_shares(tmp_path / "slow.onnx", n_fft=4096, synthesis=2048, hop=1024)
    late = Serving(tmp_path / "run", model)
    words: tuple[object, ...] = (
        "set",
        0,
        protocol.PRESET,
        preset,
        "signal",
        "start",
        "until",
        STATE,
        protocol.NEEDS_LATENCY,
        "restart",
    )
    last = protocol.PRESET_MISSING if preset else protocol.PLAYING
    words = (*words, "until", STATE, last, "get", STATE)
    host = clap.start(late, hiss(512), *words, offline=False)
    try:
        hear(host, "start")
        late.start()
        answer(host)
        played = clap.finish(host)
    finally:
        late.stop()
    latencies = [int(line.split()[1]) for line in played.text.splitlines() if "latency " in line]
    assert latencies[0] == 2047 + 1024 + 1024


def test_memory_cannot_be_cut_off(folder: Path, clap: ClapHost) -> None:
    """Whoever gets the memory can neither shrink it under the host nor bring another size."""
    imposter = Imposter(folder)
    host = clap.start(folder, hiss(512), "signal", "go", offline=False)
    with imposter.meet() as plugin:
        raw, fds, _, _ = socket.recv_fds(plugin, GREETING.itemsize, 1)
        assert len(raw) == GREETING.itemsize
        with pytest.raises(PermissionError):
            os.ftruncate(fds[0], 0)
        assert os.fstat(fds[0]).st_size == SIZE
        os.close(fds[0])
    host.kill()
    host.communicate()
    imposter.close()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return not state.stdout.startswith(b"Z")


def _playing(server: Serving, but: int) -> bool:
    """Tell whether another engine than that of process `but` plays."""
    return any(p["pid"] != but and p.get("state") == "playing" for p in server.plugins())


def _pretend(views: Views, *, ready: bool = True) -> None:
    """Say that an engine is ready, so that the host need not wait for one."""
    epoch = wait_for(lambda: parts(views.get("written"))[0], "an activation")
    views.put("hop", 256)
    views.put("engine_latency", 256)
    views.put("engine_clock", time.monotonic_ns())
    if ready:
        views.put("ready", stamp(epoch, 1))
