"""A panel's ratings as Markdown."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from models.evaluation.bootstrap import LEVEL, Interval
from models.evaluation.report import table
from models.listening.key import SCALES
from models.listening.panel import KNOWN, MEAN, MISSED, Panel
from models.listening.trials import ANCHOR, MIXTURE, REFERENCE

FEW = 6  # listeners or songs below which intervals are known to be narrow
MEANING = {
    "isolation": "how well the instrument is isolated, all in all",
    "artefacts": "how free it is of sounds that separation made",
    "bleed": "how free it is of other instruments",
}


def markdown(panel: Panel, refused: Sequence[str] = ()) -> str:
    """Lay out levels and differences of the listeners who count, and who does not.

    Parameters
    ----------
    panel : Panel
        All listeners.
    refused : sequence of str
        Sentences on files that could not be used.

    Notes
    -----
    Thread: [any]
    """
    kept = panel.screened()
    lines = ["# Listening test", "", *_who(panel, kept)]
    if refused:
        lines += ["Not used:", "", *(f"- {sentence}" for sentence in refused), ""]
    if not kept.listeners:
        return "\n".join(lines)
    lines += [*_what(kept), ""]
    columns = [*kept.stems, *([MEAN] if len(kept.stems) > 1 else [])]
    for scale in SCALES:
        lines += [f"## {scale.capitalize()}: {MEANING[scale]}", ""]
        levels = [
            [name, *(_level(kept.level(name, scale, c)) for c in columns)]
            for name in kept.conditions
        ]
        lines += [*table(["0 to 100", *columns], levels), ""]
        differences = [
            [f"{one} - {other}", *(_difference(kept.difference(one, other, scale, c))
                                   for c in columns)]
            for one, other in pairs(kept.conditions)
        ]  # fmt: skip
        if differences:
            lines += [*table(["difference", *columns], differences), ""]
    return "\n".join(lines)


def pairs(conditions: Sequence[str]) -> list[tuple[str, str]]:
    """Give all pairs of separations; what only spans the scale is in none.

    Notes
    -----
    Thread: [any]
    """
    given = {REFERENCE, MIXTURE, ANCHOR}
    return list(combinations([each for each in conditions if each not in given], 2))


def _who(panel: Panel, kept: Panel) -> list[str]:
    count, left = len(kept.listeners), len(panel.listeners) - len(kept.listeners)
    lines = [
        f"{_counted(count, 'listener')}, {_counted(len(kept.songs), 'song')}, "
        f"{_counted(len(kept.stems), 'stem')}. Left out: {left or 'nobody'}."
    ]
    shares = zip(panel.listeners, panel.missed(), strict=True)
    out = [(name, share) for name, share in shares if name not in kept.listeners]
    rule = (
        f"A listener counts who rated at most {100 * MISSED:.0f} % of the hidden references, each "
        f"trial and scale by itself, below {KNOWN:.0f} (post-screening of ITU-R BS.1534-3)."
    )
    lines += ["", rule, ""]
    for name, share in out:
        how = "rated none" if np.isnan(share) else f"missed {100 * share:.0f} % of them"
        lines.append(f"- {name}: {how}")
    return [*lines, ""] if out else lines


def _what(kept: Panel) -> list[str]:
    drawn = [
        name
        for name, held in (("listeners", kept.listeners), ("songs", kept.songs))
        if len(held) > 1
    ]
    over = " and ".join(drawn) or "nothing: there is one of each"
    text = (
        f"Means and their {LEVEL:g} % bootstrap intervals over {over}; a difference is in bold "
        "where its interval lies on one side of zero."
    )
    few = [
        _counted(len(held), name)
        for name, held in (("listener", kept.listeners), ("song", kept.songs))
        if len(held) < FEW
    ]
    if few:
        text += f" With only {' and '.join(few)} the intervals are narrower than they should be."
    rated = np.isfinite(kept.values)
    asked = rated.any((0, 4), keepdims=True)  # a model may lack a stem
    missing = int((np.broadcast_to(asked, rated.shape) & ~rated).sum())
    if missing:
        text += (
            f" {missing} of {int(np.broadcast_to(asked, rated.shape).sum())} ratings are missing."
        )
    return [text]


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _level(found: Interval | None) -> str:
    return "-" if found is None else f"{found.mean:.0f} ({found.low:.0f} to {found.high:.0f})"


def _difference(found: Interval | None) -> str:
    if found is None:
        return "-"
    text = f"{found.mean:+.0f} ({found.low:+.0f} to {found.high:+.0f})"
    return f"**{text}**" if found.sign else text
