"""BSSEval v4 by museval: interference and artifacts apart, second by second. Slow."""

import warnings
from collections.abc import Mapping
from shutil import which
from typing import Any

import numpy as np

from models.data.score import STEMS
from models.data.sound import Floats
from models.evaluation.energies import ACCOMPANIMENT
from models.evaluation.metrics import COLUMNS, PAIR
from plugin_bridge.errors import MissingExtraError

PROGRAMS = ("ffmpeg", "ffprobe")  # that a package below museval asks for when it is imported
ORDER = ("sdr", "isr", "sir", "sar")  # of museval's results


def museval() -> Any:
    """Import museval.

    Raises
    ------
    MissingExtraError
        If it, or a program that it needs, is not installed.

    Notes
    -----
    Thread: [main]
    """
    missing = [name for name in PROGRAMS if which(name) is None]
    if missing:
        raise MissingExtraError(
            f"museval needs {' and '.join(missing)} on PATH; install ffmpeg (Debian: apt-get "
            "install ffmpeg), or leave --museval out"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the many packages that come with it
            import museval as module
    except ImportError as error:
        raise MissingExtraError(
            f"museval cannot be imported ({error}); install the extra models (make test-models "
            "does), or leave --museval out"
        ) from error
    return module


def ratios(
    stems: Mapping[str, Floats], estimates: Mapping[str, Floats], rate: int
) -> dict[str, dict[str, float]]:
    """Give museval's figures of one song, medians over whole seconds.

    Parameters
    ----------
    stems, estimates : mapping, stem -> float32 (channels, samples)
        All four stems.
    rate : int
        Samples per second.

    Returns
    -------
    figures : dict, "sdr", "isr", "sir" or "sar" -> dict, column -> dB
        Vocals and accompaniment are measured against each other, drums, bass and other
        among the four, as museval does for MUSDB18. nan for stems that are silent all
        through, and where fewer than two are left.

    Raises
    ------
    MissingExtraError
        If museval cannot be used.

    Notes
    -----
    Thread: [main]
    """
    module = museval()
    result = {figure: dict.fromkeys(COLUMNS, float("nan")) for figure in ORDER}
    if not set(STEMS) <= set(estimates):
        return result
    truth, found = _with_accompaniment(stems), _with_accompaniment(estimates)
    for group in (STEMS, PAIR):
        # museval refuses a song with a silent source; a sum of channels is what it looks at
        names = [n for n in group if truth[n].sum(0).any() and found[n].sum(0).any()]
        if len(names) < 2:
            continue
        references, guesses = (
            np.stack([tracks[name].T for name in names]).astype(np.float64)
            for tracks in (truth, found)
        )
        figures = module.evaluate(references, guesses, win=rate, hop=rate)
        for figure, values in zip(ORDER, figures, strict=True):
            for name, frames in zip(names, values, strict=True):
                result[figure][name] = _median(frames)
    return result


def _with_accompaniment(stems: Mapping[str, Floats]) -> dict[str, Floats]:
    others = [stems[stem] for stem in STEMS if stem != "vocals"]
    return {ACCOMPANIMENT: np.sum(others, axis=0), **stems}


def _median(frames: Any) -> float:
    there = frames[~np.isnan(frames)]
    return float(np.median(there)) if there.size else float("nan")
