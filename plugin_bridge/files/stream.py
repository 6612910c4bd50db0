"""Chunks of a file in, its stems out, at the file's own rate and length.

    chunk -> clean -> [resample] -> Separator -> [+ accompaniment] -> [resample] -> stems

The resamplers are there only where the model cannot run at the file's rate.
"""

from collections.abc import Sequence

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.options import LEAD
from plugin_bridge.files.resample import AlignedResampler
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import Counters, Separator, clean, supports_rate


class StemStream:
    """Separate one file's audio, chunk by chunk.

    Parameters
    ----------
    model : an opened model
    sample_rate : int, Hz, the file's
    channels : int, 1 or 2
    stems : names of stems to give; may hold `accompaniment`
    frames_per_call : int, frames per model call

    Attributes
    ----------
    rate : int, Hz, at which the model works; the file's own unless it is resampled
    latency_samples : int, the separator's, at `rate`; already trimmed
    counters : Counters, of the file's samples and the model's frames

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        model: AnyModel,
        sample_rate: int,
        channels: int,
        stems: Sequence[str],
        frames_per_call: int,
    ) -> None:
        self.stems = tuple(stems)
        self._mended = Counters()
        self.rate = _working_rate(model, sample_rate)
        own = [name for name in stems if name in model.card.stems]
        self._accompanied = len(own) < len(self.stems)
        if self._accompanied and LEAD not in own:
            own.append(LEAD)
        self._separator = Separator(
            model, self.rate, channels=channels, stems=own, frames_per_call=frames_per_call
        )
        self._mix: FloatArray = np.zeros((channels, 0), np.float32)
        self._up = self._down = None
        if self.rate != sample_rate:
            self._up = AlignedResampler(sample_rate, self.rate, channels)
            self._down = AlignedResampler(self.rate, sample_rate, channels * len(self.stems))
        self._lanes = (len(self.stems), channels)
        self._taken = self._given = 0

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self._separator.provider

    @property
    def latency_samples(self) -> int:
        """Latency of the separator at `rate`; the stems are trimmed by it."""
        return self._separator.latency_samples

    @property
    def counters(self) -> Counters:
        """What had to be mended; the resampler's overshoot may add clamped samples."""
        inside = self._separator.counters
        return Counters(
            self._mended.nonfinite_samples,
            self._mended.clamped_samples + inside.clamped_samples,
            inside.nonfinite_frames,
        )

    def push(self, chunk: FloatArray) -> FloatArray:
        """Separate the next chunk.

        Parameters
        ----------
        chunk : float32, shape (channels, n)
            NaN and infinity count as silence, beyond +-16 is clamped; both are counted.

        Returns
        -------
        stems : float32, shape (stems, channels, m)
            What is finished; all of it stands where the input stood.

        Notes
        -----
        Thread: [main]
        """
        self._taken += chunk.shape[1]
        # first of all, so that resampler and accompaniment get what the separator gets
        mix = clean(chunk, self._mended)
        if self._up is not None:
            mix = self._up.push(mix)
        stems = self._select(self._separator.push(mix), mix)
        return self._count(self._back(stems))

    def flush(self) -> FloatArray:
        """Give what is left, so that as much came out as went in; ends the stream.

        Notes
        -----
        Thread: [main]
        """
        parts = []
        if self._up is not None:
            rest = self._up.flush()
            parts.append(self._back(self._select(self._separator.push(rest), rest)))
        parts.append(self._back(self._select(self._separator.flush())))
        if self._down is not None:
            parts.append(self._apart(self._down.flush()))
        # Resampled there and back, the length is rounded up twice.
        return self._count(np.concatenate(parts, axis=2)[:, :, : self._taken - self._given])

    def _select(self, stems: FloatArray, mix: FloatArray | None = None) -> FloatArray:
        """Put the stems in the order asked for, and add the accompaniment."""
        if not self._accompanied:
            return stems
        if mix is not None:
            self._mix = np.concatenate([self._mix, mix], axis=1)
        length = stems.shape[2]
        mix, self._mix = self._mix[:, :length], self._mix[:, length:].copy()
        names = self._separator.stems
        rest = mix - stems[names.index(LEAD)]
        return np.stack([rest if n not in names else stems[names.index(n)] for n in self.stems])

    def _back(self, stems: FloatArray) -> FloatArray:
        if self._down is None:
            return stems
        return self._apart(
            self._down.push(stems.reshape(self._lanes[0] * self._lanes[1], stems.shape[2]))
        )

    def _apart(self, lanes: FloatArray) -> FloatArray:
        return lanes.reshape(*self._lanes, lanes.shape[1])

    def _count(self, stems: FloatArray) -> FloatArray:
        self._given += stems.shape[2]
        return stems


def _working_rate(model: AnyModel, sample_rate: int) -> int:
    return sample_rate if supports_rate(model, sample_rate) else model.card.sample_rate
