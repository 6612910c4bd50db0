"""Waveform and segment models: samples in, samples out."""

import math
from collections.abc import Sequence

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.model.protocols import AnyModel


class _WaveNetwork:
    """A model on samples: mono is heard twice or per channel, the residual is added."""

    def __init__(self, model: AnyModel, channels: int) -> None:
        card = model.card
        self._channels = channels
        self._per_lane = card.channels
        self._residual = (
            None if card.residual_stem is None else card.stems.index(card.residual_stem)
        )
        lanes = max(channels, card.channels) // card.channels
        self._lanes = [model.stream(1) for _ in range(lanes)]
        self.nonfinite_frames = 0

    def run(self, samples: FloatArray) -> FloatArray:
        """(channels, n) -> (stems, channels, n)."""
        results = []
        for index, lane in enumerate(self._lanes):
            first = index * self._per_lane
            lane.input[0] = samples[first : first + self._per_lane]
            results.append(lane.run()[0])
        stems = results[0] if len(results) == 1 else np.concatenate(results, axis=1)
        if not math.isfinite(stems.sum()) and not np.isfinite(stems).all():
            self.reset()
            self.nonfinite_frames += 1
            return 0 * self._complete(np.zeros_like(stems), samples)
        return self._complete(stems, samples)

    def _complete(self, stems: FloatArray, samples: FloatArray) -> FloatArray:
        if self._channels < stems.shape[1]:
            stems = stems.mean(axis=1, keepdims=True)
        if self._residual is None:
            return stems
        return np.insert(stems, self._residual, samples - stems.sum(axis=0), axis=0)

    def reset(self) -> None:
        for lane in self._lanes:
            lane.reset()


class WaveformKind:
    """A model that turns each hop of samples into a hop of stems.

    Notes
    -----
    Thread: [worker]
    """

    delay = 0

    def __init__(self, model: AnyModel, channels: int, wanted: Sequence[int]) -> None:
        self.step = model.card.hop or 0
        self._network = _WaveNetwork(model, channels)
        self._wanted = list(wanted)

    @property
    def nonfinite_frames(self) -> int:
        """Hops silenced because the network gave no number."""
        return self._network.nonfinite_frames

    def process(self, samples: FloatArray) -> FloatArray:
        """Separate one hop: (channels, hop) -> (stems, channels, hop).

        Notes
        -----
        Thread: [worker]
        """
        return self._network.run(samples)[self._wanted]

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._network.reset()
        self._network.nonfinite_frames = 0


class SegmentKind:
    """A model that sees whole segments, cross-faded where they overlap.

    The first segment ends at the first step: its past is silence.

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, model: AnyModel, channels: int, wanted: Sequence[int]) -> None:
        card = model.card
        length = card.segment or 0
        self.step = max(1, round(length * (1 - (card.overlap or 0))))
        self.delay = length - self.step
        self._network = _WaveNetwork(model, channels)
        self._wanted = list(wanted)
        self._weights = crossfade(length, self.step)
        self._past = np.zeros((channels, self.delay), np.float32)
        self._sum = np.zeros((len(self._wanted), channels, length), np.float32)

    @property
    def nonfinite_frames(self) -> int:
        """Segments silenced because the network gave no number."""
        return self._network.nonfinite_frames

    def process(self, samples: FloatArray) -> FloatArray:
        """Separate one step: (channels, step) -> (stems, channels, step).

        Notes
        -----
        Thread: [worker]
        """
        segment = np.concatenate([self._past, samples], axis=1)
        self._past[...] = segment[:, self.step :]
        self._sum += self._network.run(segment)[self._wanted] * self._weights
        done = self._sum[..., : self.step].copy()
        self._sum[..., : self.delay] = self._sum[..., self.step :].copy()
        self._sum[..., self.delay :] = 0
        return done

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._network.reset()
        self._network.nonfinite_frames = 0
        self._past[...] = 0
        self._sum[...] = 0


def crossfade(length: int, step: int) -> FloatArray:
    """Give Hann weights that add up to one when laid `step` samples apart.

    Examples
    --------
    >>> weights = crossfade(4, 2)
    >>> (weights[:2] + weights[2:]).round(6).tolist()
    [1.0, 1.0]

    Notes
    -----
    Thread: [any]
    """
    # The half-sample offset keeps the weights above zero where only one segment reaches.
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
    rounds = math.ceil(length / step)
    padded = np.pad(hann, (0, rounds * step - length)).reshape(rounds, step)
    total = np.tile(padded.sum(axis=0), rounds)[:length]
    weights: FloatArray = (hann / total).astype(np.float32)
    return weights
