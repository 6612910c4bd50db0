"""The presets of one session: the one that it starts with, and those that its map switches to."""

from collections.abc import Sequence
from pathlib import Path

from plugin_bridge.console import Console
from plugin_bridge.errors import PresetError
from plugin_bridge.midi import MidiMap
from plugin_bridge.model import store
from plugin_bridge.presets.preset import Preset
from plugin_bridge.presets.shelf import load

# Whose map is in charge where no preset is named.
DEFAULT_MAP = "dj-pads"
# The console of no preset: faders at 0 dB, nothing inserted.
PLAIN = ""


class Reach:
    """Presets by name, loaded; all share one model.

    Parameters
    ----------
    preset : str, Path or None, which it starts with
    model : str, Path or None, the one for all, whatever the presets name
    played : bool
        Whether MIDI plays: then the map of the first preset is in charge, or DEFAULT_MAP's, and
        every preset that it can switch to is loaded.

    Attributes
    ----------
    presets : dict of name to Preset; a name is the file's, as a map gives it
    start : str, name of the first, PLAIN if none was given
    owner : Preset or None, whose map is in charge
    model : Path or None, the file that the first names

    Raises
    ------
    PresetError
        If a preset cannot be used, or needs another model than the one that plays.

    Notes
    -----
    Thread: [main]
    """

    def __init__(
        self, preset: str | Path | None, *, model: str | Path | None, played: bool
    ) -> None:
        self.presets: dict[str, Preset] = {}
        self.start = PLAIN
        self.owner: Preset | None = None
        self.model: Path | None = None
        if preset is not None:
            first = self.owner = load(preset)
            self.start = first.file.stem if first.file else first.name
            self.presets[self.start] = first
            self.model = first.model_file() if model is None else None
        if played:
            self.owner = self.owner or load(DEFAULT_MAP)
            for name in self.owner.midi_map().presets:
                if name not in self.presets:
                    self.presets[name] = self._other(name, of_its_own=model is None)

    def _other(self, name: str, *, of_its_own: bool) -> Preset:
        preset = load(name)
        own = preset.model_file() if of_its_own else None
        if own is not None and not own.samefile(self.model or store.find(store.DEFAULT)):
            raise PresetError(
                f"{preset.title} is for the model {preset.model.name}, so it cannot be switched to "
                "while another one plays; take its row out of the MIDI map, or name one --model "
                "for all"
            )
        return preset

    def consoles(
        self, stems: Sequence[str], channels: int, *, allow_plugins: bool
    ) -> dict[str, Console]:
        """Make all consoles for these stems of 1 or 2 channels, the starting one first.

        Raises
        ------
        PresetError
            If a preset does not fit the stems, or its plugins may not be loaded.

        Notes
        -----
        Thread: [main]
        """
        made = {} if self.start in self.presets else {PLAIN: Console(stems)}
        for name, preset in self.presets.items():
            made[name] = preset.console(stems, allow_plugins=allow_plugins, channels=channels)
        return made

    def midi_map(self, strips: Sequence[str]) -> MidiMap:
        """Give the map that is in charge; `strips` are those that solo-exclusive moves.

        Notes
        -----
        Thread: [main]
        """
        return MidiMap() if self.owner is None else self.owner.midi_map(tuple(strips))
