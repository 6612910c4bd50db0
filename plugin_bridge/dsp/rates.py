"""Run a model at another sample rate than its own, without a resampler.

The transform is scaled by a power of two `s`, which leaves a small difference
`ratio = rate / (s * model_rate)` in the spacing of the bins. Features are interpolated
linearly to the model's bins, masks back to the host's.
"""

import math

import numpy as np

from plugin_bridge.dsp import FloatArray

# 44.1 against 48 kHz is 1.0884. Farther off, formants would move by more than a tone.
LOWEST_RATIO, HIGHEST_RATIO = 0.94, 1.09


def scale_of(rate: float, model_rate: float) -> float:
    """Give the power of two by which the transform is scaled.

    Examples
    --------
    >>> scale_of(96000, 44100), scale_of(22050, 44100)
    (2.0, 0.5)

    Notes
    -----
    Thread: [any]
    """
    return float(2.0 ** round(math.log2(rate / model_rate)))


def supports(rate: float, model_rate: float) -> bool:
    """Tell whether a model runs at this rate without a resampler.

    Examples
    --------
    >>> supports(48000, 44100), supports(32000, 44100)
    (True, False)

    Notes
    -----
    Thread: [any]
    """
    if not 0 < rate < math.inf:
        return False
    ratio = rate / (scale_of(rate, model_rate) * model_rate)
    return LOWEST_RATIO <= ratio <= HIGHEST_RATIO


class BinMap:
    """Interpolate between the host's frequency bins and the model's.

    Parameters
    ----------
    host_bins, model_bins : int
    ratio : float, host bin spacing over model bin spacing

    Examples
    --------
    >>> import numpy as np
    >>> BinMap(3, 5, 1.0).to_host(np.arange(5, dtype=np.float32)).tolist()
    [0.0, 1.0, 2.0]

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, host_bins: int, model_bins: int, ratio: float) -> None:
        self.identity = host_bins == model_bins and ratio == 1.0
        up = np.arange(model_bins) / ratio
        self._beyond = up > host_bins - 1
        self._up = _Taps(np.minimum(up, host_bins - 1), host_bins)
        self._down = _Taps(np.minimum(np.arange(host_bins) * ratio, model_bins - 1), model_bins)

    def to_model(self, values: FloatArray, silence: float) -> FloatArray:
        """Interpolate host bins to model bins.

        Parameters
        ----------
        values : float32, shape (..., host_bins)
        silence : float, the value of model bins above the host's band

        Returns
        -------
        values : float32, shape (..., model_bins)

        Notes
        -----
        Thread: [worker]
        """
        if self.identity:
            return values
        result = self._up(values)
        result[..., self._beyond] = silence
        return result

    def to_host(self, values: FloatArray) -> FloatArray:
        """Interpolate model bins to host bins; above the model's band its last bin holds.

        Parameters
        ----------
        values : float32, shape (..., model_bins)

        Returns
        -------
        values : float32, shape (..., host_bins)

        Notes
        -----
        Thread: [worker]
        """
        return values if self.identity else self._down(values)


class _Taps:
    """Two-point interpolation at fixed positions along the last axis."""

    def __init__(self, positions: np.ndarray, bins: int) -> None:
        self._low = np.floor(positions).astype(np.intp)
        self._high = np.minimum(self._low + 1, bins - 1)
        self._share = (positions - self._low).astype(np.float32)

    def __call__(self, values: FloatArray) -> FloatArray:
        low = values.take(self._low, axis=-1)
        step: FloatArray = values.take(self._high, axis=-1)
        step -= low
        step *= self._share
        step += low
        return step
