"""NI Stems: one .stem.mp4 that DJ programs take apart again.

Five stereo streams, the mix and four stems, all ALAC or all AAC. Ordinary players play the mix,
the only stream that is enabled; a box `moov/udta/stem` tells the stems' names and colours as JSON.
Here is what the format says, and the reader; the writer is in ni_writer.py.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import AudioFileError, SpecError
from plugin_bridge.files import ffmpeg, mp4
from plugin_bridge.files.options import NI_STEMS
from plugin_bridge.files.writer import reason
from plugin_bridge.names import MIX

RATES = (44100, 48000)
# Order and colours of the format's own files; what the format calls a slot is a stream here.
SLOTS = ("drums", "bass", "other", "vocals")
COLOURS = ("#009E73", "#D55E00", "#CC79A7", "#56B4E9")
# Where a stem of another name belongs.
ALIASES = {"accompaniment": "other"}
EMPTY = "empty"
STEM_BOX = (b"moov", b"udta", b"stem")
# The player's own compressor and limiter stay off: the mix is what came in.
MASTERING: dict[str, dict[str, Any]] = {
    "compressor": {
        "enabled": False,
        "input_gain": 0.5,
        "output_gain": 0.5,
        "threshold": 0,
        "ratio": 3,
        "attack": 0.003,
        "release": 0.3,
        "hp_cutoff": 300,
        "dry_wet": 50,
    },
    "limiter": {"enabled": False, "threshold": 0, "ceiling": -0.35, "release": 0.05},
}


def order(stems: Sequence[str]) -> list[str | None]:
    """Give the stem of each of the four slots, None where one stays silent.

    Parameters
    ----------
    stems : names, one to four

    Raises
    ------
    SpecError
        If there are none, or more than four.

    Examples
    --------
    >>> order(["vocals", "accompaniment"])
    [None, None, 'accompaniment', 'vocals']
    >>> order(["speech", "music"])
    ['speech', 'music', None, None]

    Notes
    -----
    Thread: [any]
    """
    if not 1 <= len(stems) <= len(SLOTS):
        raise SpecError(
            f"{NI_STEMS} holds 1 to {len(SLOTS)} stems, not {len(stems)} "
            f"({', '.join(stems) or 'none'}); choose some with --stems, or use --format wav"
        )
    placed: list[str | None] = [None] * len(SLOTS)
    left = []
    for name in stems:
        slot = ALIASES.get(name, name)
        if slot in SLOTS and placed[SLOTS.index(slot)] is None:
            placed[SLOTS.index(slot)] = name
        else:
            left.append(name)
    for name in left:
        placed[placed.index(None)] = name
    return placed


def manifest(slots: Sequence[str | None]) -> dict[str, Any]:
    """Give what the stem box tells; `slots` as `order` gives them.

    Notes
    -----
    Thread: [any]
    """
    stems = [
        {"name": name or EMPTY, "color": colour}
        for name, colour in zip(slots, COLOURS, strict=True)
    ]
    return {"version": 1, "mastering_dsp": MASTERING, "stems": stems}


def check_rate(path: Path, sample_rate: int) -> None:
    """Refuse a song whose sample rate the format does not know.

    Raises
    ------
    AudioFileError
        Names the rates that it knows.

    Notes
    -----
    Thread: [any]
    """
    if sample_rate not in RATES:
        raise AudioFileError(
            f"{path} has {sample_rate} Hz, {NI_STEMS} holds {' or '.join(map(str, RATES))} Hz; "
            "convert it first, or use --format wav"
        )


@dataclass(frozen=True)
class NiStems:
    """What a .stem.mp4 holds.

    Attributes
    ----------
    audio : dict, name -> float32, shape (channels, samples)
        `mix` and the stems, in the file's order. Integers are divided by 2^(bits-1).
    sample_rate : int, Hz
    manifest : dict
        The JSON of the stem box; empty if there is none.
    """

    audio: dict[str, FloatArray]
    sample_rate: int
    manifest: dict[str, Any]


def read_ni_stems(path: str | Path, names: Collection[str] | None = None) -> NiStems:
    """Read a .stem.mp4 into memory.

    Parameters
    ----------
    path : str or Path
        An mp4 file of a mix and stems, this project's or another's.
    names : names or None
        Read these alone; None reads `mix` and all stems. Stems have the names that the file's stem
        box tells, else `drums`, `bass`, `other`, `vocals`, in the order of the streams.

    Returns
    -------
    stems : NiStems
        Lossy streams may be longer than what was encoded, at the end.

    Raises
    ------
    AudioFileError
        If there is no such file, or it is no such file.
    SpecError
        If a name is not in the file, or ffmpeg is not installed.
    PluginBridgeError
        If ffmpeg cannot decode it.

    Notes
    -----
    Thread: [main]
    """
    path = Path(path)
    manifest = read_manifest(path)
    ffmpeg.require("ffmpeg", f"reading {path}")
    streams = _streams(path)
    rates = {int(stream["sample_rate"]) for stream in streams}
    if len(streams) < 2 or len(rates) > 1:
        raise AudioFileError(
            f"{path} has {len(streams)} audio streams at {len(rates)} sample rates; a stem file "
            "has a mix and its stems at one"
        )
    known = _names(manifest, len(streams))
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise SpecError(f"{path} has no stem {unknown[0]}; it has {', '.join(known)}")
    audio = {
        name: _decode(path, index, stream)
        for index, (name, stream) in enumerate(zip(known, streams, strict=True))
        if names is None or name in names
    }
    return NiStems(audio, rates.pop(), manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """Give the JSON of the stem box; empty if there is none, or it is none.

    Raises
    ------
    AudioFileError
        If the file cannot be read.

    Notes
    -----
    Thread: [any]
    """
    try:
        with path.open("rb") as file:
            body = mp4.read_box(file, *STEM_BOX)
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {reason(error)}") from error
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _names(manifest: dict[str, Any], streams: int) -> list[str]:
    """Name the streams, each differently."""
    told = manifest.get("stems")
    told = told if isinstance(told, list) and len(told) == streams - 1 else []
    told = [entry.get("name") if isinstance(entry, dict) else None for entry in told]
    names = [MIX]
    for index, name in enumerate(told or (*SLOTS, *[None] * streams)[: streams - 1]):
        name = name if isinstance(name, str) and name else f"stem {index + 1}"
        names.append(f"{name} {index + 1}" if name in names else name)
    return names


def _streams(path: Path) -> list[dict[str, Any]]:
    listed = ffmpeg.run(
        "ffprobe",
        ["-f", "mov", "-select_streams", "a", "-show_streams", "-of", "json", ffmpeg.address(path)],
        0.0,
        f"{path} cannot be read",
        "copy or convert it again",
    )
    found: list[dict[str, Any]] = json.loads(listed).get("streams", [])
    return found


def _decode(path: Path, index: int, stream: dict[str, Any]) -> FloatArray:
    channels = int(stream["channels"])
    # The demuxer is named, so that a playlist under this name opens nothing else.
    source = ["-nostdin", "-f", "mov", "-i", ffmpeg.address(path), "-map", f"0:a:{index}"]
    raw = ffmpeg.run(
        "ffmpeg",
        [*source, "-f", "f32le", "pipe:1"],
        float(stream.get("duration", 0.0)),
        f"{path} cannot be read",
        "copy or convert it again",
    )
    return np.ascontiguousarray(np.frombuffer(raw, "<f4").reshape(-1, channels).T, np.float32)
