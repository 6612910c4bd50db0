"""The card: what a model file says about itself.

It stands as JSON in the ONNX graph's metadata under `plugin_bridge.card`.

Rules of this file
  1. Nothing is guessed: a field that the kind needs and does not have is an error, and
     so is a field that the kind has no use for.
  2. An unknown field is a warning at format 1. A higher format is refused.
"""

import json
import re
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from plugin_bridge.dsp.features import FeaturePlane, count_planes
from plugin_bridge.dsp.heads import Head, head
from plugin_bridge.dsp.stft import Transform
from plugin_bridge.errors import ModelContractError, PluginBridgeWarning
from plugin_bridge.names import RESERVED, composed, is_fit

FORMAT = 1
METADATA_KEY = "plugin_bridge.card"
# Stems become strips and files: no name may lead out of their folder, or mean something else.
STEM_NAME = re.compile(r"[^\W_][\w -]*")
Stem = Annotated[str, AfterValidator(composed)]

# Which optional fields each kind needs, and which it may have.
SPECTRAL = ("n_fft", "synthesis", "hop", "window", "features", "head")
NEEDED: dict[str, tuple[str, ...]] = {
    "streaming": SPECTRAL,
    "windowed": (*SPECTRAL, "frames", "target"),
    "waveform": ("hop",),
    "segment": ("segment", "overlap"),
}
ALLOWED: dict[str, tuple[str, ...]] = {
    "streaming": ("residual_stem", "states"),
    "windowed": ("residual_stem", "states"),
    "waveform": ("residual_stem", "states", "delay"),
    "segment": ("residual_stem",),
}
OPTIONAL = sorted({field for fields in (*NEEDED.values(), *ALLOWED.values()) for field in fields})


