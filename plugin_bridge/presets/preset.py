"""A preset: a console, its routes and its MIDI map, as a table and as what it makes.

The order: the tables, what is made of them, words for errors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import Field, PrivateAttr, StrictBool, ValidationError

from plugin_bridge.console import Console, Route, plugins
from plugin_bridge.console.effects import IMPULSE_RESPONSE
from plugin_bridge.console.strip import Channel
from plugin_bridge.console.tables import (
    BusSettings,
    ByName,
    FaderSettings,
    RouteSettings,
    Settings,
    StripSettings,
    Table,
    sentence,
    table_of,
)
from plugin_bridge.disk import digest, write_whole
from plugin_bridge.errors import MidiError, ModelFileError, PresetError, SpecError, suggest
from plugin_bridge.midi import DEFAULT_VOICES, Binding, MidiMap, Voice
from plugin_bridge.model import store
from plugin_bridge.names import MIX
from plugin_bridge.presets.migration import FORMAT, migrate


class ModelReference(Settings):
    """The model that a preset was made for; any that has the stems, if there is no name."""

    name: str | None = Field(
        default=None,
        min_length=1,
        description="A model's name, or an .onnx file inside the preset's folder.",
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="Of the model's file; another file is then refused.",
    )

    @property
    def by_path(self) -> bool:
        """Whether the name is that of a file in the preset's folder."""
        name = self.name or ""
        return name.lower().endswith(".onnx") or "/" in name or "\\" in name


