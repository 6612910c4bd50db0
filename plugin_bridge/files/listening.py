"""A song in, what is played in it out: `plugin-bridge analyze`.

    file -> [resample to 44.1 kHz] -> [separate] -> a listener per stem -> results, outlines

Memory does not hold the song: what is kept are curves, and of chords the stem at half the rate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from plugin_bridge.analysis import chords
from plugin_bridge.analysis.beats import librosa
from plugin_bridge.analysis.collect import Collector
from plugin_bridge.analysis.grid import BASE_RATE, HOP
from plugin_bridge.analysis.offline import DRUMS, SPANS, Listener, song_of
from plugin_bridge.analysis.results import SongAnalysis, StemAnalysis
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError, SpecError
from plugin_bridge.files.options import FAST_FRAMES, require
from plugin_bridge.files.reader import AudioReader, no_audio
from plugin_bridge.files.resample import AlignedResampler
from plugin_bridge.files.stream import StemStream
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.model.store import DEFAULT
from plugin_bridge.names import PROVIDERS
from plugin_bridge.separator import Counters, choose_stems, clean

CHUNK = 1 << 16
STEMS = ("vocals", "drums", "bass", "other")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ListenOptions:
    """What to listen to, and how.

    Attributes
    ----------
    model : str or Path or AnyModel, that separates
    provider : `auto`, `cpu` or `cuda`
    stem : str or None, the only one that is listened to; None: all
    separated : bool, the file is that stem already
    causal : bool, as live playing hears it: no look ahead, no beats, no chords
    start, seconds : float and float or None, the part of the file; None: to its end

    Raises
    ------
    SpecError
        If a value is not one of the allowed ones; names them.

    Notes
    -----
    Thread: [any]
    """

    model: str | Path | AnyModel = DEFAULT
    provider: str = "auto"
    stem: str | None = None
    separated: bool = False
    causal: bool = False
    start: float = 0.0
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Check what needs no model."""
        require("--provider", self.provider, PROVIDERS)
        if self.separated and self.stem is None:
            raise SpecError(
                f"--separated says that IN is a stem; name which with --stem: {', '.join(STEMS)}"
            )
        if self.separated:
            choose_stems(STEMS, [self.stem or ""])
        length = "" if self.seconds is None else f" --seconds {self.seconds:g}"
        if not (0 <= self.start < np.inf and (self.seconds is None or 0 < self.seconds < np.inf)):
            raise SpecError(
                f"--start {self.start:g}{length}: a part begins at 0 s or later and is longer than "
                "0 s; give e.g. --start 60 --seconds 20"
            )


@dataclass
class Heard:
    """What was found in a file.

    Attributes
    ----------
    song : SongAnalysis
    outlines : dict, stem -> float32 (2, hops)
        Lowest and highest sample of each hop of 256 at 44.1 kHz.
    warnings : list of str, one sentence each
    """

    song: SongAnalysis
    outlines: dict[str, FloatArray]
    warnings: list[str] = field(default_factory=list)


def listen(path: Path, options: ListenOptions, progress: Progress | None = None) -> Heard:
    """Analyse a file.

    Parameters
    ----------
    path : Path, of a song, or of a stem
    options : ListenOptions
    progress : callable or None, gets samples done and in all

    Returns
    -------
    heard : Heard

    Raises
    ------
    AudioFileError
        If the file cannot be read, or ends before `start`.
    MissingExtraError
        If librosa is not installed and `causal` is not asked for.
    SpecError
        If the model has no such stem; suggests one.

    Notes
    -----
    Thread: [main]
    """
    if not options.causal:
        librosa()  # before the work, not after it
    with AudioReader(path) as reader:
        names, stream = _separator(reader, options)
        ears: Collector | _Offline = (
            Collector(names, reader.channels) if options.causal else _Offline(names, reader)
        )
        outlines = _Outlines(names)
        done = 0
        mended = Counters()
        for chunk in _part(reader, options):
            done += chunk.shape[1]
            for stems in stream.push(clean(chunk, mended)):
                ears.push(stems)
                outlines.push(stems)
            if progress is not None:
                progress(done, max(done, reader.samples))
        if not done:
            raise AudioFileError(
                f"{path} ends before {options.start:g} s; give a smaller --start"
                if options.start
                else no_audio(path)
            )
        for stems in stream.flush():
            ears.push(stems)
            outlines.push(stems)
        whole = options.start == 0 and options.seconds is None
        warnings = reader.warnings(done) if whole else []
    return Heard(ears.finish(), outlines.finish(), warnings)


