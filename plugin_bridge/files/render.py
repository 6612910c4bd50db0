"""Render one file to its stems.

Memory does not grow with the file: one chunk is decoded, separated, written and forgotten.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError
from plugin_bridge.files.options import RenderOptions, choose_stems
from plugin_bridge.files.reader import AudioReader, no_audio
from plugin_bridge.files.report import REPORT_NAME, Meter, RenderReport, StemReport
from plugin_bridge.files.stream import StemStream
from plugin_bridge.files.writer import AudioWriter, check_format, write_error
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel

# Samples per step: 64 hops of 256, one model call. Larger chunks were not faster.
CHUNK = 16384

Progress = Callable[[int, int], None]
"""Called with the samples done and a forecast of all."""


def render(
    path: str | Path,
    options: RenderOptions | None = None,
    progress: Progress | None = None,
    *,
    name: str | None = None,
    model: AnyModel | None = None,
) -> RenderReport:
    """Separate a file and write its stems to a folder.

    Parameters
    ----------
    path : str or Path
        A mono or stereo file, 8 to 192 kHz.
    options : RenderOptions
    progress : callable or None
        Gets (samples done, forecast of all samples) after each chunk.
    name : str or None
        The folder's name inside `options.out`; None: the file's name without extension.
    model : an opened model or None
        An open model, for several files; None opens `options.model`.

    Returns
    -------
    report : RenderReport
        Also written to `render.json` beside the stems. Each stem has exactly the samples that
        the input decoded to, at the input's rate and channel count.

    Raises
    ------
    AudioFileError
        If the input cannot be read, or the folder cannot be used.
    SpecError, ModelError
        If options or model do not fit.
    PluginBridgeError
        If the disk is full. Whatever is raised, no half-written file remains.

    Notes
    -----
    Thread: [main]
    """
    path, options = Path(path), options or RenderOptions()
    model = model or open_model(options)
    names = choose_stems(options.stems, model.card.stems)
    started = time.perf_counter()
    with AudioReader(path) as reader, ExitStack() as stack:
        check_format(options.format, options.depth, _width(names, reader, options))
        stream = StemStream(
            model, reader.sample_rate, reader.channels, names, options.frames_per_call
        )
        folder = _make_folder(options.out / (name or path.stem))
        stack.callback(_remove_if_empty, folder)
        outputs = _Outputs(folder, names, reader, options, stack)
        heard = _pump(reader, stream, outputs, progress)
        (folder / REPORT_NAME).unlink(missing_ok=True)  # it tells of files replaced now
        stems = outputs.commit()
    seconds = time.perf_counter() - started
    report = RenderReport(
        input=str(path),
        folder=str(folder),
        sample_rate=reader.sample_rate,
        channels=reader.channels,
        samples=heard.samples,
        model={"name": model.card.name, "version": model.card.version, "sha256": model.sha256},
        provider=stream.provider,
        frames_per_call=options.frames_per_call,
        latency_samples=stream.latency_samples,
        model_rate=stream.rate,
        resampled=stream.rate != reader.sample_rate,
        format=options.format,
        bit_depth=options.depth,
        stems=stems,
        counters=vars(stream.counters),
        seconds=round(seconds, 3),
        speed=round(heard.samples / reader.sample_rate / seconds, 2),
        warnings=_warnings(reader, stream, model, heard, stems),
    )
    report.save(folder)
    return report


def _pump(
    reader: AudioReader, stream: StemStream, outputs: "_Outputs", progress: Progress | None
) -> Meter:
    """Send the whole file through; give what was heard of it."""
    heard = Meter()
    for chunk in reader.chunks(CHUNK):
        outputs.write(stream.push(chunk))
        heard.add(np.nan_to_num(chunk, nan=0.0, posinf=0.0, neginf=0.0))
        if progress is not None:
            progress(heard.samples, max(heard.samples, reader.samples))
    if not heard.samples:
        raise AudioFileError(no_audio(reader.path))
    outputs.write(stream.flush())
    return heard


def open_model(options: RenderOptions) -> Model:
    """Open the model that the options name, and check that it has the stems asked for.

    Raises
    ------
    ModelError, SpecError
        If it cannot be used, or a stem is not one of its.

    Notes
    -----
    Thread: [main]
    """
    model = Model(options.model, options.provider)
    choose_stems(options.stems, model.card.stems)
    return model


class _Outputs:
    """The files of one render: one per stem, or one for all."""

    # Rendered all or none: they get their names together, in `commit`.

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
            if writer.path.exists() and writer.path.samefile(reader.path):
                raise AudioFileError(
                    f"{reader.path} would be overwritten by its own stem; choose another folder "
                    "with --out"
                )
        self._names = names
        self._meters = [Meter() for _ in names]

    def write(self, stems: FloatArray) -> None:
        for stem, meter in zip(stems, self._meters, strict=True):
            meter.add(stem)
        # One writer takes the channels of all stems, or each takes one stem's.
        stems_each = len(stems) // len(self._writers)
        for index, writer in enumerate(self._writers):
            lanes = stems[index * stems_each : (index + 1) * stems_each]
            writer.write(lanes.reshape(stems_each * stems.shape[1], stems.shape[2]))

    def commit(self) -> list[StemReport]:
        for writer in self._writers:
            writer.finish()  # all whole, before the first one takes its name
        for writer in self._writers:
            writer.commit()
        clipped = np.concatenate([writer.clipped for writer in self._writers])
        clipped = clipped.reshape(len(self._names), -1).sum(axis=1)
        files = [writer.path.name for writer in self._writers] * len(self._names)
        return [
            StemReport(name, file, meter.peak, meter.rms, int(count))
            for name, file, meter, count in zip(
                self._names, files, self._meters, clipped, strict=False
            )
        ]


def _width(names: Sequence[str], reader: AudioReader, options: RenderOptions) -> int:
    return reader.channels * (len(names) if options.multichannel else 1)


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise AudioFileError(
            f"{folder} cannot be made, since a file stands in its place; choose another folder "
            "with --out"
        ) from error
    except OSError as error:
        raise write_error(folder, error) from error
    return folder


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _warnings(
    reader: AudioReader,
    stream: StemStream,
    model: AnyModel,
    heard: Meter,
    stems: Sequence[StemReport],
) -> list[str]:
    path, counters = reader.path, stream.counters
    found = []
    if stream.rate != reader.sample_rate:
        found.append(
            f"{path} has {reader.sample_rate} Hz, where {model.card.name} does not run; it was "
            f"resampled to {stream.rate} Hz and back"
        )
    if heard.peak == 0.0:
        found.append(f"{path} is silent, and so are its stems; check that it is the right file")
    if counters.nonfinite_samples:
        found.append(
            f"{path} holds {counters.nonfinite_samples} samples that are no number (NaN or "
            "infinity); they were taken as silence, repair the file if you hear gaps"
        )
    if counters.clamped_samples:
        found.append(
            f"{path} holds {counters.clamped_samples} samples beyond 16 times full scale; they "
            "were clamped, normalise the file if this was not meant"
        )
    if counters.nonfinite_frames:
        found.append(
            f"{model.card.name} gave no number for {counters.nonfinite_frames} frames of {path}; "
            "they were faded out and the model was reset, run plugin-bridge models check on it"
        )
    clipped = sum(stem.clipped for stem in stems)
    if clipped:
        found.append(
            f"{path}: {clipped} samples of the stems are beyond full scale and were clipped; use "
            "--bit-depth 32f to keep them"
        )
    return found
