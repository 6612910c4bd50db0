"""MIDI: from messages to console commands, and back to lamps and motor faders.

binding      Binding: one row of a preset's MIDI table, and its curves
mapping      MidiMap: pure, message bytes in, commands out; feedback the other way
control      MidiControl: a map on a console that runs elsewhere, and the lamps that show it
performance  a list of timed messages to timed commands
learning     a message that was touched to the binding that it becomes
names        ports by name: what a text means, which port is back
intake       what a port received: checked, bounded, counted
ports        MidiInput, MidiOutput
watch        what both have: a thread, and the port opened again when it is back
driver       rtmidi's clients; the one file that imports it
jack         whether the JACK server still lives

Only the last four touch the system, and nothing of theirs is imported here.
"""

from plugin_bridge.midi.binding import Binding
from plugin_bridge.midi.control import MidiControl
from plugin_bridge.midi.mapping import MidiMap

__all__ = ["Binding", "MidiControl", "MidiMap"]
