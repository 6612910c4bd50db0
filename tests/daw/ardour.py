"""Ardour without a screen, in a home of its own: on JACK, or exporting a song.

Two errors of Ardour 7.3 need care here. Both come without the plugin as well, and what they spoil
is only whether there is a result: a result that is there is never asked for again.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from plugin_bridge.daw.build import install
from plugin_bridge.dsp import FloatArray
from tests.daw.hosts import Serving, wait_for
from tests.live.jackd import Jackd, environment
from tests.tiny import write_audio

LIBRARIES = Path("/usr/lib/ardour7")
INTO = [f"ardour:music/audio_in {i}" for i in (1, 2)]
OUT_OF = [f"ardour:music/audio_out {i}" for i in range(1, 11)]
KEYS = "ardour:music/midi_in 1"
# While a session comes up two threads of it ask jackd at once, on one socket, and jackd throws it
# out, up to every second time; it goes on without ports.
STARTS, SETTLE_S = 12, 2.0
# A few in a hundred exports wait for ever: Session::start_audio_export holds the lock that the
# thread it waits for needs. And one in ten dies of a heap that it has overwritten, mostly when its
# file is complete; with a session that has no plugin at all as well.
EXPORTS, EXPORT_S = 6, 40.0
# Places in a session are written in fractions of a second.
TICKS = 282_240_000


class Ardour:
    """A home with the plugin, and sessions with it on a track, its vocals at -6 dB."""

    def __init__(self, home: Path, built: Path, server: Serving) -> None:
        self._session, self._server = home / "session", server
        self._ready, self._stop = home / "ready", home / "stop"
        home.mkdir()
        install(built, home)
        self._words = {
            **server.environment,
            "HOME": str(home),
            "LV2_PATH": f"{home / '.lv2'}:/usr/lib/lv2",
        }
        # Ardour takes a plugin for changed that is as new as what it knows about it.
        old = time.time() - 60
        for path in (home / ".vst3").rglob("*"):
            os.utime(path, (old, old))
        subprocess.run(
            [LIBRARIES / "ardour-vst3-scanner", "-q", "-f", home / ".vst3" / "StemBridge.vst3"],
            env={**self._words, "LD_LIBRARY_PATH": str(LIBRARIES)},
            check=True,
            capture_output=True,
        )

    @contextmanager
    def on_jack(self, jack: Jackd, kind: str, *, again: bool = False) -> Iterator[None]:
        """Run a session of which all ports are there; saved at the end."""
        look = jack.client("look")
        words = {**environment(jack.name), "READY": str(self._ready), "STOP": str(self._stop)}
        words |= {"BACKEND": "JACK", "REOPEN": "1" if again else ""}
        try:
            for _ in range(STARTS):
                host = self._start(kind, jack.rate, words)
                try:
                    wait_for(partial(self._is_ready, host), "Ardour", 100)
                    if not _has_ports(look):
                        continue
                    wait_for(partial(self._server.plays_in, host.pid), "the plugin")
                    yield
                    self._stop.touch()
                    host.wait(60)
                    return
                finally:
                    host.kill()
                    host.wait()
            raise AssertionError(f"jackd has thrown Ardour out {STARTS} times")
        finally:
            look.close()

    def _is_ready(self, host: "subprocess.Popen[bytes]") -> bool:
        assert host.poll() is None, f"Ardour ended with {host.returncode}"
        return self._ready.exists() and self._ready.read_text().endswith("end\n")

    def make(self, kind: str, signal: FloatArray, rate: int) -> None:
        """Make a session with a song on the track, from its begin to its end."""
        host = self._start(kind, rate, {"BACKEND": "None (Dummy)"})
        assert host.wait(100) == 0
        _put_song(self._session, signal, rate)

    def export(self, target: Path) -> None:
        """Export all ten channels, by a program of its own."""
        command = [
            "ardour7-export",
            "-b",
            "float",
            "-o",
            str(target),
            str(self._session),
            "session",
        ]
        for _ in range(EXPORTS):
            target.unlink(missing_ok=True)
            try:
                done = subprocess.run(
                    command,
                    env=self._words,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=EXPORT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                continue
            assert done.returncode <= 0, done.stdout + done.stderr
            if done.returncode == 0 or _is_whole(target):
                return
        raise AssertionError(f"Ardour has not exported in {EXPORTS} attempts")

    def _start(self, kind: str, rate: int, words: dict[str, str]) -> "subprocess.Popen[bytes]":
        self._ready.unlink(missing_ok=True)
        self._stop.unlink(missing_ok=True)
        if not words.get("REOPEN"):
            shutil.rmtree(self._session, ignore_errors=True)
        return subprocess.Popen(
            ["ardour7-lua", Path(__file__).with_suffix(".lua")],
            env={
                **self._words,
                "SESSION": str(self._session),
                "NAME": "StemBridge",
                "KIND": kind,
                "RATE": str(rate),
                "LABEL": "Vocals gain",
                "VALUE": "-6",
                **words,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _has_ports(look: Any) -> bool:
    """Tell whether jackd knows all ports, and after a while still does."""

    def are_there() -> bool:
        return {port.name for port in look.get_ports("ardour:")} >= {*INTO, *OUT_OF, KEYS}

    deadline = time.monotonic() + SETTLE_S
    while not are_there() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(SETTLE_S / 4)
    return are_there()


def _is_whole(file: Path) -> bool:
    """Tell whether a WAV file has been closed: its header knows how long it is."""
    if not file.exists():
        return False
    head = file.read_bytes()[:8]
    return int.from_bytes(head[4:8], "little") == file.stat().st_size - 8


def _put_song(session: Path, signal: FloatArray, rate: int) -> None:
    folder = session / "interchange" / session.name / "audiofiles"
    folder.mkdir(parents=True, exist_ok=True)
    sources, ids = "", ""
    for number, side in enumerate("LR"):
        write_audio(folder / f"song%{side}.wav", signal[number : number + 1], rate)
        sources += f'<Source name="song%{side}.wav" type="audio" flags="" id="{9001 + number}"/>'
        ids += f'source-{number}="{9001 + number}" master-source-{number}="{9001 + number}" '
    end = signal.shape[1] * TICKS // rate
    fades = "".join(f'{n}="0" ' for n in ("fade-in-active", "fade-out-active"))
    region = (
        f'<Region name="song" id="9010" type="audio" opaque="1" start="a0" length="a{end}@a0" '
        f'channels="2" {fades}{ids}/>'
    )
    location = (
        f'<Location id="9020" name="session" start="a0" end="a{end}" flags="IsSessionRange"/>'
    )
    file = session / f"{session.name}.ardour"
    text = file.read_text().replace("<Sources/>", f"<Sources>{sources}</Sources>")
    text = text.replace("<Locations/>", f"<Locations>{location}</Locations>")
    playlist = r'(<Playlist [^>]*name="music"[^>]*)/>'
    file.write_text(re.sub(playlist, rf"\1>{region}</Playlist>", text))
