"""A session inside the engine's process: device, engine, stream and recorder, made of settings."""

from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.errors import SpecError
from plugin_bridge.live.control import Audio, ControlBlock, Worker
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.devices.device import Device
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.fit import step_of
from plugin_bridge.live.meters import rows
from plugin_bridge.live.recorder import INPUT, TAKE, Recorder
from plugin_bridge.live.settings import DEFAULT_BLOCK, DEFAULT_RATE, NULL, LiveSettings
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.onnx import Model

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


def open_device(settings: LiveSettings, outputs: int) -> Device:
    """Open the device that the settings name, with this many outputs.

    Raises
    ------
    DeviceError
        If there is none such, or it refuses; says what was asked and what there is.

    Notes
    -----
    Thread: [main]
    """
    if settings.device == NULL:
        rate, block = settings.rate or DEFAULT_RATE, settings.block or DEFAULT_BLOCK
        return NullDevice(rate, block, CHANNELS, max(outputs, NULL_OUTPUTS), NoiseSource(rate))
    from plugin_bridge.live.devices import portaudio

    info_in, info_out = portaudio.pair(settings.input, settings.output)
    return portaudio.PortAudioDevice(
        info_in, info_out, settings.rate, settings.block, CHANNELS, outputs
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
    while (free / TAKE).exists() or (free / INPUT).exists():
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
    ) -> None:
        desk = Desk(settings)
        model = Model(desk.model, settings.provider)
        if model.card.kind == "segment":
            raise SpecError(
                f"{model.card.name} separates whole segments of {model.card.segment} samples; for "
                "playing live choose a streaming --model, such as lastframe"
            )
        consoles = desk.consoles(model.card.stems, CHANNELS, state, active)
        outputs = max(max(r.channels) for c in consoles.values() for r in c.routes)
        self.device = open_device(settings, outputs)
        self.engine = Engine(
            model,
            self.device.sample_rate,
            consoles,
            channels=CHANNELS,
            block=step_of(model, self.device.sample_rate),
            max_insert_latency=MAX_INSERT_LATENCY,
        )
        self._settings = settings
        self._start = {name: console.controls() for name, console in consoles.items()}
        self._recorder = self._open_recorder() if settings.record else None
        self.stream = LiveStream(
            self.engine,
            self.device,
            mode=settings.mode,
            clock=settings.clock,
            on_miss=settings.on_miss,
            control=control,
            urgent=settings.clock == "live",
            recorder=self._recorder,
        )
        self._model, self._file = model, desk.model
        self._control = control

    def _open_recorder(self) -> Recorder:
        folder = free_folder(Path(self._settings.record or ""))
        engine, device = self.engine, self.device
        return Recorder(folder, device.sample_rate, CHANNELS, engine.outputs, device.block)

    def start(self) -> None:
        """Play.

        Raises
        ------
        DeviceError
            If the device does not start.

        Notes
        -----
        Thread: [main]
        """
        if self._recorder is not None:
            self._recorder.start()
        self.stream.start()

    def stop(self) -> None:
        """End, and write down what was played.

        Notes
        -----
        Thread: [main]
        """
        self.stream.stop()
        if self._recorder is not None:
            self._recorder.finish(self._taken())

    def _taken(self) -> dict[str, Any]:
        """Give what a take says about its session."""
        cells, engine = self._control.cells, self.engine
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
            "misses": int(cells[Audio.MISSES]),
            "missed_samples": int(cells[Audio.MISSED_SAMPLES]),
            "skipped_hops": int(cells[Worker.SKIPPED_HOPS]),
            "input_xruns": int(cells[Audio.INPUT_XRUNS]),
            "output_xruns": int(cells[Audio.OUTPUT_XRUNS]),
            "model": {
                "name": self._model.card.name,
                "file": str(self._file),
                "sha256": self._model.sha256,
            },
            "state": self._start,
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
                "inputs": device.inputs,
                "outputs": device.outputs,
            },
            "model": {"name": self._model.card.name, "sha256": self._model.sha256},
            "provider": engine.provider,
            "mode": stream.mode,
            "priority": stream.priority,
            "step": engine.step,
            "stems": list(engine.stems),
            "paths": list(stream.paths),
            "presets": list(stream.presets),
            "active": engine.active,
            "controls": {name: console.controls() for name, console in engine.consoles.items()},
            "record": None if self._recorder is None else str(self._recorder.folder),
            "meters": rows(engine.stems, engine.channels, engine.outputs),
            "latency_samples": stream.latency | {"device": driver},
        }
