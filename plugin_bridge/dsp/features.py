"""What a model sees: planes computed from the spectrum.

A feature is written as its name and its numbers, such as ``power:0.3:0.01``. The floor
`eps` keeps implementations equal at silence: without it two float32 FFTs differ by 1.4
in the logarithm; with 1e-2 by 2e-5 (a full-scale sine has a magnitude of about 650).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from plugin_bridge.dsp import ComplexArray, FloatArray
from plugin_bridge.errors import SpecError

EPS = 1e-2


def _energy(spectra: ComplexArray) -> FloatArray:
    energy = np.square(spectra.real)
    energy += np.square(spectra.imag)
    return energy


def _magnitude(spectra: ComplexArray) -> FloatArray:
    return np.sqrt(_energy(spectra))


def _power(spectra: ComplexArray, exponent: float, eps: float = EPS) -> FloatArray:
    floored = _energy(spectra)
    floored += np.float32(eps * eps)
    return np.power(floored, np.float32(exponent / 2), out=floored)


def _log(spectra: ComplexArray, eps: float = EPS) -> FloatArray:
    floored = _energy(spectra)
    floored += np.float32(eps * eps)
    np.log(floored, out=floored)
    floored *= np.float32(0.5)
    return floored


def _level_difference(spectra: ComplexArray, eps: float = EPS) -> FloatArray:
    levels = _log(spectra, eps)
    return levels[:1] - levels[1:]


def _coherence(spectra: ComplexArray, eps: float) -> ComplexArray:
    """Give the unit vector from right to left, shortened towards silence."""
    floored = _energy(spectra)
    floored += np.float32(eps * eps)
    coherence: ComplexArray = spectra[:1] * spectra[1:].conj()
    coherence /= np.sqrt(floored[:1] * floored[1:])
    return coherence


def _cos_phase_difference(spectra: ComplexArray, eps: float = EPS) -> FloatArray:
    return _coherence(spectra, eps).real


def _sin_phase_difference(spectra: ComplexArray, eps: float = EPS) -> FloatArray:
    return _coherence(spectra, eps).imag


def _real(spectra: ComplexArray) -> FloatArray:
    return spectra.real


def _imag(spectra: ComplexArray) -> FloatArray:
    return spectra.imag


@dataclass(frozen=True)
class Feature:
    """A row of the table below: how it is computed, and how many numbers it takes."""

    compute: Callable[..., FloatArray]
    least: int = 0
    most: int = 0
    pair: bool = False


FEATURES = {
    "magnitude": Feature(_magnitude),
    "power": Feature(_power, least=1, most=2),
    "log": Feature(_log, most=1),
    "ild": Feature(_level_difference, most=1, pair=True),
    "cos_ipd": Feature(_cos_phase_difference, most=1, pair=True),
    "sin_ipd": Feature(_sin_phase_difference, most=1, pair=True),
    "real": Feature(_real),
    "imag": Feature(_imag),
}


class FeaturePlane:
    """One feature with its numbers, computed from spectra.

    Parameters
    ----------
    text : str, such as "magnitude" or "power:0.3:0.01"

    Raises
    ------
    SpecError
        If the name is unknown or the numbers do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> FeaturePlane("magnitude")(np.full((2, 1, 3), 3 + 4j, np.complex64)).shape
    (2, 1, 3)

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, text: str) -> None:
        name, *numbers = text.split(":")
        if name not in FEATURES:
            raise SpecError(f"feature {name!r} is unknown; use one of {', '.join(FEATURES)}")
        feature = FEATURES[name]
        try:
            self._numbers = tuple(float(number) for number in numbers)
        except ValueError:
            self._numbers = (np.nan,)
        if (
            not feature.least <= len(numbers) <= feature.most
            or not np.isfinite(self._numbers).all()
        ):
            raise SpecError(
                f"feature {text!r} should be {name!r} followed by {feature.least} to "
                f"{feature.most} numbers, each after a colon"
            )
        self.pair = feature.pair
        self._compute = feature.compute
        blank = np.zeros((2, 1, 1), np.complex64)
        with np.errstate(all="ignore"):
            self.silence = float(self._compute(blank, *self._numbers)[0, 0, 0])
        if not np.isfinite(self.silence):
            raise SpecError(f"feature {text!r} is no number at silence; use an eps above 0")

    def __call__(self, spectra: ComplexArray) -> FloatArray:
        """Compute the feature.

        Parameters
        ----------
        spectra : complex64, shape (channels, frames, bins)

        Returns
        -------
        planes : float32, shape (channels, frames, bins), or (1, frames, bins) for a pair

        Notes
        -----
        Thread: [worker]
        """
        return self._compute(spectra, *self._numbers)


def count_planes(features: Sequence[str], channels: int) -> int:
    """Count the planes that these features give together.

    Examples
    --------
    >>> count_planes(["magnitude", "ild"], channels=2)
    3

    Notes
    -----
    Thread: [any]
    """
    return sum(1 if FeaturePlane(text).pair else channels for text in features)
