"""What is known about a finished render, and `render.json`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.writer import write_document

REPORT_NAME = "render.json"
RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


class Meter:
    """Length, peak and RMS of a stream, over all its channels.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self.samples = 0
        self._power = 0.0
        self._values = 0

    def add(self, samples: FloatArray) -> None:
        """Take the next samples into account; shape (channels, samples).

        Notes
        -----
        Thread: [main]
        """
        if samples.size:
            self.peak = max(self.peak, float(np.max(samples)), -float(np.min(samples)))
            self._power += float(np.vdot(samples, samples))
            self._values += samples.size
            self.samples += samples.shape[1]

    @property
    def rms(self) -> float:
        """Root of the mean square; 0 for no samples."""
        return float((self._power / self._values) ** 0.5) if self._values else 0.0


@dataclass(frozen=True)
class StemReport:
    """One stem: its file, level and clipped samples.

    Attributes
    ----------
    name : str
    file : str, inside the report's folder
    peak, rms : float, full scale is 1.0
    clipped : int, samples over full scale that the bit depth could not hold
    """

    name: str
    file: str
    peak: float
    rms: float
    clipped: int


@dataclass(frozen=True)
class RenderReport:
    """One rendered input.

    Attributes
    ----------
    input, folder : str, paths as given
    sample_rate : int, Hz; channels, samples : int, of input and output alike
    model : dict, name, version, sha256
    provider : str, the execution provider in use
    frames_per_call, latency_samples : int; the latency is trimmed off, at `model_rate`
    model_rate : int, Hz, at which the model ran
    resampled : bool, whether the audio was resampled there and back
    bit_depth : str, of integers or floats; codec : str, of a stem.mp4, else None
    scale : float, what all samples were multiplied by so that none clips
    stems : list of StemReport
    counters : dict, nonfinite_samples, clamped_samples, nonfinite_frames
    console : dict, or None if the stems did not go through it: preset, midi (the file), messages,
        commands, insert_latency_samples, clipped_samples, nonfinite_insert_samples
    seconds : float, time taken; speed : float, times realtime
    warnings : list of str, one sentence each
    """

    input: str
    folder: str
    sample_rate: int
    channels: int
    samples: int
    model: dict[str, str]
    provider: str
    frames_per_call: int
    latency_samples: int
    model_rate: int
    resampled: bool
    format: str
    bit_depth: str
    codec: str | None
    scale: float
    stems: list[StemReport]
    counters: dict[str, int]
    console: dict[str, Any] | None
    seconds: float
    speed: float
    warnings: list[str]
    versions: dict[str, str] = field(default_factory=lambda: versions())

    def as_dict(self) -> dict[str, Any]:
        """Give the report as JSON knows it; `stems` by name.

        Notes
        -----
        Thread: [any]
        """
        content = dict(vars(self))
        content["stems"] = {
            stem.name: {k: v for k, v in vars(stem).items() if k != "name"} for stem in self.stems
        }
        return content

    def save(self, folder: Path) -> None:
        """Write `render.json`, whole or not at all.

        Raises
        ------
        PluginBridgeError
            If the disk is full or the folder cannot be written.

        Notes
        -----
        Thread: [main]
        """
        text = json.dumps(self.as_dict(), indent=2) + "\n"
        write_document(folder / REPORT_NAME, text.encode())


@dataclass(frozen=True)
class Earlier:
    """What an earlier render has left in a folder.

    Attributes
    ----------
    input : str, the path as it was given, "" if there was no render
    files : tuple of str, names in the folder
    """

    input: str = ""
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> "Earlier":
        """Read it from a folder's `render.json`; nobody's if that is not there or not readable.

        Notes
        -----
        Thread: [main]
        """
        try:
            content = json.loads((folder / REPORT_NAME).read_text("utf-8"))
            files = {str(stem["file"]): None for stem in content["stems"].values()}
            return cls(str(content["input"]), tuple(files))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return cls()

    def warnings(self, path: Path, folder: Path, stems: Sequence[StemReport]) -> list[str]:
        """Give what the user should know of it now that `path` was rendered there.

        Notes
        -----
        Thread: [main]
        """
        now = {stem.file for stem in stems}
        left = [name for name in self.files if name not in now and (folder / name).exists()]
        found = []
        if self.input and not _same(Path(self.input), path):
            found.append(
                f"{folder} held the render of {self.input}, another file; give songs of one name "
                "folders of their own, with --out"
            )
        if left:
            found.append(
                f"{', '.join(left)} in {folder} {'is' if len(left) == 1 else 'are'} of an earlier "
                "render; remove what is not wanted"
            )
        return found


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # moved meanwhile, or named from another folder
        return one.name == other.name


def versions() -> dict[str, str]:
    """Give the versions of what the samples depend on.

    Notes
    -----
    Thread: [any]
    """
    found = {}
    for name in ("plugin-bridge", "numpy", "pedalboard", *RUNTIMES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            if name not in RUNTIMES:
                found[name] = "not installed as a package"
    return found
