"""A .stem.mp4 read back is what a wav render holds, in five streams that any player decodes."""

import json
import struct
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.ni_stems import SLOTS
from plugin_bridge.files.ni_writer import NiStemsWriter
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.testing import FunctionModel, card, sine
from tests.ni_stems import read_ni_stems
from tests.tiny import hiss, read_audio, write_audio

# float32 holds 24-bit codes near full scale to a quarter of a step.
FLOAT = 0.26
# Two encoder frames and what an edit list's milliseconds leave unsaid.
AAC_PADDING = 2 * 1024 + 48
# 256 kbit/s keep soft tones that well; measured 56 dB with ffmpeg 5.1.
AAC_DECIBEL = 45.0
# Room for a chunk's floats, codes and bytes; twenty seconds of five streams are 35 MB.
HELD_BYTES = 8e6

pytestmark = pytest.mark.system("ffmpeg")


def _model(stems: tuple[str, ...] = ("vocals", "drums", "bass", "other")) -> FunctionModel:
    """Give a model whose stems differ."""

    def network(features: FloatArray) -> FloatArray:
        shares = [np.sin(features * np.float32(k + 1)) for k in range(len(stems))]
        return np.concatenate(shares, axis=1)

    return FunctionModel(card(stems=stems), network)


def _render(path: Path, out: Path, **options: Any) -> Any:
    return render(path, RenderOptions(out=out, **options), model=_model())


def _codes(samples: FloatArray, full: int) -> FloatArray:
    codes = samples.astype(np.float64) * full
    assert np.abs(codes - np.rint(codes)).max() < FLOAT  # they are integers, scaled
    return np.rint(codes)


@pytest.mark.parametrize("samples", [1, 255, 4096, 4097, 44117])
@pytest.mark.parametrize(("depth", "channels", "rate"), [("16", 2, 44100), ("24", 1, 48000)])
def test_alac_holds_the_codes_of_a_wav_render(
    tmp_path: Path, samples: int, depth: str, channels: int, rate: int
) -> None:
    """To the sample and the bit; mono becomes two equal channels."""
    path = write_audio(tmp_path / "in.wav", hiss(samples, channels), rate)
    _render(path, tmp_path / "wav", bit_depth=depth)
    report = _render(path, tmp_path, format="stem.mp4", bit_depth=depth)
    read, read_rate = read_ni_stems(tmp_path / "in" / "in.stem.mp4")
    top = 2 ** (int(depth) - 1)
    assert list(read) == ["mix", *SLOTS]
    assert (read_rate, report.scale, report.codec) == (rate, 1.0, "alac")
    for name in SLOTS:
        plain = _codes(read_audio(tmp_path / "wav" / "in" / f"{name}.wav"), top - 1)
        assert read[name].shape == (2, samples)
        assert np.array_equal(_codes(read[name], top), np.broadcast_to(plain, (2, samples)))


def test_the_mix_of_a_16_bit_song_is_that_song(tmp_path: Path) -> None:
    """Every code comes back, the most negative one included, and nothing is scaled for it."""
    codes = np.arange(-32768, 32768).reshape(1, -1)
    song = np.vstack([codes, codes[:, ::-1]])
    path = tmp_path / "in.wav"
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44100, 0, 4, 16)
    path.write_bytes(header + b"data\xff\xff\xff\xff" + song.T.astype("<i2").tobytes())
    report = _render(path, tmp_path, format="stem.mp4")
    mix = read_ni_stems(tmp_path / "in" / "in.stem.mp4")[0]["mix"]
    assert np.array_equal(_codes(mix, 32768), song)
    assert (report.scale, report.warnings) == (1.0, [])


def test_what_is_no_number_is_silent_in_the_mix(tmp_path: Path) -> None:
    """As it is for the stems; the rest of the song keeps its level."""
    song = hiss(20000)
    song[:, 5000:5100] = [[np.nan], [np.inf]]
    path = write_audio(tmp_path / "in.wav", song, bits=32)
    report = _render(path, tmp_path, format="stem.mp4")
    mix = read_ni_stems(tmp_path / "in" / "in.stem.mp4")[0]["mix"]
    assert report.counters["nonfinite_samples"] == 200
    np.testing.assert_allclose(mix, np.where(np.isfinite(song), song, 0), atol=1e-4)


@pytest.mark.parametrize("samples", [1, 1025, 19458, 44117])
def test_aac_is_whole_and_close(tmp_path: Path, samples: int) -> None:
    """Nothing lacks at the end, little is added, and tones are kept to 45 dB."""
    both = 0.3 * (sine(440, 1.1) + sine(3000, 1.1))[:, :samples]
    tones: FloatArray = (both * np.hanning(samples)).astype(np.float32)
    stems = np.stack([tones, 0.5 * tones])
    path = tmp_path / "in.stem.mp4"
    with NiStemsWriter(path, 44100, ["vocals", "bass"], "aac") as writer:
        writer.write_mix(tones)
        writer.write(stems)
        writer.commit()
    audio, _ = read_ni_stems(path)
    for name, meant in (("mix", tones), ("vocals", stems[0]), ("bass", stems[1])):
        assert samples <= audio[name].shape[1] <= samples + AAC_PADDING
        error = audio[name][:, :samples] - meant
        if samples > 10000:  # two frames are all onset
            assert np.vdot(error, error) < np.vdot(meant, meant) * 10 ** (-AAC_DECIBEL / 10)
    assert not audio["empty"].any()


