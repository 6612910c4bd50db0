"""Presets: a console, its routes and its MIDI map as a TOML file.

Rules of this file
 1. A file is refused with one sentence that names the file and the key. Nothing is guessed: an
    unknown key is an error, and so is a format from the future.
 2. What a file names (impulse responses, models by path) is inside the file's folder.
 3. A preset says what it changes. Strips, buses and settings that it leaves out are at their
    defaults, so that it fits every model that has the stems it names.
 4. A preset is found by its file's name; the user's own hides a shipped one.

preset     the tables, and the console and the map that are made of them
migration  from older formats to the present one
shelf      which presets there are, found and loaded
reach      the presets of one session, by its first one's map
"""

from plugin_bridge.presets.migration import FORMAT, MIGRATIONS, migrate
from plugin_bridge.presets.preset import ModelReference, Preset, json_schema
from plugin_bridge.presets.shelf import FOLDER_VARIABLE, find, listing, load, user_folder

__all__ = [
    "FOLDER_VARIABLE",
    "FORMAT",
    "MIGRATIONS",
    "ModelReference",
    "Preset",
    "find",
    "json_schema",
    "listing",
    "load",
    "migrate",
    "user_folder",
]
