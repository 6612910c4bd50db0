"""The consoles behind a plugin: its parameters, and the presets that it can switch to.

Rules of this file
  1. What is heard is a function of the preset and the parameters: gain and balance add to the
     preset's, mute and solo join them. So a project sounds as it was saved.
  2. A project numbers its presets by itself, with name and hash. Those that are new here get the
     numbers after them; those that are gone keep theirs.
  3. MIDI moves the preset's own settings, below the parameters, and begins at every activation with
     the preset as it was when the plugin was opened: the notes of a project do the same at every
     bounce.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from plugin_bridge import presets
from plugin_bridge.console import Command, Console
from plugin_bridge.daw import protocol
from plugin_bridge.disk import digest
from plugin_bridge.errors import PluginBridgeError, PresetError
from plugin_bridge.midi import MidiMap
from plugin_bridge.midi.control import MidiControl
from plugin_bridge.presets.reach import DEFAULT_MAP, PLAIN

_LINE = re.compile(r"([0-9a-f]{64}) (\S.*)")
_LEAST_DB, _MOST_DB = -120.0, 24.0
_PRESET = "preset"
# What a parameter is called on the console.
_CONTROLS = {"gain_db": "gain_db", "balance": "pan", "mute": "mute", "solo": "solo"}

Setting = float | bool


@dataclass
class Shelf:
    """The presets that can be played here.

    Attributes
    ----------
    consoles : mapping of name to Console, the one without a preset first
    hashes : mapping of name to SHA-256 of its file
    left_out : mapping of name to the reason why it cannot be played
    maps : mapping of name to MidiMap, of the presets that have one
    stamps : mapping of file to when it was saved, as it was loaded
    """

    consoles: dict[str, Console]
    hashes: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    maps: dict[str, MidiMap] = field(default_factory=dict)
    stamps: dict[Path, int] = field(default_factory=dict)

    def drop(self, name: str, reason: str) -> None:
        """Take a preset off."""
        self.left_out[name] = reason
        del self.consoles[name], self.hashes[name]


def stamps() -> dict[Path, int]:
    """Give when each preset that can be named was saved, in ns; 0 where that cannot be told.

    Notes
    -----
    Thread: [main]
    """
    found = dict.fromkeys(presets.listing(), 0)
    for path in found:
        with suppress(OSError):
            found[path] = path.stat().st_mtime_ns
    return found


def load_shelf(stems: Sequence[str], *, allow_plugins: bool = False) -> Shelf:
    """Load all presets that fit a model's stems.

    Notes
    -----
    Thread: [main]
    """
    shelf = Shelf({PLAIN: Console(stems)}, stamps=stamps())
    for path in shelf.stamps:
        try:
            if not path.stem.isprintable() or not _LINE.fullmatch(f"{'0' * 64} {path.stem}"):
                raise PresetError(
                    f"{path.name!a} has signs in its name that a project cannot keep; rename it"
                )
            preset = presets.load(path)
            console = preset.console(stems, allow_plugins=allow_plugins)
            shelf.hashes[path.stem] = digest(path)
            shelf.consoles[path.stem] = console
            if preset.midi:
                shelf.maps[path.stem] = preset.midi_map(stems)
        except PluginBridgeError as error:
            shelf.left_out[path.stem] = str(error)
    return shelf


def buses_of(stems: Sequence[str]) -> tuple[str | None, ...]:
    """Give the stem of each of the plugin's buses: by name, then by order.

    Examples
    --------
    >>> buses_of(("other", "vocals"))
    ('vocals', None, None, 'other')
    >>> buses_of(("speech", "noise"))
    ('speech', 'noise', None, None)

    Notes
    -----
    Thread: [any]
    """
    left = [stem for stem in stems if stem not in protocol.STEMS]
    found = [stem if stem in stems else None for stem in protocol.STEMS]
    return tuple(stem or (left.pop(0) if left else None) for stem in found)


class Numbers:
    """Presets by number, as a project has them.

    Parameters
    ----------
    hashes : mapping of name to SHA-256, those that can be played here

    Examples
    --------
    >>> numbers = Numbers({"karaoke": "0" * 64})
    >>> numbers.follow("")
    >>> numbers.find(1)
    ('karaoke', 0)

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = hashes
        self._rows: list[tuple[str, str]] = []

    def follow(self, project: str) -> None:
        """Take the project's numbers, and add what is new here."""
        lines = [_LINE.fullmatch(line) for line in project.splitlines()]
        rows = [(line[2], line[1]) for line in lines if line is not None]
        known = {name for name, _ in rows}
        rows += [(name, self._hashes[name]) for name in sorted(self._hashes) if name not in known]
        self._rows = rows[: int(protocol.PARAMETERS[protocol.PRESET][2])]
        while len(self.text.encode()) > protocol.TEXT:
            self._rows.pop()

    @property
    def text(self) -> str:
        """What the project is to be saved with: one line per number, today's hash and a name."""
        return "".join(f"{self._hashes.get(name, sha)} {name}\n" for name, sha in self._rows)

    def find(self, number: int) -> tuple[str, int]:
        """Give the console's name for a number, and what is wrong with it or PLAYING."""
        if number == 0:
            return PLAIN, protocol.PLAYING
        if not 0 < number <= len(self._rows):
            return PLAIN, protocol.PRESET_MISSING
        name, sha = self._rows[number - 1]
        if name not in self._hashes:
            return PLAIN, protocol.PRESET_MISSING
        changed = self._hashes[name] != sha
        return name, protocol.PRESET_CHANGED if changed else protocol.PLAYING


