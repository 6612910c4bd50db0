"""A render is as long as its input, and stands where its input stood."""

from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from tests.tiny import equal_model, halves_model, hiss, read_audio, write_audio

# Four shares of a quarter, added in float32 after two transforms.
REBUILT = 1e-6
# The resampler's ripple and the slope at the edge of its band, there and back.
RESAMPLED = 0.02


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 44117])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
def test_stems_of_equal_shares_add_up_in_place(
    tmp_path: Path, samples: int, channels: int, suffix: str, rate: int
) -> None:
    """Length is kept to the sample and the stems' sum is the input, at rates that need no help."""
    path = write_audio(tmp_path / f"in.{suffix}", hiss(samples, channels), rate)
    report = render(path, RenderOptions(out=tmp_path), model=equal_model())
    stems = [read_audio(tmp_path / "in" / f"{name}.wav") for name in equal_model().card.stems]
    mix = read_audio(path)
    assert report.samples == samples
    assert all(stem.shape == (channels, samples) for stem in stems)
    assert np.abs(sum(stems) - mix).max() <= REBUILT


@pytest.mark.parametrize("samples", [1, 255, 8017, 16384])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 32000])
def test_resampled_renders_keep_length_and_place(
    tmp_path: Path, samples: int, channels: int, rate: int
) -> None:
    """At rates that are resampled there and back, a low tone comes back where it was."""
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(samples) / rate)
    mix = np.tile(tone.astype(np.float32), (channels, 1))
    path = write_audio(tmp_path / "in.wav", mix, rate)
    options = RenderOptions(out=tmp_path, stems=("vocals", "accompaniment"))
    report = render(path, options, model=equal_model())
    total = sum(read_audio(tmp_path / "in" / f"{name}.wav") for name in options.stems or ())
    assert report.resampled
    assert any("resampled" in warning for warning in report.warnings)
    assert np.shape(total) == mix.shape
    inner = slice(200, -200)
    assert np.abs((total - mix)[:, inner]).max(initial=0) < RESAMPLED


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_models_of_one_rate_render_any_rate(tmp_path: Path, rate: int) -> None:
    """A waveform model gets its own rate, and the file keeps its own."""
    path = write_audio(tmp_path / "in.wav", hiss(9001), rate)
    report = render(path, RenderOptions(out=tmp_path), model=halves_model())
    assert (report.model_rate, report.samples, report.resampled) == (44100, 9001, rate != 44100)
    assert read_audio(tmp_path / "in" / "other.wav").shape == (2, 9001)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "aiff"])
def test_output_is_as_long_as_what_was_decoded(tmp_path: Path, suffix: str) -> None:
    """Coded files give as much as was encoded, where it lies in the song, to the sample."""
    path = write_audio(tmp_path / f"in.{suffix}", hiss(44117))
    report = render(path, RenderOptions(out=tmp_path), model=equal_model())
    mix = read_audio(path)
    if suffix == "mp3":  # without what the codec has put before and behind
        mix = mix[:, 1105 : 1105 + 44117]
    stem = read_audio(tmp_path / "in" / "bass.wav")
    assert report.samples == mix.shape[1] == stem.shape[1] == 44117
    assert np.abs(4 * stem - mix).max() <= REBUILT
