"""What a live session is asked to do."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from plugin_bridge.errors import SpecError
from plugin_bridge.names import PROVIDERS

NULL, DEFAULT_RATE, DEFAULT_BLOCK = "null", 44100.0, 256
AUTO, INLINE, WORKER = "auto", "inline", "worker"
LIVE, WAIT = "live", "wait"
TAIL, DRY = "tail", "dry"
CHOICES = {
    "mode": (AUTO, INLINE, WORKER),
    "clock": (LIVE, WAIT),
    "on_miss": (TAIL, DRY),
    "provider": PROVIDERS,
}


@dataclass(frozen=True)
class LiveSettings:
    """A live session.

    Attributes
    ----------
    input, output : device, by name or "host API:name"; None takes the system's default
    device : None, or "null": no hardware, a second of noise over and over as the input
    rate : Hz, None takes the device's
    block : samples per callback, None takes the device's
    preset : name or file; None is faders at 0 dB and the mix on channels 1 and 2
    model : name or file; None takes the preset's, or lastframe
    provider : "auto", "cpu" or "cuda"
    allow_plugins : load the presets' plugin binaries without a look at the trust list
    on_miss : "tail" or "dry", what plays where a hop is missing
    mode : "auto", "inline" or "worker"
    clock : "live" or "wait"
    record : folder that gets the take, or None
    play : a song's file, in the place of the inputs, or None
    reach : also prepare the presets that the MIDI map can switch to
    listen : also tell what is played in the stems

    Raises
    ------
    SpecError
        If a value is not one of the allowed ones; lists them.

    Notes
    -----
    Thread: [any]
    """

    input: str | None = None
    output: str | None = None
    device: str | None = None
    rate: float | None = None
    block: int | None = None
    preset: str | None = None
    model: str | None = None
    provider: str = "auto"
    allow_plugins: bool = False
    on_miss: str = TAIL
    mode: str = AUTO
    clock: str = LIVE
    record: str | None = None
    play: str | None = None
    reach: bool = False
    listen: bool = False

    def __post_init__(self) -> None:
        """Check what needs no device."""
        for key, allowed in CHOICES.items():
            value = getattr(self, key)
            if value not in allowed:
                option = key.replace("_", "-")
                raise SpecError(f"--{option} {value}: allowed: {', '.join(allowed)}")
        if self.device not in (None, NULL):
            raise SpecError(
                f"--device {self.device}: allowed: {NULL}; name hardware by --input and --output"
            )
        if self.device == NULL and (self.input or self.output):
            raise SpecError("--device null has neither --input nor --output; leave them out")
        if self.play is not None and self.input is not None:
            raise SpecError(
                f"--play {self.play} takes the place of --input {self.input}; leave one of them out"
            )
        if self.block is not None and not 16 <= self.block <= 16384:
            raise SpecError(f"--block {self.block}: allowed are 16 to 16384 samples; take 256")
        if self.rate is not None and not 8000 <= self.rate <= 384000:
            raise SpecError(f"--rate {self.rate:g}: allowed are 8000 to 384000 Hz; take 44100")

    def as_json(self) -> str:
        """Give the settings as one line of text.

        Notes
        -----
        Thread: [any]
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """Make settings of what `as_json` wrote, parsed.

        Notes
        -----
        Thread: [any]
        """
        return cls(**table)
