"""A centred STFT in torch, for networks that carry their transform: Hann, any hop.

Frames are cut and laid down in rows a hop long, so that no operator is needed that a graph of
matrices does not have; a whole frame is a few rows side by side.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from plugin_bridge.dsp import FloatArray


@dataclass(frozen=True)
class Centred:
    """The geometry of an STFT whose frames stand around multiples of the hop.

    Parameters
    ----------
    n_fft : int, samples of a frame, even
    hop : int, samples between frames, at most half of a frame

    Attributes
    ----------
    synthesis : int, samples of a frame that are laid down again: all
    bins : int

    Examples
    --------
    >>> transform = Centred(2048, 441)
    >>> waves = torch.zeros(2, 4410)
    >>> transform.spectra(waves).shape, transform.waves(transform.spectra(waves), 4410).shape
    (torch.Size([2, 11, 1025]), torch.Size([2, 4410]))

    Notes
    -----
    Thread: [any]
    """

    n_fft: int
    hop: int

    @property
    def synthesis(self) -> int:
        """Samples of a frame that are laid down again."""
        return self.n_fft

    @property
    def bins(self) -> int:
        """Frequency bins of a frame."""
        return self.n_fft // 2 + 1

    @property
    def rows(self) -> int:
        """Rows of a hop that a frame reaches into."""
        return -(-self.n_fft // self.hop)

    @cached_property
    def pair(self) -> tuple[FloatArray, FloatArray]:
        """Analysis and synthesis window, (n_fft,) each; frames laid down a hop apart add to one."""
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)
        product = np.pad(hann**2, (0, self.rows * self.hop - self.n_fft))
        total = np.tile(product.reshape(self.rows, self.hop).sum(0), self.rows)[: self.n_fft]
        return hann.astype(np.float32), (hann / total).astype(np.float32)

    def frames(self, samples: int) -> int:
        """Count the frames of so many samples.

        Notes
        -----
        Thread: [any]
        """
        return samples // self.hop + 1

    def cut(self, waves: Tensor) -> Tensor:
        """Cut windowed frames: (channels, samples) -> (channels, frames, n_fft).

        Notes
        -----
        Thread: [any]
        """
        count, half = self.frames(int(waves.shape[-1])), self.n_fft // 2  # a trace has no ints
        padded = functional.pad(waves, (half, half), mode="reflect")
        length = (count + self.rows - 1) * self.hop
        padded = functional.pad(padded, (0, max(0, length - int(padded.shape[-1]))))[:, :length]
        laid = padded.reshape(len(waves), -1, self.hop)
        rows = [laid[:, i : i + count] for i in range(self.rows)]
        return torch.cat(rows, -1)[..., : self.n_fft] * torch.from_numpy(self.pair[0])

    def lay(self, frames: Tensor, samples: int) -> Tensor:
        """Window frames and add them up: (channels, frames, n_fft) -> (channels, samples).

        Notes
        -----
        Thread: [any]
        """
        count, half = int(frames.shape[1]), self.n_fft // 2
        windowed = frames * torch.from_numpy(self.pair[1])
        windowed = functional.pad(windowed, (0, self.rows * self.hop - self.n_fft))
        parts = windowed.reshape(len(frames), count, self.rows, self.hop)
        after = self.rows - 1
        total = functional.pad(parts[:, :, 0], (0, 0, 0, after))
        for i in range(1, self.rows):
            total = total + functional.pad(parts[:, :, i], (0, 0, i, after - i))
        waves = total.reshape(len(frames), -1)
        waves = functional.pad(waves, (0, max(0, half + samples - int(waves.shape[-1]))))
        waves = waves[:, half : half + samples]
        first, last = self._edges(count, samples)
        inner = waves[:, len(first) : samples - len(last)]
        return torch.cat(
            [waves[:, : len(first)] * first, inner, waves[:, samples - len(last) :] * last], -1
        )

    def spectra(self, waves: Tensor) -> Tensor:
        """Give the frames' spectra: (channels, samples) -> complex (channels, frames, bins).

        Notes
        -----
        Thread: [any]
        """
        return torch.fft.rfft(self.cut(waves))

    def waves(self, spectra: Tensor, samples: int) -> Tensor:
        """Give the waves of spectra: complex (channels, frames, bins) -> (channels, samples).

        Notes
        -----
        Thread: [any]
        """
        return self.lay(torch.fft.irfft(spectra, self.n_fft), samples)

    def _edges(self, count: int, samples: int) -> tuple[Tensor, Tensor]:
        """Give factors for both ends, where frames before the first and after the last lack."""
        product = self.pair[0].astype(np.float64) * self.pair[1]
        total = np.zeros((count + self.rows) * self.hop)
        for i in range(count):
            total[i * self.hop : i * self.hop + self.n_fft] += product
        total = total[self.n_fft // 2 :][:samples]
        # float32 windows add up to one but for their rounding
        incomplete = np.flatnonzero(np.abs(total - 1) > 1e-6)
        low = incomplete[incomplete < samples // 2]
        high = incomplete[incomplete >= samples // 2]
        first = int(low[-1]) + 1 if len(low) else 0
        last = samples - int(high[0]) if len(high) else 0
        factors = (1 / total).astype(np.float32)
        return torch.from_numpy(factors[:first]), torch.from_numpy(factors[samples - last :])
