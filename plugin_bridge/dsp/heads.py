"""Heads: how a network's raw outputs become stems.

A head first activates the raw maps (this is what is interpolated between sample
rates), then applies them to the mix's spectrum. Axes of maps: (stems, channels, maps,
frames, bins).

Source of `decoupled`: Kong et al., "Decoupling magnitude and phase estimation with deep
ResUNet for music source separation", ISMIR 2021.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plugin_bridge.dsp import ComplexArray, FloatArray
from plugin_bridge.errors import SpecError

# Below this squared length a phase is undefined: the stem is silent there.
TINY = np.float32(1e-20)


def _keep(raw: FloatArray) -> FloatArray:
    return raw


def _sigmoid(raw: FloatArray) -> FloatArray:
    # tanh cannot overflow, exp(-raw) can
    raw *= np.float32(0.5)
    np.tanh(raw, out=raw)
    raw += np.float32(1)
    raw *= np.float32(0.5)
    return raw


def _softmax(raw: FloatArray) -> FloatArray:
    raw -= raw.max(axis=0)
    np.exp(raw, out=raw)
    raw /= raw.sum(axis=0)
    return raw


def _binary(raw: FloatArray, threshold: float) -> FloatArray:
    # sigmoid(raw) >= threshold, decided on the raw value: nothing is lost to rounding
    logit = np.log(threshold / (1 - threshold))
    raw[...] = raw >= np.float32(logit)
    return raw


def _winner(raw: FloatArray) -> FloatArray:
    winner = raw.argmax(axis=0)
    raw[...] = np.arange(len(raw)).reshape(-1, 1, 1, 1, 1) == winner
    return raw


def _bounded_and_direct(raw: FloatArray) -> FloatArray:
    _sigmoid(raw[:, :, 0])
    np.tanh(raw[:, :, 1:3], out=raw[:, :, 1:3])
    return raw


def _apply_real(maps: FloatArray, mix: ComplexArray, _scale: float) -> ComplexArray:
    return maps[:, :, 0] * mix


def _apply_complex(maps: FloatArray, mix: ComplexArray, _scale: float) -> ComplexArray:
    mask = np.empty(maps[:, :, 0].shape, np.complex64)
    mask.real = maps[:, :, 0]
    mask.imag = maps[:, :, 1]
    mask *= mix
    return mask


def _apply_decoupled(maps: FloatArray, mix: ComplexArray, scale: float) -> ComplexArray:
    bounded, cosine, sine, direct = np.moveaxis(maps, 2, 0)
    mix_magnitude = np.abs(mix)
    unit_mix = mix / np.maximum(mix_magnitude, np.sqrt(TINY))
    turn = np.empty(bounded.shape, np.complex64)
    length = np.sqrt(np.maximum(cosine * cosine + sine * sine, TINY))
    turn.real = cosine / length
    turn.imag = sine / length
    magnitude = np.maximum(mix_magnitude * bounded + direct * np.float32(scale), 0)
    turn *= unit_mix
    turn *= magnitude
    return turn


@dataclass(frozen=True)
class Head:
    """How raw maps become stems.

    Attributes
    ----------
    maps : int, maps per stem and channel
    sums_to_one : bool, whether the stems add up to the mix by construction
    activate : raw maps, float32 (stems, channels, maps, frames, bins), changed in place
        -> activated maps, same shape
    apply : activated maps, spectrum complex64 (channels, frames, bins), scale of the
        transform -> stems, complex64 (stems, channels, frames, bins)
    """

    maps: int
    sums_to_one: bool
    activate: Callable[[FloatArray], FloatArray]
    apply: Callable[[FloatArray, ComplexArray, float], ComplexArray]


HEADS = {
    "none": Head(1, False, _keep, _apply_real),
    "sigmoid": Head(1, False, _sigmoid, _apply_real),
    "softmax": Head(1, True, _softmax, _apply_real),
    "binary_argmax": Head(1, True, _winner, _apply_real),
    "complex": Head(2, False, _keep, _apply_complex),
    "decoupled": Head(4, False, _bounded_and_direct, _apply_decoupled),
}


def head(text: str) -> Head:
    """Find a head by its name in the card.

    Parameters
    ----------
    text : str, a key of HEADS or "binary:THRESHOLD" with 0 < THRESHOLD < 1

    Raises
    ------
    SpecError
        If there is no such head.

    Examples
    --------
    >>> head("decoupled").maps, head("softmax").sums_to_one
    (4, True)

    Notes
    -----
    Thread: [any]
    """
    if text in HEADS:
        return HEADS[text]
    name, _, number = text.partition(":")
    try:
        threshold = float(number)
    except ValueError:
        threshold = 0.0
    if name != "binary" or not 0 < threshold < 1:
        raise SpecError(
            f"head {text!r} is unknown; use one of {', '.join(HEADS)} or binary:THRESHOLD "
            "with a threshold between 0 and 1, such as binary:0.5"
        )
    return Head(1, False, lambda raw: _binary(raw, threshold), _apply_real)
