"""A song's file as an endless stream: from any sample on, at one rate, then silence.

Where the file's rate is another one, decoding starts some whole periods of both rates early: the
grid of samples is then the same from every start, and the resampler is full when it counts.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.files.resample import DELAY, AlignedResampler

# Samples that are decoded at once.
CHUNK = 8192


class Song:
    """Decode a file from any position.

    Parameters
    ----------
    path : Path
    channels : int
        Of what is given; a mono file is given on all of them.

    Attributes
    ----------
    path : Path
    rate : int, Hz, of what is given: the file's, until `resample`
    file_rate : int, Hz
    samples : int
        Length at `rate`; for some files a forecast until `read` has met the end.
    trouble : str
        Why decoding stopped before the end; "" if it did not. The rest is silence.

    Raises
    ------
    AudioFileError
        If the file is missing, empty, damaged, no audio, or has more than two channels.

    Notes
    -----
    Thread: one of its own; made on [main]
    """

    def __init__(self, path: Path, channels: int) -> None:
        self.path = path
        self._reader = AudioReader(path)
        self.file_rate = self._reader.sample_rate
        self._channels = channels
        self.trouble = ""
        self.resample(self.file_rate)

    def resample(self, rate: int) -> None:
        """Give the song at another rate, in Hz, from its begin.

        Notes
        -----
        Thread: [main], before the first read
        """
        self.rate = rate
        divisor = math.gcd(self.rate, self.file_rate)
        # Both are the same time.
        self._period, self._file_period = self.rate // divisor, self.file_rate // divisor
        self.samples = self._at_rate(self._reader.samples)
        self.seek(0)

    def seek(self, position: int) -> None:
        """Go on reading at a sample; one beyond the end is silence.

        Notes
        -----
        Thread: that of `read`
        """
        position = min(max(position, 0), self.samples)
        periods = position // self._period
        if self.rate != self.file_rate:
            periods = max(0, periods - math.ceil(2 * DELAY / self._file_period))
        start = min(periods * self._file_period, self._reader.samples)
        self._skip = position - periods * self._period
        self._held: FloatArray = np.zeros((self._channels, 0), np.float32)
        self._chunks = self._decoded(start)

    def read(self, samples: int) -> FloatArray:
        """Give the next samples, shape (channels, samples).

        Notes
        -----
        Thread: one at a time
        """
        end = self._skip + samples
        while self._held.shape[1] < end and (chunk := self._next()) is not None:
            self._held = np.concatenate([self._held, chunk], axis=1)
        found, self._held = self._held[:, self._skip : end], self._held[:, end:]
        self._skip = 0
        if found.shape[1] == samples:
            return found
        return np.pad(found, ((0, 0), (0, samples - found.shape[1])))

    def close(self) -> None:
        """Close the file.

        Notes
        -----
        Thread: [main]
        """
        self._reader.__exit__()

    def _next(self) -> FloatArray | None:
        """Give the next decoded chunk, None after the end."""
        try:
            return next(self._chunks, None)
        except AudioFileError as error:
            self.trouble = str(error)
            return None

    def _decoded(self, start: int) -> Iterator[FloatArray]:
        """Decode from a sample of the file on, at our rate and channels."""
        resampler = None
        if self.rate != self.file_rate:
            resampler = AlignedResampler(self.file_rate, self.rate, self._channels)
        decoded = start
        for chunk in self._reader.chunks(CHUNK, start):
            decoded += chunk.shape[1]
            wide = chunk if len(chunk) == self._channels else np.repeat(chunk, self._channels, 0)
            yield wide if resampler is None else resampler.push(wide)
        self.samples = self._at_rate(decoded)
        if resampler is not None:
            yield resampler.flush()

    def _at_rate(self, samples: int) -> int:
        return math.ceil(samples * self._period / self._file_period)
