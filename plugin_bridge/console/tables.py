"""The console's settings as tables that are checked, and errors in words.

Rules of this file
 1. Numbers are checked by what checks them on the console, so that both say the same.
 2. Types are strict: a switch is true or false, not 1 or "yes".
 3. What a key means is its field's description. Pydantic would take docstrings, too, but reads
    the source anew for it: a tenth of a program's start.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pedalboard import Pedalboard
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    WithJsonSchema,
)

from plugin_bridge.console import plugins
from plugin_bridge.console.route import HIGHEST_CHANNEL
from plugin_bridge.console.settings import HIGHEST_DB, LOWEST_DB, balance, decibels
from plugin_bridge.console.strip import Channel, Fader, Strip
from plugin_bridge.errors import SpecError, suggest
from plugin_bridge.names import MIX, composed

Table = dict[str, Any]
_Entry = TypeVar("_Entry")


def _insert(spec: Table) -> Table:
    plugins.check(spec, "")
    return spec


def _each_once(entries: Any) -> Any:
    """Refuse two keys that are one name: only the last one would be left."""
    seen = set()
    for key in entries if isinstance(entries, dict) else ():
        name = composed(str(key))
        if name in seen:
            raise ValueError(f"has {name!r} twice, in two forms of Unicode; rename one of them")
        seen.add(name)
    return entries


# Names of strips and buses. Editors and systems write accents in two forms that look the same.
Name = Annotated[str, AfterValidator(composed)]
ByName = Annotated[dict[Name, _Entry], BeforeValidator(_each_once)]
_LEVEL_TEXT = f"{LOWEST_DB:g} to {HIGHEST_DB:g} dB, or -inf for silence."
Level = Annotated[
    float,
    BeforeValidator(lambda value: decibels(value, "")),
    # TOML has -inf and JSON Schema has not: so no minimum.
    WithJsonSchema({"type": "number", "maximum": HIGHEST_DB, "description": _LEVEL_TEXT}),
]
Pan = Annotated[
    float,
    BeforeValidator(lambda value: balance(value, "")),
    WithJsonSchema({"type": "number", "minimum": -1, "maximum": 1}),
]
Insert = Annotated[Table, AfterValidator(_insert), WithJsonSchema(plugins.json_schema())]


class Settings(BaseModel):
    """What all tables share: unknown keys are errors, and nothing changes once it is made."""

    # JSON has no infinity, so silence is written as a word there.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class FaderSettings(Settings):
    """A level with a mute."""

    gain_db: Level = 0.0
    mute: StrictBool = False

    def apply(self, fader: Fader) -> None:
        """Set a fader, strip or bus as the table says, but for its inserts.

        Notes
        -----
        Thread: [main]
        """
        for key in type(self).model_fields:
            if key not in ("inserts", "sends"):
                setattr(fader, key, getattr(self, key))


class BusSettings(FaderSettings):
    """A named group: the sum of what is sent to it."""

    pan: Pan = Field(
        default=0.0, description="-1 (left) to 1 (right); the near side keeps its level."
    )
    inserts: tuple[Insert, ...] = Field(
        default=(), description="Effects in series, before the fader."
    )
    sends: ByName[Level] = Field(
        default_factory=dict,
        description="Bus -> level of the copy that goes there, after the fader.",
    )
    output: Name = Field(default=MIX, description="mix, or a bus.")

    def apply(self, fader: Fader) -> None:
        """Set a strip or bus as the table says, but for its inserts.

        Notes
        -----
        Thread: [main]
        """
        super().apply(fader)
        if isinstance(fader, Channel):
            fader.sends = self.sends

    def check_buses(self, key: str, buses: Sequence[str]) -> None:
        """Refuse sends and outputs to buses that there are not; `key` is the table's.

        Raises
        ------
        SpecError
            Names the key.

        Notes
        -----
        Thread: [any]
        """
        targets = [(f"sends.{bus}", bus) for bus in self.sends]
        targets += [("output", self.output)] if self.output != MIX else []
        for name, bus in targets:
            if bus not in buses:
                way_out = suggest(bus, buses) if buses else "the preset has no bus"
                raise SpecError(f"{key}.{name}: there is no bus {bus!r}; {way_out}")

    def plugins(
        self, key: str, folder: Path | None, allow_plugins: bool, channels: int
    ) -> Pedalboard:
        """Make the inserts; parameters as in `console.plugins.build`.

        Raises
        ------
        SpecError
            Names the key.

        Notes
        -----
        Thread: [main]
        """
        return Pedalboard(
            [
                plugins.build(
                    spec,
                    f"{key}[{place}]",
                    folder=folder,
                    allow_plugins=allow_plugins,
                    channels=channels,
                )
                for place, spec in enumerate(self.inserts)
            ]
        )


class StripSettings(BusSettings):
    """A stem's channel."""

    solo: StrictBool = False


