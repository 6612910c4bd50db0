"""NI Stems: one .stem.mp4 that DJ programs take apart again.

Five stereo streams, the mix and four stems, all ALAC or all AAC. Ordinary players play the mix,
the only stream that is enabled; a box `moov/udta/stem` tells the stems' names and colours as JSON.
Here is what the format says; the writer is in ni_writer.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plugin_bridge.errors import AudioFileError, SpecError
from plugin_bridge.files.options import NI_STEMS

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
