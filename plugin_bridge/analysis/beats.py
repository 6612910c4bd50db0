"""Tempo and beats, by librosa's dynamic programming (Ellis 2007)."""

from types import ModuleType

import numpy as np

from plugin_bridge.analysis.grid import BASE_RATE, HOP
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import MissingExtraError

# Onsets and seconds of which a beat can be told.
FEWEST, SHORTEST = 4, 2.0
# Hops of a value in which the tempo is looked for, seconds of the lags that are tried, and values
# worked on at a time: the table of all lags at all values of ten minutes would be half a gigabyte.
TEMPO_HOPS, LAG_SECONDS, PART = 4, 8.0, 2048
STEADY = 0.1  # share by which a gap between beats may differ from the usual one, to count


def librosa() -> ModuleType:
    """Import librosa.

    Raises
    ------
    MissingExtraError
        If it is not installed.

    Notes
    -----
    Thread: [main]
    """
    try:
        import librosa as module
    except ImportError as error:
        raise MissingExtraError.of(
            f"the analysis of files needs librosa ({error})", "analysis", "use --causal"
        ) from error
    return module


def beats_of(curve: FloatArray, onsets: int) -> tuple[float | None, list[float]]:
    """Give beats per minute and the beats in seconds.

    Parameters
    ----------
    curve : float32, shape (hops,), at 44.1 kHz
        How much begins in each hop.
    onsets : int
        How many onsets were found in it; of fewer than four, or in less than 2 s, no beat is made.

    Returns
    -------
    tempo : float or None
    beats : list of float

    Notes
    -----
    Thread: [main]
    """
    if onsets < FEWEST or len(curve) * HOP < SHORTEST * BASE_RATE or not curve.any():
        return None, []
    module = librosa()
    lags = _lags(_thinned(curve, TEMPO_HOPS))
    tempo = float(
        np.ravel(module.feature.tempo(sr=BASE_RATE, tg=lags, hop_length=TEMPO_HOPS * HOP))[0]
    )
    if not tempo > 0:
        return None, []
    _, beats = module.beat.beat_track(
        onset_envelope=curve, sr=BASE_RATE, hop_length=HOP, bpm=tempo, units="time"
    )
    if len(beats) < 2:
        return None, []
    # The lags of the table are coarse; the beats themselves tell the tempo to 0.1 %.
    gaps = np.diff(beats)
    steady = gaps[np.abs(gaps / np.median(gaps) - 1) < STEADY]
    return 60 / float(steady.mean()), [float(beat) for beat in beats]


def _lags(curve: FloatArray) -> FloatArray:
    """Give how alike the curve is to itself at each lag, (lags, 1), as the mean of all its values.

    Part by part, with what lies before and after a part: the same as of the whole curve.
    """
    module, length = librosa(), int(LAG_SECONDS * BASE_RATE / (TEMPO_HOPS * HOP))
    total = np.zeros((length, 1))
    for start in range(0, len(curve), PART):
        lead = min(length, start)
        part = curve[start - lead : start + PART + length]
        table = module.feature.tempogram(onset_envelope=part, win_length=length)
        total += table[:, lead : lead + PART].sum(axis=1, keepdims=True)
    return np.asarray(total / len(curve), np.float32)


def _thinned(curve: FloatArray, hops: int) -> FloatArray:
    padded = np.pad(curve, (0, -len(curve) % hops))
    return np.asarray(padded.reshape(-1, hops).max(axis=1))
