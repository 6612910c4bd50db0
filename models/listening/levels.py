"""All sounds of a trial are equally loud, by ITU-R BS.1770, and none is clipped."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.data.sound import Floats
from plugin_bridge.errors import MissingExtraError

TARGET = -23.0  # LUFS, EBU R 128
PEAK = 10 ** (-1 / 20)  # of full scale
MOST = 30.0  # dB that a sound is lifted more than the first one: near silence stays quiet
SHORTEST = 0.4  # seconds, a block of BS.1770


def loudness(sound: Floats, rate: int) -> float:
    """Give the integrated loudness in LUFS; -inf for silence.

    Parameters
    ----------
    sound : float32, shape (channels, samples)
        0.4 s or longer, mono or stereo.
    rate : int

    Raises
    ------
    MissingExtraError
        If pyloudnorm is not installed.

    Notes
    -----
    Thread: [main]
    """
    return float(_meter(rate).integrated_loudness(sound.T.astype(np.float64)))


def _meter(rate: int) -> Any:
    try:
        import pyloudnorm
    except ImportError as error:
        raise MissingExtraError(
            "loudness is measured with pyloudnorm, which is not installed; install the extra "
            "models (make test-models does)"
        ) from error
    return pyloudnorm.Meter(rate)


def matched(sounds: Mapping[str, Floats], rate: int) -> dict[str, Floats]:
    """Bring sounds to one loudness.

    Parameters
    ----------
    sounds : mapping, name -> float32 (channels, samples)
        The first is the reference.
    rate : int

    Returns
    -------
    sounds : dict, name -> float32 (channels, samples)
        At -23 LUFS, or together as much below it as keeps the highest peak of all at -1 dB.
        Silence stays silence, and what is 30 dB below the reference is lifted 30 dB more
        than that, no further.

    Raises
    ------
    MissingExtraError
        If pyloudnorm is not installed.

    Notes
    -----
    Thread: [main]
    """
    levels = {name: loudness(sound, rate) for name, sound in sounds.items()}
    least = next(iter(levels.values())) - MOST
    if not np.isfinite(least):
        least = TARGET  # nothing to match
    gains = {name: 10 ** ((TARGET - max(level, least)) / 20) for name, level in levels.items()}
    highest = max(gains[name] * float(np.abs(sound).max()) for name, sound in sounds.items())
    less = min(1.0, PEAK / highest) if highest > 0 else 1.0
    return {name: sound * np.float32(gains[name] * less) for name, sound in sounds.items()}
