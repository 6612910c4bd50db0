"""Samples in, stems out: the separator.

Rules of this file
  1. The stream is cut into steps of one size, whatever blocks come in: the partition
     into blocks cannot change a bit of the output.
  2. Latency is constant. The first `latency_samples` are not given out, so what comes
     out is aligned with what went in.

Derivation of the latency: a kind gives its output `delay` samples late, step by step.
With blocks of b samples the worst wait for a step to fill up is `step - gcd(b, step)`;
with unknown blocks gcd is 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plugin_bridge.dsp import FloatArray, rates
from plugin_bridge.dsp.ring import Ring
from plugin_bridge.errors import SpecError, hint
from plugin_bridge.model import frames, waves
from plugin_bridge.model.frames import FrameKind
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel, Kind
from plugin_bridge.model.store import DEFAULT
from plugin_bridge.model.waves import WaveKind
from plugin_bridge.names import composed

# Models on samples instead of frames.
WAVES = ("waveform", "segment")
# +24 dB over full scale: real signals end below, and no transform overflows.
CLAMP = np.float32(16)


@dataclass
class Counters:
    """What had to be mended since the last reset.

    Attributes
    ----------
    nonfinite_samples : NaN or Inf in the input, heard as zero
    clamped_samples : input beyond +-16, heard as +-16
    nonfinite_frames : frames, or segments, that the network gave no number for, silent
    """

    nonfinite_samples: int = 0
    clamped_samples: int = 0
    nonfinite_frames: int = 0


class Separator:
    """Separate a stream into stems, with constant latency.

    Parameters
    ----------
    model : str, Path or a model
        Name or path of a model file, or an opened model.
    sample_rate : float, Hz
        A rate that the model supports: `supports_rate` tells.
    channels : int, 1 or 2
    block : int, optional
        Samples of every push. The latency is lower when it is known; other sizes are
        refused then.
    frames_per_call : int
        Frames per call of the network: 1 is exact and live, 64 faster and later.
    stems : sequence of str, optional
        Which stems to give, in this order; all by default.
    provider : "auto", "cpu" or "cuda"
        Where a model file runs; an opened model has its own.

    Attributes
    ----------
    stems : tuple of str
    latency_samples : int
    step : int, samples taken and given per call of the network
    counters : Counters
    provider : str, the execution provider in use

    Raises
    ------
    SpecError
        If a parameter is not allowed: gives it, what is allowed and what to do.
    ModelError
        If the model cannot be used.

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(
        self,
        model: str | Path | AnyModel = DEFAULT,
        sample_rate: float = 44100,
        *,
        channels: int = 2,
        block: int | None = None,
        frames_per_call: int = 1,
        stems: Sequence[str] | None = None,
        provider: str = "auto",
    ) -> None:
        self.model = Model(model, provider) if isinstance(model, str | Path) else model
        self.sample_rate = sample_rate
        self.channels = channels
        self.block = block
        self.provider = self.model.provider
        card = self.model.card
        if channels not in (1, 2):
            raise SpecError(f"{channels} channels given; 1 or 2 are separated: pick a pair first")
        refuse_size(block)
        self.step = step = step_of(self.model, sample_rate, frames_per_call)
        self.stems = choose_stems(card.stems, stems)
        wanted = [card.stems.index(stem) for stem in self.stems]
        self._kind: Kind
        if card.kind in WAVES:
            self._kind = WaveKind(self.model, channels, wanted)
        else:
            self._kind = FrameKind(self.model, sample_rate, channels, frames_per_call, wanted)
        self.latency_samples = self._kind.delay + step - math.gcd(block or 1, step)
        self._step = np.zeros((channels, step), np.float32)
        self._done = Ring((len(self.stems), channels), self.latency_samples + 2 * step)
        self._start()

    def _start(self) -> None:
        self.counters = Counters()
        self._ended = False
        self._filled = 0
        self._taken = 0  # samples pushed
        self._given = 0  # samples given out
        self._lead = self._kind.delay  # samples of the first steps that come before the input
        self._done.clear()

    def push(self, block: FloatArray) -> FloatArray:
        """Separate the next block of the stream.

        Parameters
        ----------
        block : float32, shape (channels, samples), full scale +-1.0
            Any number of samples, 0 included, unless `block` was given.

        Returns
        -------
        stems : float32, shape (stems, channels, n)
            n <= samples until `latency_samples` have passed, then n == samples.

        Raises
        ------
        SpecError
            If the shape or the dtype differs from what was prepared; gives both.

        Notes
        -----
        Thread: [worker]
        """
        refuse_block(block, self.channels, self.block, "separator")
        if self._ended:
            self._start()
        block = self.mended(block)
        samples = block.shape[1]
        self._taken += samples
        due = max(0, self._taken - self.latency_samples - self._given)
        stems = np.empty((len(self.stems), self.channels, due), np.float32)
        start = filled = 0
        while start < samples:
            count = min(samples - start, self._kind.step - self._filled)
            self._feed(block[:, start : start + count])
            start += count
            filled += self._done.read(stems[..., filled:])
        self._given += due
        return stems

    def flush(self) -> FloatArray:
        """Give what is held, so that output and input have the same length, and reset.

        Returns
        -------
        stems : float32, shape (stems, channels, n), n <= latency_samples

        Notes
        -----
        Thread: [worker]
        """
        held = self._taken - self._given
        rest = np.empty((len(self.stems), self.channels, held), np.float32)
        silence = np.zeros_like(self._step)
        filled = self._done.read(rest)
        while filled < held:
            self._feed(silence[:, self._filled :])
            filled += self._done.read(rest[..., filled:])
        counters = self.counters
        self.reset()
        self.counters = counters  # can still be read; the next stream counts anew
        self._ended = True
        return rest

    @property
    def tail(self) -> FloatArray:
        """What would follow the last step, faded out, if no step followed."""
        return self._kind.tail

    def reset(self) -> None:
        """Start anew, as a new separator would.

        Notes
        -----
        Thread: [worker]
        """
        self._kind.reset()
        self._start()

    def mended(self, block: FloatArray) -> FloatArray:
        """Give a block as it will be separated: finite, within +-16; what was not is counted.

        Notes
        -----
        Thread: [worker]
        """
        return clean(block, self.counters)

    def _feed(self, samples: FloatArray) -> None:
        """Add samples to the step, at most what it lacks, and run it when it is full."""
        end = self._filled + samples.shape[1]
        self._step[:, self._filled : end] = samples
        self._filled = end % self._kind.step
        if self._filled or not end:
            return
        stems = self._kind.process(self._step)
        self.counters.nonfinite_frames = self._kind.nonfinite_frames
        early = min(self._lead, stems.shape[-1])
        self._lead -= early
        self._done.write(stems[..., early:])


