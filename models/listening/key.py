"""What the page does not tell: which song, stem and condition stands behind which code."""

import json
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from models.listening.trials import REFERENCE
from plugin_bridge.console.tables import sentence

FORMAT = 1
SCALES = ("isolation", "artefacts", "bleed")
Code = Annotated[str, Field(min_length=1)]
Format = Annotated[int, Field(ge=FORMAT, le=FORMAT)]


class Table(BaseModel):
    """A part of a file."""

    model_config = ConfigDict(extra="forbid", strict=True)


AnyTable = TypeVar("AnyTable", bound=Table)


class TrialKey(Table):
    """A trial.

    Attributes
    ----------
    song, stem, start : what is heard, and from which second on
    conditions : code -> condition
    """

    song: str
    stem: str
    start: float
    conditions: dict[Code, str]

    @field_validator("conditions")
    @classmethod
    def _with_reference(cls, conditions: dict[Code, str]) -> dict[Code, str]:
        if REFERENCE not in conditions.values():
            raise ValueError(f"has no {REFERENCE}, which tells who hears")
        return conditions


class Key(Table):
    """The whole file.

    Attributes
    ----------
    format : of the file, 1
    test : code of the test
    trials : code -> trial
    """

    format: Format = FORMAT
    test: Code
    trials: dict[Code, TrialKey] = Field(min_length=1)

    @property
    def conditions(self) -> list[str]:
        """Give all conditions, each once, in the order in which they were made."""
        return list(dict.fromkeys(c for t in self.trials.values() for c in t.conditions.values()))

    @property
    def songs(self) -> list[str]:
        """Give all songs, each once."""
        return list(dict.fromkeys(trial.song for trial in self.trials.values()))


def parsed(path: Path, kind: type[AnyTable], what: str) -> AnyTable:
    """Read a JSON file of one kind.

    Raises
    ------
    ValueError
        If it cannot be read, is not JSON or not of that kind: one sentence with its name.

    Notes
    -----
    Thread: [any]
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); name {what}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text; name {what}") from error
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}); name {what}") from error
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {sentence(error, kind)}; name {what}") from error
