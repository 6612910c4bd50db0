"""Options are checked with a way out, and folders never collide."""

import unicodedata
from pathlib import Path

import pytest

from plugin_bridge.errors import SpecError
from plugin_bridge.files.options import RenderOptions, choose_stems, folder_names

STEMS = ["vocals", "drums"]


def test_a_misspelt_stem_gets_a_suggestion() -> None:
    """The message names the value, the nearest stem and all that are allowed."""
    with pytest.raises(
        SpecError, match=r"'drms'; did you mean drums.*vocals, drums, accompaniment"
    ):
        choose_stems(["drms"], STEMS)


def test_stems_keep_the_order_asked_for() -> None:
    """Each stem once, as asked."""
    assert choose_stems(["drums", "accompaniment", "drums"], STEMS) == ("drums", "accompaniment")
    assert choose_stems(None, STEMS) == ("vocals", "drums")


def test_accompaniment_needs_vocals() -> None:
    """A model without vocals has no accompaniment."""
    with pytest.raises(SpecError, match="use speech, noise"):
        choose_stems(["accompaniment"], ["speech", "noise"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", "mp3"), ("bit_depth", "17"), ("provider", "gpu"), ("stems", ())],
)
def test_bad_values_are_refused(field: str, value: object) -> None:
    """Each value that is not allowed is refused before any file is touched."""
    with pytest.raises(SpecError, match=r"allowed|give e\.g\."):
        RenderOptions(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [("provider", name, "cuda") for name in ("gpu", "GPU", "CUDA", "cud")]
    + [("provider", "CPU", "cpu"), ("format", "WAV", "wav")],
)
def test_what_was_meant_is_asked(field: str, value: str, meant: str) -> None:
    """Capitals are seen through, and a GPU is no misspelt CPU."""
    with pytest.raises(SpecError, match=f"{value}: did you mean {meant}[?] allowed"):
        RenderOptions(**{field: value})  # type: ignore[arg-type]


def test_the_default_depth_fits_the_format() -> None:
    """32f for wav, 24 for flac, and 32f in flac is refused."""
    assert (RenderOptions().depth, RenderOptions(format="flac").depth) == ("32f", "24")
    with pytest.raises(SpecError, match="flac holds 16 or 24"):
        RenderOptions(format="flac", bit_depth="32f")


def test_folder_names_never_collide() -> None:
    """Numbers step aside for names that end in a number."""
    paths = [Path(p) for p in ("song-2.wav", "a/song.wav", "song.mp3", "b/SONG.flac", "song")]
    names = folder_names(paths)
    assert names == ["song-2", "song", "song-3", "SONG-4", "song-5"]
    whole, apart = (unicodedata.normalize(form, "ö") for form in ("NFC", "NFD"))
    assert folder_names([Path(f"a/{whole}.wav"), Path(f"b/{apart}.wav")]) == [whole, f"{apart}-2"]
