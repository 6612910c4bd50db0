"""A bridge between neural stem separation and DAW-style audio."""

import importlib
import typing

from plugin_bridge.separator import Counters, Separator

if typing.TYPE_CHECKING:
    from plugin_bridge.bridge import StemBridge
    from plugin_bridge.chain import Chain

__all__ = ["Chain", "Counters", "Separator", "StemBridge"]

# Imported when first asked for: they bring Pedalboard along, which takes long.
_LATER = {"Chain": "plugin_bridge.chain", "StemBridge": "plugin_bridge.bridge"}


def __getattr__(name: str) -> typing.Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
    return value
