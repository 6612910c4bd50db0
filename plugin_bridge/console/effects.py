"""The effects that a preset may hold: Pedalboard's classes, their parameters and ranges.

Rules of this file
 1. Not here are containers, instruments, and effects whose latency is over a second or changes
    with the size of calls (PitchShift, MP3Compressor, GSMFullRateCompressor, Resample).
 2. Ranges are those where an effect is sane; inside them none gives a NaN at 44.1 kHz.
 3. The names are Pedalboard's own.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

IMPULSE_RESPONSE = "impulse_response_filename"


def stays_inside(name: Any) -> bool:
    """Tell whether a file name stays in its folder, as it is written, on any system.

    Examples
    --------
    >>> stays_inside("rooms/hall.wav"), stays_inside("../hall.wav"), stays_inside("C:/hall.wav")
    (True, False, False)

    Notes
    -----
    Thread: [any]
    """
    if not isinstance(name, str) or not name or "\0" in name:
        return False
    windows, posix = PureWindowsPath(name), PurePosixPath(name)
    rooted = windows.drive or windows.root or posix.is_absolute()
    return not rooted and ".." not in windows.parts


@dataclass(frozen=True)
class Number:
    """A parameter that is a number in a range."""

    low: float
    high: float

    def refuses(self, value: Any) -> str:
        """Give what is allowed, if the value is not; else ''."""
        fine = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if fine and self.low <= value <= self.high else f"{self.low:g} to {self.high:g}"

    def schema(self) -> dict[str, Any]:
        """Give the JSON Schema."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Switch:
    """A parameter that is on or off."""

    def refuses(self, value: Any) -> str:
        """Give what is allowed, if the value is not; else ''."""
        return "" if isinstance(value, bool) else "true or false"

    def schema(self) -> dict[str, Any]:
        """Give the JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of a class's names."""

    names: tuple[str, ...]

    def refuses(self, value: Any) -> str:
        """Give what is allowed, if the value is not; else ''."""
        return "" if value in self.names else f"one of {', '.join(self.names)}"

    def schema(self) -> dict[str, Any]:
        """Give the JSON Schema."""
        return {"enum": list(self.names)}


@dataclass(frozen=True)
class InFolder:
    """A parameter that is a file in the preset's folder."""

    def refuses(self, value: Any) -> str:
        """Give what is allowed, if the value is not; else ''."""
        return "" if stays_inside(value) else "a file inside the preset's folder, without .."

    def schema(self) -> dict[str, Any]:
        """Give the JSON Schema."""
        return {"type": "string", "description": "An audio file inside the preset's folder."}


Parameter = Number | Switch | Choice | InFolder

_LEVEL = Number(-100, 24)
_SHARE = Number(0, 1)
_LOOP = Number(-0.99, 0.99)  # feedback of one would never end
_CUTOFF = Number(10, 20000)
_TIME_MS = Number(0, 5000)
_SHELF = {"cutoff_frequency_hz": _CUTOFF, "gain_db": Number(-60, 24), "q": Number(0.05, 20)}
_DYNAMICS = {
    "threshold_db": _LEVEL,
    "ratio": Number(1, 100),
    "attack_ms": _TIME_MS,
    "release_ms": _TIME_MS,
}

EFFECTS: dict[str, dict[str, Parameter]] = {
    "Bitcrush": {"bit_depth": Number(1, 32)},
    "BrickwallLimiter": {
        "ceiling_db": Number(-60, 0),
        "release_ms": Number(1, 5000),
        "lookahead_ms": Number(0.1, 100),
        "true_peak": Switch(),
    },
    "Chorus": {
        "rate_hz": Number(0, 100),
        "depth": _SHARE,
        "centre_delay_ms": Number(1, 100),
        "feedback": _LOOP,
        "mix": _SHARE,
    },
    "Clipping": {"threshold_db": _LEVEL},
    "Compressor": dict(_DYNAMICS),
    "Convolution": {IMPULSE_RESPONSE: InFolder(), "mix": _SHARE},
    "Delay": {"delay_seconds": Number(0, 30), "feedback": Number(0, 0.99), "mix": _SHARE},
    "Distortion": {"drive_db": Number(-60, 100)},
    "Gain": {"gain_db": Number(-120, 60)},
    "HighShelfFilter": dict(_SHELF),
    "HighpassFilter": {"cutoff_frequency_hz": _CUTOFF},
    "Invert": {},
    "LadderFilter": {
        "mode": Choice(("LPF12", "HPF12", "BPF12", "LPF24", "HPF24", "BPF24")),
        "cutoff_hz": _CUTOFF,
        "resonance": _SHARE,
        "drive": Number(1, 100),
    },
    "Limiter": {"threshold_db": _LEVEL, "release_ms": Number(1, 5000)},
    "LowShelfFilter": dict(_SHELF),
    "LowpassFilter": {"cutoff_frequency_hz": _CUTOFF},
    "NoiseGate": dict(_DYNAMICS),
    "PeakFilter": dict(_SHELF),
    "Phaser": {
        "rate_hz": Number(0, 100),
        "depth": _SHARE,
        "centre_frequency_hz": Number(20, 20000),
        "feedback": _LOOP,
        "mix": _SHARE,
    },
    "Reverb": {
        "room_size": _SHARE,
        "damping": _SHARE,
        "wet_level": _SHARE,
        "dry_level": _SHARE,
        "width": _SHARE,
        "freeze_mode": _SHARE,
    },
}
