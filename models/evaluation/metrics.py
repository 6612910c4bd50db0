"""Figures of one separated song, from energies of sums. Higher is better in every figure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.data.score import STEMS
from models.data.sound import Floats
from models.evaluation.energies import (
    ACCOMPANIMENT,
    CAP,
    ESTIMATE,
    GIVEN,
    MIXTURE,
    REST,
    ROWS,
    SILENT,
    STEM,
    Doubles,
    decibels,
    energy,
    grams,
)

COLUMNS = (*STEMS, ACCOMPANIMENT)
PAIR = ("vocals", ACCOMPANIMENT)
SUM_CAP = 150.0  # dB, just below what float32 can tell
ABSENT = 1e-6  # of the mixture's energy in a second: a stem below it is absent there


@dataclass(frozen=True)
class Figures:
    """Figures of one song and one separator; nan where there is nothing to measure.

    Attributes
    ----------
    sdr : dict, column -> dB
        Energy of the true stem over that of the error, whole song. Silence scores 0 dB.
    si_sdr, si_sdr_gain : dict, column -> dB
        The same after the best gain on the true stem; and less that of the mixture. A
        silent estimate scores -100 dB.
    frame_sdr : dict, column -> dB
        Median of the SDR of whole seconds, as BSSEval v4 has it: seconds in which a stem
        or an estimate is silent do not count.
    leakage : dict, column -> dB
        How far an estimate is below the mixture in the seconds where its stem is absent.
    sum_error : float, dB
        How far the mixture less the sum of the estimates is below the mixture.
    shares : dict, stem -> dict, stem -> float
        Share of a true stem (first) found in each estimate (second): the gains that make
        the true stems explain the estimate best. For a mask it is the part of the stem's
        energy that the mask lets through; over the estimates the shares add up to one.
    bss : dict, "sir" or "sar" -> dict, column -> dB
        From museval, where asked for.
    """

    sdr: dict[str, float]
    si_sdr: dict[str, float]
    si_sdr_gain: dict[str, float]
    frame_sdr: dict[str, float]
    leakage: dict[str, float]
    sum_error: float
    shares: dict[str, dict[str, float]]
    bss: dict[str, dict[str, float]] = field(default_factory=dict)


def figures(
    stems: Mapping[str, Floats], mixture: Floats, estimates: Mapping[str, Floats], rate: int
) -> Figures:
    """Measure one separated song.

    Parameters
    ----------
    stems : mapping, stem -> float32 (channels, samples)
    mixture : float32, shape (channels, samples)
    estimates : mapping, stem -> float32 (channels, samples)
        A stem that is not there is not scored. The accompaniment, if it is not given too,
        is the sum of the other three, or else the mixture less the vocals.
    rate : int
        Samples per second.

    Returns
    -------
    figures : Figures

    Notes
    -----
    Thread: [any]
    """
    seconds = grams(stems, mixture, estimates, rate)
    whole = seconds.sum(0)
    truth, found = _vectors(set(estimates))
    of_mixture = np.eye(ROWS)[MIXTURE]
    # what an estimate can be measured against: a stem that sounds
    heard = {
        name: vector
        for name, vector in truth.items()
        if name in found and energy(whole, vector) > SILENT * mixture.size
    }
    before = {name: _si_sdr(whole, vector, of_mixture) for name, vector in heard.items()}
    after = {name: _si_sdr(whole, vector, found[name]) for name, vector in heard.items()}
    return Figures(
        sdr=_filled(
            {
                name: decibels(energy(whole, vector), energy(whole, vector - found[name]))
                for name, vector in heard.items()
            }
        ),
        si_sdr=_filled(after),
        si_sdr_gain=_filled({name: after[name] - before[name] for name in heard}),
        frame_sdr=_filled(_of_frames(seconds, truth, found, _sounding(stems, estimates, rate))),
        leakage=_filled(
            {
                name: _leakage(seconds, truth[name], vector, mixture)
                for name, vector in found.items()
            }
        ),
        sum_error=(
            decibels(whole[MIXTURE, MIXTURE], whole[REST, REST], SUM_CAP)
            if set(STEMS) <= set(estimates)
            else float("nan")
        ),
        shares=_shares(whole, set(estimates), mixture.size),
    )


def _vectors(given: set[str]) -> tuple[dict[str, Doubles], dict[str, Doubles]]:
    """Weights of the rows for each true column and each estimated one that is there."""
    unit = np.eye(ROWS)
    truth = {stem: unit[STEM + i] for i, stem in enumerate(STEMS)}
    found = {stem: unit[ESTIMATE + i] for i, stem in enumerate(STEMS) if stem in given}
    others = [stem for stem in STEMS if stem != "vocals"]
    truth[ACCOMPANIMENT] = sum((truth[stem] for stem in others), np.zeros(ROWS))
    if ACCOMPANIMENT in given:
        found[ACCOMPANIMENT] = unit[GIVEN]
    elif set(others) <= given:
        found[ACCOMPANIMENT] = sum((found[stem] for stem in others), np.zeros(ROWS))
    elif "vocals" in given:
        found[ACCOMPANIMENT] = unit[MIXTURE] - found["vocals"]
    return truth, found


def _filled(values: Mapping[str, float]) -> dict[str, float]:
    return {name: values.get(name, float("nan")) for name in COLUMNS}


def _si_sdr(gram: Doubles, truth: Doubles, estimate: Doubles) -> float:
    own, total = energy(gram, truth), energy(gram, estimate)
    if total <= 0:
        return -CAP
    target = float(truth @ gram @ estimate) ** 2 / own
    return decibels(target, max(total - target, 0.0))


def _sounding(
    stems: Mapping[str, Floats], estimates: Mapping[str, Floats], rate: int
) -> dict[str, NDArray[np.bool_]]:
    """Whole seconds in which column and estimate sound; by museval's rule, the channels' sum."""
    others = [stem for stem in STEMS if stem != "vocals"]
    found: dict[str, NDArray[np.bool_]] = {}
    for tracks in (stems, estimates):
        full = dict(tracks)
        if ACCOMPANIMENT not in full and set(others) <= set(full):
            full[ACCOMPANIMENT] = np.sum([full[stem] for stem in others], axis=0)
        for name, track in full.items():
            total = track.sum(0)
            frames = max(len(total) // rate, 1)
            sounds = total[: frames * rate].reshape(frames, -1).any(1)
            found[name] = found.get(name, True) & sounds
    return found


def _of_frames(
    seconds: Doubles,
    truth: Mapping[str, Doubles],
    found: Mapping[str, Doubles],
    sounding: Mapping[str, NDArray[np.bool_]],
) -> dict[str, float]:
    """As museval does: vocals against accompaniment, the other stems among the four."""
    medians: dict[str, float] = {}
    for group in (STEMS, PAIR):
        if not set(group) <= set(found):
            continue
        counts = np.flatnonzero(np.all([sounding[name] for name in group], axis=0))
        for name in group:
            ratios = [
                decibels(energy(gram, truth[name]), energy(gram, truth[name] - found[name]))
                for gram in seconds[counts]
            ]
            medians[name] = float(np.median(ratios)) if ratios else float("nan")
    return medians


def _leakage(seconds: Doubles, truth: Doubles, estimate: Doubles, mixture: Floats) -> float:
    mixed = seconds[:, MIXTURE, MIXTURE]
    own = np.einsum("tij,i,j->t", seconds, truth, truth)
    absent = (own <= ABSENT * mixed) & (mixed > SILENT * mixture.size / len(seconds))
    if not absent.any():
        return float("nan")
    return decibels(float(mixed[absent].sum()), energy(seconds[absent].sum(0), estimate))


def _shares(whole: Doubles, given: set[str], size: int) -> dict[str, dict[str, float]]:
    energy = np.diag(whole)[STEM:ESTIMATE]
    sounds = np.flatnonzero(energy > SILENT * size)
    level = np.sqrt(energy[sounds])
    among = whole[np.ix_(STEM + sounds, STEM + sounds)] / np.outer(level, level)
    with_estimates = whole[STEM + sounds, ESTIMATE:MIXTURE] / level[:, None]
    # stems that are copies of each other share what is found of them
    gains = np.linalg.pinv(among, rcond=1e-9, hermitian=True) @ with_estimates / level[:, None]
    table = np.full((len(STEMS), len(STEMS)), np.nan)
    table[sounds] = gains
    return {
        stem: {
            name: float(table[i, j]) if name in given else float("nan")
            for j, name in enumerate(STEMS)
        }
        for i, stem in enumerate(STEMS)
    }