class Preset(Settings):
    """A console, its routes and its MIDI map, as a file holds them.

    Attributes
    ----------
    format : 1
    name, description : for people
    model : the model it was made for
    clip : whether the output is kept within full scale
    master, strips, buses, routes : settings of the console
    midi : rows of the MIDI map
    midi_out : rows of what is played out when something is heard
    file : Path or None, where it was loaded from or saved to

    Raises
    ------
    PresetError
        From every method: one sentence that names file and key.

    Notes
    -----
    Thread: [main]
    """

    format: Literal[1]
    name: str = Field(min_length=1, description="For people; a preset is found by its file's name.")
    description: str = ""
    model: ModelReference = ModelReference()
    clip: StrictBool = Field(default=False, description="Keep the output within full scale.")
    master: FaderSettings = FaderSettings()
    strips: ByName[StripSettings] = Field(
        default_factory=dict, description="By stem; one that is left out is at 0 dB."
    )
    buses: ByName[BusSettings] = Field(default_factory=dict)
    routes: tuple[RouteSettings, ...] = Field(
        default=(RouteSettings(source=MIX, channels=(1, 2)),),
        min_length=1,
        description="Left out: the mix to channels 1 and 2.",
    )
    midi: tuple[Binding, ...] = Field(default=(), description="The MIDI map.")
    midi_out: tuple[Voice, ...] = Field(
        default=DEFAULT_VOICES,
        description="What live --midi-out plays; left out: General MIDI drums, bass on channel 2.",
    )

    _file: Path | None = PrivateAttr(None)
    _folder: Path | None = PrivateAttr(None)

    @classmethod
    def from_table(
        cls, table: Mapping[str, Any], file: Path | None = None, folder: Path | None = None
    ) -> Self:
        """Make a preset of a table as TOML gives it.

        Parameters
        ----------
        table : mapping
        file : Path or None, where it was read
        folder : Path or None, of the files that it names; by default where `file` is

        Notes
        -----
        Thread: [main]
        """
        title = str(file or f"preset {table.get('name', 'without a name')!r}")
        with _named(title):
            preset = cls.model_validate(migrate(table))
            preset._console(tuple(preset.strips))
            MidiMap(preset.midi)
        preset._file = file
        preset._folder = folder or (file.parent if file else None)
        return preset

    @classmethod
    def from_console(
        cls,
        console: Console,
        name: str,
        *,
        description: str = "",
        model: ModelReference | None = None,
        midi: Iterable[Binding] = (),
        folder: Path | None = None,
    ) -> Self:
        """Make a preset of a console as it is now.

        Parameters
        ----------
        console : Console
        name, description : for people
        model : the model that separates for it, or None: any
        midi : rows of the MIDI map
        folder : Path or None, where the impulse responses of the inserts are

        Notes
        -----
        Thread: [main]
        """
        with _named(f"preset {name!r}"):
            table = {
                "format": FORMAT,
                "name": name,
                "description": description,
                "model": (model or ModelReference()).model_dump(),
                "clip": console.clip,
                "master": {"gain_db": console.master.gain_db, "mute": console.master.mute},
                "strips": {
                    n: table_of(c, f"strips.{n}", folder) for n, c in console.strips.items()
                },
                "buses": {n: table_of(c, f"buses.{n}", folder) for n, c in console.buses.items()},
                "routes": [
                    {"source": route.source, "channels": route.channels} for route in console.routes
                ],
                "midi": [binding.model_dump() for binding in midi],
            }
        return cls.from_table(table, folder=folder)

    @property
    def file(self) -> Path | None:
        """Where it was loaded from or saved to."""
        return self._file

    @property
    def title(self) -> str:
        """What messages call it: its file or its name."""
        return str(self._file or f"preset {self.name!r}")

    def console(
        self, stems: Sequence[str], *, allow_plugins: bool = False, channels: int = 2
    ) -> Console:
        """Give a console of these stems, set as the preset says.

        Parameters
        ----------
        stems : sequence of str, the model's
        allow_plugins : bool
            Whether VST3 plugins that are not on the trust list are opened.
        channels : int, of a stem

        Notes
        -----
        Thread: [main]
        """
        with _named(self.title):
            for name in self.strips:
                if name not in stems:
                    raise SpecError(
                        f"strips.{name} is no stem of the model; {suggest(name, stems)}"
                    )
            console = self._console(stems)
            for place, route in enumerate(self.routes):
                if route.source not in console.sources:
                    raise SpecError(
                        f"routes[{place}].source is {route.source!r}, which does not exist; "
                        f"{suggest(route.source, console.sources)}"
                    )
            for place, binding in enumerate(self.midi):
                if binding.kind != "preset":
                    with _named(f"midi[{place}].target"):
                        console.get(binding.target)
            if "midi_out" in self.model_fields_set:
                self._check_voices(stems)
            for key, channel, settings in self._channels(console):
                channel.inserts = settings.plugins(
                    f"{key}.inserts", self._folder, allow_plugins, channels
                )
        return console

    def _check_voices(self, stems: Sequence[str]) -> None:
        for place, voice in enumerate(self.midi_out):
            if voice.stem not in stems:
                raise SpecError(
                    f"midi_out[{place}].stem is {voice.stem!r}, no stem of the model; "
                    f"{suggest(voice.stem, stems)}"
                )

    def midi_map(self, strips: Sequence[str] = ()) -> MidiMap:
        """Give the MIDI map; `strips` are those that solo-exclusive takes out of solo.

        Notes
        -----
        Thread: [main]
        """
        with _named(self.title):
            return MidiMap(self.midi, strips)

    def model_file(self) -> Path | None:
        """Find the model's file, or None if the preset takes any model.

        Notes
        -----
        Thread: [main]
        """
        name, sha256 = self.model.name, self.model.sha256
        if name is None:
            return None
        with _named(self.title):
            beside = self.model.by_path
            file = plugins.inside(name, self._folder, "model.name") if beside else store.find(name)
            if sha256 not in (None, digest(file)):
                raise SpecError(
                    f"model.sha256 is not that of {file}; install the model it was made for, or "
                    "take the key out"
                )
            return file

    def save(self, path: str | Path) -> "Preset":
        """Write the preset, whole or not at all; settings at their defaults are left out.

        Parameters
        ----------
        path : str or Path, ending in .toml

        Returns
        -------
        preset : Preset, as `load` would give it

        Raises
        ------
        PresetError
            If it cannot be written, or a file that it names is not in the folder.

        Notes
        -----
        Thread: [main]
        """
        path = Path(path)
        if path.suffix != ".toml":
            raise PresetError(f"{path} does not end in .toml; give e.g. {path.name}.toml")
        table = self.model_dump(exclude_defaults=True, exclude_none=True)
        with _named(str(path)):
            for key, settings in _each_channel(table):
                for place, spec in enumerate(settings.get("inserts", ())):
                    if IMPULSE_RESPONSE in spec:
                        key_of_file = f"{key}.inserts[{place}].{IMPULSE_RESPONSE}"
                        self._must_be_beside(path, spec[IMPULSE_RESPONSE], key_of_file)
            if self.model.by_path:
                self._must_be_beside(path, str(self.model.name), "model.name")
        preset = type(self).from_table(table, path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, tomli_w.dumps(table).encode())
        except OSError as error:
            raise PresetError(
                f"{path} cannot be written ({error.strerror}); choose another folder"
            ) from error
        return preset

    def _console(self, stems: Sequence[str]) -> Console:
        """Give a console with everything but the inserts."""
        console = Console(stems)
        for bus in self.buses:
            with _named(f"buses.{bus}"):
                console.add_bus(bus)
        for key, channel, settings in self._channels(console):
            settings.check_buses(key, list(self.buses))
            settings.apply(channel)
        console.check()
        console.master.gain_db, console.master.mute = self.master.gain_db, self.master.mute
        console.clip = self.clip
        console.routes.clear()
        for place, route in enumerate(self.routes):
            with _named(f"routes[{place}]"):
                console.routes.append(Route(route.source, route.channels))
        return console

    def _channels(self, console: Console) -> list[tuple[str, Channel, BusSettings]]:
        """Give key, channel and settings of each strip and bus of the preset."""
        strips = [(f"strips.{n}", console.strips[n], s) for n, s in self.strips.items()]
        buses = [(f"buses.{n}", console.buses[n], s) for n, s in self.buses.items()]
        return [*strips, *buses]

    def _must_be_beside(self, path: Path, name: str, key: str) -> None:
        """Refuse a file that the saved preset could not find again."""
        here = plugins.inside(name, self._folder, key)
        if (path.parent / name).resolve() != here:
            raise SpecError(
                f"{key} is {name!r} in {self._folder}; save there, or load the file from the new "
                "folder first"
            )


def json_schema() -> Table:
    """Give the JSON Schema of a preset, for editors.

    Notes
    -----
    Thread: [any]
    """
    schema = Preset.model_json_schema()
    schema["required"].remove("name")  # a file without one has its own
    for part in schema["$defs"].values():
        # of a docstring an editor shows what it gives, not its sections
        part["description"] = part["description"].partition("\n\n")[0]
    schema["description"] = "A preset of plugin-bridge: a console, its routes and its MIDI map."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _each_channel(table: Table) -> Iterator[tuple[str, Table]]:
    for group in ("strips", "buses"):
        for name, settings in table.get(group, {}).items():
            yield f"{group}.{name}", settings


@contextmanager
def _named(title: str) -> Iterator[None]:
    """Make every error a PresetError that begins with the file, or the key."""
    try:
        yield
    except ValidationError as error:
        raise PresetError(f"{title}: {sentence(error, Preset)}") from error
    except (MidiError, ModelFileError, PresetError, SpecError) as error:
        raise PresetError(f"{title}: {error}") from error
