"""What a render writes: a file per stem, one file of all, or one for DJ programs.

All of one render's files are kept or none: they get their names together, in `commit`.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from math import log10
from pathlib import Path
from typing import Protocol

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError
from plugin_bridge.files import ffmpeg, ni_stems
from plugin_bridge.files.ni_writer import NiStemsWriter
from plugin_bridge.files.options import NI_STEMS, RenderOptions
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.files.report import Meter, StemReport
from plugin_bridge.files.writer import AudioWriter, check_format
from plugin_bridge.separator import Counters, clean


class Outputs(Protocol):
    """The files of one render; each method raises PluginBridgeError if the disk is full or fails.

    Notes
    -----
    Thread: [main]
    """

    @property
    def scale(self) -> float:
        """What the samples were multiplied by so that none clips; known once finished."""

    @property
    def warnings(self) -> list[str]:
        """What is to be said about the files, one sentence each; known once finished."""

    def hear(self, song: FloatArray) -> None:
        """Take the next of the song itself, shape (channels, n)."""

    def write(self, stems: FloatArray) -> None:
        """Take the next of the stems, shape (stems, channels, n)."""

    def finish(self) -> None:
        """Complete all files, still under temporary names."""

    def commit(self) -> list[StemReport]:
        """Give all files their names."""


def check_outputs(names: Sequence[str], options: RenderOptions) -> None:
    """Refuse what could not be written, whatever the input.

    Parameters
    ----------
    names : names of what is to be written
    options : RenderOptions

    Raises
    ------
    SpecError
        If there are too many stems for the format, or the program it needs is not installed.

    Notes
    -----
    Thread: [main]
    """
    if options.format == NI_STEMS:
        ffmpeg.require("ffmpeg", f"--format {NI_STEMS}")
        ni_stems.order(names)


def check_input(names: Sequence[str], reader: AudioReader, options: RenderOptions) -> None:
    """Refuse an input whose stems the format cannot hold.

    Raises
    ------
    AudioFileError
        Names the format that can.

    Notes
    -----
    Thread: [main]
    """
    if options.format == NI_STEMS:
        ni_stems.check_rate(reader.path, reader.sample_rate)
    else:
        check_format(options.format, options.depth, _width(names, reader, options))


def open_outputs(
    folder: Path,
    names: Sequence[str],
    reader: AudioReader,
    options: RenderOptions,
    stack: ExitStack,
) -> Outputs:
    """Open the files of one render, under temporary names.

    Parameters
    ----------
    folder : Path
    names : names of what `write` will get
    reader : AudioReader, of the input
    options : RenderOptions
    stack : ExitStack
        Discards what was not committed when it closes.

    Raises
    ------
    AudioFileError
        If a file cannot be written, or would be written over the input.

    Notes
    -----
    Thread: [main]
    """
    made = NiStemsFile if options.format == NI_STEMS else StemFiles
    return made(folder, names, reader, options, stack)


class StemFiles:
    """One file per stem, or one that holds the channels of all.

    Notes
    -----
    Thread: [main]
    """

    scale = 1.0

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        reader: AudioReader,
        options: RenderOptions,
        stack: ExitStack,
    ) -> None:
        files = ["stems"] if options.multichannel else names
        width = _width(names, reader, options)
        self._writers = [
            stack.enter_context(
                AudioWriter(
                    folder / f"{file}.{options.format}", reader.sample_rate, width, options.depth
                )
            )
            for file in files
        ]
        for writer in self._writers:
            _spare(reader.path, writer.path)
        self._song = reader.path
        self._names = names
        self._meters = [Meter() for _ in names]

    @property
    def _clipped(self) -> list[int]:
        """Clipped samples of each stem."""
        clipped = np.concatenate([writer.clipped for writer in self._writers])
        return [int(count) for count in clipped.reshape(len(self._names), -1).sum(axis=1)]

    @property
    def warnings(self) -> list[str]:
        """A sentence if samples were clipped."""
        if not any(self._clipped):
            return []
        return [
            f"{self._song}: {sum(self._clipped)} samples of the stems are beyond full scale and "
            "were clipped; use --bit-depth 32f to keep them"
        ]

    def hear(self, song: FloatArray) -> None:
        """Take nothing: the song is not one of its stems."""

    def write(self, stems: FloatArray) -> None:
        """Take the next of the stems, shape (stems, channels, n)."""
        _measure(self._meters, stems)
        # One writer takes the channels of all stems, or each takes one stem's.
        stems_each = len(stems) // len(self._writers)
        for index, writer in enumerate(self._writers):
            lanes = stems[index * stems_each : (index + 1) * stems_each]
            writer.write(lanes.reshape(stems_each * stems.shape[1], stems.shape[2]))

    def finish(self) -> None:
        """Complete all files, still under temporary names."""
        for writer in self._writers:
            writer.finish()

    def commit(self) -> list[StemReport]:
        """Give all files their names."""
        self.finish()  # all whole, before the first one takes its name
        for writer in self._writers:
            writer.commit()
        files = [writer.path.name for writer in self._writers] * len(self._names)
        return [
            StemReport(name, file, meter.peak, meter.rms, clipped)
            for name, file, meter, clipped in zip(
                self._names, files, self._meters, self._clipped, strict=False
            )
        ]


class NiStemsFile:
    """One file of the mix and four stems.

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        reader: AudioReader,
        options: RenderOptions,
        stack: ExitStack,
    ) -> None:
        path = folder / f"{folder.name}.{NI_STEMS}"
        _spare(reader.path, path)
        self._writer = stack.enter_context(
            NiStemsWriter(path, reader.sample_rate, names, options.encoding or "", options.depth)
        )
        self._song = reader.path
        self._names = names
        self._meters = [Meter() for _ in names]

    @property
    def scale(self) -> float:
        """What the samples were multiplied by so that none clips."""
        return self._writer.scale

    @property
    def warnings(self) -> list[str]:
        """A sentence if the streams were scaled."""
        if self.scale == 1.0:
            return []
        return [
            f"{self._song}: the mix or a stem is over full scale (peak {self._writer.peak:.2f}), "
            f"so all streams were turned down by {-20 * log10(self.scale):.1f} dB; use --format "
            "wav to keep their level"
        ]

    def hear(self, song: FloatArray) -> None:
        """Take the next of the song, shape (channels, n), as the mix."""
        self._writer.write_mix(clean(song, Counters()))

    def write(self, stems: FloatArray) -> None:
        """Take the next of the stems, shape (stems, channels, n)."""
        _measure(self._meters, stems)
        self._writer.write(stems)

    def finish(self) -> None:
        """Encode the file, still under a temporary name."""
        self._writer.finish()

    def commit(self) -> list[StemReport]:
        """Give the file its name."""
        self._writer.commit()
        return [
            StemReport(
                name, self._writer.path.name, self.scale * meter.peak, self.scale * meter.rms, 0
            )
            for name, meter in zip(self._names, self._meters, strict=True)
        ]


def _measure(meters: Sequence[Meter], stems: FloatArray) -> None:
    for stem, meter in zip(stems, meters, strict=True):
        meter.add(stem)


def _spare(song: Path, path: Path) -> None:
    """Refuse to write over the input."""
    if path.exists() and path.samefile(song):
        raise AudioFileError(
            f"{song} would be overwritten by its own stem; choose another folder with --out"
        )


def _width(names: Sequence[str], reader: AudioReader, options: RenderOptions) -> int:
    return reader.channels * (len(names) if options.multichannel else 1)
