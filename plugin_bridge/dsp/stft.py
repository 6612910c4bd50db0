"""Streaming short-time Fourier analysis and synthesis.

Returned arrays are views of working memory: valid until the next push.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plugin_bridge.dsp import ComplexArray, FloatArray
from plugin_bridge.dsp.windows import window_pair
from plugin_bridge.errors import SpecError

WINDOWS = ("asymmetric", "sqrt-hann")


@dataclass(frozen=True)
class Transform:
    """The geometry of a model's STFT.

    Parameters
    ----------
    n_fft, synthesis, hop : int, samples
    window : "asymmetric" or "sqrt-hann" (then ``synthesis == n_fft``)

    Raises
    ------
    SpecError
        If the lengths cannot give perfect reconstruction.

    Examples
    --------
    >>> Transform(2048, 512, 256).latency, Transform(2048, 512, 256).bins
    (256, 1025)

    Notes
    -----
    Thread: [any]
    """

    n_fft: int
    synthesis: int
    hop: int
    window: str = "asymmetric"

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise SpecError(f"window {self.window!r} is unknown; use one of {', '.join(WINDOWS)}")
        if self.window == "sqrt-hann" and self.synthesis != self.n_fft:
            raise SpecError(
                f"window sqrt-hann needs synthesis equal to n_fft, given {self.synthesis} and "
                f"{self.n_fft}; use window asymmetric for a shorter synthesis"
            )
        if self.n_fft % 2:
            raise SpecError(f"n_fft {self.n_fft} is odd; use an even length")
        self.pair  # noqa: B018  checks the lengths

    @cached_property
    def pair(self) -> tuple[FloatArray, FloatArray]:
        """Analysis window (n_fft,) and synthesis window (synthesis,)."""
        return window_pair(self.n_fft, self.synthesis, self.hop)

    @property
    def bins(self) -> int:
        """Number of frequency bins of one frame."""
        return self.n_fft // 2 + 1

    @property
    def latency(self) -> int:
        """Delay of analysis and synthesis in samples, fed hop by hop."""
        return self.synthesis - self.hop

    def scaled(self, scale: float) -> "Transform":
        """Give the same transform for a sample rate `scale` times as high.

        Raises
        ------
        SpecError
            If a length would not be a whole number.

        Notes
        -----
        Thread: [any]
        """
        lengths = [self.n_fft * scale, self.synthesis * scale, self.hop * scale]
        if any(length != int(length) for length in lengths):
            raise SpecError(
                f"a transform of {self.n_fft}/{self.synthesis}/{self.hop} cannot be scaled by "
                f"{scale:g}; resample the audio to the model's rate"
            )
        n_fft, synthesis, hop = (int(length) for length in lengths)
        return Transform(n_fft, synthesis, hop, self.window)


class Analysis:
    """Turn a stream of samples into STFT frames.

    The stream is preceded by silence: the first frame ends at the first hop.

    Parameters
    ----------
    transform : Transform
    channels : int

    Examples
    --------
    >>> import numpy as np
    >>> Analysis(Transform(2048, 512, 256), 2).push(np.zeros((2, 1024), np.float32)).shape
    (2, 4, 1025)

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, transform: Transform, channels: int) -> None:
        self.transform = transform
        self._window = transform.pair[0]
        self._history = np.zeros((channels, transform.n_fft - transform.hop), np.float32)
        self._prepare(1)

    def _prepare(self, frames: int) -> None:
        t = self.transform
        channels, held = self._history.shape
        self._stream = np.zeros((channels, held + frames * t.hop), np.float32)
        self._cuts = np.lib.stride_tricks.sliding_window_view(self._stream, t.n_fft, axis=-1)[
            :, :: t.hop
        ]
        self._windowed = np.zeros((channels, frames, t.n_fft), np.float32)
        self._spectra = np.zeros((channels, frames, t.bins), np.complex64)

    def push(self, samples: FloatArray) -> ComplexArray:
        """Analyse the next whole hops.

        Parameters
        ----------
        samples : float32, shape (channels, frames * hop), finite

        Returns
        -------
        spectra : complex64, shape (channels, frames, bins)

        Notes
        -----
        Thread: [worker]
        """
        held = self._history.shape[1]
        count = samples.shape[1]
        if self._stream.shape[1] != held + count:
            self._prepare(count // self.transform.hop)
        self._stream[:, :held] = self._history
        self._stream[:, held:] = samples
        self._history[:] = self._stream[:, count:]
        np.multiply(self._cuts, self._window, out=self._windowed)
        # numpy's stubs know double precision only
        np.fft.rfft(self._windowed, axis=-1, out=self._spectra)  # type: ignore[arg-type]
        return self._spectra

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._history[:] = 0


class Synthesis:
    """Turn STFT frames back into a stream of samples.

    Parameters
    ----------
    transform : Transform
    *lead : int, the axes before frames, such as (stems, channels)

    Examples
    --------
    >>> import numpy as np
    >>> Synthesis(Transform(2048, 512, 256), 4, 2).push(np.zeros((4, 2, 3, 1025))).shape
    (4, 2, 768)

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, transform: Transform, *lead: int) -> None:
        self.transform = transform
        self._window = transform.pair[1]
        self._tail = np.zeros((*lead, transform.latency), np.float32)
        self._prepare(1)

    def _prepare(self, frames: int) -> None:
        t = self.transform
        lead = self._tail.shape[:-1]
        self._waves = np.zeros((*lead, frames, t.n_fft), np.float32)
        self._parts = np.zeros((*lead, frames, t.synthesis), np.float32)
        self._sum = np.zeros((*lead, frames * t.hop + t.latency), np.float32)

    def push(self, spectra: ComplexArray) -> FloatArray:
        """Resynthesise the next frames.

        Parameters
        ----------
        spectra : complex64, shape (lead..., frames, bins)

        Returns
        -------
        samples : float32, shape (lead..., frames * hop)

        Notes
        -----
        Thread: [worker]
        """
        t = self.transform
        frames = spectra.shape[-2]
        if self._waves.shape[-2] != frames:
            self._prepare(frames)
        np.fft.irfft(spectra, t.n_fft, axis=-1, out=self._waves)  # type: ignore[arg-type]
        np.multiply(self._waves[..., -t.synthesis :], self._window, out=self._parts)
        count = frames * t.hop
        self._sum[..., : t.latency] = self._tail
        self._sum[..., t.latency :] = 0
        for start in range(0, t.synthesis, t.hop):
            part = self._parts[..., start : start + t.hop]
            self._sum[..., start : start + count].reshape(part.shape)[...] += part
        self._tail[...] = self._sum[..., count:]
        return self._sum[..., :count]

    @property
    def tail(self) -> FloatArray:
        """The part of the frames so far that overlaps the next ones, (lead..., latency)."""
        return self._tail

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._tail[...] = 0
