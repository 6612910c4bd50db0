"""Streaming and windowed models: spectra in, masks out, frame by frame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plugin_bridge.dsp import ComplexArray, FloatArray
from plugin_bridge.dsp.features import FeaturePlane
from plugin_bridge.dsp.rates import BinMap, scale_of
from plugin_bridge.dsp.stft import Analysis, Synthesis
from plugin_bridge.model.card import Card
from plugin_bridge.model.protocols import AnyModel

# Frames per call of a windowed model: its activations are large, 8 keep memory flat.
WINDOWED_FRAMES = 8
# Beyond it the transform back would overflow; no mask of a real signal comes near.
LARGEST = np.float32(1e30)


def step_of(card: Card, sample_rate: float, frames: int) -> int:
    """Give the samples of a step of so many frames.

    Notes
    -----
    Thread: [any]
    """
    return frames * card.transform.scaled(scale_of(sample_rate, card.sample_rate)).hop


class FrameKind:
    """A mask model around the streaming STFT.

    Parameters
    ----------
    model : AnyModel of kind streaming or windowed
    sample_rate : float, Hz
    channels : int, of the audio, 1 or 2
    frames : int, frames per call
    wanted : sequence of int, which of the card's stems to resynthesise

    Notes
    -----
    Thread: [worker]
    """

    def __init__(
        self,
        model: AnyModel,
        sample_rate: float,
        channels: int,
        frames: int,
        wanted: Sequence[int],
    ) -> None:
        card = model.card
        self._scale = scale_of(sample_rate, card.sample_rate)
        transform = card.transform.scaled(self._scale)
        self.step = step_of(card, sample_rate, frames)
        self.delay = transform.latency + card.lookahead * transform.hop
        self.nonfinite_frames = 0
        self._head = card.mask_head
        self._residual = (
            None if card.residual_stem is None else card.stems.index(card.residual_stem)
        )
        self._channels = channels
        self._seen = max(channels, card.channels)  # a 2-channel model hears mono twice
        self._wanted = list(wanted)
        self._bins = BinMap(
            transform.bins, card.transform.bins, sample_rate / (self._scale * card.sample_rate)
        )
        self._features = [FeaturePlane(text) for text in card.features or ()]
        self._network: StreamingNetwork | WindowedNetwork
        if card.kind == "streaming":
            self._network = StreamingNetwork(model, self._seen, frames)
        else:
            silences = [feature.silence for feature in self._features]
            self._network = WindowedNetwork(model, self._seen, frames, silences)
        self._analysis = Analysis(transform, channels)
        self._synthesis = Synthesis(transform, len(self._wanted), channels)
        self._ahead = np.zeros((channels, card.lookahead, transform.bins), np.complex64)

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
        newest = self._analysis.push(samples)
        raw = self._network.run(self._planes(newest))
        broken = _unusable(raw, axes=(0, 1, 2, 4))
        raw[:, :, :, broken] = 0
        maps = self._bins.to_host(self._head.activate(raw))
        mix = self._target(newest)
        stems = self._head.apply(maps, mix, self._scale)
        broken |= _unusable(stems.view(np.float32), axes=(0, 1, 3))
        if self._channels < self._seen:
            stems = stems.mean(axis=1, keepdims=True)
        if self._residual is not None:
            rest = mix - stems.sum(axis=0)
            stems = np.insert(stems, self._residual, rest, axis=0)
        if broken.any():
            # neither sounds nor stays in the states
            stems[:, :, broken] = 0
            self._network.reset()
            self.nonfinite_frames += int(broken.sum())
        if self._wanted != list(range(len(stems))):
            stems = stems[self._wanted]
        return self._synthesis.push(stems)

    @property
    def tail(self) -> FloatArray:
        """What the frames so far give beyond the last step, faded by their windows."""
        return self._synthesis.tail

    def reset(self) -> None:
        """Forget the past.

        Notes
        -----
        Thread: [worker]
        """
        self._analysis.reset()
        self._network.reset()
        self._synthesis.reset()
        self._ahead[...] = 0
        self.nonfinite_frames = 0

    def _planes(self, spectra: ComplexArray) -> list[FloatArray]:
        if self._scale != 1:
            spectra = spectra * np.float32(1 / self._scale)
        if self._channels < self._seen:
            spectra = np.repeat(spectra, self._seen, axis=0)
        return [
            self._bins.to_model(feature(spectra), feature.silence) for feature in self._features
        ]

    def _target(self, newest: ComplexArray) -> ComplexArray:
        """Give the frames that the masks are for, older than the newest by the look-ahead."""
        ahead = self._ahead.shape[1]
        if not ahead:
            return newest
        spectra = np.concatenate([self._ahead, newest], axis=1)
        self._ahead[...] = spectra[:, -ahead:]
        return spectra[:, : newest.shape[1]]


def _unusable(values: FloatArray, axes: tuple[int, ...]) -> NDArray[np.bool_]:
    """Find the frames that hold NaN or more than LARGEST; `axes` are the other axes."""
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        energy = flat @ flat  # one pass; it overflows long before LARGEST
    if np.isfinite(energy):
        return np.zeros(values.shape[-2], np.bool_)
    unusable = ~(np.abs(values) <= LARGEST)  # so for NaN, too
    return np.asarray(unusable.any(axis=axes))


class StreamingNetwork:
    """A streaming model; a 1-channel one runs once per channel, with states of its own."""

    def __init__(self, model: AnyModel, channels: int, frames: int) -> None:
        self._channels = model.card.channels
        self._maps = model.card.mask_head.maps
        self._lanes = [model.stream(frames) for _ in range(channels // self._channels)]

    def run(self, planes: Sequence[FloatArray]) -> FloatArray:
        """Planes (channels or 1, frames, bins) -> raw (stems, channels, maps, frames, bins)."""
        results = []
        for index, lane in enumerate(self._lanes):
            first = index * self._channels
            mine = [plane[first : first + self._channels] for plane in planes]
            np.concatenate(mine, axis=0, out=lane.input[0])
            raw = lane.run()
            results.append(raw.reshape(-1, self._channels, self._maps, *raw.shape[2:]))
        return results[0] if len(results) == 1 else np.concatenate(results, axis=1)

    def reset(self) -> None:
        """Set all states to zero."""
        for lane in self._lanes:
            lane.reset()


class WindowedNetwork:
    """A windowed model: every channel is an entry of the batch.

    Without states the last frames are kept here and handed in again; with states the
    model keeps them itself and gets the newest frame only.
    """

    def __init__(
        self, model: AnyModel, channels: int, frames: int, silences: Sequence[float]
    ) -> None:
        card = model.card
        self._stems = len(card.graph_stems)
        self._maps = card.mask_head.maps
        context = 1 if card.states else card.frames or 1
        most = 1 if card.states else WINDOWED_FRAMES
        self._chunk = max(size for size in range(1, most + 1) if frames % size == 0)
        self._stream = model.stream(channels * self._chunk)
        self._silence = np.array(silences, np.float32).reshape(1, -1, 1, 1)
        length = context - 1 + self._chunk
        self._columns = np.zeros((channels, card.planes, card.transform.bins, length), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._columns, context, axis=3)
        # (channels, planes, bins, chunk, context) -> one entry per channel and frame
        self._windows = windows.transpose(0, 3, 1, 2, 4)
        self._entries = self._stream.input.reshape(self._windows.shape)
        self._columns[...] = self._silence

    def run(self, planes: Sequence[FloatArray]) -> FloatArray:
        """Planes (channels or 1, frames, bins) -> raw (stems, channels, maps, frames, bins)."""
        channels, _, bins, length = self._columns.shape
        frames = planes[0].shape[1]
        result = np.empty((self._stems, channels, self._maps, frames, bins), np.float32)
        for start in range(0, frames, self._chunk):
            self._columns[..., : length - self._chunk] = self._columns[..., self._chunk :].copy()
            for index, plane in enumerate(planes):
                newest = plane[:, start : start + self._chunk].transpose(0, 2, 1)
                self._columns[:, index, :, length - self._chunk :] = newest
            self._entries[...] = self._windows
            raw = self._stream.run().reshape(channels, self._chunk, -1, self._maps, bins)
            result[:, :, :, start : start + self._chunk] = raw.transpose(2, 0, 3, 1, 4)
        return result

    def reset(self) -> None:
        """Forget the context."""
        self._columns[...] = self._silence
        self._stream.reset()