class RouteSettings(Settings):
    """From a source to channels of the interface or file."""

    source: Name = Field(description="A strip, a bus, mix or dry.")
    channels: tuple[Annotated[StrictInt, Field(ge=1, le=HIGHEST_CHANNEL)], ...] = Field(
        min_length=1, max_length=2, description="One channel or two, counted from 1."
    )


# What pydantic finds, in words; `{}` is what was given.
_WORDS = {
    "bool_type": "is {}; give true or false",
    "dict_type": "is {}; make it a table",
    "float_type": "is {}; give a number",
    "greater_than_equal": "is {}; give {ge} or more",
    "int_type": "is {}; give a whole number",
    "less_than_equal": "is {}; give {le} or less",
    "literal_error": "is {}; give {expected}",
    "missing": "is missing; add it",
    "model_type": "is {}; make it a table",
    "string_pattern_mismatch": "is {}; give 64 digits 0-9 and a-f",
    "string_too_short": "is empty; give a name",
    "string_type": "is {}; give text in quotes",
    "too_long": "is {}; give {max_length} at most",
    "too_short": "is {}; give {min_length} at least",
    "tuple_type": "is {}; make it a list",
}


def table_of(channel: Channel, key: str, folder: Path | None) -> Table:
    """Give a strip or bus as a table.

    Parameters
    ----------
    channel : Strip or Bus
    key : str, the table's, for messages
    folder : Path or None, where impulse responses are

    Raises
    ------
    SpecError
        If a table cannot hold an insert; names its key.

    Notes
    -----
    Thread: [main]
    """
    settings = StripSettings if isinstance(channel, Strip) else BusSettings
    plain = {name: getattr(channel, name) for name in settings.model_fields}
    inserts = [
        plugins.spec_of(plugin, f"{key}.inserts[{place}]", folder=folder)
        for place, plugin in enumerate(channel.inserts)
    ]
    return plain | {"sends": dict(channel.sends), "inserts": inserts}


def sentence(found: ValidationError, root: type[BaseModel]) -> str:
    """Give the first of pydantic's findings in our words, and how many more there are.

    Parameters
    ----------
    found : ValidationError
    root : the class that was to be made

    Returns
    -------
    sentence : str, which begins with the key: `strips.vocals.gain_db is ...`

    Notes
    -----
    Thread: [any]
    """
    errors = found.errors()
    # A misspelt key is also a missing one: the misspelling is what to put right.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    context = first.get("ctx", {})
    key, known = _place(first["loc"], root)
    if first["type"] == "extra_forbidden":
        text = f"is not known; {suggest(str(first['loc'][-1]), known)}"
    elif first["type"] == "value_error":
        text = str(context["error"])
    else:
        words = _WORDS.get(first["type"], "is {}; " + first["msg"].replace("{", "").lower())
        text = words.format(shown(first["input"]), **context)
    glue = "" if text.startswith((".", " ")) or not key else " "
    others = {_place(error["loc"], root)[0] for error in errors} - {key}
    # A table with a mistake is a mistake of the list that holds it: told once.
    inner = {o for o in others if not any(k != o and k.startswith(o) for k in (*others, key))}
    return f"{key}{glue}{text}" + (f" (and {len(inner)} more)" if inner else "")


def _place(location: Sequence[str | int], root: type[BaseModel]) -> tuple[str, list[str]]:
    """Give a place as a key, `routes[0].channels`, and the keys that its table may have."""
    kind: Any = root
    key, known = "", [""]
    for part in location:
        kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            known = list(kind.model_fields)
            field = kind.model_fields.get(str(part))
            kind = field.annotation if field else None
        elif get_origin(kind) in (dict, tuple):
            kind = get_args(kind)[1 if get_origin(kind) is dict else 0]
        else:
            break  # what follows are the alternatives of a union
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    return key, known


def shown(value: Any) -> str:
    """Give a value as a message shows it: as TOML writes it, and short.

    Examples
    --------
    >>> shown(True), shown(["a"])
    ('true', '["a"]')

    Notes
    -----
    Thread: [any]
    """
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
