"""The console: a strip per stem, buses, a master, routes, and the mixer that runs them."""

from plugin_bridge.console.command import Command
from plugin_bridge.console.console import Console
from plugin_bridge.console.mixer import Mixer
from plugin_bridge.console.route import Route
from plugin_bridge.console.strip import Bus, Strip

__all__ = ["Bus", "Command", "Console", "Mixer", "Route", "Strip"]
