"""The Fourier transform of frames from matrix products alone, for graphs that must run anywhere.

The equations stand in plugin_bridge/model/graph.py; here they are torch's, on many frames at once.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from plugin_bridge.model.graph import split


def _turns(rows: int, columns: int, length: int) -> NDArray[np.complex128]:
    steps = np.outer(np.arange(rows), np.arange(columns)) % length
    return np.asarray(np.exp(-2j * np.pi / length * steps), np.complex128)


def _tensor(matrix: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(matrix, np.float32))


class Fourier(nn.Module):
    """Frames to spectra and back, in four steps each.

    Parameters
    ----------
    n_fft : int, even

    Notes
    -----
    Thread: [any]
    """

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        self.n_fft, self.bins = n_fft, n_fft // 2 + 1
        self.first, self.second = split(n_fft)
        self.kept = self.second // 2 + 1
        inner = _turns(self.first, self.first, self.first)
        outer = _turns(self.second, self.kept, self.second)
        between = _turns(self.first, self.second, n_fft)
        weight = np.full(self.bins, 2 / n_fft)  # a bin stands for its mirror image too
        weight[[0, -1]] = 1 / n_fft
        constants = {
            "inner": np.concatenate([inner.real, inner.imag]),
            "cos": between.real,
            "sin": between.imag,
            # rows [re; im] of n2, columns [re, im] of k2
            "outer": np.block([[outer.real, outer.imag], [-outer.imag, outer.real]]),
            "weight": weight,
            "back_outer": np.block([[outer.real.T, -outer.imag.T], [outer.imag.T, outer.real.T]]),
            "back_inner": np.concatenate([inner.real, inner.imag], axis=1),
        }
        for name, value in constants.items():
            self.register_buffer(name, _tensor(value), persistent=False)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Give real and imaginary part, (..., bins) each, of (..., n_fft)."""
        before = frames.shape[:-1]
        x = frames.reshape(*before, self.first, self.second)
        a = self.inner @ x  # rows k1 of re, then of im; columns n2
        re, im = a[..., : self.first, :], a[..., self.first :, :]
        turned = [re * self.cos - im * self.sin, re * self.sin + im * self.cos]
        b = torch.cat(turned, -1) @ self.outer
        parts = b.reshape(*before, self.first, 2, self.kept).transpose(-3, -1)
        # (k2, parts, k1): k = k1 + first k2
        re, im = (parts[..., i, :].reshape(*before, -1)[..., : self.bins] for i in (0, 1))
        return re, im

    def back(self, re: Tensor, im: Tensor) -> Tensor:
        """Give (..., n_fft) of real and imaginary part, (..., bins) each."""
        before = re.shape[:-1]
        lacking = (0, self.kept * self.first - self.bins)
        laid = [
            functional.pad(part * self.weight, lacking)
            .reshape(*before, self.kept, self.first)
            .transpose(-1, -2)
            for part in (re, im)
        ]
        a = torch.cat(laid, -1) @ self.back_outer  # rows k1; columns n2 of re, then of im
        re, im = a[..., : self.second], a[..., self.second :]
        turned = [re * self.cos + im * self.sin, im * self.cos - re * self.sin]
        return (self.back_inner @ torch.cat(turned, -2)).reshape(*before, self.n_fft)
