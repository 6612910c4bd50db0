"""From a mixer's samples to what the network sees, on any device.

Only decoding and cutting happen in numpy; gains, equalisers, spectra and the mix are made
where the network is.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import local
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from models.data.library import RATE
from models.data.mixing import Mixer
from models.data.sound import needed, resampled
from models.masks import MASKS
from models.rates import RATIO
from models.zoo.lastframe import TRANSFORM
from plugin_bridge.dsp import FloatArray

Drawn = tuple[Any, ...]  # of Mixer.batch: waves, gains, and groups where labels are partial


class Framing(Protocol):
    """The geometry of an STFT, be it plugin_bridge's Transform or zoo/centred.py's."""

    @property
    def n_fft(self) -> int:
        """Samples of a frame."""

    @property
    def synthesis(self) -> int:
        """How many of its last samples are laid down again."""

    @property
    def hop(self) -> int:
        """Samples between frames."""

    @property
    def bins(self) -> int:
        """Frequency bins of a frame."""

    @property
    def pair(self) -> tuple[FloatArray, FloatArray]:
        """Analysis window (n_fft,) and synthesis window (synthesis,)."""


@dataclass(frozen=True)
class Hearing:
    """What of a stretch of sound at 44.1 kHz a network hears.

    Attributes
    ----------
    transform : at 44.1 kHz
    scale : what spectra are divided by, where the network's own rate is lower
    bins : how many, from the lowest
    before, after : frames that are heard around those that a mask is given for
    every : frames from one that a mask is given for to the next
    teaches : name in MASKS of the masks to be learnt, or None
    """

    transform: Framing = TRANSFORM
    scale: float = 1.0
    bins: int = TRANSFORM.bins
    before: int = 0
    after: int = 0
    every: int = 1
    teaches: str | None = None

    @property
    def top(self) -> float:
        """The highest bin's frequency in Hz."""
        return RATE / self.transform.n_fft * (self.bins - 1)

    @property
    def hop(self) -> int:
        """Samples at 44.1 kHz from one frame that a mask is given for to the next."""
        return self.transform.hop * self.every


PLAIN = Hearing()  # of lastframe


@dataclass(frozen=True)
class Batch:
    """Mixtures and what they are made of, as spectra.

    Attributes
    ----------
    stems : (batch, stems, channels, frames, bins), complex
    mix : (batch, channels, frames, bins), complex
    groups : (batch, targets, stems) or None
        Which stems each target is the sum of, see losses.py; a target of none is unknown.
        None: every stem is a target.
    around : (batch, channels, before + frames + after, bins) or None
        The mixture with the frames around; None where these are none.
    wanted : (batch, stems, channels, frames, bins) or None, the masks to be learnt
    elsewhere : whether a host at 48 kHz gives it, see rates.py
    """

    stems: Tensor
    mix: Tensor
    groups: Tensor | None = None
    around: Tensor | None = None
    wanted: Tensor | None = None
    elsewhere: bool = False

    @property
    def known(self) -> Tensor | None:
        """Weight of each target, (batch, targets); None if all count."""
        return None if self.groups is None else (self.groups.sum(2) > 0).float()

    @property
    def heard(self) -> Tensor:
        """What the network hears of the mixture."""
        return self.mix if self.around is None else self.around


def samples_of(frames: int, hearing: Hearing = PLAIN) -> int:
    """Count the samples that give this many full frames with masks, and those around."""
    whole = hearing.before + hearing.every * (frames - 1) + 1 + hearing.after
    return hearing.transform.n_fft + hearing.transform.hop * (whole - 1)


def spectra(waves: Tensor, transform: Framing = TRANSFORM) -> Tensor:
    """STFT frames of (..., samples), as the streaming analysis gives them once filled."""
    window = torch.from_numpy(transform.pair[0]).to(waves.device)
    return torch.fft.rfft(waves.unfold(-1, transform.n_fft, transform.hop) * window)


