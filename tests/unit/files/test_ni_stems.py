"""The format's words: who stands where, and what is refused."""

from pathlib import Path

import pytest

from plugin_bridge.errors import AudioFileError, SpecError
from plugin_bridge.files.ni_stems import COLOURS, check_rate, manifest, order
from plugin_bridge.files.ni_writer import NiStemsWriter
from tests.tiny import hiss


@pytest.mark.parametrize(
    ("stems", "slots"),
    [
        (["vocals", "drums", "bass", "other"], ["drums", "bass", "other", "vocals"]),
        (["vocals", "accompaniment"], [None, None, "accompaniment", "vocals"]),
        (["accompaniment", "other"], ["other", None, "accompaniment", None]),
        (["a", "vocals", "b", "c"], ["a", "b", "c", "vocals"]),
        (["speech", "music"], ["speech", "music", None, None]),
    ],
)
def test_stems_stand_where_djs_look_for_them(stems: list[str], slots: list[str | None]) -> None:
    """Drums, bass, other, vocals; other names take the free slots in their own order."""
    assert order(stems) == slots


@pytest.mark.parametrize(("stems", "count"), [(list("abcde"), 5), ([], 0)])
def test_five_stems_or_none_are_refused(stems: list[str], count: int) -> None:
    """The sentence tells how many were given and which option chooses."""
    with pytest.raises(SpecError, match=rf"1 to 4 stems, not {count} .*--stems"):
        order(stems)


@pytest.mark.parametrize("rate", [8000, 22050, 96000])
def test_other_rates_are_refused(rate: int) -> None:
    """Players know 44.1 and 48 kHz."""
    with pytest.raises(AudioFileError, match=rf"a.wav has {rate} Hz.*44100 or 48000 Hz"):
        check_rate(Path("a.wav"), rate)


def test_a_manifest_names_and_colours_four_stems() -> None:
    """Silent slots have a name and a colour too, and the player's own effects are off."""
    told = manifest([None, "bass", None, "vocals"])
    assert [stem["name"] for stem in told["stems"]] == ["empty", "bass", "empty", "vocals"]
    assert [stem["color"] for stem in told["stems"]] == list(COLOURS)
    assert told["version"] == 1
    assert [part["enabled"] for part in told["mastering_dsp"].values()] == [False, False]


def _write(path: Path, codec: str = "alac") -> Path:
    with NiStemsWriter(path, 44100, ["vocals"], codec) as writer:
        writer.write_mix(hiss(500))
        writer.write(hiss(500, seed=1)[None])
        writer.commit()
    return path


@pytest.mark.system("ffmpeg")
def test_without_commit_nothing_remains(tmp_path: Path) -> None:
    """An unfinished, a finished and an unwritten file are all discarded; an older one stays."""
    path = tmp_path / "a.stem.mp4"
    path.write_bytes(b"older")
    for finish in (False, True):
        with NiStemsWriter(path, 44100, ["vocals"]) as writer:
            writer.write_mix(hiss(500))
            if finish:
                writer.finish()
                assert len(list(tmp_path.iterdir())) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.stem.mp4"]
    assert path.read_bytes() == b"older"


@pytest.mark.system("ffmpeg")
def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    """What cannot be opened or renamed names the file."""
    with pytest.raises(AudioFileError, match=r"a\.stem\.mp4 cannot be written: no such file"):
        NiStemsWriter(tmp_path / "gone" / "a.stem.mp4", 44100, ["vocals"])
    (tmp_path / "a.stem.mp4").mkdir()
    with pytest.raises(AudioFileError, match=r"cannot be written: is a directory"):
        _write(tmp_path / "a.stem.mp4")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.stem.mp4"]