def clean(block: FloatArray, counters: Counters) -> FloatArray:
    """Give the block finite and within +-16; count what had to be mended.

    Parameters
    ----------
    block : float32, shape (channels, samples)
    counters : Counters, `nonfinite_samples` and `clamped_samples` grow

    Returns
    -------
    block : float32, same shape; the same array if nothing was wrong with it

    Notes
    -----
    Thread: [worker]
    """
    if not block.size or np.abs(block).max() <= CLAMP:  # False for NaN
        return block
    finite = np.isfinite(block)
    counters.nonfinite_samples += int(block.size - finite.sum())
    block = np.where(finite, block, np.float32(0))
    counters.clamped_samples += int((np.abs(block) > CLAMP).sum())
    return block.clip(-CLAMP, CLAMP)


def supports_rate(model: AnyModel, sample_rate: float) -> bool:
    """Tell whether a model runs at this rate without a resampler.

    Notes
    -----
    Thread: [any]
    """
    card = model.card
    if card.kind in WAVES:
        return sample_rate == card.sample_rate
    if not rates.supports(sample_rate, card.sample_rate):
        return False
    try:
        card.transform.scaled(rates.scale_of(sample_rate, card.sample_rate))
    except SpecError:
        return False
    return True


def step_of(model: AnyModel, sample_rate: float, frames_per_call: int = 1) -> int:
    """Give the samples that a separator takes per call of the network, which is not called.

    Raises
    ------
    SpecError
        If the model does not run at this rate, or there are no frames to a call.

    Notes
    -----
    Thread: [any]
    """
    card = model.card
    if frames_per_call < 1:
        raise SpecError(f"frames_per_call is {frames_per_call}; give 1 (exact) or more")
    if not supports_rate(model, sample_rate):
        raise SpecError(
            f"{card.name} does not run at {sample_rate:g} Hz (its own rate is "
            f"{card.sample_rate} Hz); resample first, or use render, which does"
        )
    if card.kind in WAVES:
        return waves.step_of(card)
    return frames.step_of(card, sample_rate, frames_per_call)


def choose_stems(known: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Check names of stems.

    Raises
    ------
    SpecError
        If one is unknown or there twice; suggests what may have been meant.

    Examples
    --------
    >>> choose_stems(["vocals", "drums"], ["drums"])
    ('drums',)

    Notes
    -----
    Thread: [any]
    """
    if wanted is None:
        return tuple(known)
    if isinstance(wanted, str):
        wanted = [wanted]
    wanted = [composed(stem) for stem in wanted]
    for stem in wanted:
        if stem not in known:
            near = hint(stem, known)
            raise SpecError(f"there is no stem {stem!r}; {near}use {', '.join(known)}")
    if not wanted or len(set(wanted)) < len(wanted):
        raise SpecError(f"stems {list(wanted)}: name each once, at least one of {', '.join(known)}")
    return tuple(wanted)


def refuse_size(block: int | None) -> None:
    """Refuse to be made for blocks of less than a sample.

    Raises
    ------
    SpecError
        If the size is none; says what is.

    Notes
    -----
    Thread: [any]
    """
    if block is not None and block < 1:
        raise SpecError(f"block is {block}; give at least 1 sample, or None for any size")


def refuse_block(block: FloatArray, channels: int, size: int | None, what: str) -> None:
    """Refuse a block of a stream that was prepared for others.

    Parameters
    ----------
    block : array, as it was given
    channels : int
    size : int or None, the samples that were promised; None for any
    what : str, which was prepared, for the sentence

    Raises
    ------
    SpecError
        If the shape or the dtype differs from what was prepared; gives both.

    Notes
    -----
    Thread: [worker]
    """
    if block.ndim != 2 or block.shape[0] != channels:
        raise SpecError(
            f"the block has the shape {block.shape}, the {what} was made for "
            f"({channels}, samples); transpose it or set channels"
        )
    if block.dtype != np.float32:
        raise SpecError(f"the block is {block.dtype}; convert it with .astype(numpy.float32)")
    if size is not None and block.shape[1] != size:
        raise SpecError(
            f"the block has {block.shape[1]} samples, the {what} was made for blocks of "
            f"{size}; make it with block=None for any size"
        )
