"""A JACK server of our own with a dummy device, and an independent client that hears it.

Rules of this file
  1. Every server has a name that no other run has: a lock keeps it, which the server holds, too,
     so that the name of a killed run is free only when its server has ended. Only its own
     process is ended, by its id.
  2. A server that was killed keeps one of JACK's few places for servers until one of the same
     name has ended well. So names are few, and are used again.
  3. Time is the server's: under freewheel the signal runs as fast as the graph computes it.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray

# A shared machine may be slow; these end a test that would hang.
START_S, STOP_S, PLAY_S = 20.0, 1.5, 100.0
# JACK has places for 8 servers of a machine.
NAMES = [f"plugin-bridge-test-{number}" for number in range(1, 7)]
# Within this a server ends whose name is taken.
STARTED_S = 0.1
# Cycles in step until the graph counts as settled.
SETTLED = 20


def environment(name: str) -> dict[str, str]:
    """Give what makes a process use a server and never start one."""
    return {
        "JACK_DEFAULT_SERVER": name,
        "JACK_NO_AUDIO_RESERVATION": "1",
        "JACK_NO_START_SERVER": "1",
    }


class Jackd:
    """A server process; `kill` and `start` again make the same device vanish and come back.

    Parameters
    ----------
    rate, period, inputs, outputs : int, of the device
    realtime : int, the server's realtime priority; 0 for none
    """

    def __init__(
        self,
        rate: int,
        period: int,
        inputs: int = 2,
        outputs: int = 8,
        *,
        realtime: int = 0,
    ) -> None:
        self.name, self._lock = _take_name()
        self._realtime = realtime
        self.rate, self.period = rate, period
        self.inputs, self.outputs = inputs, outputs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until a client gets in."""
        program = shutil.which("jackd")
        assert program is not None
        # It goes when the test run is killed, too.
        leash = shutil.which("setpriv")
        held = [leash, "--pdeathsig", "TERM"] if leash else []
        # -r: no realtime permission is needed; -S: late clients delay a cycle, never lose it.
        priority = f"-R -P {self._realtime}" if self._realtime else "-r"
        # -t: on a busy machine a client may be seconds late, and is not to be thrown out for it.
        command = f"{priority} -S -t 20000 -n {self.name} -d dummy -r {self.rate} -p {self.period}"
        self._was_killed = False
        self._process = subprocess.Popen(
            [*held, program, *command.split(), "-C", str(self.inputs), "-P", str(self.outputs)],
            env={**os.environ, **environment(self.name)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._lock],
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "jackd ended at once"
            try:
                self.client("probe").close()
            except _jack().JackOpenError:
                time.sleep(0.05)
            else:
                time.sleep(STARTED_S)
                assert self._process.poll() is None, f"another {self.name} runs; end it"
                return
        raise TimeoutError(f"jackd did not answer in {START_S} s")

    @property
    def pid(self) -> int:
        """The process of the server, which runs."""
        assert self._process is not None
        return self._process.pid

    def client(self, name: str) -> Any:
        """Open a client; jack.Client has no types."""
        return _jack().Client(name, no_start_server=True, servername=self.name)

    def kill(self) -> None:
        """End the server without a word to its clients, as a crash does."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        process.wait()
        self._was_killed = True

    def stop(self) -> None:
        """End the server; its clients have closed."""
        if self._was_killed:
            self.start()
        for _ in range(2):
            process, self._process = self._process, None
            if process is None:
                return
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                # It waits for a client that went without a word; then a fresh one frees its place.
                process.kill()
                process.wait()
                self.start()
        if self._process is not None:
            self.kill()

    _was_killed = False

    def __enter__(self) -> "Jackd":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        os.close(self._lock)


class Peer:
    """Plays into the ports of PortAudio and captures what comes out of them, in step.

    Two clients: one alone would close a loop, which JACK cuts by a period. In every cycle the
    player runs before PortAudio's client, and the recorder after it, so that the block that
    the recorder gets is the one in which the player played `position`.
    """

    def __init__(self, server: Jackd) -> None:
        self._player, self._recorder = server.client("player"), server.client("recorder")
        self._signal = self._silence = np.zeros((server.inputs, 0), np.float32)
        self._captured = np.zeros((0, 0), np.float32)
        self._position = self._end = 0
        self._done = threading.Event()
        self._player.set_process_callback(self._play)
        self._player.set_freewheel_callback(self._freed)
        self._recorder.set_process_callback(self._record)
        self._sources = [self._player.outports.register(f"out_{i}") for i in range(server.inputs)]
        self._sinks: list[Any] = []

    def connect(self) -> None:
        """Take the place of the device's own sockets at the ports of PortAudio's stream."""
        into = _ports(self._player, is_input=True)
        out_of = _ports(self._player, is_output=True)
        self._sinks = [self._recorder.inports.register(f"in_{i}") for i in range(len(out_of))]
        self._player.activate()
        self._recorder.activate()
        for port in (*into, *out_of):
            for other in self._player.get_all_connections(port):
                pair = (other, port) if port in into else (port, other)
                self._player.disconnect(*pair)
        for source, port in zip(self._sources, into, strict=True):
            self._player.connect(source, port)
        for port, sink in zip(out_of, self._sinks, strict=True):
            self._player.connect(port, sink)

    def _settle(self) -> None:
        """Wait until the graph runs as it was changed, and all clients in step.

        By the clock a client that was late is called more than once in a later cycle, to catch
        up, and so are those behind it.
        """
        self._in_step, deadline = 0, time.monotonic() + START_S
        while self._in_step < SETTLED and time.monotonic() < deadline:
            time.sleep(0.001)

    def set_period(self, samples: int) -> None:
        """Change the period of the server."""
        self._player.blocksize = samples
        self._settle()

    def free(self, wanted: bool = True) -> None:
        """Run the graph as fast as it goes, or by the clock again."""
        self._recorder.set_freewheel(wanted)
        deadline = time.monotonic() + START_S
        while self._free != wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        self._settle()

    def play(self, signal: FloatArray, tail: int) -> FloatArray:
        """Play a signal into the stream, which has started, and capture what comes out.

        Parameters
        ----------
        signal : float32, shape (inputs, samples)
        tail : int, samples of silence to capture after it

        Returns
        -------
        captured : float32, shape (outputs, samples + tail), from the cycle of the first sample
        """
        self._signal = signal
        self._captured = np.full((len(self._sinks), signal.shape[1] + tail), np.nan, np.float32)
        self._position, self._end = 0, signal.shape[1] + tail
        self._done.clear()
        self._playing = True
        if not self._done.wait(PLAY_S):
            raise TimeoutError(f"the graph stood still at sample {self._position}")
        return self._captured[:, : self._end]

    @property
    def played(self) -> int:
        """Samples of the signal so far."""
        return self._position if self._playing else 0

    def enough(self) -> None:
        """End what is played now, in some cycles; from another thread than that of `play`."""
        self._end = min(self._end, self._position + 8 * self._player.blocksize)

    def close(self) -> None:
        """Leave the server."""
        for client in (self._player, self._recorder):
            client.deactivate()
            client.close()

    _free = False
    _in_step = _plays = 0
    _playing = False
    _block: tuple[int, int] | None = None  # the samples of the cycle that runs

    def _freed(self, starting: bool) -> None:
        self._free = starting

    def _play(self, samples: int) -> None:
        self._plays += 1
        playing = self._playing  # set by another thread: looked at once
        start = self._position
        taken = self._signal[:, start : start + samples] if playing else self._silence
        for port, row in zip(self._sources, taken, strict=True):
            port.get_array()[: len(row)] = row
            port.get_array()[len(row) :] = 0
        self._block = (start, samples) if playing else None
        if playing:
            self._position += samples
            self._playing = self._position < self._end

    def _record(self, samples: int) -> None:
        self._in_step = self._in_step + 1 if self._plays == 1 else 0
        self._plays = 0
        if self._block is None:
            return
        start, _ = self._block
        room = min(samples, self._end - start)
        for row, port in zip(self._captured, self._sinks, strict=True):
            row[start : start + room] = port.get_array()[:room]
        if start + samples >= self._end:
            self._done.set()


@contextmanager
def peer_of(server: Jackd) -> Iterator[Peer]:
    """Connect a peer to the stream that runs in this process, and let the graph run free."""
    peer = Peer(server)
    try:
        peer.connect()
        peer.free()
        yield peer
        peer.free(wanted=False)
    finally:
        peer.close()


def _take_name() -> tuple[str, int]:
    """Give a name that no other run uses, and the lock that says so."""
    import fcntl  # only where jackd is

    for name in NAMES:
        lock = os.open(Path(tempfile.gettempdir(), f"{name}.lock"), os.O_CREAT | os.O_WRONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
        else:
            return name, lock
    raise RuntimeError(f"all of {', '.join(NAMES)} are taken; end the other test runs")


def _ports(client: Any, **direction: bool) -> list[Any]:
    """Find the ports of PortAudio's newest stream; their numbers go on from stream to stream."""
    found = client.get_ports("PortAudio.*:", is_audio=True, **direction)
    return sorted(found, key=lambda port: int(port.name.rpartition("_")[2]))


def _jack() -> Any:
    # Where JACK is not installed, the import itself raises.
    import jack

    jack.set_error_function(lambda _: None)
    jack.set_info_function(lambda _: None)
    return jack