def _part(reader: AudioReader, options: ListenOptions) -> Iterator[FloatArray]:
    """Give the chunks of the part that is asked for."""
    skip = round(options.start * reader.sample_rate)
    left = None if options.seconds is None else round(options.seconds * reader.sample_rate)
    for chunk in reader.chunks(CHUNK):
        part = chunk[:, skip:]
        skip = max(0, skip - chunk.shape[1])
        if left is not None:
            part = part[:, :left]
            left -= part.shape[1]
        if part.shape[1]:
            yield part
        if left == 0:
            return


def _separator(reader: AudioReader, options: ListenOptions) -> tuple[tuple[str, ...], "_Stems"]:
    wanted = None if options.stem is None else [options.stem]
    if options.separated:
        return (options.stem or "",), _Stems(reader, None)
    model = options.model
    opened = Model(model, options.provider) if isinstance(model, str | Path) else model
    names = choose_stems(opened.card.stems, wanted)
    return names, _Stems(reader, StemStream(opened, BASE_RATE, reader.channels, names, FAST_FRAMES))


class _Stems:
    """Chunks at the file's rate in, stems at 44.1 kHz out."""

    def __init__(self, reader: AudioReader, stream: StemStream | None) -> None:
        self._stream = stream
        self._resampler = None
        if reader.sample_rate != BASE_RATE:
            self._resampler = AlignedResampler(reader.sample_rate, BASE_RATE, reader.channels)

    def push(self, chunk: FloatArray) -> Iterator[FloatArray]:
        yield self._apart(chunk if self._resampler is None else self._resampler.push(chunk))

    def flush(self) -> Iterator[FloatArray]:
        if self._resampler is not None:
            yield self._apart(self._resampler.flush())
        if self._stream is not None:
            yield self._stream.flush()

    def _apart(self, mix: FloatArray) -> FloatArray:
        return mix[None] if self._stream is None else self._stream.push(mix)


class _Offline:
    """A listener for each stem, and the mono half-rate sound of those with chords."""

    def __init__(self, names: tuple[str, ...], reader: AudioReader) -> None:
        self._listeners = [Listener(name, reader.channels) for name in names]
        self._thin: dict[str, AlignedResampler] = {}
        self._mono: dict[str, list[FloatArray]] = {}
        for name in names:
            if name != DRUMS and name not in SPANS:
                self._thin[name] = AlignedResampler(BASE_RATE, chords.RATE, 1)
                self._mono[name] = []
        self._samples = 0

    def push(self, stems: FloatArray) -> None:
        self._samples += stems.shape[2]
        for listener, samples in zip(self._listeners, stems, strict=True):
            listener.push(samples)
            if listener.stem in self._thin:
                mono = samples.mean(axis=0, keepdims=True)
                self._mono[listener.stem].append(self._thin[listener.stem].push(mono)[0])

    def finish(self) -> SongAnalysis:
        stems: dict[str, StemAnalysis] = {}
        for listener in self._listeners:
            found = listener.finish()
            name = listener.stem
            if name in self._thin:
                parts = [*self._mono.pop(name), self._thin[name].flush()[0]]
                found.notes.extend(chords.notes_of(np.concatenate(parts)))
            stems[name] = found
        curves = [listener.curve for listener in self._listeners]
        return song_of(stems, curves, self._samples / BASE_RATE)


class _Outlines:
    """Lowest and highest sample of each hop of each stem."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._rest: FloatArray | None = None
        self._parts: list[FloatArray] = []

    def push(self, stems: FloatArray) -> None:
        held = stems if self._rest is None else np.concatenate([self._rest, stems], axis=2)
        whole = held.shape[2] // HOP * HOP
        self._add(held[..., :whole])
        self._rest = held[..., whole:]

    def _add(self, held: FloatArray) -> None:
        hops = held.reshape(*held.shape[:2], -1, HOP)
        if hops.shape[2]:
            self._parts.append(np.stack([hops.min(axis=(1, 3)), hops.max(axis=(1, 3))], axis=1))

    def finish(self) -> dict[str, FloatArray]:
        if self._rest is not None and self._rest.shape[2]:
            missing = -self._rest.shape[2] % HOP
            self._add(np.pad(self._rest, ((0, 0), (0, 0), (0, missing))))
        empty = np.zeros((len(self._names), 2, 0), np.float32)
        whole = np.concatenate([empty, *self._parts], axis=2)
        return dict(zip(self._names, whole, strict=True))
