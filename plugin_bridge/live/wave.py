"""A WAV file of 32-bit floats that grows: of use up to its last byte, whoever closes it.

Rules of this file
  1. Until it is closed the header says that the length is open, which many programs can read.
  2. Closing needs the file alone, not the writer: the parent of an engine that was killed does it.
  3. What does not fit into 4 GB becomes RF64, whose long sizes have had their room from the start.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.writer import write_error

FLOAT, EXTENSIBLE = 3, 0xFFFE
# The sub-format's identifier behind its first two bytes, which are the plain format.
SUB_FORMAT = bytes.fromhex("000000001000800000aa00389b71")
BYTES = 4
OPEN = 0xFFFFFFFF
# Behind RIFF and its size is the room for long sizes: three numbers, and a table of none.
DS64_AT, DS64_BYTES = 12, 28


class WavePart:
    """Write samples to a WAV file whose length is open.

    Parameters
    ----------
    path : Path
    sample_rate : int, Hz
    channels : int

    Raises
    ------
    PluginBridgeError
        If the folder cannot be written; from `write`, if the disk is full or fails.

    Notes
    -----
    Thread: [main], or one of its own
    """

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self._path = path
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise write_error(path, error) from error
        self._put(_header(sample_rate, channels))

    def write(self, samples: FloatArray) -> None:
        """Append samples, float32, shape (channels, n); they are the system's on return.

        Notes
        -----
        Thread: that of the writer
        """
        self._put(np.ascontiguousarray(samples.T, "<f4").tobytes())

    def close(self) -> None:
        """Write no more; the length stays open.

        Notes
        -----
        Thread: that of the writer
        """
        with suppress(OSError):  # what could not be written has been told by `write`
            self._file.close()

    def _put(self, content: bytes) -> None:
        try:
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise write_error(self._path, error) from error


def held_samples(path: Path) -> int:
    """Give how many whole samples a file of `WavePart` holds; 0 for one without a whole header.

    Notes
    -----
    Thread: [any]
    """
    channels, begin = _layout(path)
    return 0 if not channels else (path.stat().st_size - begin) // (BYTES * channels)


def close_wave(path: Path, samples: int) -> None:
    """Cut a file of `WavePart` to a length, and let its header say so.

    Parameters
    ----------
    path : Path
    samples : int, at most those that it holds

    Raises
    ------
    OSError
        If the file cannot be written.

    Notes
    -----
    Thread: [main]
    """
    channels, begin = _layout(path)
    if not channels:
        return  # it was ended before it began
    data = samples * BYTES * channels
    size = begin + data
    with path.open("r+b") as file:
        file.truncate(size)
        if size < OPEN:
            sizes = ((4, struct.pack("<I", size - 8)), (begin - 4, struct.pack("<I", data)))
        else:
            long = struct.pack("<4sIQQQI", b"ds64", DS64_BYTES, size - 8, data, samples, 0)
            sizes = ((0, b"RF64"), (DS64_AT, long))
        for place, content in sizes:
            file.seek(place)
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _header(sample_rate: int, channels: int) -> bytes:
    kind = FLOAT if channels <= 2 else EXTENSIBLE
    frame = BYTES * channels
    fmt = struct.pack("<HHIIHH", kind, channels, sample_rate, sample_rate * frame, frame, 8 * BYTES)
    if kind == EXTENSIBLE:  # channels of no loudspeaker
        fmt += struct.pack("<HHIH", 22, 8 * BYTES, 0, FLOAT) + SUB_FORMAT
    return b"".join(
        (
            struct.pack("<4sI4s", b"RIFF", OPEN, b"WAVE"),
            struct.pack("<4sI", b"JUNK", DS64_BYTES) + bytes(DS64_BYTES),
            struct.pack("<4sI", b"fmt ", len(fmt)) + fmt,
            struct.pack("<4sI", b"data", OPEN),
        )
    )


def _layout(path: Path) -> tuple[int, int]:
    """Give the channels of a file of `WavePart`, and where its samples begin; zeros if unknown."""
    fmt_at = DS64_AT + 8 + DS64_BYTES
    with path.open("rb") as file:
        head = file.read(fmt_at + 12)
    if len(head) < fmt_at + 12:
        return 0, 0
    (length,) = struct.unpack_from("<I", head, fmt_at + 4)
    (channels,) = struct.unpack_from("<H", head, fmt_at + 10)
    begin = fmt_at + 8 + length + 8
    return (channels, begin) if path.stat().st_size >= begin else (0, 0)
