"""ONNX nodes for the transform, which fuse.py puts around a network.

Theory of operation. With N = N1 * N2, n = N2 * n1 + n2 and k = k1 + N1 * k2 the transform is

    X[k] = sum_n2 W_N2^(n2 k2) W_N^(n2 k1) sum_n1 W_N1^(n1 k1) x[n],    W_M = exp(-2j pi / M)

that is a small matrix, factors, a small matrix ("four-step FFT"): 0.4 M multiply-adds for 2048
samples instead of 4.2 M, from MatMul alone, which every execution provider has. The way back
is the same with conjugates, and gives the last `synthesis` samples only. Rows and columns are
laid out so that nothing large is transposed: that would take longer than all the sums.

Spectra are tensors (channels, 2, bins), the real part first.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.dsp.stft import Transform

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


class Graph:
    """Nodes and constants in the order in which they were asked for.

    Parameters
    ----------
    prefix : str, what all names here begin with

    Attributes
    ----------
    nodes, constants : lists of ONNX nodes and initializers

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, prefix: str) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._prefix = prefix

    def __call__(self, op: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Append a node; give its output's name, `to` if that is given."""
        from onnx import helper

        name = to or f"{self._prefix}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def as_float(self, x: str) -> str:
        """Give truth values as 0.0 and 1.0."""
        numbers = self.constant(np.ones(()))
        return self("Where", x, numbers, self.constant(np.zeros(())))

    def constant(self, value: NDArray[Any] | float) -> str:
        """Add a constant, float32 unless it is of integers."""
        from onnx import numpy_helper

        array = np.asarray(value)
        if array.dtype != np.int64:
            array = array.astype(np.float32)
        name = f"{self._prefix}c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def reshape(self, x: str, *shape: int, to: str = "") -> str:
        """Lay `x` out in another shape."""
        return self("Reshape", x, self.constant(np.array(shape, np.int64)), to=to)

    def cut(self, x: str, axis: int, start: int, stop: int, to: str = "") -> str:
        """Give the part from `start` to `stop` of an axis."""
        bounds = [self.constant(np.array([i], np.int64)) for i in (start, stop, axis)]
        return self("Slice", x, *bounds, to=to)

    def transpose(self, x: str, *order: int) -> str:
        """Put the axes into another order."""
        return self("Transpose", x, perm=order)

    def join(self, axis: int, *parts: str, to: str = "") -> str:
        """Lay tensors one after the other."""
        return self("Concat", *parts, axis=axis, to=to)

    def parts(self, spectra: str, channels: int, bins: int) -> tuple[str, str]:
        """Give real and imaginary part, each (channels, bins)."""
        re, im = (self.reshape(self.cut(spectra, 1, i, i + 1), channels, bins) for i in (0, 1))
        return re, im


def split(n_fft: int) -> tuple[int, int]:
    """Split the length of a transform into two factors of about the same size.

    Examples
    --------
    >>> split(2048)
    (32, 64)

    Notes
    -----
    Thread: [any]
    """
    first = max(i for i in range(1, math.isqrt(n_fft) + 1) if n_fft % i == 0)
    return first, n_fft // first


def _turns(rows: int, columns: int, length: int) -> NDArray[np.complex128]:
    steps = np.outer(np.arange(rows), np.arange(columns)) % length
    return np.asarray(np.exp(-2j * np.pi / length * steps), np.complex128)


def _real_form(matrix: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Give the real matrix that takes columns [re; im] to columns [re; im]."""
    return np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])


def _turned(g: Graph, re: str, im: str, factors: NDArray[np.complex128]) -> tuple[str, str]:
    cos, sin = g.constant(factors.real), g.constant(factors.imag)
    return (
        g("Sub", g("Mul", re, cos), g("Mul", im, sin)),
        g("Add", g("Mul", re, sin), g("Mul", im, cos)),
    )


def analysis(g: Graph, stream: str, channels: int, transform: Transform) -> str:
    """Append window and transform: (channels, n_fft) -> (channels, 2, bins).

    Notes
    -----
    Thread: [main]
    """
    first, second = split(transform.n_fft)
    kept = second // 2 + 1
    x = g("Mul", stream, g.constant(transform.pair[0]))
    x = g.transpose(g.reshape(x, channels, first, second), 0, 2, 1)  # rows n2, columns n1
    inner = _turns(first, first, first)
    a = g("MatMul", x, g.constant(np.concatenate([inner.real, inner.imag], axis=1)))
    re, im = g.cut(a, 2, 0, first), g.cut(a, 2, first, 2 * first)
    turned = g.join(1, *_turned(g, re, im, _turns(second, first, transform.n_fft)))
    b = g("MatMul", g.constant(_real_form(_turns(kept, second, second))), turned)
    return g.cut(g.reshape(b, channels, 2, kept * first), 2, 0, transform.bins)


def synthesis(g: Graph, spectra: str, stems: int, channels: int, transform: Transform) -> str:
    """Append transform and window: (stems, channels, 2, bins) -> (stems, channels, synthesis).

    Notes
    -----
    Thread: [main]
    """
    n, bins, rows = transform.n_fft, transform.bins, stems * channels
    first, second = split(n)
    kept = second // 2 + 1
    # Every bin but the two at the ends stands for its mirror image too.
    weight = np.full(bins, 2 / n)
    weight[[0, -1]] = 1 / n
    z = g("Mul", spectra, g.constant(weight))
    z = g.join(3, z, g.constant(np.zeros((stems, channels, 2, kept * first - bins))))
    z = g.reshape(z, rows, 2 * kept, first)  # rows k2 of re, then of im; columns k1
    a = g("MatMul", g.constant(_real_form(_turns(second, kept, second).conj())), z)
    re, im = g.cut(a, 1, 0, second), g.cut(a, 1, second, 2 * second)
    turned = g.join(2, *_turned(g, re, im, _turns(second, first, n).conj()))
    start = (n - transform.synthesis) // second  # the first n1 that reaches the output
    outer = _turns(first, first, first).conj()[:, start:]
    y = g("MatMul", turned, g.constant(np.concatenate([outer.real, -outer.imag])))
    length = second * (first - start)
    y = g.reshape(g.transpose(y, 0, 2, 1), stems, channels, length)
    y = g.cut(y, 2, length - transform.synthesis, length)
    return g("Mul", y, g.constant(transform.pair[1]))