class Desk:
    """Make commands of parameters.

    Parameters
    ----------
    consoles : mapping of name to Console
    stems : sequence of str, the model's
    numbers : Numbers
    maps : mapping of name to MidiMap
        A preset without one has that of dj-pads.

    Attributes
    ----------
    preset : str, the console that has been asked for last
    verdict : int, a Condition: what is wrong with that preset

    Notes
    -----
    Thread: [worker]
    """

    def __init__(
        self,
        consoles: Mapping[str, Console],
        stems: Sequence[str],
        numbers: Numbers,
        maps: Mapping[str, MidiMap],
    ) -> None:
        self._consoles, self._numbers, self._maps = consoles, numbers, maps
        self._buses = buses_of(stems)
        self._own: dict[str, dict[str, Setting]] = {
            name: console.controls() for name, console in consoles.items()
        }
        # The parameter that lies on top of a path.
        self._over = {
            f"{stem}.{_CONTROLS[name]}": bus * len(protocol.STRIP) + control
            for bus, stem in enumerate(self._buses)
            for control, (name, _, _) in enumerate(protocol.STRIP)
            if stem is not None
        }
        self.restore()

    @property
    def preset(self) -> str:
        """The console that has been asked for last."""
        return self._hands.active

    def restore(self) -> None:
        """Put every console back to its preset, for a stream that starts anew."""
        own = {name: self._own[name] for name in self._consoles}
        for name, console in self._consoles.items():
            for path, value in self._own[name].items():
                if console.get(path) != value:
                    console.set(path, value)
        self._values = [0.0] * protocol.VALUES
        self._hands = MidiControl(self._map_of(PLAIN), own, PLAIN)
        self.verdict = protocol.PLAYING

    def _map_of(self, name: str) -> MidiMap:
        return self._maps.get(name) or self._maps.get(DEFAULT_MAP) or MidiMap()

    def hear(self, message: bytes, position: int) -> list[Command]:
        """Give what a MIDI message means from a position on.

        Parameters
        ----------
        message : bytes, anything
        position : int, an input sample of the engine
        """
        found = list[Command]()
        for command in self._hands.commands(message, position):
            if command.path == _PRESET:
                found += self._switched(position)
            elif command.path in self._over:
                found += self._strip(self._over[command.path], position)
            else:
                found.append(command)
        return found

    def commands(self, index: int, value: float, position: int) -> list[Command]:
        """Give what a parameter means from a position on.

        Parameters
        ----------
        index : int, of protocol.PARAMETERS
        value : float
        position : int, an input sample of the engine
        """
        self._values[index] = value
        if index == protocol.BYPASS:
            return []
        if index != protocol.PRESET:
            return self._strip(index, position)
        name, self.verdict = self._numbers.find(round(value))
        self._hands.follow(Command(position, _PRESET, name))
        self._hands.follow_map(self._map_of(name))
        return self._switched(position)

    def _switched(self, position: int) -> list[Command]:
        switch = Command(position, _PRESET, self.preset)
        strips = range(protocol.PRESET)
        return [switch, *(c for each in strips for c in self._strip(each, position))]

    def _strip(self, index: int, position: int) -> list[Command]:
        bus, control = divmod(index, len(protocol.STRIP))
        strip = self._buses[bus]
        if strip is None:
            return []
        name, least, most = protocol.STRIP[control]
        path = f"{strip}.{_CONTROLS[name]}"
        moved = min(max(self._values[index], least), most)
        own = float(self._hands.get(path))
        value: Setting
        if name in ("mute", "solo"):
            value = bool(own) or moved > 0.5
        elif name == "gain_db":
            # Silence stays silence, and a fader in the middle leaves the preset as it is.
            quiet = own < _LEAST_DB
            value = own if quiet or not moved else _within(own + moved, _LEAST_DB, _MOST_DB)
        else:
            value = _within(own + moved, -1.0, 1.0)
        return [Command(position, path, value)]


def _within(value: float, least: float, most: float) -> float:
    return float(min(max(value, least), most))
