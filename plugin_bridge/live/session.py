"""A session inside the engine's process: device, engine, stream and recorder, made of settings."""

from pathlib import Path
from time import monotonic_ns
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.errors import PluginBridgeError, SpecError
from plugin_bridge.live.control import ControlBlock
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.devices.choice import parse
from plugin_bridge.live.devices.device import Device
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.meters import rows
from plugin_bridge.live.parts import is_taken
from plugin_bridge.live.playing import Playing
from plugin_bridge.live.priority import lock_memory
from plugin_bridge.live.recorder import Recorder
from plugin_bridge.live.settings import DEFAULT_BLOCK, DEFAULT_RATE, NULL, LiveSettings
from plugin_bridge.live.stopwatch import Stopwatch
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import step_of

MAX_INSERT_LATENCY = 1024
# Stereo in.
CHANNELS = 2
# Outputs of the null device, so that every shipped preset fits.
NULL_OUTPUTS = 8


class NoiseSource:
    """A second of noise, over and over: the input of the null device."""

    def __init__(self, rate: float) -> None:
        generator = np.random.default_rng(0)
        self._noise = 0.1 * generator.standard_normal((int(rate), CHANNELS), np.float32)
        self._at = 0

    def __call__(self, indata: FloatArray) -> None:
        """Fill the next block."""
        for start in range(0, len(indata), len(self._noise)):
            part = indata[start : start + len(self._noise)]
            places = np.arange(self._at, self._at + len(part))
            np.take(self._noise, places, axis=0, out=part, mode="wrap")
            self._at = (self._at + len(part)) % len(self._noise)


def open_device(
    settings: LiveSettings, outputs: int, inputs: int = CHANNELS, rate: float | None = None
) -> Device:
    """Open the device that the settings name, with this many outputs and inputs.

    Parameters
    ----------
    settings : LiveSettings
    outputs, inputs : int; without inputs only an output device is needed, and one will do for two
    rate : float, Hz, instead of the settings'

    Raises
    ------
    DeviceError
        If there is none such, or it refuses; says what was asked and what there is.

    Notes
    -----
    Thread: [main]
    """
    if settings.device == NULL:
        rate, block = rate or settings.rate or DEFAULT_RATE, settings.block or DEFAULT_BLOCK
        source = NoiseSource(rate) if inputs else None
        return NullDevice(rate, block, inputs, max(outputs, NULL_OUTPUTS), source)
    from plugin_bridge.live.devices import portaudio

    info_in: portaudio.DeviceInfo | None = None
    if inputs:
        info_in, info_out = portaudio.pair(settings.input, settings.output)
        inputs = min(inputs, info_in.inputs)  # one feeds both channels
    else:
        info_out = portaudio.find(*parse(settings.output or ""), "output")
    return portaudio.PortAudioDevice(
        info_in, info_out, rate or settings.rate, settings.block, inputs, outputs
    )


def free_folder(folder: Path) -> Path:
    """Make a folder for a take: this one, or, where it has one already, one with a number.

    Raises
    ------
    SpecError
        If it cannot be made.

    Notes
    -----
    Thread: [main]
    """
    number, free = 1, folder
    while is_taken(free):
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    try:
        free.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(
            f"--record {free}: the folder cannot be made ({error.strerror}); name another"
        ) from error
    return free


def _lasting(preset: str | None) -> str:
    """Give a preset as it is found from any folder; "" for none."""
    path = Path(preset or "").expanduser()
    return str(path.absolute()) if path.suffix and path.is_file() else preset or ""


