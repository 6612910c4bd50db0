"""What the article says about its models, and what the scores of models like them say.

A difference is taken song by song, then averaged; its interval is that of the mean over songs
drawn again and again (bootstrap). Where the interval holds zero, nothing is decided.
"""

from collections.abc import Callable

import numpy as np

from models.data.score import STEMS
from models.evaluation.bootstrap import LEVEL, Interval, interval
from models.evaluation.energies import Doubles
from models.evaluation.report import table
from models.evaluation.scores import MEAN, SetScores

MODELS = ("model1", "model2", "model3", "model4")
HARD, SOFT = "thresholded", "soft"
ALIKE = 0.3  # dB; models closer than this perform about alike
TAUGHT, BEST = "ideal b1", "ideal ratio"


def row(name: str, use: str) -> str:
    """Name the row of a network that is used one way or the other."""
    return f"{name} {use}"


def difference(
    scores: SetScores, one: str, other: str, figure: str = "sdr", column: str = MEAN
) -> Interval | None:
    """Give how much one row is above another; None where one of them is not there.

    Notes
    -----
    Thread: [any]
    """
    if not {one, other} <= set(scores.rows):
        return None
    return interval(scores.values(one, figure, column) - scores.values(other, figure, column))


Finding = tuple[str, str, str]  # claim, what was measured, verdict


def findings(scores: SetScores, use: str = SOFT) -> list[Finding]:
    """Lay every claim beside what was found.

    Notes
    -----
    Thread: [any]
    """
    return [finding for claim in CLAIMS for finding in claim(scores, use)]


def decibels(found: Interval | None, figure: str = "") -> str:
    """Write a difference, - for none.

    Examples
    --------
    >>> decibels(Interval(1.0, 0.5, 1.5), "SDR")
    '+1.00 (+0.50 to +1.50) dB SDR'

    Notes
    -----
    Thread: [any]
    """
    return "-" if found is None else f"{found} dB {figure}".rstrip()


def verdict(found: Interval | None, wanted: int = 1) -> str:
    """Say whether a difference has the wanted sign, beyond its interval.

    Examples
    --------
    >>> verdict(Interval(1.0, 0.5, 1.5)), verdict(Interval(1.0, -0.5, 2.5)), verdict(None)
    ('agrees', 'undecided', 'not measured')

    Notes
    -----
    Thread: [any]
    """
    if found is None:
        return "not measured"
    return {wanted: "agrees", 0: "undecided", -wanted: "disagrees"}[found.sign]


def _entropy(scores: SetScores, use: str) -> list[Finding]:
    made = []
    for model in MODELS:
        found = difference(scores, row(f"{model}-bce-last", use), row(f"{model}-mse-last", use))
        made.append((f"{model}: BCE better than MSE", decibels(found, "SDR"), verdict(found)))
    return made


def _weakest(scores: SetScores, use: str) -> list[Finding]:
    made = []
    for model in ("model1", "model3", "model4"):
        found = difference(scores, row(f"{model}-bce-last", use), row("model2-bce-last", use))
        made.append((f"model2 weaker than {model}", decibels(found, "SDR"), verdict(found)))
    return made


def _alike(scores: SetScores, use: str) -> list[Finding]:
    made = []
    for model in ("model3", "model4"):
        found = difference(scores, row(f"{model}-bce-last", use), row("model1-bce-last", use))
        if found is None:
            said = "not measured"
        elif max(-found.low, found.high) < ALIKE:
            said = "agrees"
        else:
            said = "disagrees" if found.sign else "undecided"
        made.append((f"{model} about like model1", decibels(found, "SDR"), said))
    return made


def _competition(scores: SetScores, use: str) -> list[Finding]:
    """Spread of the gap to the taught masks over stems: wide where easy stems are favoured."""
    spreads = {
        model: _spread(scores, row(f"{model}-bce-last", use))
        for model in MODELS
        if row(f"{model}-bce-last", use) in scores.rows and TAUGHT in scores.rows
    }
    made = []
    for model in MODELS[1:]:
        found = None
        if model in spreads and "model1" in spreads:
            found = interval(spreads[model] - spreads["model1"])
        made.append((f"stems compete in {model} (spread of gaps)", decibels(found), verdict(found)))
    return made


def _spread(scores: SetScores, name: str) -> Doubles:
    gaps = [scores.values(TAUGHT, "sdr", s) - scores.values(name, "sdr", s) for s in STEMS]
    return np.asarray(np.std(gaps, axis=0))


def _middle(scores: SetScores, use: str) -> list[Finding]:
    made = []
    for model in MODELS:
        found = difference(scores, row(f"{model}-bce-middle", use), row(f"{model}-bce-last", use))
        made.append(
            (f"{model}: middle frame better than last", decibels(found, "SDR"), verdict(found))
        )
    return made


def _drums(scores: SetScores, use: str) -> list[Finding]:
    """Set what binary masks cost against ratio masks beside what the network costs."""
    made = []
    name = row("model1-bce-last", use)
    for stem in STEMS:
        masks = difference(scores, BEST, TAUGHT, column=stem)
        network = difference(scores, TAUGHT, name, column=stem)
        said = "not measured"
        if masks and network:
            said = "by masks" if masks.mean > network.mean else "by the network"
        made.append(
            (
                f"{stem} loses by masks or by the network",
                f"{decibels(masks)}, {decibels(network)}",
                said,
            )
        )
    return made


def _trade(scores: SetScores, use: str) -> list[Finding]:
    made = []
    for model in MODELS[1:]:
        names = row(f"{model}-bce-last", use), row("model1-bce-last", use)
        sir, sar = (difference(scores, *names, figure) for figure in ("sir", "sar"))
        said = "not measured"
        if sir and sar:
            said = "agrees" if sir.sign * sar.sign < 0 else "no trade seen"
        made.append(
            (f"{model} against model1: SIR, SAR", f"{decibels(sir)}, {decibels(sar)}", said)
        )
    return made


def _above(scores: SetScores, use: str) -> list[Finding]:
    made = []
    for name in scores.rows:
        if name.endswith(f" {use}"):
            # a gain on the estimate does not count: half the mixture has more SDR than all of it
            found = interval(scores.values(name, "si_sdr_gain", MEAN))
            text = decibels(found, "SI-SDR")
            made.append((f"{name} above the mixture", text, verdict(found)))
    return made


CLAIMS: tuple[Callable[[SetScores, str], list[Finding]], ...] = (
    _entropy,
    _weakest,
    _alike,
    _competition,
    _middle,
    _drums,
    _trade,
    _above,
)


def markdown(scores: SetScores) -> list[str]:
    """Lay the claims out as Markdown, for both uses of the networks.

    Notes
    -----
    Thread: [any]
    """
    lines = ["## The article's claims", ""]
    lines += [f"Mean difference over songs and its {LEVEL:g} % bootstrap interval.", ""]
    for use in (HARD, SOFT):
        body = [list(finding) for finding in findings(scores, use)]
        lines += [f"### {use}", "", *table(["claim", "found", "verdict"], body), ""]
    return lines
