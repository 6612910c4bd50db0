"""What the article says about its models, and what the scores of models like them say.

A difference is taken song by song, then averaged; its interval is that of the mean over songs
drawn again and again (bootstrap). Where the interval holds zero, nothing is decided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.data.score import STEMS
from models.evaluation.energies import Doubles
from models.evaluation.report import table
from models.evaluation.scores import MEAN, SetScores

MODELS = ("model1", "model2", "model3", "model4")
HARD, SOFT = "thresholded", "soft"
DRAWS = 4000
LEVEL = 95.0  # percent
ALIKE = 0.3  # dB; models closer than this perform about alike
TAUGHT, BEST = "ideal b1", "ideal ratio"


@dataclass(frozen=True)
class Difference:
    """A mean difference over songs in dB, and its interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})"

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def row(name: str, use: str) -> str:
    """Name the row of a network that is used one way or the other."""
    return f"{name} {use}"


def interval(values: Sequence[float] | Doubles, seed: int = 0) -> Difference | None:
    """Give mean and bootstrap interval of one number per song; None without two numbers.

    Examples
    --------
    >>> interval([1.0, 1.0, 1.0])
    Difference(mean=1.0, low=1.0, high=1.0)

    Notes
    -----
    Thread: [any]
    """
    there = np.asarray(values, np.float64)
    there = there[np.isfinite(there)]
    if len(there) < 2:
        return None
    rng = np.random.default_rng(seed)
    means = there[rng.integers(len(there), size=(DRAWS, len(there)))].mean(1)
    edge = (100 - LEVEL) / 2
    low, high = np.percentile(means, [edge, 100 - edge])
    return Difference(float(there.mean()), float(low), float(high))


def difference(
    scores: SetScores, one: str, other: str, figure: str = "sdr", column: str = MEAN
) -> Difference | None:
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


def decibels(found: Difference | None, figure: str = "") -> str:
    """Write a difference, - for none.

    Examples
    --------
    >>> decibels(Difference(1.0, 0.5, 1.5), "SDR")
    '+1.00 (+0.50 to +1.50) dB SDR'

    Notes
    -----
    Thread: [any]
    """
    return "-" if found is None else f"{found} dB {figure}".rstrip()


def verdict(found: Difference | None, wanted: int = 1) -> str:
    """Say whether a difference has the wanted sign, beyond its interval.

    Examples
    --------
    >>> verdict(Difference(1.0, 0.5, 1.5)), verdict(Difference(1.0, -0.5, 2.5)), verdict(None)
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
