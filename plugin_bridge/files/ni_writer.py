"""Write NI Stems chunk by chunk.

Rules of this file
 1. Audio waits on the disk, not in memory: a raw file per stream, hidden beside the final name.
 2. All five streams are scaled by one factor where one of them is over full scale: integers would
    clip, and stems scaled apart would no longer add up to the mix.
 3. The codes are those of a wav file of the same depth (writer.py): the mix of a 16-bit song is
    that song, bit for bit.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files import ffmpeg, mp4
from plugin_bridge.files.ni_stems import SLOTS, STEM_BOX, check_rate, manifest, order
from plugin_bridge.files.options import NI_STEMS
from plugin_bridge.files.writer import integers, write_error

# The most negative code of 16 bits, as it is read, is full scale and not over it.
FULL_SCALE = 32768.5 / 32767
CHANNELS = 2
FRAME_BYTES = 4 * CHANNELS
# Samples that are turned into codes at once; half a megabyte.
CHUNK = 1 << 16
ENCODERS = {
    ("alac", "16"): ("-c:a", "alac", "-sample_fmt", "s16p"),
    ("alac", "24"): ("-c:a", "alac", "-sample_fmt", "s32p", "-bits_per_raw_sample", "24"),
    # The bit rate of the stems that are sold.
    ("aac", ""): ("-c:a", "aac", "-b:a", "256k"),
}


class NiStemsWriter:
    """Write a .stem.mp4 in chunks, under a temporary name until it is complete.

    Parameters
    ----------
    path : Path
        The final name.
    sample_rate : int, 44100 or 48000 Hz
    stems : names, one to four
        What `write` gets, in this order; the file has its own, see `order`.
    codec : `alac` or `aac`
    bit_depth : `16` or `24`; without meaning for aac

    Attributes
    ----------
    scale : float
        What all streams were multiplied by so that none clips; known once finished.
    peak : float
        The loudest sample so far, before it is scaled.

    Raises
    ------
    SpecError
        If ffmpeg is not installed, or there are too many stems.
    AudioFileError
        If the sample rate is another, or the folder cannot be written.

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        path: Path,
        sample_rate: int,
        stems: Sequence[str],
        codec: str = "alac",
        bit_depth: str = "16",
    ) -> None:
        ffmpeg.require("ffmpeg", f"--format {NI_STEMS}")
        check_rate(path, sample_rate)
        self.path = path
        self.scale = 1.0
        self._slots = order(stems)
        self._rate = sample_rate
        self._bits = int(bit_depth) if codec == "alac" else 0
        self._encoder = ENCODERS[codec, bit_depth if codec == "alac" else ""]
        self._temporary = self._hidden("")
        self._lanes: list[_Lane] = []
        self._finished = False
        self._parts = [self._hidden(f".{index}") for index in range(1 + len(SLOTS))]
        try:
            for part in self._parts:
                self._lanes.append(_Lane(part))
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError):
                raise write_error(path, error) from error
            raise
        self._fed = [self._lanes[1 + self._slots.index(name)] for name in stems]

    @property
    def peak(self) -> float:
        """The loudest sample so far, before it is scaled."""
        return max(lane.peak for lane in self._lanes)

    def write_mix(self, samples: FloatArray) -> None:
        """Append to the mix; its length is the file's.

        Parameters
        ----------
        samples : float32, shape (channels, n), one channel or two, full scale +-1.0

        Raises
        ------
        PluginBridgeError
            If the disk is full or fails.

        Notes
        -----
        Thread: [main]
        """
        self._append(self._lanes[0], samples)

    def write(self, stems: FloatArray) -> None:
        """Append to the stems; they may run behind the mix. Raises what `write_mix` raises.

        Parameters
        ----------
        stems : float32, shape (stems, channels, n), one channel or two

        Notes
        -----
        Thread: [main]
        """
        for lane, samples in zip(self._fed, stems, strict=True):
            self._append(lane, samples)

    def finish(self) -> None:
        """Encode the file, still under its temporary name.

        Raises
        ------
        PluginBridgeError
            If the disk is full or fails, or ffmpeg does.

        Notes
        -----
        Thread: [main]
        """
        if self._finished:
            return
        self.scale = 1 / self.peak if self.peak > FULL_SCALE else 1.0
        # An edit list knows whole milliseconds only, and of a lossy stream what lies beyond them is
        # not played; of a lossless one, whose packets have their length, nothing is lost.
        samples = self._lanes[0].samples + (0 if self._bits else self._rate // 1000 + 1)
        try:
            for lane in self._lanes:
                lane.settle(samples, self.scale, self._bits)
            self._encode(samples / self._rate)
            with self._temporary.open("r+b") as file:
                mp4.add_user_data(file, STEM_BOX[-1], json.dumps(manifest(self._slots)).encode())
        except OSError as error:
            raise write_error(self.path, error) from error
        self._remove_parts()
        self._finished = True

    def commit(self) -> None:
        """Finish, and put the file in the place of an older one; raises what `finish` raises.

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
        self._remove_parts()
        self._temporary.unlink(missing_ok=True)

    def _remove_parts(self) -> None:
        for lane in self._lanes:
            lane.close()
        for part in self._parts:
            part.unlink(missing_ok=True)

    def _hidden(self, mark: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{os.getpid()}{mark}.part")

    def _append(self, lane: "_Lane", samples: FloatArray) -> None:
        try:
            lane.append(samples)
        except OSError as error:
            raise write_error(self.path, error) from error

    def _encode(self, seconds: float) -> None:
        raw = "s32le" if self._bits else "f32le"
        arguments = ["-nostdin", "-y"]
        for lane in self._lanes:
            spec = ("-f", raw, "-ar", str(self._rate), "-ac", str(CHANNELS))
            arguments += [*spec, "-i", ffmpeg.address(lane.path)]
        for index in range(len(self._lanes)):
            arguments += ["-map", f"{index}:a", f"-disposition:a:{index}"]
            arguments.append("0" if index else "default")
        # Nothing of the day or the program: the same audio gives the same file.
        arguments += ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
        arguments += ["-metadata", f"title={self.path.name.removesuffix('.' + NI_STEMS)}"]
        arguments += [*self._encoder, "-brand", "M4A ", "-f", "mp4"]
        ffmpeg.run(
            "ffmpeg",
            [*arguments, ffmpeg.address(self._temporary)],
            seconds,
            f"{self.path} cannot be written",
            "free some space on the disk or update ffmpeg, or use --format wav",
        )

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


class _Lane:
    """One stream on its way: a raw file, floats first, codes once settled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.peak = 0.0
        self.samples = 0
        self._file = path.open("w+b")

    def append(self, samples: FloatArray) -> None:
        if not samples.size:
            return
        self.peak = max(self.peak, float(np.max(samples)), -float(np.min(samples)))
        self.samples += samples.shape[1]
        both = np.broadcast_to(samples, (CHANNELS, samples.shape[1]))
        self._file.write(both.T.astype("<f4").tobytes())

    def settle(self, samples: int, scale: float, bits: int) -> None:
        """Bring the file to its length, and its floats to scale and, for integers, to codes."""
        # What lacks, all of a silent stem, takes no space on the disk.
        self._file.truncate(samples * FRAME_BYTES)
        held = self.samples if bits or scale != 1.0 else 0
        for start in range(0, held, CHUNK):
            self._file.seek(start * FRAME_BYTES)
            values = np.frombuffer(self._file.read(CHUNK * FRAME_BYTES), "<f4") * np.float32(scale)
            if bits:
                values = integers(values[None], bits)[0][0] << 32 - bits
            self._file.seek(start * FRAME_BYTES)
            self._file.write(values.astype("<i4" if bits else "<f4").tobytes())
        self._file.close()

    def close(self) -> None:
        # A full disk complains once more about the last bytes.
        with suppress(OSError):
            self._file.close()
