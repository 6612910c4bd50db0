"""One file: its folder, its report, its warnings."""

import json
from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.errors import AudioFileError
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.files.render import CHUNK, render
from tests.tiny import equal_model, hiss, read_audio, write_audio


def test_report_tells_what_was_made(tmp_path: Path) -> None:
    """render.json holds model, versions, latency, provider, levels; as the returned report."""
    path = write_audio(tmp_path / "in.wav", hiss(30000))
    report = render(path, RenderOptions(out=tmp_path / "out"), model=equal_model())
    saved = json.loads((tmp_path / "out" / "in" / "render.json").read_text())
    assert saved == json.loads(json.dumps(report.as_dict()))
    assert saved["model"] == {"name": "test", "version": "1", "sha256": "0" * 64}
    assert (saved["sample_rate"], saved["channels"], saved["samples"]) == (44100, 2, 30000)
    assert saved["latency_samples"] == 256 + 64 * 256 - 1
    assert saved["frames_per_call"] == 64
    assert {"numpy", "pedalboard", "plugin-bridge"} <= set(saved["versions"])
    stem = read_audio(tmp_path / "out" / "in" / saved["stems"]["bass"]["file"])
    assert saved["stems"]["bass"]["peak"] == pytest.approx(np.abs(stem).max(), rel=1e-6)
    assert saved["stems"]["bass"]["rms"] == pytest.approx(np.sqrt(np.mean(stem**2)), rel=1e-4)
    assert saved["warnings"] == []


def test_multichannel_file_holds_all_stems(tmp_path: Path) -> None:
    """One file of stems * channels channels, stem by stem, clips counted per stem."""
    mix = hiss(5000)
    mix[0, :10] = 9
    path = write_audio(tmp_path / "in.wav", mix)
    options = RenderOptions(out=tmp_path, multichannel=True, format="flac", bit_depth="16")
    report = render(path, options, model=equal_model())
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == ["render.json", "stems.flac"]
    samples = read_audio(tmp_path / "in" / "stems.flac")
    assert samples.shape == (8, 5000)
    assert np.abs(samples[2:4] - np.clip(mix / 4, -1, 1)).max() < 1e-4
    assert [stem.clipped for stem in report.stems] == [10] * 4
    assert any("--bit-depth 32f" in warning for warning in report.warnings)


def test_rendering_again_replaces(tmp_path: Path) -> None:
    """A second render of the same name takes the place of the first."""
    for seed in (1, 2):
        path = write_audio(tmp_path / "in.wav", hiss(3000, seed=seed))
        render(path, RenderOptions(out=tmp_path), model=equal_model())
    stem = read_audio(tmp_path / "in" / "drums.wav")
    assert np.abs(4 * stem - hiss(3000, seed=2)).max() < 1e-6
    assert len(list((tmp_path / "in").iterdir())) == 5


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    """Progress is told once per chunk and ends at all samples."""
    seen: list[tuple[int, int]] = []
    path = write_audio(tmp_path / "in.wav", hiss(2 * CHUNK + 5))
    render(path, RenderOptions(out=tmp_path), lambda *now: seen.append(now), model=equal_model())
    total = 2 * CHUNK + 5
    assert seen == [(CHUNK, total), (2 * CHUNK, total), (total, total)]


@pytest.mark.parametrize(
    ("samples", "counter", "words"),
    [
        (np.zeros((2, 3000), np.float32), None, "silent"),
        (np.full((2, 3000), np.nan, np.float32), "nonfinite_samples", "no number"),
        (np.full((2, 3000), np.inf, np.float32), "nonfinite_samples", "no number"),
        (np.full((2, 3000), 1e30, np.float32), "clamped_samples", "16 times full scale"),
    ],
)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_strange_samples_are_mended_counted_and_told(
    tmp_path: Path, samples: np.ndarray, counter: str | None, words: str, rate: int
) -> None:
    """Silent, NaN, Inf and 1e30 still render; one sentence each, and finite stems."""
    path = write_audio(tmp_path / "in.wav", samples, rate)
    options = RenderOptions(out=tmp_path, stems=("vocals", "accompaniment"))
    report = render(path, options, model=equal_model())
    assert sum(words in warning for warning in report.warnings) == 1
    if counter is not None:
        assert report.counters[counter] >= samples.size
    assert np.isfinite(read_audio(tmp_path / "in" / "accompaniment.wav")).all()


def test_a_few_bad_samples_leave_the_rest_alone(tmp_path: Path) -> None:
    """NaN is heard as zero, and nothing else changes."""
    mix = hiss(20000)
    clean = mix.copy()
    mix[0, 7000:7010] = np.nan
    clean[0, 7000:7010] = 0
    for name, samples in (("bad", mix), ("good", clean)):
        path = write_audio(tmp_path / f"{name}.wav", samples)
        report = render(path, RenderOptions(out=tmp_path), model=equal_model())
        assert report.counters["nonfinite_samples"] == 10 * (name == "bad")
    bad, good = (read_audio(tmp_path / name / "vocals.wav") for name in ("bad", "good"))
    assert np.array_equal(bad, good)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_end_half_way_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever ends a render, no file and no folder that it made remains."""

    def stop(done: int, total: int) -> None:
        if done > CHUNK:
            raise error

    path = write_audio(tmp_path / "in.wav", hiss(5 * CHUNK))
    (tmp_path / "mine").mkdir()
    for out in ("new/out", "mine"):
        with pytest.raises(error):
            render(path, RenderOptions(out=tmp_path / out), stop, model=equal_model())
    assert {each.name for each in tmp_path.iterdir()} == {"in.wav", "mine"}
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_decoder_error_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a decoder raises half-way names the file, the place and the way out."""

    class Broken:
        frames, samplerate, num_channels = 1000, 44100, 2

        def __init__(self, name: str) -> None:
            self.reads = 0

        def seek(self, to: int) -> None:
            pass

        def close(self) -> None:
            pass

        def read(self, count: int) -> np.ndarray:
            self.reads += 1
            if self.reads > 1:
                raise RuntimeError("bad block")
            return np.zeros((2, count), np.float32)

    path = write_audio(tmp_path / "in.wav", hiss(100))
    monkeypatch.setattr("plugin_bridge.files.reader.AudioFile", Broken)
    with (
        AudioReader(path) as reader,
        pytest.raises(AudioFileError, match=r"after 1\.0 s; the file"),
    ):
        list(reader.chunks(44100))
