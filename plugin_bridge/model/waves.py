"""Waveform and segment models: samples in, samples out."""

import math
from collections.abc import Sequence

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.delay import Delay
from plugin_bridge.model.card import Card
from plugin_bridge.model.protocols import AnyModel


def step_of(card: Card) -> int:
    """Give the samples of a step: what of a segment does not overlap.

    Notes
    -----
    Thread: [any]
    """
    return max(1, round(_length(card) * (1 - (card.overlap or 0))))


class WaveKind:
    """A model on samples, cross-faded where its segments overlap.

    A waveform model is one whose segments, a hop long, do not overlap; its network may lag
    behind by the card's delay. The first segment ends at the first step: its past is silence.

    Parameters
    ----------
    model : AnyModel of kind waveform or segment
    channels : int, of the audio, 1 or 2
    wanted : sequence of int, which of the card's stems to give

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, model: AnyModel, channels: int, wanted: Sequence[int]) -> None:
        card = model.card
        length, self.step = _length(card), step_of(card)
        late = length - self.step
        self.delay = late + (card.delay or 0)
        self.nonfinite_frames = 0
        self._residual = (
            None if card.residual_stem is None else card.stems.index(card.residual_stem)
        )
        self._channels = channels
        self._per_lane = card.channels
        lanes = max(channels, card.channels) // card.channels
        self._lanes = [model.stream(1) for _ in range(lanes)]
        self._wanted = list(wanted)
        self._weights = crossfade(length, self.step)
        self._past = np.zeros((channels, late), np.float32)
        self._dry = Delay(channels, card.delay or 0)
        self._sum = np.zeros((len(self._wanted), channels, length), np.float32)

    def process(self, samples: FloatArray) -> FloatArray:
        """Separate one step.

        Parameters
        ----------
        samples : float32, shape (channels, step), finite

        Returns
        -------
        stems : float32, shape (wanted stems, channels, step)

        Notes
        -----
        Thread: [worker]
        """
        segment = np.concatenate([self._past, samples], axis=1)
        self._past[...] = segment[:, self.step :]
        self._sum += self._separate(segment)[self._wanted] * self._weights
        done = self._sum[..., : self.step].copy()
        late = self._past.shape[1]
        self._sum[..., :late] = self._sum[..., self.step :].copy()
        self._sum[..., late:] = 0
        return done

    @property
    def tail(self) -> FloatArray:
        """What the segments so far give beyond the last step, faded by their weights."""
        return self._sum[..., : self._past.shape[1]]

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._reset_lanes()
        self.nonfinite_frames = 0
        self._past[...] = 0
        self._dry.reset()
        self._sum[...] = 0

    def _separate(self, samples: FloatArray) -> FloatArray:
        """(channels, length) -> all the card's stems (stems, channels, length)."""
        results = []
        for index, lane in enumerate(self._lanes):
            first = index * self._per_lane
            lane.input[0] = samples[first : first + self._per_lane]
            results.append(lane.run()[0])
        stems = results[0] if len(results) == 1 else np.concatenate(results, axis=1)
        silent = not math.isfinite(stems.sum()) and not np.isfinite(stems).all()
        if silent:
            self._reset_lanes()
            self.nonfinite_frames += 1
            stems = np.zeros_like(stems)
        if self._channels < stems.shape[1]:
            stems = stems.mean(axis=1, keepdims=True)
        if self._residual is not None:
            dry = self._dry.push(samples)
            rest = samples * 0 if silent else dry - stems.sum(axis=0)
            stems = np.insert(stems, self._residual, rest, axis=0)
        return stems

    def _reset_lanes(self) -> None:
        for lane in self._lanes:
            lane.reset()


def _length(card: Card) -> int:
    return card.segment or card.hop or 0


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
