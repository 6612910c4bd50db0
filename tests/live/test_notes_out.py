"""Drum hits and bass notes as MIDI, through a real JACK server to another client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_bridge.live.band import Band
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import RUNNING, Live
from tests.live.jackd import Jackd, environment
from tests.live.strokes import (
    BASS_KEYS,
    BETWEEN,
    HAT,
    HOP,
    KICK,
    RATE,
    measure,
    signal,
    stroke,
)
from tests.live.test_midi import client
from tests.processes import until
from tests.tiny import write_audio, write_model

pytestmark = pytest.mark.system("jackd2", "libportaudio2")

STROKES = 8
MESSAGES_OFF = [[0xB1, 123], [0xB9, 123]]


@pytest.fixture
def _server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give MIDI a server of its own."""
    with Jackd(RATE, 256) as server:
        for name, value in environment(server.name).items():
            monkeypatch.setenv(name, value)
        yield


def session(folder: Path, sound: np.ndarray, clock: str) -> Live:
    """Give a session that plays a song to no device, and listens."""
    song = write_audio(folder / "song.wav", sound, RATE)
    model = str(write_model(folder / "tiny.onnx"))
    return Live(LiveSettings(device="null", play=str(song), model=model, clock=clock, listen=True))


def taken(synth: Any, heard: list[list[int]]) -> list[list[int]]:
    """Take what another client has got, and give all of it."""
    while (entry := synth.get_message()) is not None:
        heard.append(entry[0])
    return heard


@pytest.mark.usefixtures("_server")
def test_every_stroke_and_note_arrives_once(tmp_path: Path) -> None:
    """In order; each begins once and ends once, and at the end nothing is left sounding."""
    sound, strokes, notes = signal(STROKES)
    live = session(tmp_path, sound, "wait")
    heard: list[list[int]] = []
    with client("MidiIn", "synth", "in") as synth:
        live.start()
        try:
            band = Band(live, Desk(live.settings).voices(), "synth")
            until(lambda: live.status()["song"]["ended"])
            until(lambda: taken(synth, heard) and live.position > sound.shape[1] + RATE // 2)
            band.close()
            until(lambda: [m[:2] for m in taken(synth, heard)[-2:]] == MESSAGES_OFF)
            sums = live.status()["heard"]
        finally:
            live.stop()
    hits = [m[1] for m in heard if m[0] == 0x99]
    for key in (KICK, HAT):  # a stroke may be of two kinds
        assert hits.count(key) >= [played for _, played in strokes].count(key)
    assert [m[1] for m in heard if m[0] == 0x91][-len(notes) :] == list(BASS_KEYS)
    begun = [(m[0] & 15, m[1]) for m in heard if m[0] & 0xF0 == 0x90]
    ended = [(m[0] & 15, m[1]) for m in heard if m[0] & 0xF0 == 0x80]
    assert sorted(begun) == sorted(ended)
    # The drums have their quarter of the bass, too.
    assert sums["drums"]["onsets"] == STROKES + len(notes)
    report = band.report()
    assert (report["lost"], report["dropped"], report["failed"]) == (0, 0, 0)
    assert report["notes"] == len(begun)


@pytest.mark.usefixtures("_server")
def test_an_instrument_that_is_unplugged_while_the_music_runs(tmp_path: Path) -> None:
    """What it misses is counted, the music goes on, and it plays again when it is back."""
    kicks = np.zeros((2, 60 * RATE), np.float32)
    for begin in range(0, kicks.shape[1] - RATE, round(BETWEEN * RATE)):
        kicks[:, begin : begin + RATE // 7] += stroke(36)
    live = session(tmp_path, kicks, "live")
    live.start()
    try:
        with client("MidiIn", "synth", "in"):
            band = Band(live, Desk(live.settings).voices(), "synth")
            until(lambda: band.report()["messages"] > 6)
        until(lambda: not band.report()["open"])
        until(lambda: band.report()["dropped"] > 0)
        with client("MidiIn", "synth", "in") as synth:
            until(lambda: band.report()["open"])
            heard: list[list[int]] = []
            until(lambda: any(m[0] == 0x99 for m in taken(synth, heard)))
            report = band.report()
            band.close()
        # Before anything else all is told to be silent.
        first = next(place for place, m in enumerate(heard) if m[0] & 0xF0 == 0x90)
        assert [m[:2] for m in heard[first - 2 : first]] == MESSAGES_OFF
        assert all(m[0] & 0xF0 == 0x80 for m in heard[: first - 2])
        assert report["reopened"] == 1
        assert report["notes"] > 2
        assert (live.state, live.restarts) == (RUNNING, 0)
        assert live.status()["heard"]["drums"]["onsets"] > 2
    finally:
        live.stop()


def test_a_session_of_the_command_line_beside_its_own_sound(tmp_path: Path) -> None:
    """By the clock, where a busy machine may miss some: most are there, none before its sound."""
    found = measure(tmp_path, 256, "auto", STROKES)
    delays = found.delays()
    assert len(delays) > STROKES / 2
    assert min(delays) >= -HOP
    assert len(found.note_delays()) > len(BASS_KEYS) / 2
    played = found.stats["midi_out"]
    assert played["port"] == "JACK:plugin-bridge-notes:out"
    assert (played["open"], played["dropped"], played["lost"]) == (True, 0, 0)
    assert found.stats["heard"]["drums"]["onsets"] >= len(delays)
