"""What a call like Pedalboard's takes: arrays of either layout, by Pedalboard's own rule.

Rules of this file
  1. One axis is mono. Of two, the smaller is channels, unless its length is zero.
  2. Where both are equal, the layout of the array before decides; without one it is an error.
  3. A stream goes on with as many channels where that can be: its next block may be one sample.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import ArrayLayoutError, ArrayTypeError, SpecError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass(frozen=True)
class Form:
    """How an array was laid out, to give the answer in the same way.

    Attributes
    ----------
    axes : int, 1 or 2
    interleaved : bool, whether samples come before channels

    Notes
    -----
    Thread: [any]
    """

    axes: int = 2
    interleaved: bool = False

    def pack(self, samples: FloatArray) -> FloatArray:
        """Lay out (channels, samples) in this form.

        Parameters
        ----------
        samples : float32, shape (channels, samples); one channel if the form has one axis

        Returns
        -------
        array : float32, shape (channels, samples), (samples, channels) or (samples,)

        Examples
        --------
        >>> Form(interleaved=True).pack(np.zeros((2, 5), np.float32)).shape
        (5, 2)

        Notes
        -----
        Thread: [any]
        """
        if self.axes == 1:
            samples = samples[0]
        return np.ascontiguousarray(samples.T) if self.interleaved else samples


class Layout:
    """Read arrays of either layout, and remember the last one.

    Attributes
    ----------
    form : Form or None, of the last array

    Examples
    --------
    >>> layout = Layout()
    >>> layout.unpack(np.zeros((1000, 2))).shape, layout.form
    ((2, 1000), Form(axes=2, interleaved=True))

    Notes
    -----
    Thread: [any]
    """

    def __init__(self) -> None:
        self.form: Form | None = None
        self._channels = 0

    def unpack(self, array: Any, *, stream: bool = False) -> FloatArray:
        """Give an array as (channels, samples).

        Parameters
        ----------
        array : float32 or float64, shape (samples,), (channels, samples) or (samples, channels)
        stream : bool, whether it goes on where the array before has ended

        Returns
        -------
        samples : float32, shape (channels, samples), C order; may be the array itself

        Raises
        ------
        ArrayTypeError
            If it is no array, or not of 32 or 64 bit floating point; also a TypeError.
        ArrayLayoutError
            If channels and samples cannot be told apart; also a RuntimeError.

        Notes
        -----
        Thread: [any]
        """
        if not isinstance(array, np.ndarray):
            raise ArrayTypeError(
                f"the audio is a {type(array).__name__}; give a numpy array of float32 or float64"
            )
        if array.dtype.newbyteorder("=") not in FLOATS:
            raise ArrayTypeError(
                f"the audio is {array.dtype}, only float32 and float64 are processed; convert it, "
                "full scale being 1.0"
            )
        self.form = form = self._form(array.shape, stream)
        if form.axes == 1:
            array = array[None]
        elif form.interleaved:
            array = array.T
        self._channels = len(array)
        return np.ascontiguousarray(array, np.float32)

    def _form(self, shape: tuple[int, ...], stream: bool) -> Form:
        if len(shape) == 1:
            return Form(axes=1)
        if len(shape) != 2:
            raise ArrayLayoutError(
                f"the audio has {len(shape)} axes; give one (mono) or two, channels and samples"
            )
        before = self.form
        if stream and before is not None and before.axes == 2:
            channels = shape[before.interleaved]
            if channels == self._channels:
                return before
        first, second = shape
        if first == second and first != 1:
            if self.form is None:
                raise ArrayLayoutError(
                    f"the shape {shape} does not tell channels from samples; give an array that "
                    "is not square first"
                )
            return Form(interleaved=self.form.interleaved)
        return Form(interleaved=first == 0 or 0 < second < first)


def check_arguments(sample_rate: Any, buffer_size: Any, reset: Any) -> None:
    """Refuse arguments of types that a native plugin refuses.

    Raises
    ------
    ArrayTypeError
        Names the argument; also a TypeError.
    SpecError
        If the buffer size is not positive: a native plugin never returns then.

    Notes
    -----
    Thread: [any]
    """
    checks: list[tuple[str, Any, tuple[type, ...], str]] = [
        ("sample_rate", sample_rate, (Real,), "a number in Hz"),
        ("buffer_size", buffer_size, (Integral,), "a whole number"),
        ("reset", reset, (Real, np.bool_, NoneType), "True or False"),
    ]
    for name, value, types, wanted in checks:
        if not isinstance(value, types):
            raise ArrayTypeError(f"{name} is {value!r}; give {wanted}")
    if buffer_size < 1:
        raise SpecError(f"buffer_size is {buffer_size}; give at least 1 sample")
