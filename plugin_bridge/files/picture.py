"""A picture of an analysis: for each stem its waveform with the onsets, and its notes below."""

import io
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from plugin_bridge.analysis.grid import BASE_RATE, HOP
from plugin_bridge.analysis.results import SongAnalysis, StemAnalysis
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import MissingExtraError

LONGEST = 20.0  # seconds that are drawn, from the start
COLOURS = {"vocals": "#d1495b", "drums": "#30638e", "bass": "#2e7d5b", "other": "#8e5ea2"}
COLOUR = "#555555"  # of other stems
INK, FAINT, PAPER = "#2b2b2b", "#d9d6cf", "#fcfbf8"
DRUMS = ((36, "kick"), (38, "snare"), (42, "hat"))
NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
FEWEST_KEYS = 14  # that a piano roll shows
DPI = 100


def matplotlib() -> ModuleType:
    """Import matplotlib's figure, without a screen.

    Raises
    ------
    MissingExtraError
        If it is not installed.

    Notes
    -----
    Thread: [main]
    """
    try:
        return import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError.of(
            f"--plot needs matplotlib ({error})", "analysis", "leave it out"
        ) from error


def draw(song: SongAnalysis, outlines: dict[str, FloatArray], title: str) -> bytes:
    """Draw the first 20 s.

    Parameters
    ----------
    song : SongAnalysis
    outlines : dict, stem -> float32 (2, hops), lowest and highest sample of each hop
    title : str, above the picture

    Returns
    -------
    png : bytes, 1200 pixels wide

    Notes
    -----
    Thread: [main]
    """
    end = min(song.seconds, LONGEST)
    # A name, a waveform and notes for each stem; the name's row is empty.
    heights = [part for stem in song.stems.values() for part in (0.22, 0.5, _height(stem))]
    figure = matplotlib().Figure(figsize=(12, 1.0 + 0.95 * sum(heights)), facecolor=PAPER)
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for place, (name, stem) in enumerate(song.stems.items()):
        colour = COLOURS.get(name, COLOUR)
        gap, wave, roll = axes[3 * place : 3 * place + 3]
        gap.set_yticks([])
        _wave(wave, stem, outlines[name], colour)
        (_drums if any(onset.keys for onset in stem.onsets) else _roll)(roll, stem, colour, end)
        wave.set_title(name, loc="left", fontsize=11, fontweight="bold", color=colour, pad=3)
    for axis in axes:
        _plain(axis)
    for beat in song.beats:
        for axis in np.delete(axes, slice(0, None, 3)):
            axis.axvline(beat, color=FAINT, lw=0.8, zorder=0)
    axes[-1].set_xlim(0, max(end, 1e-3))
    axes[-1].tick_params(axis="x", length=3, labelbottom=True, colors=INK)
    axes[-1].set_xlabel("seconds", fontsize=9, color=INK)
    pace = "" if song.tempo is None else f"   {song.tempo:.0f} beats per minute"
    figure.text(0.06, 1 - 0.22 / figure.get_figheight(), title, fontsize=13, color=INK, va="center")
    figure.text(
        0.985, 1 - 0.22 / figure.get_figheight(), pace, fontsize=10, color=INK, va="center",
        ha="right",
    )  # fmt: skip
    figure.subplots_adjust(
        left=0.06, right=0.985, hspace=0.04, top=1 - 0.45 / figure.get_figheight(),
        bottom=0.45 / figure.get_figheight(),
    )  # fmt: skip
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, facecolor=PAPER)
    return out.getvalue()


def _height(stem: StemAnalysis) -> float:
    if any(onset.keys for onset in stem.onsets):
        return 0.7
    return 1.5 if stem.notes or stem.hertz.any() else 0.25


def _wave(axis: Any, stem: StemAnalysis, outline: FloatArray, colour: str) -> None:
    times = (np.arange(outline.shape[1]) + 0.5) * HOP / BASE_RATE
    shown = times <= LONGEST
    low, high = outline[:, shown]
    top = float(max(high.max(initial=0), -low.min(initial=0), 1e-4))
    axis.fill_between(times[shown], low / top, high / top, color=colour, alpha=0.45, lw=0)
    for onset in stem.onsets:
        if onset.seconds <= LONGEST:
            axis.plot([onset.seconds] * 2, [0.72, 1.12], color=INK, lw=0.9, alpha=0.85)
    axis.set_ylim(-1.05, 1.15)
    axis.set_yticks([])


def _drums(axis: Any, stem: StemAnalysis, colour: str, end: float) -> None:
    for row, (key, _) in enumerate(DRUMS):
        hits = [o for o in stem.onsets if key in o.keys and o.seconds <= end]
        axis.axhline(row, color=FAINT, lw=0.6, zorder=0)
        axis.scatter(
            [hit.seconds for hit in hits], [row] * len(hits), color=colour, lw=0, zorder=3,
            s=[10 + 34 * hit.velocity for hit in hits],
        )  # fmt: skip
    axis.set_ylim(-0.6, len(DRUMS) - 0.4)
    axis.set_yticks(range(len(DRUMS)), [name for _, name in DRUMS])


def _roll(axis: Any, stem: StemAnalysis, colour: str, end: float) -> None:
    if not stem.notes and not stem.hertz.any():
        axis.set_yticks([])
        axis.text(0.5, 0.5, "no notes", transform=axis.transAxes, ha="center", va="center",
            fontsize=8, color=INK)  # fmt: skip
        return
    notes = [note for note in stem.notes if note.start <= end]
    keys = [note.key for note in notes] or [60]
    middle = (min(keys) + max(keys)) / 2
    half = max(FEWEST_KEYS, max(keys) - min(keys) + 3) / 2
    low, high = middle - half, middle + half
    for key in range(int(np.ceil(low)), int(high) + 1):
        if key % 12 in (1, 3, 6, 8, 10):
            axis.axhspan(key - 0.5, key + 0.5, color=FAINT, alpha=0.35, lw=0, zorder=0)
    for note in notes:
        axis.barh(
            note.key, note.end - note.start, left=note.start, height=0.95, color=colour, lw=0,
            alpha=0.35 + 0.6 * note.velocity, zorder=2,
        )  # fmt: skip
    if stem.hertz.any():
        pitch = np.where(stem.hertz > 0, 69 + 12 * np.log2(np.maximum(stem.hertz, 1) / 440), np.nan)
        pitch[(pitch < low) | (pitch > high)] = np.nan
        pitch[1:][np.abs(np.diff(pitch)) > 1] = np.nan  # no line across a leap
        axis.plot(stem.times, pitch, color=INK, lw=1.1, alpha=0.85, zorder=3)
    axis.set_ylim(low - 0.5, high + 0.5)
    shown = [key for key in range(int(np.ceil(low)), int(high) + 1) if key % 12 in (0, 7)]
    axis.set_yticks(shown, [f"{NAMES[key % 12]}{key // 12 - 1}" for key in shown])


def _plain(axis: Any) -> None:
    axis.set_facecolor(PAPER)
    axis.tick_params(length=0, labelsize=8, colors=INK)
    axis.tick_params(axis="x", labelbottom=False)
    for side in axis.spines.values():
        side.set_visible(False)
