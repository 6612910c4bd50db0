"""Audio files in and out, and the offline render.

containers   is a file whole: what its header promises against what it holds
mp3          the length of an mp3 that does not tell it
reader       AudioReader
writer       AudioWriter: nothing half-written under a final name
ffmpeg       its programs, bounded in time
mp4          boxes of an mp4 file
ni_stems     .stem.mp4 for DJ programs: what the format says
ni_writer    its writer
outputs      what a render writes: files of stems, or a .stem.mp4
resample     a streaming resampler aligned to the sample
stream       chunks of a file in; its stems, or what the console makes of them, out, as long
midi         MIDI files: which message, at which second
mixdown      what a render asks of the console: presets, and a MIDI file that plays them
options      RenderOptions and the names of output folders
report       what is known about a finished render, and render.json
render       one file
jobs         several files, in this process or in several

Nothing is imported here: `plugin-bridge --help` does not wait for Pedalboard.
"""
