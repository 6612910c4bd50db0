"""What a training is asked to do: one TOML file.

Every key is a field below, with its default; a key that is not there is refused by name.
Paths are relative to where the command runs.
"""

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from models.data.mixing import SOURCES
from plugin_bridge.dsp.stft import Transform
from plugin_bridge.errors import SpecError, hint

LossName = Literal["snr", "banded_snr", "waveform_l1", "mask_mse", "mask_bce"]
HeadName = Literal["softmax", "sigmoid", "complex", "phase", "decoupled"]
REAL_HEADS = ("softmax", "sigmoid")
SHARED = ("vocals", "drums", "bass", "other", "songs")
SharedName = Annotated[str, Field(pattern=f"^({'|'.join(SHARED)})$")]
SourceName = Annotated[str, Field(pattern=f"^({'|'.join(SOURCES)})$")]
TargetName = Literal["vocals", "drums", "bass", "other", "accompaniment"]
MaskName = Literal["a1", "a2", "a3", "b1", "b2", "b3", "b4", "best", "ratio"]
Positive = Annotated[float, Field(gt=0)]
Terms = Annotated[dict[LossName, Positive], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table of the file: nothing unknown, nothing changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Table):
    """[data]: what is heard.

    Attributes
    ----------
    library : folder made by python -m models.data build
    split, validation : splits of the library to train on and to validate on
    shares : stem, or songs for mixtures of one song -> kind of source -> share of the draws, none
        where a kind is not named; those of data/mixing.py for a stem that is not
    partial : share of the mixtures made of an accompaniment and vocals, where only these two are
        known; none in a library without instrumental music
    mix_audio : share of the stems that are two segments of a source added up; without it each
        stem has its own, see data/mixing.py
    elsewhere : share of the steps that hear what a host at 48 kHz gives, see rates.py; for
        lastframe with masks
    held_out : real songs of the library that validate while all its others train; those that the
        library itself has set aside where none is named
    """

    library: Path
    split: str = "train"
    validation: str = "validation"
    shares: dict[SharedName, dict[SourceName, Share]] = {}
    partial: Share = 0.0
    mix_audio: Share | None = None
    elsewhere: Share = 0.0
    held_out: tuple[str, ...] = ()


class Network(Table):
    """[network]: what is trained; the sizes are those of the architecture in zoo/.

    Attributes
    ----------
    head : what the raw maps become, see heads.py; `phase` is not one of the bridge's
    synthesis, hop : of the transform, in samples: how many of a frame's last samples are laid
        down, and from one frame to the next; a start may be of a network with others
    low, memories : paths that begin as nothing; a start may be of a network without them
    pairs : what is seen of both channels together; a start may be of a network that sees none
    standardised : whether a new network's input is, by each bin's mean and spread
    """

    architecture: Literal["lastframe"] = "lastframe"
    head: Literal["softmax", "sigmoid", "complex", "decoupled"] = "softmax"
    widths: Annotated[tuple[Count, ...], Field(min_length=1, max_length=5)] = (24, 64, 96, 128)
    hidden: Count = 128
    layers: Count = 2
    memories: tuple[Annotated[int, Field(ge=0)], ...] = ()
    last: Count = 12
    low: int = Field(default=0, ge=0, le=1024)
    pairs: tuple[Literal["cos_ipd"], ...] = Field(default=(), max_length=1)
    normed: bool = True
    standardised: bool = True
    synthesis: Count = 512
    hop: Count = 256

    @model_validator(mode="after")
    def _lengths_that_fit(self) -> Self:
        try:
            Transform(2048, self.synthesis, self.hop)
        except SpecError as error:
            raise ValueError(f"{error}") from error
        return self

    @model_validator(mode="after")
    def _no_more_memories_than_levels(self) -> Self:
        if len(self.memories) > len(self.widths):
            raise ValueError(
                f"memories has {len(self.memories)} numbers; give at most one for each of the "
                f"{len(self.widths)} widths, 0 where a level has none"
            )
        return self

    @property
    def sizes(self) -> dict[str, Any]:
        """What the architecture is made with."""
        return self.model_dump(exclude={"architecture", "standardised"})


class FragmentNetwork(Table):
    """[network]: one of the article's models, see zoo/fragment.py.

    Attributes
    ----------
    architecture : branch is one stem's; four of them are merged into model 1
    target : which of the 25 frames the mask is for, 24 the last, 12 the middle
    padded : whether poolings keep the newest columns; the article's drop them
    """

    architecture: Literal["model2", "model3", "model4"]
    target: int = Field(24, ge=0, le=24)
    padded: bool = False

    @property
    def sizes(self) -> dict[str, Any]:
        """What the architecture is made with."""
        return {"target": self.target, "padded": self.padded}


