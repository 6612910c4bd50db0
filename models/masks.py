"""Masks made from the true stems: what networks are taught, and the most that masks can reach.

The article names two principles and counts seven variants without writing them down. This is how
they are read here; s is a stem's magnitude in a bin, x that of the mixture:

    a    only one stem may be present in a bin
    a1   the loudest takes it
    a2   the loudest over the bin and its eight neighbours takes it
    a3   a stem takes it that is louder than all others together; some bins nobody takes
    b    stems may share a bin
    b1   s / x >= 0.5
    b2   s / x >= a threshold of the stem's own
    b3   as b1, s and x summed over the frame before, this and the next one
    b4   as b3, over the bins beside them as well

`ratio` is s over the sum of all s, `complex` the stem's spectrum over the mixture's, no longer
than LONGEST. `best` takes for each stem the variant of b that is best for it.

Rules of this file
  1. Every function takes numpy arrays and torch tensors alike, and gives what it was given.
  2. Stems are axis -4; only one is looked at beside the others where the principle says so.
  3. Silence belongs to nobody in b and to the first stem in a1 and a2.
"""

from collections.abc import Callable
from typing import Any

from models.data.score import STEMS

SHARE = 0.5  # of the mixture's magnitude, in b1, b3 and b4
# By whole-song SDR: python -m models.oracle --choose --seeds 100-107 --seconds 8
THRESHOLDS = {"vocals": 0.6, "drums": 0.7, "bass": 0.6, "other": 0.6}
BEST = {"vocals": "b2", "drums": "b2", "bass": "b2", "other": "b2"}
LONGEST = 2.0  # of the complex mask; above 1 where stems cancel each other
TINY = 1e-9

Array = Any  # numpy or torch, (..., stems, channels, frames, bins)


def argmax(stems: Array) -> Array:
    """a1: the loudest stem takes the bin."""
    return _winner(abs(stems))


def smoothed_argmax(stems: Array) -> Array:
    """a2: the stem that is loudest over the neighbourhood takes the bin."""
    return _winner(_over_bins(_over_frames(abs(stems))))


def majority(stems: Array) -> Array:
    """a3: a stem takes the bin if it is louder than the rest together."""
    size = abs(stems)
    return _as(size, size > size.sum(-4)[..., None, :, :, :] - size)


def ratio_threshold(stems: Array) -> Array:
    """b1: stems of at least half the mixture's magnitude."""
    return _above(abs(stems), abs(_mixture(stems)), dict.fromkeys(STEMS, SHARE))


def stem_thresholds(stems: Array, thresholds: dict[str, float] | None = None) -> Array:
    """b2: stems of at least a share of their own of the mixture's magnitude."""
    return _above(abs(stems), abs(_mixture(stems)), thresholds or THRESHOLDS)


def ratio_over_frames(stems: Array) -> Array:
    """b3: as b1, over three frames."""
    size, mixture = (_over_frames(abs(each)) for each in (stems, _mixture(stems)))
    return _above(size, mixture, dict.fromkeys(STEMS, SHARE))


def ratio_over_both(stems: Array) -> Array:
    """b4: as b1, over three frames and three bins."""
    size, mixture = (_over_bins(_over_frames(abs(each))) for each in (stems, _mixture(stems)))
    return _above(size, mixture, dict.fromkeys(STEMS, SHARE))


def best(stems: Array) -> Array:
    """Take for each stem the variant of b that BEST names."""
    made = {name: VARIANTS[name](stems) for name in set(BEST.values())}
    result = abs(stems) * 0
    for i, stem in enumerate(STEMS):
        result[..., i, :, :, :] = made[BEST[stem]][..., i, :, :, :]
    return result


def ratio(stems: Array) -> Array:
    """Give the ideal ratio mask: a stem's share of the sum of magnitudes."""
    size = abs(stems)
    return size / (size.sum(-4)[..., None, :, :, :] + TINY)


def complex_ratio(stems: Array) -> Array:
    """Give the ideal complex mask, shortened to LONGEST."""
    mixture = _mixture(stems)
    mask = stems * mixture.conj() / (abs(mixture) ** 2 + TINY)
    length = abs(mask)
    return mask * (LONGEST / length.clip(LONGEST))


Variant = Callable[[Array], Array]
# The article's seven, in its order.
VARIANTS: dict[str, Variant] = {
    "a1": argmax,
    "a2": smoothed_argmax,
    "a3": majority,
    "b1": ratio_threshold,
    "b2": stem_thresholds,
    "b3": ratio_over_frames,
    "b4": ratio_over_both,
}
MASKS: dict[str, Variant] = {
    **VARIANTS,
    "best": best,
    "ratio": ratio,
    "complex": complex_ratio,
}


def _as(like: Array, mask: Array) -> Array:
    """Give a truth value as 0 or 1 of the type of `like`."""
    result = like * 0
    result[mask] = 1
    return result


def _mixture(stems: Array) -> Array:
    """Add the stems up; the axis of stems stays, with one entry."""
    return stems.sum(-4)[..., None, :, :, :]


def _winner(size: Array) -> Array:
    winner = size.argmax(-4)
    result = size * 0
    for i in range(size.shape[-4]):
        result[..., i, :, :, :] = _as(size[..., i, :, :, :], winner == i)
    return result


def _above(size: Array, mixture: Array, shares: dict[str, float]) -> Array:
    result = size * 0
    for i, stem in enumerate(STEMS):
        part = size[..., i, :, :, :]
        enough = (part >= shares[stem] * mixture[..., 0, :, :, :]) & (part > 0)
        result[..., i, :, :, :] = _as(part, enough)
    return result


def _over_frames(size: Array) -> Array:
    """Sum over a frame and those beside it; beyond the ends there is nothing."""
    total = size * 1
    total[..., 1:, :] += size[..., :-1, :]
    total[..., :-1, :] += size[..., 1:, :]
    return total


def _over_bins(size: Array) -> Array:
    total = size * 1
    total[..., 1:] += size[..., :-1]
    total[..., :-1] += size[..., 1:]
    return total
