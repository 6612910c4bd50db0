"""A live stream on a cranked null device, for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugin_bridge.console import Console, Route
from plugin_bridge.engine import Engine
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import step_of

RATE = 44100


def engine_of(
    model: AnyModel,
    consoles: Console | Mapping[str, Console] | None = None,
    rate: float = RATE,
    routes: Sequence[Route] | None = None,
) -> Engine:
    """Give an engine as live playing makes it."""
    desk = Console(model.card.stems) if consoles is None else consoles
    return Engine(model, rate, desk, block=step_of(model, rate), routes=routes)


def cranked(engine: Engine, block: int, **options: Any) -> tuple[LiveStream, NullDevice]:
    """Give a started stream whose device is cranked by hand."""
    device = NullDevice(engine.sample_rate, block, engine.channels, engine.outputs, clocked=False)
    stream = LiveStream(engine, device, **options)
    stream.start()
    return stream, device