class State(BaseModel):
    """A tensor that the network hands to itself from call to call; zero at reset.

    The first axis of a windowed model's state is its batch, written as 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: str
    output: str
    shape: tuple[int, ...] = Field(min_length=1)


class Card(BaseModel):
    """What a model is and how it is fed.

    Attributes
    ----------
    name, version, license, trained_on, scores : for people
    kind : "streaming", "windowed", "waveform" or "segment"
    sample_rate : Hz
    channels : 1 (run per channel) or 2
    stems : names, in output order
    n_fft, synthesis, hop, segment : samples
    window : "asymmetric" or "sqrt-hann"
    features : input planes, see dsp/features.py
    frames, target : context of a windowed model and the frame its mask is for;
        `target` is an index or "last"
    head : how raw outputs become masks, see dsp/heads.py
    residual_stem : the stem that the graph omits, or None
    states : tensors carried from call to call
    overlap : share of a segment, 0 <= overlap < 1
    delay : samples by which a waveform model's stems lag behind its input; None is 0

    Notes
    -----
    Thread: [any]
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    format: int = Field(ge=1)
    name: str = Field(min_length=1)
    version: str
    license: str
    trained_on: str
    scores: dict[str, Any] = {}
    kind: Literal["streaming", "windowed", "waveform", "segment"]
    sample_rate: int = Field(ge=4000, le=384000)
    channels: Literal[1, 2]
    stems: tuple[Stem, ...] = Field(min_length=1)
    n_fft: int | None = Field(None, ge=16)
    synthesis: int | None = Field(None, ge=2)
    hop: int | None = Field(None, ge=1)
    window: str | None = None
    features: tuple[str, ...] | None = Field(None, min_length=1)
    frames: int | None = Field(None, ge=1)
    target: int | Literal["last"] | None = None
    head: str | None = None
    residual_stem: Stem | None = None
    states: tuple[State, ...] = ()
    segment: int | None = Field(None, ge=2)
    overlap: float | None = Field(None, ge=0, lt=1)
    delay: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = {field for field in OPTIONAL if getattr(self, field) not in (None, ())}
        missing = [field for field in NEEDED[self.kind] if field not in given]
        if missing:
            raise ValueError(f"a {self.kind} model needs {', '.join(missing)}; add to the card")
        useless = given.difference(NEEDED[self.kind], ALLOWED[self.kind])
        if useless:
            names = ", ".join(sorted(useless))
            raise ValueError(f"a {self.kind} model has no use for {names}; remove from the card")
        for stem in self.stems:
            if not STEM_NAME.fullmatch(stem) or not is_fit(stem):
                raise ValueError(
                    f"stem {stem!r} cannot name a strip and a file; use letters, digits, space, _ "
                    f"and -, starting with a letter or digit, but not {', '.join(RESERVED)}"
                )
        if len({stem.casefold() for stem in self.stems}) < len(self.stems):
            raise ValueError(f"stems {list(self.stems)} repeat a name; each must be there once")
        if self.residual_stem is not None and self.residual_stem not in self.stems:
            raise ValueError(
                f"residual_stem {self.residual_stem!r} is not one of the stems {list(self.stems)}"
            )
        if self.residual_stem is not None and len(self.stems) == 1:
            raise ValueError("residual_stem is the only stem; the graph must give at least one")
        if self.kind in ("streaming", "windowed"):
            self._check_spectral()
        return self

    def _check_spectral(self) -> None:
        self.transform  # noqa: B018  refuses lengths that cannot reconstruct
        if self.mask_head.sums_to_one and self.residual_stem is not None:
            raise ValueError(
                f"head {self.head} sums to one already, so residual_stem {self.residual_stem!r} "
                "would be silent; give residual_stem null"
            )
        pairs = [text for text in self.features or () if FeaturePlane(text).pair]
        if pairs and self.channels == 1:
            raise ValueError(f"feature {pairs[0]} compares two channels, but channels is 1")
        if self.kind == "windowed" and not 0 <= self.target_index < (self.frames or 0):
            raise ValueError(
                f"target {self.target} lies outside the {self.frames} frames; "
                f"use 0 to {(self.frames or 0) - 1} or last"
            )

    @property
    def transform(self) -> Transform:
        """The STFT of a streaming or windowed model."""
        return Transform(self.n_fft or 0, self.synthesis or 0, self.hop or 0, self.window or "")

    @property
    def mask_head(self) -> Head:
        """The head of a streaming or windowed model."""
        return head(self.head or "")

    @property
    def target_index(self) -> int:
        """The frame that a windowed model's mask is for, counted from the oldest."""
        last = (self.frames or 1) - 1
        return last if self.target in ("last", None) else int(self.target)

    @property
    def lookahead(self) -> int:
        """Frames after the target, each a hop of latency."""
        return (self.frames or 1) - 1 - self.target_index if self.kind == "windowed" else 0

    @property
    def planes(self) -> int:
        """Input planes of the graph."""
        channels = 1 if self.kind == "windowed" else self.channels
        return count_planes(self.features or (), channels)

    @property
    def graph_stems(self) -> tuple[str, ...]:
        """The stems that the graph gives: all but the residual one."""
        return tuple(stem for stem in self.stems if stem != self.residual_stem)

    @property
    def sums_to_mix(self) -> bool:
        """Whether the stems add up to the mix by construction."""
        if self.residual_stem is not None:
            return True
        return self.kind in ("streaming", "windowed") and self.mask_head.sums_to_one


def parse(text: str, source: str) -> Card:
    """Read a card from JSON.

    Parameters
    ----------
    text : str
    source : str, the file's name, for messages

    Raises
    ------
    ModelContractError
        If the card breaks the contract: what was found, what is expected, what to do.

    Notes
    -----
    Thread: [any]
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ModelContractError(
            f"{source}: the card is not JSON ({error}); write it with models.export or json.dumps"
        ) from error
    if not isinstance(content, dict):
        raise ModelContractError(f"{source}: the card is {content!r}; it must be a JSON object")
    unknown = sorted(set(content) - set(Card.model_fields))
    version = content.get("format")
    if isinstance(version, int) and version > FORMAT:
        extra = f" with the unknown fields {', '.join(unknown)}" if unknown else ""
        raise ModelContractError(
            f"{source}: the card has format {version}{extra}, this program reads format "
            f"{FORMAT}; upgrade plugin_bridge or export the model again"
        )
    try:
        card = Card.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise ModelContractError(f"{source}: {_sentence(error, content)}") from error
    if unknown:
        warnings.warn(
            f"{source}: the card's fields {', '.join(unknown)} are unknown and were ignored; "
            "check their spelling",
            PluginBridgeWarning,
            stacklevel=2,
        )
    return card


def _sentence(error: ValidationError, content: dict[str, Any]) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    if not place:
        return reason
    if first["type"] == "missing":
        return f"the card has no {place}; add it"
    found = _lookup(content, first["loc"])
    return f"the card's {place} is {found!r}: {reason[0].lower()}{reason[1:]}"


def _lookup(content: Any, path: Sequence[int | str]) -> Any:
    for part in path:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            break
    return content
