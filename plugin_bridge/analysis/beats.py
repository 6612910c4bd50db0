"""Tempo and beats, by librosa's dynamic programming (Ellis 2007)."""

from types import ModuleType

import numpy as np

from plugin_bridge.analysis.grid import BASE_RATE, HOP
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import MissingExtraError

# Onsets and seconds of which a beat can be told.
FEWEST, SHORTEST = 4, 2.0
# Hops that the tempo is looked for in: its table of all lags in all hops has the square of it in
# memory, 6 GB for ten minutes at one hop.
TEMPO_HOPS = 4
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
        raise MissingExtraError(
            f"the analysis of files needs librosa ({error}); pip install "
            '"plugin-bridge[analysis]", or use --causal'
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
    coarse = {"onset_envelope": _thinned(curve, TEMPO_HOPS), "hop_length": TEMPO_HOPS * HOP}
    tempo = float(np.ravel(module.feature.tempo(sr=BASE_RATE, **coarse))[0])
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


def _thinned(curve: FloatArray, hops: int) -> FloatArray:
    padded = np.pad(curve, (0, -len(curve) % hops))
    return np.asarray(padded.reshape(-1, hops).max(axis=1))
