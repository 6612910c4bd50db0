"""The tables of dsp/features.py and dsp/heads.py in ONNX nodes: same names, same equations."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from plugin_bridge.dsp.features import EPS
from plugin_bridge.dsp.heads import TINY
from plugin_bridge.model.graph import Graph

# Real and imaginary part, each (channels, bins).
Parts = tuple[str, str]


def _energy(g: Graph, x: Parts) -> str:
    return g("Add", g("Mul", x[0], x[0]), g("Mul", x[1], x[1]))


def _floored(g: Graph, x: Parts, eps: float) -> str:
    return g("Add", _energy(g, x), g.constant(eps * eps))


def _magnitude(g: Graph, x: Parts) -> str:
    return g("Sqrt", _energy(g, x))


def _power(g: Graph, x: Parts, exponent: float, eps: float = EPS) -> str:
    return g("Pow", _floored(g, x, eps), g.constant(exponent / 2))


def _log(g: Graph, x: Parts, eps: float = EPS) -> str:
    return g("Mul", g("Log", _floored(g, x, eps)), g.constant(0.5))


def _sides(g: Graph, x: str) -> tuple[str, str]:
    return g.cut(x, 0, 0, 1), g.cut(x, 0, 1, 2)


def _level_difference(g: Graph, x: Parts, eps: float = EPS) -> str:
    return g("Sub", *_sides(g, _log(g, x, eps)))


def _phase_difference(g: Graph, x: Parts, eps: float, pairs: Sequence[int], op: str) -> str:
    """Give one part of left times right's conjugate over their floored magnitudes."""
    (left, right), (left_im, right_im) = _sides(g, x[0]), _sides(g, x[1])
    parts = (left, left_im, right, right_im)
    a, b, c, d = (parts[i] for i in pairs)
    size = g("Sqrt", g("Mul", *_sides(g, _floored(g, x, eps))))
    return g("Div", g(op, g("Mul", a, b), g("Mul", c, d)), size)


def _cos_phase_difference(g: Graph, x: Parts, eps: float = EPS) -> str:
    return _phase_difference(g, x, eps, (0, 2, 1, 3), "Add")


def _sin_phase_difference(g: Graph, x: Parts, eps: float = EPS) -> str:
    return _phase_difference(g, x, eps, (1, 2, 0, 3), "Sub")


FEATURES: dict[str, Callable[..., str]] = {
    "magnitude": _magnitude,
    "power": _power,
    "log": _log,
    "ild": _level_difference,
    "cos_ipd": _cos_phase_difference,
    "sin_ipd": _sin_phase_difference,
    "real": lambda _, x: x[0],
    "imag": lambda _, x: x[1],
}


def planes(g: Graph, spectra: str, features: Sequence[str], channels: int, bins: int) -> str:
    """Append features: (channels, 2, bins) -> (planes, bins).

    Notes
    -----
    Thread: [main]
    """
    x = g.parts(spectra, channels, bins)
    made = []
    for text in features:
        name, *numbers = text.split(":")
        made.append(FEATURES[name](g, x, *map(float, numbers)))
    return g.join(0, *made)


# A head gets the raw maps, each (stems, channels, bins), and gives (stems, channels, 2, bins).
Shape = tuple[int, int, int]


def _times_mix(g: Graph, mask: str, mix: str, shape: Shape) -> str:
    stems, channels, bins = shape
    return g("Mul", g.reshape(mask, stems, channels, 1, bins), mix)


def _stack(g: Graph, re: str, im: str, shape: Shape) -> str:
    stems, channels, bins = shape
    return g.join(2, *(g.reshape(part, stems, channels, 1, bins) for part in (re, im)))


def _winner(g: Graph, raw: str, stems: int) -> str:
    numbers = g.constant(np.arange(stems, dtype=np.int64).reshape(-1, 1, 1))
    return g.as_float(g("Equal", g("ArgMax", raw, axis=0, keepdims=1), numbers))


def _above(g: Graph, raw: str, threshold: float) -> str:
    logit = math.log(threshold / (1 - threshold))
    return g.as_float(g("GreaterOrEqual", raw, g.constant(logit)))


def _complex(g: Graph, maps: Sequence[str], mix: str, shape: Shape) -> str:
    a, b = maps
    re, im = g.parts(mix, *shape[1:])
    return _stack(
        g,
        g("Sub", g("Mul", a, re), g("Mul", b, im)),
        g("Add", g("Mul", a, im), g("Mul", b, re)),
        shape,
    )


def _decoupled(g: Graph, maps: Sequence[str], mix: str, shape: Shape) -> str:
    bounded, cosine, sine, direct = maps
    re, im = g.parts(mix, *shape[1:])
    loud = g("Sqrt", _energy(g, (re, im)))
    floor = g("Max", loud, g.constant(math.sqrt(TINY)))
    turn = g("Tanh", cosine), g("Tanh", sine)
    length = g("Sqrt", g("Max", _energy(g, turn), g.constant(float(TINY))))
    sum_ = g("Add", g("Mul", loud, g("Sigmoid", bounded)), direct)
    # One factor for both divisions: of the direction and of the mix's own phase.
    share = g("Div", g("Div", g("Relu", sum_), length), floor)
    re_out = g("Sub", g("Mul", turn[0], re), g("Mul", turn[1], im))
    im_out = g("Add", g("Mul", turn[0], im), g("Mul", turn[1], re))
    return _stack(g, g("Mul", re_out, share), g("Mul", im_out, share), shape)


def _softmax(g: Graph, raw: str, stems: int) -> str:
    # The operator of this name takes its time on any axis but the last.
    highest = g("Max", *(g.cut(raw, 0, i, i + 1) for i in range(stems)))
    weights = g("Exp", g("Sub", raw, highest))
    total = g("Sum", *(g.cut(weights, 0, i, i + 1) for i in range(stems)))
    return g("Div", weights, total)


REAL_HEADS: dict[str, Callable[..., str]] = {
    "none": lambda _, raw, __: raw,
    "sigmoid": lambda g, raw, _: g("Sigmoid", raw),
    "softmax": _softmax,
    "binary_argmax": _winner,
}
COMPLEX_HEADS: dict[str, Callable[..., str]] = {"complex": _complex, "decoupled": _decoupled}


def separated(g: Graph, raw: str, mix: str, head: str, maps: int, shape: Shape) -> str:
    """Append a head: raw values and the mix -> (stems, channels, 2, bins).

    Parameters
    ----------
    raw : name of the network's output, stems * channels * maps * bins values
    mix : name of the spectrum, (channels, 2, bins)
    head : as in the card
    maps : per stem and channel
    shape : stems, channels, bins

    Notes
    -----
    Thread: [main]
    """
    stems, channels, bins = shape
    name, _, number = head.partition(":")
    if name in COMPLEX_HEADS:
        whole = g.reshape(raw, stems, channels, maps, bins)
        each = [g.reshape(g.cut(whole, 2, i, i + 1), stems, channels, bins) for i in range(maps)]
        return COMPLEX_HEADS[name](g, each, mix, shape)
    values = g.reshape(raw, stems, channels, bins)
    if name == "binary":
        mask = _above(g, values, float(number))
    else:
        mask = REAL_HEADS[name](g, values, stems)
    return _times_mix(g, mask, mix, shape)
