import subprocess
from pathlib import Path

import numpy as np
import pytest

from models.data import musdb, recording
from models.data.library import RATE, UnusableError
from models.data.score import STEMS
from models.evaluation import songs
from plugin_bridge.dsp import FloatArray
from tests.tiny import hiss, write_audio

SONGS = {"train": ("A - One", "Leaf - Summerghost"), "test": ("B - Two",)}
HERTZ = {"vocals": 440, "drums": 3000, "bass": 80, "other": 1200}


def tones(samples: int = 2 * RATE) -> dict[str, FloatArray]:
    """Give a tone for every stem, with a click at one second, and their sum."""
    time = np.arange(samples) / RATE
    stems = {}
    for stem, hertz in HERTZ.items():
        wave = 0.1 * np.sin(2 * np.pi * hertz * time)
        wave[RATE : RATE + 20] += 0.5
        stems[stem] = np.tile(wave, (2, 1)).astype(np.float32)
    return stems | {"mixture": np.sum(list(stems.values()), axis=0, dtype=np.float32)}


def hq(root: Path) -> Path:
    """Make a small MUSDB18-HQ."""
    for subset, names in SONGS.items():
        for name in names:
            (root / subset / name).mkdir(parents=True)
            for stem, track in tones().items():
                write_audio(root / subset / name / f"{stem}.wav", track)
    return root


def stem_files(root: Path) -> Path:
    """Make a small MUSDB18 of .stem.mp4 files."""
    waves = hq(root / "waves")
    for subset, names in SONGS.items():
        (root / subset).mkdir()
        for name in names:
            command = ["ffmpeg", "-v", "error"]
            for stem in musdb.STREAMS:
                command += ["-i", str(waves / subset / name / f"{stem}.wav")]
            for i in range(len(musdb.STREAMS)):
                command += ["-map", f"{i}:a"]
            path = root / subset / f"{name}.stem.mp4"
            subprocess.run([*command, "-c:a", "aac", "-b:a", "256k", str(path)], check=True)
    return root


def pitch(track: FloatArray) -> float:
    """Give the strongest frequency of the second half in Hz."""
    spectrum = np.abs(np.fft.rfft(track[0, RATE + 4000 : 2 * RATE]))
    return float(spectrum.argmax() * RATE / (RATE - 4000))


def splits(found: list[recording.Recording]) -> dict[str, str]:
    """Give the split of each song."""
    return {each.name: each.split for each in found}


WANTED = {
    "musdb-A - One": "train",
    "musdb-Leaf - Summerghost": "validation",
    "musdb-B - Two": "test",
}


def test_hq_folders(tmp_path: Path) -> None:
    """Songs have their split and stems; the test split is scored, never trained on."""
    found = musdb.hq(hq(tmp_path))
    assert splits(found) == WANTED
    wanted = tones()
    for each in found:
        stems, mixture = recording.parts(each)
        np.testing.assert_array_equal(mixture, wanted["mixture"])
        for stem in STEMS:
            np.testing.assert_array_equal(stems[stem], wanted[stem])
    jobs = list(recording.jobs(found))
    assert {job.song: job.split for job in jobs} == {
        name: split for name, split in WANTED.items() if split != "test"
    }
    scored = songs.data_set("MUSDB18-HQ", found)
    assert [entry.name for entry in scored.entries] == ["musdb-B - Two"]
    assert scored.entries[0].load().sample_rate == RATE


@pytest.mark.system("ffmpeg")
def test_stem_files(tmp_path: Path) -> None:
    """The five streams are mixture, drums, bass, other and vocals, and stay aligned."""
    found = musdb.stem_files(stem_files(tmp_path))
    assert splits(found) == WANTED
    stems, mixture = recording.parts(found[0])
    wanted = tones()
    for stem, hertz in HERTZ.items():
        assert pitch(stems[stem]) == pytest.approx(hertz, rel=0.01)
        # a codec at a high rate: a different stem or a shift would leave nothing
        length = wanted[stem].shape[1]
        error = stems[stem][:, :length] - wanted[stem]
        assert (error**2).sum() < 0.05 * (wanted[stem] ** 2).sum()
    error = mixture[:, : 2 * RATE] - wanted["mixture"]
    assert (error**2).sum() < 0.05 * (wanted["mixture"] ** 2).sum()


@pytest.mark.system("ffmpeg")
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_is_as_loud_as_it_was_encoded(tmp_path: Path, channels: int) -> None:
    """A mono stream is doubled, not split between the channels; a stereo one is as it was."""
    noise = hiss(RATE)[:channels]
    wave, path = write_audio(tmp_path / "a.wav", noise), tmp_path / "a.stem.mp4"
    command = ["ffmpeg", "-v", "error", "-i", str(wave), "-c:a", "alac", str(path)]
    subprocess.run(command, check=True)
    expected = np.broadcast_to(noise, (2, RATE))
    np.testing.assert_allclose(musdb.decode(path, 0), expected, atol=1e-4)  # 16 bits and more


@pytest.mark.system("ffmpeg")
def test_damaged_stem_files_are_one_sentence(tmp_path: Path) -> None:
    """Cut, garbage, or with too few streams: named, with what to do."""
    path = stem_files(tmp_path) / "test" / "B - Two.stem.mp4"
    data = path.read_bytes()
    lone = tmp_path / "lone.stem.mp4"
    wave = write_audio(tmp_path / "a.wav", hiss(RATE))
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(wave), "-c:a", "aac", str(lone)], check=True)
    cut, garbage = tmp_path / "cut.stem.mp4", tmp_path / "garbage.stem.mp4"
    cut.write_bytes(data[: len(data) // 2])
    garbage.write_bytes(bytes(5000))
    for broken in (cut, garbage, lone, tmp_path / "missing.stem.mp4"):
        with pytest.raises(UnusableError, match=f"{broken.name}, stream 4, .*copy the file") as e:
            musdb.decode(broken, 4)
        assert "\n" not in str(e.value)


def test_without_ffmpeg_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any song is tried: one sentence that names the package."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.stem.mp4").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"apt-get install ffmpeg"):
        musdb.stem_files(tmp_path)


def test_other_folders_are_refused_with_the_layout(tmp_path: Path) -> None:
    """A root of another layout is told what it should hold, and the option for its sibling."""
    with pytest.raises(ValueError, match=r"<song>/<stem>\.wav.*--musdb-stems"):
        musdb.hq(tmp_path)
    with pytest.raises(ValueError, match=r"<song>\.stem\.mp4.*--musdb"):
        musdb.stem_files(tmp_path)


def test_a_song_with_a_mixture_needs_all_stems_to_be_scored(tmp_path: Path) -> None:
    """Without its bass a song can be trained on, but not scored against its mixture."""
    found = musdb.hq(hq(tmp_path))
    (tmp_path / "train" / "A - One" / "bass.wav").unlink()
    assert set(found[0].load()) == {"vocals", "drums", "other"}
    with pytest.raises(UnusableError, match="A - One has a mixture and lacks bass"):
        recording.parts(found[0])
