"""StemBridge: separator and console, called like a native Pedalboard plugin."""

import math
from pathlib import Path

import numpy as np

from plugin_bridge.console import Bus, Console, Strip
from plugin_bridge.console.route import side_by_side
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.layout import Form, Layout, check_arguments
from plugin_bridge.engine import Engine
from plugin_bridge.errors import SpecError
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.model.store import DEFAULT
from plugin_bridge.names import MIX
from plugin_bridge.separator import Counters

# What latency is told for before there was any audio.
STEREO = 2


class StemBridge:
    """Separate music and mix its stems anew, as an effect.

    Called like a native Pedalboard plugin. It cannot sit in a `pedalboard.Pedalboard`, which
    calls its own plugins only; `Chain` has both.

    Parameters
    ----------
    model : str, Path or a model
        Name or path of a model file, or an opened model.
    console : Console, optional
        One for some or all of the model's stems; by default a new one for all.
    block : int, optional
        Samples of every streaming call. The latency is lower when it is known; other sizes
        are refused then.
    frames_per_call : int
        Frames per call of the network: 1 is exact, 64 faster and later.
    provider : "auto", "cpu" or "cuda"
        Where a model file runs; an opened model has its own.

    Attributes
    ----------
    console : Console
    stems : tuple of str, the strips
    provider : str, the execution provider in use
    is_effect, is_instrument : bool, True and False

    Raises
    ------
    ModelError
        If the model cannot be used.
    SpecError
        If a parameter is not allowed, or the console has a stem that the model lacks.

    Notes
    -----
    Thread: [main]
    """

    is_effect = True
    is_instrument = False

    def __init__(
        self,
        model: str | Path | AnyModel = DEFAULT,
        *,
        console: Console | None = None,
        block: int | None = None,
        frames_per_call: int = 1,
        provider: str = "auto",
    ) -> None:
        self._model = Model(model, provider) if isinstance(model, str | Path) else model
        self._console = Console(self._model.card.stems) if console is None else console
        self.stems = tuple(self.console.strips)
        self.provider = self._model.provider
        self._block = block
        self._frames_per_call = frames_per_call
        self._layout = Layout()
        self._engine = self._prepare(self._model.card.sample_rate, STEREO)

    def __getitem__(self, name: str) -> Strip | Bus:
        return self.console[name]

    def __repr__(self) -> str:
        card = self._model.card
        return f"<plugin_bridge.StemBridge model={card.name} stems={', '.join(self.stems)}>"

    @property
    def console(self) -> Console:
        """The console: it stays the same, its settings change."""
        return self._console

    def add_bus(self, name: str) -> Bus:
        """Add a bus; it takes part from the next reset on.

        Raises
        ------
        SpecError
            If the name is taken or cannot be one.

        Notes
        -----
        Thread: [main]
        """
        return self.console.add_bus(name)

    @property
    def latency_samples(self) -> int:
        """By how much streamed output is late, at the last call's rate or the model's own."""
        return self._current().latency_samples

    @property
    def sample_rate(self) -> float:
        """The last call's, in Hz; before the first call the model's own."""
        return self._engine.sample_rate

    @property
    def counters(self) -> Counters:
        """What had to be mended since the last reset."""
        return self._engine.counters

    def process(
        self,
        input_array: FloatArray,
        sample_rate: float,
        buffer_size: int = 8192,
        reset: bool = True,
    ) -> FloatArray:
        """Separate audio and give the console's mix of its stems.

        Parameters
        ----------
        input_array : float32 or float64
            Shape (channels, samples), (samples, channels) or (samples,): the smaller axis is
            channels, 1 or 2 of them.
        sample_rate : float, Hz
            Another one than at the call before starts anew.
        buffer_size : int
            Without effect on the result, as the audio is cut into hops.
        reset : bool
            True: one whole signal, of which everything is given. False: the next block of a
            stream; fewer samples are given until the latency has passed.

        Returns
        -------
        mix : float32, laid out as the input, at most as long

        Raises
        ------
        ArrayTypeError, ArrayLayoutError
            Where Pedalboard raises a TypeError or RuntimeError; they are such, too.
        SpecError
            If the model does not run at the sample rate, or there are more than two channels.

        Notes
        -----
        Thread: [main]
        """
        check_arguments(sample_rate, buffer_size, reset)
        audio = self._layout.unpack(input_array, stream=not reset)
        form = self._layout.form or Form()
        return form.pack(self.run(audio, sample_rate, reset=bool(reset)))

    __call__ = process

    def process_stems(
        self,
        input_array: FloatArray,
        sample_rate: float,
        buffer_size: int = 8192,
        reset: bool = True,
    ) -> dict[str, FloatArray]:
        """Separate audio and give each strip after its fader.

        Parameters, errors and stream are those of `process`: a call is the next block of the
        same stream, whichever of the two it is.

        Returns
        -------
        stems : dict of str to float32, shape (channels, samples)

        Notes
        -----
        Thread: [main]
        """
        check_arguments(sample_rate, buffer_size, reset)
        audio = self._layout.unpack(input_array, stream=not reset)
        return self._apart(self._run(audio, sample_rate, bool(reset)))

    def run(self, audio: FloatArray, sample_rate: float, *, reset: bool) -> FloatArray:
        """Do what `process` does, without looking for the layout.

        Parameters
        ----------
        audio : float32, shape (channels, samples)
        sample_rate : float, Hz
        reset : bool

        Returns
        -------
        mix : float32, shape (channels, n), n <= samples

        Raises
        ------
        SpecError
            If the sample rate or the channels are not allowed.

        Notes
        -----
        Thread: [main]
        """
        return self._run(audio, sample_rate, reset)[: len(audio)]

    def flush(self) -> FloatArray:
        """Give what a stream still holds, and end it: in all, as much came out as went in.

        Returns
        -------
        mix : float32, laid out as the last input

        Notes
        -----
        Thread: [main]
        """
        return (self._layout.form or Form()).pack(self.rest())

    def flush_stems(self) -> dict[str, FloatArray]:
        """Do what `flush` does, for a stream of `process_stems`.

        Returns
        -------
        stems : dict of str to float32, shape (channels, samples)

        Notes
        -----
        Thread: [main]
        """
        return self._apart(self._engine.flush())

    def rest(self) -> FloatArray:
        """Do what `flush` does, without the layout.

        Returns
        -------
        mix : float32, shape (channels, n), n <= latency_samples

        Notes
        -----
        Thread: [main]
        """
        return self._engine.flush()[: self._engine.channels]

    def reset(self) -> None:
        """Forget the stream and the layout of arrays; take new inserts and buses.

        Raises
        ------
        SpecError
            If the console cannot be mixed; names the key.

        Notes
        -----
        Thread: [main]
        """
        self._layout = Layout()
        self._reset_engine(self._engine)

    def _run(self, audio: FloatArray, sample_rate: float, reset: bool) -> FloatArray:
        """Give (outputs, n): the mix, and then every strip."""
        if not math.isfinite(sample_rate) or sample_rate <= 0:
            raise SpecError(f"sample_rate is {sample_rate}; give that of the audio, in Hz")
        channels, samples = audio.shape
        if channels > STEREO:
            raise SpecError(
                f"the audio has {channels} channels; 1 or 2 are separated: pick a pair first"
            )
        if not samples:
            if reset:
                self._reset_engine(self._engine)
            if channels and self._engine.fresh:
                self._current(float(sample_rate), channels)
            return np.zeros(((1 + len(self.stems)) * channels, 0), np.float32)
        engine = self._current(float(sample_rate), channels)
        if not reset:
            return engine.push(audio)
        settings = self._settings()
        out = engine.whole(audio)
        self._seen = settings
        return out

    def _apart(self, rows: FloatArray) -> dict[str, FloatArray]:
        strips = rows.reshape(1 + len(self.stems), self._engine.channels, -1)[1:]
        return dict(zip(self.stems, strips, strict=True))

    def _current(self, sample_rate: float | None = None, channels: int | None = None) -> Engine:
        """Give the engine, for another rate or width a new one."""
        engine = self._engine
        sample_rate = engine.sample_rate if sample_rate is None else sample_rate
        channels = channels or engine.channels
        if (sample_rate, channels) != (engine.sample_rate, engine.channels):
            self._engine = self._prepare(sample_rate, channels)
        elif engine.fresh and self._seen != self._settings():
            self._reset_engine(engine)
        return self._engine

    def _settings(self) -> tuple[int, list[str]]:
        """Give what tells that the console has changed: who adds to a board tells nobody."""
        boards = [repr(list(channel.inserts)) for channel in self.console.channels.values()]
        return self.console.version, boards

    def _reset_engine(self, engine: Engine) -> None:
        settings = self._settings()
        engine.reset()
        self._seen = settings

    def _prepare(self, sample_rate: float, channels: int) -> Engine:
        settings = self._settings()
        engine = Engine(
            self._model,
            sample_rate,
            self.console,
            channels=channels,
            block=self._block,
            frames_per_call=self._frames_per_call,
            routes=side_by_side([MIX, *self.stems], channels),
        )
        self._seen = settings
        return engine
