"""MIDI: from messages to console commands, back to lamps, and from what is heard to notes.

binding      Binding: one row of a preset's MIDI table, and its curves
mapping      MidiMap: pure, message bytes in, commands out; feedback the other way
control      MidiControl: a map on a console that runs elsewhere, and the lamps that show it
voice        Voice: one row of what is played out when something is heard in a stem
ensemble     Ensemble: pure, what is heard in, message bytes out, each note ended once
performance  a list of timed messages to timed commands
learning     a message that was touched to the binding that it becomes
names        ports by name: what a text means, which port is back
intake       what a port received: checked, bounded, counted
ports        MidiInput, MidiOutput, NotesOutput
watch        what both have: a thread, and the port opened again when it is back
driver       rtmidi's clients; the one file that imports it
jack         whether the JACK server still lives

Only the last four touch the system, and nothing of theirs is imported here.
"""

from plugin_bridge.midi.binding import Binding
from plugin_bridge.midi.control import MidiControl
from plugin_bridge.midi.mapping import MidiMap
from plugin_bridge.midi.voice import DEFAULT_VOICES, Voice

__all__ = ["DEFAULT_VOICES", "Binding", "MidiControl", "MidiMap", "Voice"]
