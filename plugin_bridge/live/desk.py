"""The consoles of a live session: the preset it starts with, and those it can switch to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from plugin_bridge.console import Console
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.midi import DEFAULT_VOICES, MidiMap, Voice
from plugin_bridge.midi.binding import Value
from plugin_bridge.model import store
from plugin_bridge.presets.reach import Reach

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
        self._reach = Reach(settings.preset, model=settings.model, played=settings.reach)
        self.model: Path = self._reach.model or store.find(settings.model or store.DEFAULT)

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
        made = self._reach.consoles(stems, channels, allow_plugins=self._settings.allow_plugins)
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
        return self._reach.midi_map(strips)

    def voices(self) -> tuple[Voice, ...]:
        """Give what is played out when something is heard, by the preset that is in charge.

        Notes
        -----
        Thread: [main]
        """
        return DEFAULT_VOICES if self._reach.owner is None else self._reach.owner.midi_out