class BranchNetwork(FragmentNetwork):
    """[network]: the network of a single stem.

    Attributes
    ----------
    stem : the one it isolates
    """

    architecture: Literal["branch"]  # type: ignore[assignment]
    stem: Literal["vocals", "drums", "bass", "other"]

    @property
    def sizes(self) -> dict[str, Any]:
        """What the architecture is made with."""
        return {**super().sizes, "stems": (self.stem,)}


class ResUNetNetwork(Table):
    """[network]: the deep network of zoo/resunet.py; its defaults are the full size.

    Attributes
    ----------
    targets : what it separates, one or several
    widths : channels of its levels
    units, centres : residual units of a block, blocks at the bottom
    head : what the raw maps become, see heads.py
    """

    architecture: Literal["resunet"]
    targets: Annotated[tuple[TargetName, ...], Field(min_length=1)] = ("vocals",)
    widths: Annotated[tuple[Count, ...], Field(min_length=1, max_length=10)] = (
        *(32, 64, 128, 256, 384, 384),
    )
    units: Count = 4
    centres: Count = 4
    head: HeadName = "decoupled"

    @property
    def sizes(self) -> dict[str, Any]:
        """What the architecture is made with."""
        return self.model_dump(exclude={"architecture"})


NETWORKS: dict[str, type[Table]] = {
    "lastframe": Network,
    "resunet": ResUNetNetwork,
    "model": FragmentNetwork,
    "branch": BranchNetwork,
}
TABLE_OF = {
    "lastframe": "lastframe",
    "branch": "branch",
    "model2": "model",
    "model3": "model",
    "model4": "model",
    "resunet": "resunet",
}


def _table_of(given: Any) -> str:
    """Tell which of NETWORKS [network] is; what is wrong inside is told later."""
    plain = isinstance(given, dict)
    name = given.get("architecture") if plain else getattr(given, "architecture", None)
    return TABLE_OF.get(str(name), "lastframe")


AnyNetwork = Annotated[
    Annotated[Network, Tag("lastframe")]
    | Annotated[FragmentNetwork, Tag("model")]
    | Annotated[BranchNetwork, Tag("branch")]
    | Annotated[ResUNetNetwork, Tag("resunet")],
    Discriminator(_table_of),
]


class Loss(Table):
    """[loss]: weight of each loss of losses.py, and again for the late part of the schedule.

    Attributes
    ----------
    terms, late_terms : name -> weight
    floor, absent_weight : of the SNR losses
    masks : of models/masks.py, what mask_mse and mask_bce teach; without it the ratio mask, and
        "the loudest stem takes the bin"
    teacher : weights of a trained lastframe with the same transform; what it makes of the mixture
        is a second truth, and knows the stems of every mixture
    taught : how much of the loss is against that one
    """

    terms: Terms = {"snr": 1.0}
    late_terms: Terms = {"snr": 1.0, "banded_snr": 0.25}
    floor: Positive = 1e-3
    absent_weight: Share = 0.4
    masks: MaskName | None = None
    teacher: Path | None = None
    taught: Share = 0.5