class Session:
    """A stream, made of settings.

    Parameters
    ----------
    settings : LiveSettings
    control : ControlBlock
    state : mapping: preset -> path -> value, to go on with
    active : str, the preset to go on with
    position : int, sample of the song to go on with
    watch : Stopwatch, optional; gets a lap for every part of the start

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        settings: LiveSettings,
        control: ControlBlock,
        state: dict[str, dict[str, Any]],
        active: str,
        position: int = 0,
        watch: Stopwatch | None = None,
    ) -> None:
        self._watch = watch = watch or Stopwatch(monotonic_ns())
        desk = Desk(settings)
        watch.lap("presets")
        model = Model(desk.model, settings.provider)
        watch.lap("model")
        if model.card.kind == "segment" and settings.play is None:
            raise SpecError(
                f"{model.card.name} separates whole segments of {model.card.segment} samples; for "
                "playing live choose a streaming --model, such as lastframe, or --play a file"
            )
        consoles = desk.consoles(model.card.stems, CHANNELS, state, active)
        outputs = max(max(r.channels) for c in consoles.values() for r in c.routes)
        self.device: Device
        self._playing = None
        if settings.play is not None:
            self._playing = playing = Playing(
                settings,
                model,
                consoles,
                lambda rate: open_device(settings, outputs, 0, rate),
                control,
                position,
                MAX_INSERT_LATENCY,
            )
            self.device, self.engine = playing.device, playing.engine
        else:
            self.device = open_device(settings, outputs)
            watch.lap("device")
            self.engine = Engine(
                model,
                self.device.sample_rate,
                consoles,
                channels=CHANNELS,
                block=step_of(model, self.device.sample_rate),
                max_insert_latency=MAX_INSERT_LATENCY,
            )
        watch.lap("engine")
        self._settings, self._control = settings, control
        self._start = {name: console.controls() for name, console in consoles.items()}
        self._recorder = self._open_recorder() if settings.record else None
        try:
            self.stream = LiveStream(
                self.engine,
                self.device,
                mode=settings.mode,
                clock=settings.clock,
                on_miss=settings.on_miss,
                control=control,
                urgent=settings.clock == "live",
                recorder=self._recorder,
                seek=None if self._playing is None else self._playing.ahead.seek,
                listens=settings.listen,
            )
        except PluginBridgeError:
            self._discard()
            raise
        watch.lap("trial")
        self._model, self._file = model, desk.model
        self._memory = ""

    def _open_recorder(self) -> Recorder:
        folder = free_folder(Path(self._settings.record or ""))
        engine, device = self.engine, self.device
        shape = (device.sample_rate, CHANNELS, engine.outputs, device.block)
        return Recorder(folder, *shape, self._control.cells)

    def _discard(self) -> None:
        """Leave no parts of a take that never began: its folder would not be free next time."""
        if self._recorder is not None:
            self._recorder.discard()

    def start(self) -> None:
        """Play.

        Raises
        ------
        DeviceError
            If the device does not start.
        AudioFileError
            If the take cannot be written.

        Notes
        -----
        Thread: [main]
        """
        self._memory = lock_memory()
        try:
            if self._recorder is not None:
                self._recorder.start(self._taken())
            if self._playing is not None:
                self._playing.start()
            self.stream.start()
        except PluginBridgeError:
            self._discard()
            raise
        self._watch.lap("stream")

    def stop(self) -> None:
        """End, and write down what was played.

        Notes
        -----
        Thread: [main]
        """
        self.stream.stop()
        if self._recorder is not None:
            self._recorder.finish()
        # Last: a network that takes seconds for a segment is not waited for by the parent.
        if self._playing is not None:
            self._playing.stop()

    def _taken(self) -> dict[str, Any]:
        """Give what a take says about its session, but for what is counted."""
        engine = self.engine
        return {
            "rate": round(engine.sample_rate),
            "block": self.device.block,
            "channels": engine.channels,
            "outputs": engine.outputs,
            "mode": self.stream.mode,
            "latency_samples": self.stream.latency_samples,
            "provider": engine.provider,
            "preset": _lasting(self._settings.preset),
            "reach": self._settings.reach,
            "active": next(iter(self._start)),
            "model": {
                "name": self._model.card.name,
                "file": str(self._file),
                "sha256": self._model.sha256,
            },
            "state": self._start,
            "song": {} if self._playing is None else {"begin": self._playing.begin},
        }

    def described(self) -> dict[str, Any]:
        """Give what the parent needs to know; JSON can hold it.

        Notes
        -----
        Thread: [main]
        """
        engine, device, stream = self.engine, self.device, self.stream
        rate = device.sample_rate
        driver = round((device.input_latency + device.output_latency) * rate)
        return {
            "device": {
                "name": device.name,
                "host_api": device.host_api,
                "rate": rate,
                "block": device.block,
                "inputs": device.inputs if self._playing is None else 0,
                "outputs": device.outputs,
            },
            "model": {"name": self._model.card.name, "sha256": self._model.sha256},
            "provider": engine.provider,
            "mode": stream.mode,
            "priority": stream.priority,
            "memory": self._memory,
            "step": engine.step,
            "stems": list(engine.stems),
            "listens": self._settings.listen,
            "paths": list(stream.paths),
            "presets": list(stream.presets),
            "active": engine.active,
            "controls": {name: console.controls() for name, console in engine.consoles.items()},
            "song": None if self._playing is None else self._playing.described(),
            "record": None if self._recorder is None else str(self._recorder.folder),
            "start": self._watch.laps,
            "meters": rows(engine.stems, engine.channels, engine.outputs),
            "latency_samples": stream.latency | {"device": driver},
        }
