"""A bridge between neural stem separation and DAW-style audio."""

from plugin_bridge.separator import Counters, Separator

__all__ = ["Counters", "Separator"]
