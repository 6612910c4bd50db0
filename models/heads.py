"""Heads in torch: how raw maps become masks or spectra while a network learns, and in its graph.

The same names and equations as plugin_bridge/dsp/heads.py, which runs the models whose transform
stays outside. `phase` stands only here: what lies between a bounded mask and `decoupled`.

Real arithmetic throughout: a graph has no complex numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from plugin_bridge.dsp.heads import TINY

Parts = tuple[Tensor, Tensor]  # real and imaginary


def _turned(size: Tensor, cosine: Tensor, sine: Tensor, mix: Parts, loud: Tensor) -> Parts:
    """Give `size` the mix's phase, turned by the direction of two numbers."""
    cosine, sine = torch.tanh(cosine), torch.tanh(sine)
    length = torch.sqrt((cosine.square() + sine.square()).clamp(min=float(TINY)))
    share = size / length / loud.clamp(min=math.sqrt(TINY))
    re, im = mix
    return (cosine * re - sine * im) * share, (cosine * im + sine * re) * share


def _waking(x: Tensor) -> Tensor:
    """Give max(x, 0), whose gradient also passes where that is zero.

    A gain that fell to zero everywhere would never learn again.
    """
    if torch.onnx.is_in_onnx_export():
        return torch.relu(x)
    return x + torch.relu(-x).detach()


def _loudness(mix: Parts) -> Tensor:
    return torch.sqrt(mix[0].square() + mix[1].square())


def _phase(raw: Tensor, mix: Parts) -> Parts:
    bounded, cosine, sine = raw.unbind(3)
    loud = _loudness(mix)
    return _turned(loud * torch.sigmoid(bounded), cosine, sine, mix, loud)


def _decoupled(raw: Tensor, mix: Parts) -> Parts:
    bounded, cosine, sine, direct = raw.unbind(3)
    loud = _loudness(mix)
    size = _waking(loud * torch.sigmoid(bounded) + direct)
    return _turned(size, cosine, sine, mix, loud)


def _complex(raw: Tensor, mix: Parts) -> Parts:
    (a, b), (re, im) = raw.unbind(3), mix
    return a * re - b * im, a * im + b * re


@dataclass(frozen=True)
class Head:
    """What becomes of raw maps, (batch, stems, channels, maps, frames, bins).

    Attributes
    ----------
    maps : int, per stem and channel
    masks : raw maps -> real masks (batch, stems, channels, frames, bins); None where there are
        none, as the phase changes too
    parts : raw maps, parts of the mix (batch, 1, channels, frames, bins) -> parts of the stems
    rest : per map what a bias begins with: the phase of the mix instead of none
    """

    maps: int
    masks: Callable[[Tensor], Tensor] | None
    parts: Callable[[Tensor, Parts], Parts]
    rest: tuple[float, ...]


def _real(masks: Callable[[Tensor], Tensor]) -> Head:
    def parts(raw: Tensor, mix: Parts) -> Parts:
        mask = masks(raw)
        return mask * mix[0], mask * mix[1]

    return Head(1, masks, parts, (0.0,))


HEADS = {
    "softmax": _real(lambda raw: torch.softmax(raw, 1).squeeze(3)),
    "sigmoid": _real(lambda raw: torch.sigmoid(raw).squeeze(3)),
    "complex": Head(2, None, _complex, (0.0, 0.0)),
    "phase": Head(3, None, _phase, (0.0, 1.0, 0.0)),
    "decoupled": Head(4, None, _decoupled, (0.0, 1.0, 0.0, 0.0)),
}


def made(name: str, raw: Tensor, mix: Tensor) -> Tensor:
    """Give what a head makes of raw maps.

    Parameters
    ----------
    name : key of HEADS
    raw : (batch, stems, channels, maps, frames, bins), float
    mix : (batch, channels, frames, bins), complex

    Returns
    -------
    made : (batch, stems, channels, frames, bins)
        Real masks of the mix, or, where the phase changes too, the stems' complex spectra.

    Notes
    -----
    Thread: [any]
    """
    head = HEADS[name]
    if head.masks is not None:
        return head.masks(raw)
    re, im = head.parts(raw, (mix.real.unsqueeze(1), mix.imag.unsqueeze(1)))
    return torch.complex(re, im)
