"""A bridge between neural stem separation and DAW-style audio."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from plugin_bridge.bridge import StemBridge
    from plugin_bridge.chain import Chain
    from plugin_bridge.separator import Counters, Separator

__all__ = ["Chain", "Counters", "Separator", "StemBridge"]

# Imported when first asked for: what they bring along takes long, and a program that plays live
# starts its engine's process before.
_LATER = {
    "Chain": "plugin_bridge.chain",
    "Counters": "plugin_bridge.separator",
    "Separator": "plugin_bridge.separator",
    "StemBridge": "plugin_bridge.bridge",
}


def __getattr__(name: str) -> typing.Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
    return value
