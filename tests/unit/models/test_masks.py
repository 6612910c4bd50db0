"""Ideal masks on spectra of a few bins, where the right answer can be read off."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation.energies import sdr
from models.evaluation.ideal import ideal
from models.masks import BEST, LONGEST, MASKS, THRESHOLDS, VARIANTS, stem_thresholds


def spectra(*stems: Sequence[Sequence[complex]]) -> np.ndarray:
    """Make (4, 1, frames, bins) of one table of frames and bins per stem; the others are silent."""
    silent = np.zeros_like(np.array(stems[0]))
    tables = [*stems, *[silent] * (len(STEMS) - len(stems))]
    return np.array(tables, np.complex64)[:, None]


def taken(name: str, given: np.ndarray) -> list[list[list[float]]]:
    """Give the masks as (stems, frames, bins)."""
    made: list[list[list[float]]] = MASKS[name](given)[:, 0].tolist()
    return made


def test_the_loudest_takes_the_bin() -> None:
    """a1, whatever the phases are; of equal ones the first."""
    given = spectra([[3, 1, -2]], [[2, -4j, 2]])
    assert taken("a1", given)[:2] == [[[1, 0, 1]], [[0, 1, 0]]]


def test_neighbours_decide_with_it() -> None:
    """a2: a lone peak loses to a neighbourhood that another stem fills."""
    peak = spectra([[0, 0, 0], [0, 5, 0], [0, 0, 0]], [[1, 1, 1], [1, 2, 1], [1, 1, 1]])
    assert taken("a1", peak)[0][1][1] == 1
    assert taken("a2", peak)[0][1][1] == 0
    assert taken("a2", peak)[1][1][1] == 1


def test_more_than_all_others_together() -> None:
    """a3: 5 against 2 + 2 takes it, 3 against 2 + 2 does not, and nobody else does."""
    given = spectra([[5, 3]], [[2, 2]], [[2, 2]])
    assert taken("a3", given) == [[[1, 0]], [[0, 0]], [[0, 0]], [[0, 0]]]


def test_stems_share_a_bin_where_they_cancel() -> None:
    """b1: of 3 and 3j each is 71 % of the mixture; of 3 and 1 only the first is half of it."""
    given = spectra([[3, 3]], [[3j, 1]])
    assert taken("b1", given) == [[[1, 1]], [[1, 0]], [[0, 0]], [[0, 0]]]


def test_each_stem_has_its_threshold() -> None:
    """b2: 0.4 of the mixture is enough for drums, not for vocals."""
    given = spectra([[4, 5]], [[4, 3]], [[2, 2]])
    wanted = dict.fromkeys(STEMS, 0.45) | {"drums": 0.35}
    assert stem_thresholds(given, wanted)[:, 0, 0].tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]


def test_frames_and_bins_beside_it_count() -> None:
    """b3 sees the frames before and after, b4 the bins as well; b1 neither."""
    own = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    rest = [[0, 0, 0], [0, 2, 0], [0, 0, 0]]
    for row, column, seen in ((0, 1, ("b3", "b4")), (1, 0, ("b4",)), (0, 0, ("b4",))):
        own_here, rest_here = [[*r] for r in own], [[*r] for r in rest]
        own_here[row][column] = 4
        given = spectra(own_here, rest_here)
        for name in ("b1", "b3", "b4"):
            assert taken(name, given)[0][1][1] == float(name in seen), (row, column, name)


def test_the_best_takes_its_stems_from_where_it_says() -> None:
    """Stem by stem equal to the variant of b that is named for it."""
    rng = np.random.default_rng(0)
    given = (rng.standard_normal((4, 2, 9, 7)) + 1j * rng.standard_normal((4, 2, 9, 7))).astype(
        np.complex64
    )
    made = MASKS["best"](given)
    assert set(BEST) == set(THRESHOLDS) == set(STEMS)
    for i, stem in enumerate(STEMS):
        assert BEST[stem].startswith("b")
        np.testing.assert_array_equal(made[i], MASKS[BEST[stem]](given)[i])


@pytest.mark.parametrize("name", VARIANTS)
def test_binary_masks_are_binary(name: str) -> None:
    """And in a no bin has two owners; silence has none in b."""
    rng = np.random.default_rng(1)
    given = (rng.standard_normal((4, 2, 9, 7)) + 1j * rng.standard_normal((4, 2, 9, 7))).astype(
        np.complex64
    )
    made = MASKS[name](given)
    assert made.shape == given.shape
    assert set(np.unique(made)) == {0, 1}
    if name.startswith("a"):
        assert made.sum(0).max() == 1
    else:
        assert not MASKS[name](given * 0).any()


def test_soft_masks() -> None:
    """The ratios add up to one; the complex ones, where short enough, give the stem itself."""
    given = spectra([[3, 3]], [[1, -2.5]])
    np.testing.assert_allclose(
        MASKS["ratio"](given)[:2, 0, 0], [[0.75, 3 / 5.5], [0.25, 2.5 / 5.5]]
    )
    masks = MASKS["complex"](given)
    np.testing.assert_allclose((masks * given.sum(0))[:, 0, 0, 0], [3, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(abs(masks[:2, 0, 0, 1]), LONGEST, rtol=1e-6)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_a_song_separated_by_its_ideal_masks(rate: int) -> None:
    """In place to the sample, at the model's rate or another; every kind well above nothing."""
    time = np.arange(2 * rate) / rate
    waves = [np.sin(2 * np.pi * pitch * time) for pitch in (220, 60, 900, 3000)]
    stems = {
        stem: np.stack([wave, 0.5 * wave]).astype(np.float32)
        for stem, wave in zip(STEMS, waves, strict=True)
    }
    song = Song(stems, np.sum(list(stems.values()), axis=0), rate)
    for name in ("a1", "b1", "b4", "ratio", "complex"):
        made = ideal(song, MASKS[name])
        assert all(sdr(stems[stem], made[stem]) > 20 for stem in STEMS), name