@pytest.mark.parametrize("codec", ["alac", "aac"])
@pytest.mark.parametrize("peak", [1.5, 16.0])
def test_over_full_scale_all_streams_are_scaled_by_one_factor(
    tmp_path: Path, codec: str, peak: float
) -> None:
    """Nothing clips, the factor is reported, and the streams are the wav render times it."""
    mix = hiss(20000)
    mix[0, 9000] = -peak
    path = write_audio(tmp_path / "in.wav", mix)
    plain = _render(path, tmp_path / "wav")
    report = _render(path, tmp_path, format="stem.mp4", codec=codec)
    assert report.scale == pytest.approx(1 / peak)
    assert sum("turned down by" in warning for warning in report.warnings) == 1
    assert sum(stem.clipped for stem in report.stems) == 0
    for scaled, stem in zip(report.stems, plain.stems, strict=True):
        assert scaled.rms == pytest.approx(stem.rms / peak, rel=1e-4)
    if codec == "alac":
        read, _ = read_ni_stems(tmp_path / "in" / "in.stem.mp4")
        for name in SLOTS:
            meant = read_audio(tmp_path / "wav" / "in" / f"{name}.wav") / np.float32(peak)
            assert np.abs(read[name] * 32768 / 32767 - meant).max() < 0.51 / 32767
        assert read["mix"].min() == -32767 / 32768


def _boxes(data: bytes) -> dict[bytes, bytes]:
    """Take a run of boxes apart; written apart from the code that is tested."""
    found = {}
    while data:
        length, name = int.from_bytes(data[:4], "big"), data[4:8]
        assert 8 <= length <= len(data)
        found[name], data = data[8:length], data[length:]
    return found


@pytest.mark.parametrize("codec", ["alac", "aac"])
def test_five_streams_decode_and_the_box_tells_their_names(tmp_path: Path, codec: str) -> None:
    """Only the mix is enabled, all decode without a word, and the box is JSON in moov/udta."""
    path = write_audio(tmp_path / "in.wav", hiss(30000))
    _render(path, tmp_path, format="stem.mp4", codec=codec)
    made = tmp_path / "in" / "in.stem.mp4"
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(made)],
        capture_output=True,
        check=True,
    )
    about = json.loads(shown.stdout)
    assert [stream["codec_name"] for stream in about["streams"]] == [codec] * 5
    assert [stream["disposition"]["default"] for stream in about["streams"]] == [1, 0, 0, 0, 0]
    assert [stream["channels"] for stream in about["streams"]] == [2] * 5
    assert about["format"]["tags"]["title"] == "in"
    decoded = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", str(made), "-map", "0", "-f", "null", "-"],
        capture_output=True,
        check=True,
    )
    assert decoded.stderr == b""
    told = json.loads(_boxes(_boxes(_boxes(made.read_bytes())[b"moov"])[b"udta"])[b"stem"])
    assert [stem["name"] for stem in told["stems"]] == list(SLOTS)
    assert {"version", "mastering_dsp", "stems"} == set(told)
    assert sorted(entry.name for entry in made.parent.iterdir()) == ["in.stem.mp4", "render.json"]


def test_the_same_song_gives_the_same_file(tmp_path: Path) -> None:
    """No time and no program's name is in it, and no cut of the stream shows."""
    made = []
    for chunk in (700, 4001):
        path = tmp_path / "in.stem.mp4"
        with NiStemsWriter(path, 44100, ["drums"]) as writer:
            for start in range(0, 8002, chunk):
                writer.write(hiss(8002, seed=1)[None, :, start : start + chunk])
                writer.write_mix(hiss(8002)[:, start : start + chunk])
            writer.commit()
        made.append(path.read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("name", ["-y", "a: b", "100%d", "it's", "é", "pipe:1", "a\nb"])
def test_any_name_of_a_song_is_a_name(tmp_path: Path, name: str) -> None:
    """Names that look like options, protocols or patterns to ffmpeg are files."""
    path = write_audio(tmp_path / f"{name}.wav", hiss(500))
    _render(path, tmp_path, format="stem.mp4")
    read, _ = read_ni_stems(tmp_path / name / f"{name}.stem.mp4")
    assert read["mix"].shape == (2, 500)


def test_some_stems_leave_silent_slots(tmp_path: Path) -> None:
    """Stems are chosen as for wav; the others are silent and as long as the mix."""
    path = write_audio(tmp_path / "in.wav", hiss(5000))
    stems = ("vocals", "accompaniment")
    report = _render(path, tmp_path, format="stem.mp4", stems=stems)
    audio, _ = read_ni_stems(tmp_path / "in" / "in.stem.mp4")
    assert list(audio) == ["mix", "empty", "empty 2", "accompaniment", "vocals"]
    assert [stem.name for stem in report.stems] == list(stems)
    assert not audio["empty"].any()
    assert audio["empty 2"].shape == (2, 5000)
    both = audio["vocals"] + audio["accompaniment"]
    assert np.abs(both - audio["mix"]).max() <= 1.5 / 32768


def test_memory_is_flat(tmp_path: Path) -> None:
    """Twenty seconds, over full scale, take as much memory as a chunk needs."""
    stems = np.tile(hiss(16384), (4, 1, 1)) * 9
    tracemalloc.start()
    with NiStemsWriter(tmp_path / "in.stem.mp4", 44100, SLOTS) as writer:
        for _ in range(54):
            writer.write_mix(stems[0])
            writer.write(stems)
        writer.commit()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < HELD_BYTES
