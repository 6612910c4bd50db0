"""Audio files in and out, and the offline render.

containers   is a file whole: what its header promises against what it holds
reader       AudioReader
writer       AudioWriter: nothing half-written under a final name
resample     a streaming resampler aligned to the sample
stream       StemStream: chunks of a file in, its stems out, at the file's own rate and length
options      RenderOptions and the names of output folders
report       what is known about a finished render, and render.json
render       one file
jobs         several files, in this process or in several

Nothing is imported here: `plugin-bridge --help` does not wait for Pedalboard.
"""
