"""Intervals over listeners and songs hold the truth as often as they say, and bear gaps."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.evaluation.bootstrap import crossed, interval

TRUTH = 50.0


Doubles = NDArray[np.float64]
Spreads = tuple[float, float, float]  # of listeners, songs, single ratings


def ratings(seed: int, listeners: int, songs: int, spreads: Spreads) -> Doubles:
    """Draw ratings around the truth: listeners, songs and single ratings differ."""
    rng = np.random.default_rng(seed)
    of_listener, of_song, of_rating = spreads
    return (
        TRUTH
        + of_listener * rng.standard_normal((listeners, 1))
        + of_song * rng.standard_normal((1, songs))
        + of_rating * rng.standard_normal((listeners, songs))
    )


@pytest.mark.parametrize("spreads", [(8, 6, 10), (3, 3, 12), (8, 8, 2)])
def test_intervals_cover(spreads: Spreads) -> None:
    """Of 120 panels of 14 listeners and 10 songs nine in ten intervals hold the truth, or more."""
    held = 0
    for seed in range(120):
        found = crossed(ratings(seed, 14, 10, spreads))
        assert found is not None
        held += found.low <= TRUTH <= found.high
    assert held >= 108


def test_what_ratings_share_widens_the_interval() -> None:
    """Ratings that hang together by song give a wider interval than as many that do not."""
    together = ratings(0, 10, 10, (0, 10, 0))
    apart = ratings(0, 10, 10, (0, 0, 10))
    wide, narrow = (crossed(each) for each in (together, apart))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > 1.4 * (narrow.high - narrow.low)


def test_one_listener_is_the_interval_over_songs() -> None:
    """With one listener the interval is that of the songs alone, to the draw."""
    row = np.random.default_rng(1).normal(TRUTH, 5, (1, 30))
    ours, theirs = crossed(row), interval(row[0])
    assert ours is not None
    assert theirs is not None
    assert ours.mean == pytest.approx(theirs.mean)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.3)


def test_gaps_do_not_count() -> None:
    """Missing ratings, listeners and songs change nothing else; fewer than two give None."""
    full = ratings(2, 6, 4, (5, 5, 5))
    padded = np.full((7, 5), np.nan)
    padded[:6, :4] = full
    assert crossed(padded) == crossed(full)
    padded[0, 0] = np.nan
    found = crossed(padded)
    assert found is not None
    assert found.mean == pytest.approx(np.nanmean(padded))
    assert found.low < found.mean < found.high
    assert crossed(np.full((3, 3), np.nan)) is None
    assert crossed(np.array([[1.0]])) is None
