"""A song instead of the inputs of a device: what a session with `--play` is made of.

file -> Song -> Separator -> queue of stems -> Deck -> Engine's console -> device
        [ahead: a thread, seconds before]      [the play head: callback and worker]
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plugin_bridge.console import Console
from plugin_bridge.engine import Engine
from plugin_bridge.live.ahead import Ahead
from plugin_bridge.live.control import ControlBlock, Head
from plugin_bridge.live.devices.device import Device
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.song import Song
from plugin_bridge.live.turntable import Turntable
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import supports_rate
from plugin_bridge.source import ReadyStems, console_hop, separator_of

CHANNELS = 2


class Playing:
    """A song, what separates it ahead, and the engine and device that play it.

    Parameters
    ----------
    settings : LiveSettings, with `play`
    model : an opened model, of any kind
    consoles : mapping of name to Console
    open_device : callable: rate in Hz -> Device, of which the outputs are used
    control : ControlBlock
    position : int, sample of the song to begin at, at the rate of the device
    max_insert_latency : int, samples

    Attributes
    ----------
    device : Turntable
    engine : Engine, of which every push is the song and its stems
    ahead : Ahead
    begin : int, sample of the song

    Raises
    ------
    AudioFileError
        If the file cannot be played.
    SpecError
        If the model does not run at the rate that was asked for.
    DeviceError
        If the device does not run at the rate, or refuses otherwise.

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self,
        settings: LiveSettings,
        model: AnyModel,
        consoles: Mapping[str, Console],
        open_device: Callable[[float], Device],
        control: ControlBlock,
        position: int = 0,
        max_insert_latency: int | None = None,
    ) -> None:
        self._song = Song(Path(settings.play or ""), CHANNELS)
        rate = round(settings.rate) if settings.rate else _rate_for(model, self._song.file_rate)
        if rate != self._song.rate:
            self._song.resample(rate)
        stems = next(iter(consoles.values())).strips
        separator = separator_of(model, rate, CHANNELS, stems=tuple(stems))
        hop = console_hop(separator)
        device = open_device(rate)
        self.ahead = Ahead(self._song, separator, hop, device.block, control.cells)
        self.device = Turntable(device, self.ahead, waits=settings.clock == "wait")
        ready = ReadyStems(separator.stems, CHANNELS, hop, separator.provider, self.ahead.counters)
        self.engine = Engine(
            ready,
            rate,
            consoles,
            channels=CHANNELS,
            block=hop,
            max_insert_latency=max_insert_latency,
        )
        self.begin = position
        # What the next engine is told if this one dies before its first callback.
        control.cells[Head.POSITION] = position

    def start(self) -> None:
        """Separate until the song can be played from its position on.

        Notes
        -----
        Thread: [main]
        """
        self.ahead.start(self.begin)

    def stop(self) -> None:
        """End the thread that separates; the device has stopped.

        Notes
        -----
        Thread: [main]
        """
        self.ahead.stop()

    def described(self) -> dict[str, Any]:
        """Give what the parent needs to know; JSON can hold it.

        Notes
        -----
        Thread: [main]
        """
        return {
            "file": str(self._song.path),
            "file_rate": self._song.file_rate,
            "queue_seconds": round(self.ahead.bound / self._song.rate, 3),
        }


def _rate_for(model: AnyModel, file_rate: int) -> int:
    """Give the rate to play at: the file's, or the model's own where it does not run at that."""
    return file_rate if supports_rate(model, file_rate) else model.card.sample_rate
