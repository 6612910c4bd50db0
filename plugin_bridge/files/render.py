"""Render one file to its stems, or to what the console makes of them.

Memory does not grow with the file: one chunk is decoded, separated, written and forgotten.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugin_bridge.errors import AudioFileError, PresetError
from plugin_bridge.files.options import RenderOptions, choose_stems
from plugin_bridge.files.outputs import Outputs, check_input, check_outputs, open_outputs
from plugin_bridge.files.reader import AudioReader, no_audio
from plugin_bridge.files.report import REPORT_NAME, Earlier, Meter, RenderReport, StemReport
from plugin_bridge.files.stream import FileStream, StemStream
from plugin_bridge.files.writer import write_error
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.model.store import DEFAULT

if TYPE_CHECKING:
    from plugin_bridge.files.mixdown import Mixdown

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
        the input decoded to, at the input's rate and channel count (stem.mp4 is always stereo, and
        with aac a little longer).

    Raises
    ------
    AudioFileError
        If the input cannot be read, or the folder cannot be used.
    SpecError, ModelError
        If options or model do not fit.
    PresetError, MidiError
        If the preset or the MIDI file cannot be used.
    PluginBridgeError
        If the disk is full. Whatever is raised, no half-written file remains.

    Notes
    -----
    Thread: [main]
    """
    path, options = Path(path), options or RenderOptions()
    mixdown = open_mixdown(options)
    model = model or open_model(options)
    started = time.perf_counter()
    with AudioReader(path) as reader, ExitStack() as stack:
        stream = _open_stream(reader, options, model, mixdown)
        names = stream.stems
        check_input(names, reader, options)
        folder = options.out / (name or path.stem)
        stack.callback(_remove_if_empty, _make_folder(folder))
        outputs = open_outputs(folder, names, reader, options, stack)
        heard = _pump(reader, stream, outputs, progress)
        outputs.finish()
        earlier = Earlier.of(folder)
        (folder / REPORT_NAME).unlink(missing_ok=True)  # it tells of files replaced now
        stems = outputs.commit()
    seconds = time.perf_counter() - started
    length = heard.samples / reader.sample_rate
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
        codec=options.encoding,
        scale=outputs.scale,
        stems=stems,
        counters=vars(stream.counters),
        seconds=round(seconds, 3),
        speed=round(length / seconds, 2),
        console=None if mixdown is None else mixdown.report(),
        warnings=[
            *reader.warnings(heard.samples),
            *_warnings(reader, stream, model, heard),
            *outputs.warnings,
            *(() if mixdown is None else mixdown.warnings(path, length)),
            *_silent(path, stems, heard, options),
            *earlier.warnings(path, folder, stems),
        ],
    )
    report.save(folder)
    return report


def _open_stream(
    reader: AudioReader, options: RenderOptions, model: AnyModel, mixdown: "Mixdown | None"
) -> FileStream:
    if mixdown is not None:
        try:
            return mixdown.stream(model, reader.sample_rate, reader.channels)
        except PresetError as error:  # another file's rate or channels may fit
            raise PresetError(f"{reader.path} with {error}") from error
    names = choose_stems(options.stems, model.card.stems)
    return StemStream(model, reader.sample_rate, reader.channels, names, options.frames_per_call)


def _pump(
    reader: AudioReader, stream: FileStream, outputs: Outputs, progress: Progress | None
) -> Meter:
    """Send the whole file through; give what was heard of it."""
    heard = Meter()
    for chunk in reader.chunks(CHUNK):
        outputs.hear(chunk)
        outputs.write(stream.push(chunk))
        heard.add(np.nan_to_num(chunk, nan=0.0, posinf=0.0, neginf=0.0))
        if progress is not None:
            progress(heard.samples, max(heard.samples, reader.samples))
    if not heard.samples:
        raise AudioFileError(no_audio(reader.path))
    outputs.write(stream.flush())
    return heard


def open_model(options: RenderOptions) -> Model:
    """Open the model that the options or their preset name, and check that all fits it.

    Raises
    ------
    ModelError, SpecError
        If it cannot be used, a stem is not one of its, or the format cannot hold them.
    PresetError, MidiError
        If the preset or the MIDI file cannot be used.

    Notes
    -----
    Thread: [main]
    """
    mixdown = open_mixdown(options)
    named = options.model if mixdown is None else options.model or mixdown.model
    model = Model(named or DEFAULT, options.provider)
    if mixdown is None:
        names = choose_stems(options.stems, model.card.stems)
    else:
        names = mixdown.sources(mixdown.consoles(model.card.stems))
    check_outputs(names, options)
    return model


def open_mixdown(options: RenderOptions) -> "Mixdown | None":
    """Read the preset and the MIDI file, if the options ask for the console at all.

    Raises
    ------
    PresetError, MidiError
        If a file cannot be used; names it.

    Notes
    -----
    Thread: [main]
    """
    if not options.console:
        return None
    from plugin_bridge.files.mixdown import Mixdown  # with mido, which few renders need

    return Mixdown(options)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder; give it and those above it that were not there, the deepest first."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise AudioFileError(
            f"{folder} cannot be made, since a file stands in its place; choose another folder "
            "with --out"
        ) from error
    except OSError as error:
        raise write_error(folder, error) from error
    return made


def _remove_if_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _silent(
    path: Path, stems: Sequence[StemReport], heard: Meter, options: RenderOptions
) -> list[str]:
    names = [stem.name for stem in stems if not stem.peak]
    if not names or not heard.peak or not options.console:
        return []
    return [
        f"{', '.join(names)} of {path}: silent, as the console's mutes and faders have it; --mix "
        "writes the mix alone"
    ]


def _warnings(
    reader: AudioReader,
    stream: FileStream,
    model: AnyModel,
    heard: Meter,
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
    return found
