"""Chunks of a file in, its stems out, at the file's own rate and length.

    chunk -> clean -> [resample] -> Separator -> [resample] -> [+ accompaniment] -> stems
    chunk -> clean -> [resample] -> Engine: Separator, console    -> [resample] -> its sources

The resamplers are there only where the model cannot run at the file's rate.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from plugin_bridge.console import Command, Console
from plugin_bridge.console.route import side_by_side
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.files.options import LEAD
from plugin_bridge.files.resample import AlignedResampler
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import Counters, Separator, clean, supports_rate


class FileStream(ABC):
    """A file's audio on its way through something, chunk by chunk, aligned and as long as it was.

    Parameters
    ----------
    model : an opened model
    sample_rate : int, Hz, the file's
    channels : int, 1 or 2
    stems : names of the signals to give

    Attributes
    ----------
    stems : tuple of str
    rate : int, Hz, at which the model works; the file's own unless it is resampled

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self, model: AnyModel, sample_rate: int, channels: int, stems: Sequence[str]
    ) -> None:
        self.stems = tuple(stems)
        self.rate = _working_rate(model, sample_rate)
        self._mended = Counters()
        self._up = self._down = None
        if self.rate != sample_rate:
            self._up = AlignedResampler(sample_rate, self.rate, channels)
            self._down = AlignedResampler(self.rate, sample_rate, channels * len(self.stems))
        self._lanes = (len(self.stems), channels)
        self._nothing: FloatArray = np.zeros((channels, 0), np.float32)
        self._taken = self._given = 0

    @abstractmethod
    def _run(self, mix: FloatArray) -> FloatArray:
        """Give what is finished, (stems, channels, n), after the next (channels, n) samples."""

    @abstractmethod
    def _rest(self) -> FloatArray:
        """Give what is held."""

    @property
    @abstractmethod
    def _inside(self) -> Counters:
        """What had to be mended behind the resampler."""

    @property
    @abstractmethod
    def provider(self) -> str:
        """The execution provider in use."""

    @property
    @abstractmethod
    def latency_samples(self) -> int:
        """Latency at `rate`; what is given is trimmed by it."""

    @property
    def counters(self) -> Counters:
        """What had to be mended; the resampler's overshoot may add clamped samples."""
        inside = self._inside
        return Counters(
            self._mended.nonfinite_samples,
            self._mended.clamped_samples + inside.clamped_samples,
            inside.nonfinite_frames,
        )

    def push(self, chunk: FloatArray) -> FloatArray:
        """Send the next chunk through.

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
        heard = mix if self._up is None else self._up.push(mix)
        return self._count(self._completed(self._back(self._run(heard)), mix))

    def flush(self) -> FloatArray:
        """Give what is left, so that as much came out as went in; ends the stream.

        Notes
        -----
        Thread: [main]
        """
        parts = []
        if self._up is not None:
            parts.append(self._back(self._run(self._up.flush())))
        parts.append(self._back(self._rest()))
        if self._down is not None:
            parts.append(self._apart(self._down.flush()))
        # Resampled there and back, the length is rounded up twice.
        rest = np.concatenate(parts, axis=2)[:, :, : self._taken - self._given]
        return self._count(self._completed(rest, self._nothing))

    def _completed(self, stems: FloatArray, mix: FloatArray) -> FloatArray:
        """Add what is no stem of the model's, for the next samples of the file."""
        del mix
        return stems

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


class StemStream(FileStream):
    """Separate one file's audio, chunk by chunk.

    Parameters
    ----------
    model : an opened model
    sample_rate : int, Hz, the file's
    channels : int, 1 or 2
    stems : names of stems to give; may hold `accompaniment`
    frames_per_call : int, frames per model call

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
        own = [name for name in stems if name in model.card.stems]
        self._accompanied = len(own) < len(stems)
        if self._accompanied and LEAD not in own:
            own.append(LEAD)
        super().__init__(model, sample_rate, channels, own)
        self.stems = tuple(stems)
        self._separator = Separator(
            model, self.rate, channels=channels, stems=own, frames_per_call=frames_per_call
        )
        self._mix = self._nothing

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self._separator.provider

    @property
    def latency_samples(self) -> int:
        """Latency of the separator at `rate`; the stems are trimmed by it."""
        return self._separator.latency_samples

    @property
    def _inside(self) -> Counters:
        return self._separator.counters

    def _run(self, mix: FloatArray) -> FloatArray:
        return self._separator.push(mix)

    def _rest(self) -> FloatArray:
        return self._separator.flush()

    def _completed(self, stems: FloatArray, mix: FloatArray) -> FloatArray:
        if not self._accompanied:
            return stems
        self._mix = np.concatenate([self._mix, mix], axis=1)
        length = stems.shape[2]
        mix, self._mix = self._mix[:, :length], self._mix[:, length:].copy()
        names = self._separator.stems
        rest = mix - stems[names.index(LEAD)]
        return np.stack([rest if n not in names else stems[names.index(n)] for n in self.stems])


class ConsoleStream(FileStream):
    """Separate one file's audio and send the stems through the console.

    Parameters
    ----------
    model : an opened model
    sample_rate : int, Hz, the file's
    channels : int, 1 or 2
    sources : names of strips, buses or `mix` to give, post-fader
    frames_per_call : int, frames per model call
    consoles : mapping: preset -> Console, the starting one first

    Attributes
    ----------
    engine : Engine

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        model: AnyModel,
        sample_rate: int,
        channels: int,
        sources: Sequence[str],
        frames_per_call: int,
        consoles: Mapping[str, Console],
    ) -> None:
        super().__init__(model, sample_rate, channels, sources)
        self.engine = Engine(
            model,
            self.rate,
            consoles,
            channels=channels,
            frames_per_call=frames_per_call,
            routes=side_by_side(sources, channels),
        )

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return self.engine.provider

    @property
    def latency_samples(self) -> int:
        """Latency of separator and inserts at `rate`; what is given is trimmed by it."""
        return self.engine.latency_samples

    @property
    def _inside(self) -> Counters:
        return self.engine.counters

    def send(self, commands: Iterable[Command]) -> None:
        """Hand over changes of settings; their positions are input samples at `rate`.

        Notes
        -----
        Thread: [main]
        """
        for command in commands:
            self.engine.send(command)

    def _run(self, mix: FloatArray) -> FloatArray:
        return self._apart(self.engine.push(mix))

    def _rest(self) -> FloatArray:
        return self._apart(self.engine.flush())


def _working_rate(model: AnyModel, sample_rate: int) -> int:
    return sample_rate if supports_rate(model, sample_rate) else model.card.sample_rate