class Schedule(Table):
    """[schedule]: how long, how fast, how much at once.

    Attributes
    ----------
    minutes, steps : length of the whole; give one. By steps the same seed gives the same curve,
        by minutes a run ends when it was told to
    shape : how the learning rate falls after `warm_up_steps`
    peak_rate : learning rate after these; as a cosine it falls to `final_share` of it, in steps
        it is times `decay` every `decay_steps`
    batch, frames : segments of a step, and frames of each
    late_share, late_batch, late_frames : the same for the last part, 0 for none: longer
        segments, for the memory of the GRUs
    average : share of the old weights that their moving average keeps at each step
    clip : longest gradient
    optimizer : adamw; amsgrad, its form that never forgets; muon, orthogonal steps for matrices,
        at the same rates
    weight_decay : of the optimiser; without it adamw is Adam
    precision : of the convolutions: fp32, bf16, or auto: bf16 where the processor computes it
    """

    minutes: Positive | None = None
    steps: Count | None = None
    shape: Literal["cosine", "steps"] = "cosine"
    peak_rate: Positive = 3e-3
    final_share: Share = 0.01
    warm_up_steps: Count = 40
    decay: Share = 0.9
    decay_steps: Count = 15_000
    batch: Count = 4
    frames: Count = 160
    late_share: Share = 1 / 3
    late_batch: Count = 2
    late_frames: Count = 320
    average: Share = 0.999
    clip: Positive = 1.0
    optimizer: Literal["adamw", "amsgrad", "muon"] = "adamw"
    weight_decay: float = Field(1e-4, ge=0)
    precision: Literal["auto", "bf16", "fp32"] = "auto"

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("give either minutes or steps")
        return self

    def share(self, step: int, seconds: float) -> float:
        """Give what part of the schedule is over, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / (60 * (self.minutes or 1)))

    def rate(self, step: int, share: float) -> float:
        """Give the learning rate of a step, `share` of the schedule being over."""
        if self.shape == "steps":
            falling = self.decay ** (step // self.decay_steps)
        else:
            falling = max(self.final_share, 0.5 + 0.5 * math.cos(math.pi * share))
        return self.peak_rate * min(1, (step + 1) / self.warm_up_steps) * falling

    def late(self, share: float) -> bool:
        """Tell whether the last part has begun."""
        return share > 1 - self.late_share


class Run(Table):
    """[run]: where, and how often something is written.

    Attributes
    ----------
    out : folder for checkpoint.pt, best.pt, log.csv and curve.png
    seed : of the weights, and of what is drawn
    start : weights to begin with, another run's best.pt or checkpoint.pt
    checkpoint_minutes, validation_minutes : between two
    validation_excerpts, validation_seconds : how many, and how long each is; always the same
    log_steps : between two rows of log.csv
    device : auto (a GPU if there is one), cpu or cuda
    threads : of the CPU
    loaders : threads that decode ahead; 0: the trainer itself
    """

    out: Path
    seed: int = Field(0, ge=0)
    start: Path | None = None
    checkpoint_minutes: float = Field(4, ge=0)
    validation_minutes: float = Field(15, ge=0)
    validation_excerpts: Count = 12
    validation_seconds: Positive = 8
    log_steps: Count = 200
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Count = 1
    loaders: int = Field(0, ge=0)


class Configuration(Table):
    """The whole file."""

    data: Data
    network: AnyNetwork = Network()
    loss: Loss = Loss()
    schedule: Schedule
    run: Run

    @model_validator(mode="after")
    def _masks_where_there_are_some(self) -> Self:
        head = getattr(self.network, "head", "softmax")
        named = sorted({*self.loss.terms, *self.loss.late_terms})
        taught = [name for name in named if name.startswith("mask_")]
        if taught and head not in REAL_HEADS:
            raise ValueError(
                f"head {head} gives spectra, which {taught[0]} cannot teach; use "
                f"{' or '.join(REAL_HEADS)}, or another loss"
            )
        lastframe = self.network.architecture == "lastframe"
        if "waveform_l1" in named and not getattr(self.network, "padded", True):
            raise ValueError(
                "waveform_l1 needs frames side by side, and a network that is not padded is taught "
                "every third; use another loss, or padded = true"
            )
        only = {"data.elsewhere": self.data.elsewhere, "loss.teacher": self.loss.teacher}
        for key, given in only.items():
            if given and not (lastframe and head in REAL_HEADS):
                raise ValueError(
                    f"{key} is only for lastframe with head {' or '.join(REAL_HEADS)}; leave it out"
                )
        return self


def load(path: Path) -> Configuration:
    """Read a training's configuration.

    Raises
    ------
    ValueError
        If it is not TOML, lacks a key, has an unknown one, or a value that is not allowed:
        one sentence with the key's name.

    Notes
    -----
    Thread: [main]
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); name a .toml file") from error
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    try:
        return Configuration.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    # An unknown key is often the reason for a missing one: it is told first.
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"]] or [""]
    held: type[Table] | None = None
    if place[0] == "network" and len(place) > 1:
        held = NETWORKS[place.pop(1)]
    *tables, name = place
    key = ".".join(place)
    if key == "network.architecture":
        return f"{key} is {first['input']!r}: use {', '.join(TABLE_OF)}"
    if tables[:2] == ["data", "shares"] and name == "[key]":
        known = list(SHARED if len(tables) == 3 else SOURCES)
        return f"{'.'.join(tables)} is unknown; {hint(tables[-1], known)}use {', '.join(known)}"
    if first["type"] == "extra_forbidden":
        known = sorted(held.model_fields if held else _known(tables))
        return f"{key} is unknown; {hint(name, known)}use {', '.join(known)}"
    if first["type"] == "missing":
        return f"{key} is missing; add it"
    reason = first["msg"].removeprefix("Value error, ")
    if not key:
        return reason
    if not isinstance(first["input"], str | int | float):
        return f"{key}: {reason[0].lower()}{reason[1:]}"
    return f"{key} is {first['input']!r}: {reason[0].lower()}{reason[1:]}"


def _known(tables: list[str]) -> list[str]:
    held: Any = Configuration
    for table in tables:
        held = held.model_fields[table].annotation
    return list(held.model_fields)
