"""Write audio files chunk by chunk.

Rules of this file:
 1. A file stands under a temporary name until `commit`; without it, nothing remains.
 2. Integers are scaled by 2^(bits-1) - 1, as Pedalboard reads them: 16 bit in, 16 bit out is exact.
    They are rounded to nearest, without dither (Pedalboard's own conversion rounds down).
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile, WriteableAudioFile

from plugin_bridge.disk import write_whole
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError, PluginBridgeError

# The format's own limit.
FLAC_CHANNELS = 8
# How a failing handle comes back through Pedalboard; from `close` it is a SystemError around it.
WRITE_ERRORS = (OSError, RuntimeError, SystemError)
# Errors of a folder or name that another choice avoids.
USER_ERRORS = (
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


class AudioWriter:
    """Encode a file in chunks, under a temporary name until it is complete.

    Parameters
    ----------
    path : Path
        The final name; its suffix is `.wav` or `.flac` and chooses the format.
    sample_rate : int, Hz
    channels : int
    bit_depth : str
        `16`, `24` or `32f` (wav only). Files over 4 GB become RF64 by themselves.

    Attributes
    ----------
    clipped : int, shape (channels,)
        Samples beyond full scale so far; always 0 for `32f`, which holds them.

    Raises
    ------
    AudioFileError
        If the format cannot hold the channels, or the folder cannot be written.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, path: Path, sample_rate: int, channels: int, bit_depth: str) -> None:
        self.path = path
        self.clipped = np.zeros(channels, np.int64)
        self._bits = 32 if bit_depth == "32f" else int(bit_depth)
        kind = path.suffix[1:]
        check_format(kind, bit_depth, channels)
        self._file: WriteableAudioFile | None = None
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self._handle = self._temporary.open("w+b")
        except OSError as error:
            raise write_error(path, error) from error
        try:
            # A handle of our own, since Pedalboard's would not say why a write failed.
            self._file = AudioFile(
                self._handle, "w", sample_rate, channels, bit_depth=self._bits, format=kind
            )
        except BaseException as error:
            self.discard()
            if isinstance(error, WRITE_ERRORS):
                raise write_error(path, error) from error
            raise

    def write(self, samples: FloatArray) -> None:
        """Append samples.

        Parameters
        ----------
        samples : float32, shape (channels, n), full scale +-1.0

        Raises
        ------
        PluginBridgeError
            If the disk is full or fails.

        Notes
        -----
        Thread: [main]
        """
        if not samples.shape[1] or self._file is None:
            return
        try:
            self._file.write(samples if self._bits == 32 else self._codes(samples))
        except WRITE_ERRORS as error:
            raise write_error(self.path, error) from error

    def finish(self) -> None:
        """Close the file, still under its temporary name; raises what `write` raises.

        Notes
        -----
        Thread: [main]
        """
        if self._file is None:
            return
        try:
            self._file.close()
            self._file = None
            self._handle.close()
        except WRITE_ERRORS as error:
            raise write_error(self.path, error) from error

    def commit(self) -> None:
        """Finish, and put the file in the place of an older one; raises what `write` raises.

        Notes
        -----
        Thread: [main]
        """
        self.finish()
        try:
            self._temporary.replace(self.path)
        except OSError as error:
            raise write_error(self.path, error) from error

    def discard(self) -> None:
        """Remove what was written and not committed.

        Notes
        -----
        Thread: [main]
        """
        # A full disk complains once more about the last bytes; the error that counts is on its way.
        with suppress(*WRITE_ERRORS, ValueError):
            if self._file is not None:
                self._file.close()
        with suppress(OSError):
            self._handle.close()
        self._temporary.unlink(missing_ok=True)

    def _codes(self, samples: FloatArray) -> NDArray[Any]:
        codes, clipped = integers(samples, self._bits)
        self.clipped += clipped
        # Of 32 bits Pedalboard takes the upper 24.
        return codes.astype(np.int16) if self._bits == 16 else codes << 8

    def __enter__(self) -> Self:
        """Give the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Discard what was not committed."""
        self.discard()


def integers(samples: FloatArray, bits: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Round samples to the codes of an integer format.

    Parameters
    ----------
    samples : float32, shape (channels, n), full scale +-1.0
        NaN is silence.
    bits : int, 16 or 24

    Returns
    -------
    codes : int32, shape (channels, n)
        Full scale is 2^(bits-1) - 1; what is beyond the codes is clipped.
    clipped : int, shape (channels,)
        How many samples were.

    Examples
    --------
    >>> integers(np.array([[1, -2]], np.float32), 16)[0].tolist()
    [[32767, -32768]]

    Notes
    -----
    Thread: [any]
    """
    top = 2 ** (bits - 1)
    scaled = np.multiply(samples, top - 1, dtype=np.float64)
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=np.inf, neginf=-np.inf)
    np.rint(scaled, out=scaled)
    clipped = np.count_nonzero((scaled > top - 1) | (scaled < -top), axis=1)
    np.clip(scaled, -top, top - 1, out=scaled)
    return scaled.astype(np.int32), np.asarray(clipped, np.int64)


def check_format(kind: str, bit_depth: str, channels: int) -> None:
    """Refuse what a file format cannot hold.

    Raises
    ------
    AudioFileError
        Names the format that can.

    Notes
    -----
    Thread: [any]
    """
    if kind == "flac" and bit_depth == "32f":
        raise AudioFileError("flac holds 16 or 24 bit, not 32f; use --bit-depth 24 or --format wav")
    if kind == "flac" and channels > FLAC_CHANNELS:
        raise AudioFileError(
            f"flac holds {FLAC_CHANNELS} channels, not {channels}; use --format wav or fewer stems"
        )


def write_document(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    PluginBridgeError
        If the disk is full or the folder cannot be written.

    Notes
    -----
    Thread: [main]
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: Exception) -> PluginBridgeError:
    """Give the error to raise for a failed write.

    Returns
    -------
    error : PluginBridgeError
        An AudioFileError where another folder or name would help, a plain one for the machine's
        failures (disk full).

    Notes
    -----
    Thread: [any]
    """
    cause = error.__cause__ or error.__context__
    if not isinstance(error, OSError) and isinstance(cause, OSError):
        error = cause
    if not isinstance(error, OSError):
        return PluginBridgeError(f"{path} cannot be written: {error}; choose another folder")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PluginBridgeError(
            f"the disk is full, {path} was not written; free some space or choose another folder"
        )
    if error.errno in USER_ERRORS:
        return AudioFileError(f"{path} cannot be written: {reason(error)}; choose another folder")
    return PluginBridgeError(f"{path} cannot be written: {reason(error)}; choose another folder")


def reason(error: OSError) -> str:
    """Give the system's own words for an error.

    Notes
    -----
    Thread: [any]
    """
    return (error.strerror or str(error)).lower()
