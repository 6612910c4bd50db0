"""Energies of sums of signals, and ratios of energies in dB. All in float64.

Theory of operation: stems, estimates, mixture and what the estimates' sum lacks are the rows of a
matrix; its products with itself, second by second, are the Gram matrices G. The energy of any
weighted sum v of the rows is v'Gv, the inner product of two is u'Gv. So the sound is passed once,
and every figure is a few products.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.data.score import STEMS
from models.data.sound import Floats

Doubles = NDArray[np.float64]

CAP = 100.0  # dB, of every ratio, both ways
SILENT = 1e-8  # mean square below which a stem is silent in a song

ACCOMPANIMENT = "accompaniment"  # all but the vocals

# The rows: four stems, four estimates, the mixture, the mixture less the sum of the estimates,
# and an accompaniment where a separator gives one.
STEM, ESTIMATE = 0, len(STEMS)
MIXTURE, REST, GIVEN, ROWS = (2 * len(STEMS) + i for i in range(4))


def sdr(reference: Floats, estimate: Floats) -> float:
    """Signal-to-distortion ratio over all channels and samples at once, in dB.

    Parameters
    ----------
    reference, estimate : float32, shape (channels, samples)

    Returns
    -------
    ratio : float
        10 log10 of the reference's energy over the error's; nan where the reference is
        silent, 100 at most.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Thread: [any]
    """
    if reference.shape != estimate.shape:
        raise ValueError(
            f"reference is {reference.shape}, estimate {estimate.shape}; give equal shapes "
            "(channels, samples)"
        )
    signal = float((reference.astype(np.float64) ** 2).sum())
    error = float(((reference.astype(np.float64) - estimate) ** 2).sum())
    if signal < SILENT * reference.size:
        return float("nan")
    return decibels(signal, error)


def decibels(signal: float, error: float, cap: float = CAP) -> float:
    """Ratio of two energies in dB, between -cap and cap; nan for nothing over nothing.

    Examples
    --------
    >>> decibels(100.0, 1.0), decibels(1.0, 0.0), decibels(0.0, 0.0)
    (20.0, 100.0, nan)

    Notes
    -----
    Thread: [any]
    """
    if signal <= 0 and error <= 0:
        return float("nan")
    # powers of ten that cannot overflow: the smaller energy is lifted to the cap
    least = max(signal, error) * 10 ** (-cap / 10)
    return float(10 * np.log10(max(signal, least) / max(error, least)))


def grams(
    stems: Mapping[str, Floats], mixture: Floats, estimates: Mapping[str, Floats], rate: int
) -> Doubles:
    """Products of all rows with each other, second by second.

    Parameters
    ----------
    stems : mapping, stem -> float32 (channels, samples)
    mixture : float32, shape (channels, samples)
    estimates : mapping, stem or accompaniment -> float32 (channels, samples)
        Those that it lacks are silent here.
    rate : int
        Samples per second.

    Returns
    -------
    products : float64, shape (seconds, rows, rows)
        The last second may be a part of one.

    Notes
    -----
    Thread: [any]
    """
    samples = mixture.shape[1]
    result = np.zeros((-(-samples // rate), ROWS, ROWS))
    for second, start in enumerate(range(0, samples, rate)):
        part = slice(start, min(start + rate, samples))
        rows = np.zeros((ROWS, len(mixture), part.stop - start))
        for i, stem in enumerate(STEMS):
            rows[STEM + i] = stems[stem][:, part]
            if stem in estimates:
                rows[ESTIMATE + i] = estimates[stem][:, part]
        rows[MIXTURE] = mixture[:, part]
        rows[REST] = rows[MIXTURE] - rows[ESTIMATE:MIXTURE].sum(0)
        if ACCOMPANIMENT in estimates:
            rows[GIVEN] = estimates[ACCOMPANIMENT][:, part]
        flat = rows.reshape(ROWS, -1)
        result[second] = flat @ flat.T
    return result


def energy(gram: Doubles, vector: Doubles) -> float:
    """Energy of a weighted sum of the rows.

    Parameters
    ----------
    gram : float64, shape (rows, rows)
    vector : float64, shape (rows,)

    Notes
    -----
    Thread: [any]
    """
    return max(float(vector @ gram @ vector), 0.0)
