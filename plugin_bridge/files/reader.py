"""Read audio files chunk by chunk.

A reader's samples are those that were really decoded; a header's length is only a forecast.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from pedalboard.io import AudioFile

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError
from plugin_bridge.files.containers import Integrity, inspect
from plugin_bridge.files.writer import reason

READABLE = "wav, flac, mp3, ogg, aiff"
LOWEST_RATE, HIGHEST_RATE = 8000, 192000
MOST_CHANNELS = 2
# The length that is guessed from an mp3's size is rounded to frames of 1152 samples.
MP3_GUESS = 2 * 1152


class AudioReader:
    """Decode a file in chunks.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    sample_rate : int, Hz
    channels : int, 1 or 2
    samples : int
        Forecast of the length by the header; for some mp3 files an estimate.
    damaged : bool
        Whether what was decoded, from the start to the end, is not what was encoded.

    Raises
    ------
    AudioFileError
        If it is missing, unreadable, cut, empty, no audio, or has a channel count or rate out of
        range; says what was found and what to do.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._integrity = _check_file(path)
        limit = self._integrity.samples
        self._first = self._integrity.first
        try:
            self._file = AudioFile(str(path))
        except (ValueError, RuntimeError) as error:
            raise AudioFileError(_not_audio(path)) from error
        except TypeError as error:
            name = str(path).encode(errors="replace").decode()
            raise AudioFileError(f"{name}: the name is not valid UTF-8; rename the file") from error
        self.sample_rate = round(self._file.samplerate)
        self.channels = self._file.num_channels
        held = max(0, self._file.frames - self._first)
        self.samples = held if limit is None else min(limit, held)
        self._limit = limit
        self.damaged = False
        try:
            _check_spec(self)
        except AudioFileError:
            self._file.close()
            raise

    def chunks(self, samples: int, start: int = 0) -> Iterator[FloatArray]:
        """Decode the file from its start, or a sample further on, to its end.

        Parameters
        ----------
        samples : int
            Length of a chunk; the last one may be shorter.
        start : int
            The first sample, at most `self.samples`.

        Yields
        ------
        chunk : float32, shape (channels, n), n > 0

        Raises
        ------
        AudioFileError
            If decoding fails.

        Notes
        -----
        Thread: [main]
        """
        try:
            self._file.seek(self._first + start)
        except ValueError:
            return  # the length was a forecast, and the decoder has met the end before
        done = start
        checksum = None if start else self._integrity.checksum
        broken = self._integrity.broken
        total = hashlib.md5(usedforsecurity=False)
        while self._limit is None or done < self._limit:
            ask = samples if self._limit is None else min(samples, self._limit - done)
            try:
                chunk = self._file.read(ask)
            except (ValueError, RuntimeError) as error:
                seconds = done / self.sample_rate
                raise AudioFileError(
                    f"{self.path} cannot be decoded after {seconds:.1f} s; the file is damaged, "
                    "copy it again or convert it"
                ) from error
            if not chunk.shape[1]:
                self.damaged |= checksum is not None and total.digest() != checksum.md5
                return
            if checksum is not None:
                total.update(_coded(chunk, checksum.bits))
            done += chunk.shape[1]
            self.damaged |= broken is not None and done > broken
            yield chunk

    def warnings(self, samples: int) -> list[str]:
        """Give what is wrong with the file, one sentence each, after `samples` were decoded.

        Notes
        -----
        Thread: [main]
        """
        found = []
        broken = self._integrity.broken
        if broken is not None:
            found.append(
                f"{self.path} is damaged after {broken / self.sample_rate:.1f} s: frames are "
                "missing, and what follows may come early; copy the file again"
            )
        elif self.damaged:
            found.append(
                f"{self.path} is damaged: its samples are not those that were encoded, some are "
                "silent, and what follows them may come early; copy the file again"
            )
        counted = self._integrity.counted
        if counted is not None and counted > samples + MP3_GUESS:
            found.append(
                f"{self.path} holds {counted / self.sample_rate:.1f} s of audio, of which "
                f"{samples / self.sample_rate:.1f} s could be decoded, since no header tells its "
                "length; convert it to wav to get all of it"
            )
        if counted is None and samples != self.samples:
            found.append(
                f"{self.path}: its header tells of {self.samples} samples, {samples} could be "
                "decoded; copy the file again if the stems end too early"
            )
        return found

    def __enter__(self) -> Self:
        """Give the reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()


def _check_file(path: Path) -> Integrity:
    """Refuse what cannot be audio before a decoder sees it."""
    if path.is_dir():
        raise AudioFileError(f"{path} is a folder; name the audio files in it, e.g. {path / '*'}")
    try:
        if path.stat().st_size == 0:
            raise AudioFileError(f"{path} is empty (0 bytes); copy it again")
        integrity = inspect(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if set("*?") & set(path.name):
            raise AudioFileError(f"no file matches {path}; check folder and ending") from error
        raise AudioFileError(f"{path} does not exist; check the name") from error
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {reason(error)}") from error
    if integrity.cut:
        raise AudioFileError(
            f"{path} is cut short: {integrity.cut}; copy it again, or open and save it in an editor"
        )
    return integrity


def _coded(samples: FloatArray, bits: int) -> bytes:
    """Give (channels, n) samples as they were before they were encoded.

    The decoder divides by the highest code, and all up to 24 bits come back (all of 16, a third
    of those of 24 were tried).
    """
    highest = 2 ** (bits - 1) - 1
    codes = np.rint(samples.T.astype(np.float64, order="C") * highest).astype("<i4")
    return bytes(codes.view(np.uint8).reshape(-1, 4)[:, : (bits + 7) // 8].tobytes())


def _not_audio(path: Path) -> str:
    return f"{path} is not audio that can be read here ({READABLE}); convert it to one of these"


def no_audio(path: Path) -> str:
    """Give the sentence for a file of no samples.

    Notes
    -----
    Thread: [any]
    """
    return f"{path} holds no audio (0 samples); record or export it again"


def _check_spec(reader: AudioReader) -> None:
    path, rate, channels = reader.path, reader.sample_rate, reader.channels
    if not 1 <= channels <= MOST_CHANNELS:
        raise AudioFileError(f"{path} has {channels} channels; mix it to mono or stereo first")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioFileError(
            f"{path} has a sample rate of {rate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} Hz can be "
            "rendered, convert it first"
        )
    if reader.samples == 0:
        raise AudioFileError(no_audio(path))
