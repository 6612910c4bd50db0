"""The consoles of a live session: the preset it starts with, and those it can switch to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from plugin_bridge import presets
from plugin_bridge.console import Console
from plugin_bridge.errors import PresetError
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.midi import DEFAULT_VOICES, MidiMap, Voice
from plugin_bridge.midi.binding import Value
from plugin_bridge.model import store
from plugin_bridge.presets import Preset

# Whose map is in charge where no preset is named.
DEFAULT_MAP = "dj-pads"
# The console of no preset.
PLAIN = ""

State = Mapping[str, Mapping[str, Value]]
"""Settings by preset and path."""


class Desk:
    """The presets of a session, loaded.

    Parameters
    ----------
    settings : LiveSettings

    Attributes
    ----------
    model : Path, the model's file

    Raises
    ------
    PresetError
        If a preset cannot be used, or needs another model than the one that plays.
    ModelFileError
        If there is no such model.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._presets: dict[str, Preset] = {}
        self._start = PLAIN
        first = presets.load(settings.preset or DEFAULT_MAP) if self._needs_map else None
        own = None
        if first is not None and settings.preset is not None:
            # A preset is found by its file's name, as a map names it.
            self._start = first.file.stem if first.file else first.name
            self._presets[self._start] = first
            own = None if settings.model is not None else first.model_file()
        self.model: Path = own or store.find(settings.model or store.DEFAULT)
        self._map_owner = first
        if first is not None and settings.reach:
            self._reach(first.midi_map().presets)

    @property
    def _needs_map(self) -> bool:
        return self._settings.preset is not None or self._settings.reach

    def _reach(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._presets:
                continue
            preset = presets.load(name)
            own = None if self._settings.model is not None else preset.model_file()
            if own is not None and not own.samefile(self.model):
                raise PresetError(
                    f"{preset.title} is for the model {preset.model.name}, so it cannot be "
                    "switched to while another one plays; take its row out of the MIDI map, or "
                    "name one --model for all"
                )
            self._presets[name] = preset

    def consoles(
        self, stems: Sequence[str], channels: int, state: State | None = None, active: str = ""
    ) -> dict[str, Console]:
        """Make the consoles, the one that is heard first in front.

        Parameters
        ----------
        stems : sequence of str, the model's
        channels : int, 1 or 2
        state : mapping, optional
            Settings to go on with, of a session that was interrupted, with its `active` preset.

        Notes
        -----
        Thread: [main]
        """
        made = {} if self._start in self._presets else {PLAIN: Console(stems)}
        for name, preset in self._presets.items():
            made[name] = preset.console(
                stems, allow_plugins=self._settings.allow_plugins, channels=channels
            )
        for name, console in made.items():
            console.clip = True  # what leaves a loudspeaker stays within full scale
            for path, value in (state or {}).get(name, {}).items():
                console.set(path, value)  # type: ignore[arg-type]
        if active in made:
            made = {active: made[active], **made}
        return made

    def midi_map(self, strips: Sequence[str]) -> MidiMap:
        """Give the map that is in charge; `strips` are those that solo-exclusive moves.

        Notes
        -----
        Thread: [main]
        """
        return MidiMap() if self._map_owner is None else self._map_owner.midi_map(tuple(strips))

    def voices(self) -> tuple[Voice, ...]:
        """Give what is played out when something is heard, by the preset that is in charge.

        Notes
        -----
        Thread: [main]
        """
        return DEFAULT_VOICES if self._map_owner is None else self._map_owner.midi_out
