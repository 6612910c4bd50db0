"""What is played in a stem: onsets, hits, pitch, notes and levels, live and offline.

events    Event: what is found, where, and when it was known
grid      windows and hops, the same times at every rate
bands     levels in 17 bands, hop by hop, and how they rise
network   levels -> likelihoods of kick, snare, hat; a small trained network
weights   its weights
onset     HitDetector, OnsetDetector
pitch     candidates of each hop, and the best path through them
notes     NoteTracker: onsets and pitch -> notes
level     peak and mean level
analyst   Analyst: all of these for all stems, hops in, events out
results   what was found in a song, in seconds
collect   Collector: an Analyst over a whole song
melody    a pitch curve and onsets -> notes, with a look ahead
offline   Listener: a whole stem, with a look ahead
beats     tempo and beats, by librosa of the extra `analysis`
chords    notes of an instrument that plays several at once, by librosa

The first ten are pure numpy and causal: an onset is told at most 20 ms after it, a note when its
pitch is known. The others listen to files.
"""

from plugin_bridge.analysis.analyst import Analyst
from plugin_bridge.analysis.events import Event

__all__ = ["Analyst", "Event"]
