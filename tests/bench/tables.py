"""Figures as text: spreads of times, and tables aligned for reading."""

from collections.abc import Sequence

import numpy as np


def spread(seconds: Sequence[float], budget: float) -> list[str]:
    """Give p50, p99 and max, each in ms and as a share of `budget`, in seconds."""
    values = [*np.percentile(seconds, (50, 99)), max(seconds)]
    return [f"{1000 * value:8.3f} ms {100 * value / budget:6.1f} %" for value in values]


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a title and its rows; the first column to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = [title]
    for first, *others in lines:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        text.append("  " + "   ".join(cells).rstrip())
    return "\n".join(text) + "\n"
