import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data import moisesdb, recording
from models.data.library import UnusableError
from tests.tiny import hiss, write_audio

# stem of the data set -> tracks and their lengths in samples
TRACKS = {
    "vocals": {"lead": 4000, "choir": 5000},
    "bass": {"guitar": 4500},
    "drums": {"kick": 4000, "snare": 4000, "overheads": 4000},
    "guitar": {"clean": 4000},
    "percussion": {"shaker": 4000},
    "other_keys": {"pad": 3000},
}


def song(folder: Path, tracks: dict[str, dict[str, int]] = TRACKS) -> Path:
    """Write a song in the layout of MoisesDB."""
    stems = []
    for seed, (stem, lengths) in enumerate(tracks.items()):
        (folder / stem).mkdir(parents=True)
        entries: list[dict[str, Any]] = []
        for i, (track, samples) in enumerate(lengths.items()):
            write_audio(folder / stem / f"{track}.wav", hiss(samples, seed=10 * seed + i))
            entries.append({"id": track, "trackType": "some", "extension": "wav"})
        stems.append({"id": f"id-{stem}", "stemName": stem, "tracks": entries})
    (folder / "data.json").write_text(json.dumps({"song": "x", "artist": "y", "stems": stems}))
    return folder


def test_stems_are_the_sums_of_their_tracks(tmp_path: Path) -> None:
    """Vocals, bass and drums are kept, everything else is other; all are equally long."""
    stems = moisesdb.load(song(tmp_path / "one"))
    assert {stem: track.shape for stem, track in stems.items()} == dict.fromkeys(
        ("vocals", "bass", "drums", "other"), (2, 5000)
    )
    groups = {"vocals": [0], "bass": [1], "drums": [2], "other": [3, 4, 5]}
    for stem, members in groups.items():
        wanted = np.zeros((2, 5000), np.float32)
        for seed in members:
            lengths = list(TRACKS.values())[seed].values()
            for i, samples in enumerate(lengths):
                wanted[:, :samples] += hiss(samples, seed=10 * seed + i)
        np.testing.assert_allclose(stems[stem], wanted, atol=1e-6)


@pytest.mark.parametrize("below", [".", "moisesdb_v0.1"])
def test_songs_are_found_at_both_depths(tmp_path: Path, below: str) -> None:
    """Right below the root, or below the version's folder; a folder without a card is none."""
    song(tmp_path / below / "one", {"bass": {"a": 10}})
    song(tmp_path / below / "two", {"bass": {"a": 10}})
    (tmp_path / below / "notes").mkdir()
    found = moisesdb.recordings(tmp_path)
    assert [each.name for each in found] == ["moisesdb-one", "moisesdb-two"]
    stems, mixture = recording.parts(found[0])
    np.testing.assert_array_equal(mixture, stems["bass"])
    assert not stems["drums"].any()


def test_other_folders_are_refused_with_the_layout(tmp_path: Path) -> None:
    """A root without a card is told what is expected."""
    with pytest.raises(ValueError, match=r"<song>/data\.json"):
        moisesdb.recordings(tmp_path)


@pytest.mark.parametrize(
    "card",
    [
        "{",
        "[]",
        "{}",
        '{"stems": null}',
        '{"stems": [{"stemName": "bass"}]}',
        '{"stems": [{"stemName": "bass", "tracks": [{}]}]}',
        '{"stems": [{"stemName": "bass", "tracks": []}]}',
    ],
)
def test_a_card_that_is_no_good_is_one_sentence(tmp_path: Path, card: str) -> None:
    """Whatever is wrong with it, the song is named."""
    (tmp_path / "data.json").write_text(card)
    with pytest.raises(UnusableError, match=r"data\.json .*copy the song again"):
        moisesdb.load(tmp_path)


def test_a_track_that_is_missing_makes_the_song_unusable(tmp_path: Path) -> None:
    """Its stem would lack a part."""
    (song(tmp_path / "one") / "drums" / "snare.wav").unlink()
    with pytest.raises(UnusableError, match=r"snare\.wav does not exist"):
        moisesdb.load(tmp_path / "one")


def test_a_track_may_be_a_link(tmp_path: Path) -> None:
    """As stores of large files have them."""
    folder = song(tmp_path / "one")
    before = moisesdb.load(folder)
    track = folder / "drums" / "snare.wav"
    track.rename(tmp_path / "elsewhere.wav")
    track.symlink_to(tmp_path / "elsewhere.wav")
    np.testing.assert_array_equal(moisesdb.load(folder)["drums"], before["drums"])


def test_a_card_cannot_lead_out_of_its_song(tmp_path: Path) -> None:
    """A track outside the song's folder is refused, though the file is there."""
    write_audio(tmp_path / "secret.wav", hiss(100))
    folder = song(tmp_path / "one", {"bass": {"a": 10}})
    card = {"stems": [{"stemName": "..", "tracks": [{"id": "../secret"}]}]}
    (folder / "data.json").write_text(json.dumps(card))
    with pytest.raises(UnusableError, match="outside its folder"):
        moisesdb.load(folder)