def batch_of(drawn: Drawn, device: torch.device | str = "cpu", hearing: Hearing = PLAIN) -> Batch:
    """Bring a mixer's batch to the device and make spectra of it there."""
    waves, gains, *groups = (torch.from_numpy(part) for part in drawn)
    if torch.device(device).type == "cuda":
        waves, gains = waves.pin_memory(), gains.pin_memory()
    waves, gains = (part.to(device, non_blocking=True) for part in (waves, gains))
    stems = spectra(waves, hearing.transform) * gains.unsqueeze(3)
    held = groups[0].to(device) if groups else None
    if hearing.scale != 1 or hearing.bins < stems.shape[-1]:
        stems = stems[..., : hearing.bins] / hearing.scale
    mix = stems.sum(1)
    inner = slice(hearing.before, stems.shape[3] - hearing.after, hearing.every)
    wanted = MASKS[hearing.teaches](stems)[:, :, :, inner] if hearing.teaches else None
    around = mix if hearing.before or hearing.after else None
    return Batch(stems[:, :, :, inner], mix[:, :, inner], held, around, wanted)


def draw(
    mixer: Mixer,
    size: int,
    frames: int,
    device: torch.device | str = "cpu",
    hearing: Hearing = PLAIN,
) -> Batch:
    """Draw the mixer's next batch."""
    return batch_of(mixer.batch(size, samples_of(frames, hearing)), device, hearing)


class Feed:
    """Batches by their number: what a step hears follows from it and the seed alone.

    So a run that is resumed hears what it would have heard, and nothing is heard twice.

    Parameters
    ----------
    make : callable, gives a new mixer
    place : the numbers that tell this stream from others: seed, process
    device : where the batches go
    loaders : threads that decode ahead, each with a mixer of its own; 0: the caller's
    hearing : what the network hears
    elsewhere : share of the batches that are as a host at 48 kHz gives them

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(
        self,
        make: Callable[[], Mixer],
        place: tuple[int, ...],
        device: torch.device | str = "cpu",
        loaders: int = 0,
        hearing: Hearing = PLAIN,
        elsewhere: float = 0.0,
    ) -> None:
        self._make = make
        self._hearing = hearing
        self._elsewhere = elsewhere
        self._place = place
        self._device = device
        self._ahead = 2 * loaders
        self._pool = ThreadPoolExecutor(loaders) if loaders else None
        self._own = local()
        self._pending: dict[tuple[int, int, int], Future[Drawn]] = {}

    def __call__(self, step: int, size: int, frames: int) -> Batch:
        """Give the batch of a step."""
        if self._pool is None:
            return self._batch(step, self._draw(step, size, frames))
        keys = [(n, size, frames) for n in range(step, step + 1 + self._ahead)]
        # What was decoded ahead in another size is dropped.
        self._pending = {
            key: self._pending.get(key) or self._pool.submit(self._draw, *key) for key in keys
        }
        return self._batch(step, self._pending.pop(keys[0]).result())

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _draw(self, step: int, size: int, frames: int) -> Drawn:
        if not hasattr(self._own, "mixer"):
            self._own.mixer = self._make()
        self._own.mixer.seek(*self._place, step)
        samples = samples_of(frames, self._hearing)
        if not self._is_elsewhere(step):
            drawn: Drawn = self._own.mixer.batch(size, samples)
            return drawn
        waves, *rest = self._own.mixer.batch(size, needed(samples, 1 / RATIO))
        return (resampled(waves, 1 / RATIO, samples), *rest)

    def _is_elsewhere(self, step: int) -> bool:
        # A fifth number: apart from what the mixer draws.
        draws = np.random.default_rng((*self._place, step, 0))
        return bool(draws.random() < self._elsewhere)

    def _batch(self, step: int, drawn: Drawn) -> Batch:
        batch = batch_of(drawn, self._device, self._hearing)
        return replace(batch, elsewhere=self._is_elsewhere(step))
