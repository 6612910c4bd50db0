"""A song's file from any sample on, at one rate, in any format."""

from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.song import Song
from plugin_bridge.testing import noise
from tests.tiny import write_audio

RATE = 44100


def tones(rate: int, seconds: float = 2) -> FloatArray:
    """Give tones that a resampler keeps."""
    time = np.arange(round(rate * seconds)) / rate
    left = sum(np.sin(2 * np.pi * f * time) for f in (220, 997, 4001))
    return (0.1 * np.stack([left, -left])).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".mp3", ".ogg"])
def test_every_format_is_exact_from_every_sample(suffix: str, tmp_path: Path) -> None:
    """What is read after a jump is what a reading from the begin gives there."""
    path = tmp_path / f"song{suffix}"
    with AudioFile(
        str(path), "w", RATE, 2, quality="160 kbps" if suffix == ".ogg" else None
    ) as file:
        file.write(noise(2))
    song = Song(path, 2)
    whole = np.concatenate([song.read(999) for _ in range(2 * RATE // 999)], axis=1)
    for place in (0, 1, 44099, 30001, 61234, 17):
        song.seek(place)
        np.testing.assert_array_equal(song.read(5000), whole[:, place : place + 5000])
    song.close()


@pytest.mark.parametrize(("source", "target"), [(48000, 44100), (44100, 48000), (22050, 44100)])
def test_a_resampled_song_keeps_its_samples_from_every_start(
    source: int, target: int, tmp_path: Path
) -> None:
    """One grid of samples, whatever the start; the length is the file's, in time."""
    song = Song(write_audio(tmp_path / "s.wav", tones(source), source), 2)
    song.resample(target)
    assert (song.rate, song.file_rate, song.samples) == (target, source, 2 * target)
    whole = song.read(2 * target + 100)
    assert not whole[:, 2 * target :].any()
    middle = slice(1000, 2 * target - 1000)
    np.testing.assert_allclose(whole[:, middle], tones(target)[:, middle], atol=2e-3)
    for place in (1, 12345, 50000):
        song.seek(place)
        np.testing.assert_allclose(song.read(3000), whole[:, place : place + 3000], atol=1e-5)
    song.close()


def test_behind_the_song_is_silence_and_mono_is_on_both_sides(tmp_path: Path) -> None:
    """An endless stream of two channels; a seek beyond an end goes to it."""
    mono = noise(0.1, channels=1)
    song = Song(write_audio(tmp_path / "s.wav", mono), 2)
    out = song.read(6000)
    np.testing.assert_array_equal(out[:, : mono.shape[1]], np.repeat(mono, 2, axis=0))
    assert not out[:, mono.shape[1] :].any()
    song.seek(10**9)
    assert not song.read(100).any()
    song.seek(-7)
    np.testing.assert_array_equal(song.read(50), out[:, :50])
    assert song.trouble == ""
    song.close()


def test_a_place_beyond_the_end_of_a_forecast_is_silence(tmp_path: Path) -> None:
    """An mp3 that begins with small frames and tells no length seems longer than it is."""
    content = b""
    for quality, seconds in ((64, 2), (320, 8)):
        path = tmp_path / f"{quality}.mp3"
        with AudioFile(str(path), "w", 44100, 2, quality=quality) as file:
            file.write(noise(seconds, 44100))
        whole = path.read_bytes()
        header = max(whole.find(b"Xing"), whole.find(b"Info"))
        content += whole[whole.find(b"\xff\xfb", header) :] if header >= 0 else whole
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    song = Song(path, 2)
    forecast = song.samples
    for position in (forecast // 2, forecast - 44100, forecast):
        song.seek(position)
        assert not song.read(5000).any()
