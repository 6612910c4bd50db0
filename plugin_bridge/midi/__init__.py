"""MIDI: from messages to console commands, and back to lamps and motor faders.

binding      Binding: one row of a preset's MIDI table, and its curves
mapping      MidiMap: pure, message bytes in, commands out; feedback the other way
performance  a list of timed messages to timed commands, on a console of numbers

Nothing here opens a port or a file.
"""

from plugin_bridge.midi.binding import Binding
from plugin_bridge.midi.mapping import MidiMap

__all__ = ["Binding", "MidiMap"]
