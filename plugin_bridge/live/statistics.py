"""Counters, times and levels of a session, summed over its engines."""

import math
from typing import Any

import numpy as np

from plugin_bridge.live.control import (
    BINS,
    BINS_PER_BLOCK,
    BINS_PER_STEP,
    Audio,
    ControlBlock,
    Worker,
    quantile,
)
from plugin_bridge.live.heard import STEMS, Sum

# Names in the status, and the cells they come from.
COUNTERS: dict[str, Audio | Worker] = {
    "callbacks": Audio.CALLBACKS,
    "samples": Audio.SAMPLES,
    "input_xruns": Audio.INPUT_XRUNS,
    "output_xruns": Audio.OUTPUT_XRUNS,
    "strange_blocks": Audio.STRANGE_BLOCKS,
    "misses": Audio.MISSES,
    "missed_samples": Audio.MISSED_SAMPLES,
    "waits": Audio.WAITS,
    "late_callbacks": Audio.LATE_CALLBACKS,
    "hops": Worker.HOPS,
    "skipped_hops": Worker.SKIPPED_HOPS,
    "commands": Worker.COMMANDS_READ,
    "refused_commands": Worker.REFUSED_COMMANDS,
    "clipped_samples": Worker.CLIPPED_SAMPLES,
    "nonfinite_samples": Worker.NONFINITE_SAMPLES,
    "clamped_samples": Worker.CLAMPED_SAMPLES,
    "nonfinite_frames": Worker.NONFINITE_FRAMES,
    "nonfinite_insert_samples": Worker.NONFINITE_INSERTS,
    "failures": Worker.FAILURES,
    "deaf": Worker.DEAF,
}
SILENCE_DB = -120.0


class Totals:
    """What engines that are gone have counted; the present one is added in a report.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self) -> None:
        self._counted = dict.fromkeys(COUNTERS, 0)
        self._callbacks = np.zeros(BINS, np.int64)
        self._hops = np.zeros(BINS, np.int64)
        self._longest = {"callback": 0, "hop": 0}
        self._heard = np.zeros((STEMS, len(Sum)), np.int64)

    def keep(self, control: ControlBlock, described: dict[str, Any]) -> None:
        """Add an engine that has ended.

        Notes
        -----
        Thread: [any], one at a time
        """
        self._counted = self._counters(control)
        self._longest = self._maxima(control)
        if described:
            self._callbacks = self._callbacks + control.callback_times
            self._hops = self._hops + control.hop_times
            self._heard = self._heard + control.heard.sums

    def report(self, control: ControlBlock | None, described: dict[str, Any]) -> dict[str, Any]:
        """Give counters, times in ms and levels in dB.

        Parameters
        ----------
        control : ControlBlock or None, of the engine that runs
        described : dict, what it said at its start

        Notes
        -----
        Thread: [any], one at a time
        """
        callbacks, hops = self._callbacks, self._hops
        if control is not None:
            callbacks, hops = callbacks + control.callback_times, hops + control.hop_times
        block_ms, step_ms = _periods(described)
        longest = self._maxima(control)
        return {
            "counters": self._counters(control),
            "callback_ms": _times(callbacks, block_ms / BINS_PER_BLOCK, longest["callback"]),
            "block_ms": block_ms,
            "hop_ms": _times(hops, step_ms / BINS_PER_STEP, longest["hop"]),
            "step_ms": step_ms,
            "levels": _levels(control, described),
            "heard": self._of_stems(control, described),
        }

    def _counters(self, control: ControlBlock | None) -> dict[str, int]:
        if control is None:
            return dict(self._counted)
        return {name: self._counted[name] + int(control.cells[c]) for name, c in COUNTERS.items()}

    def _of_stems(
        self, control: ControlBlock | None, described: dict[str, Any]
    ) -> dict[str, dict[str, int | None]]:
        """Give how much began in each stem, and what sounds; nothing where nobody listens."""
        if not described.get("listens"):
            return {}
        sums = self._heard if control is None else self._heard + control.heard.sums
        now = None if control is None else control.heard.sums[:, Sum.SOUNDING]
        return {
            stem: {
                "onsets": int(sums[number, Sum.ONSETS]),
                "notes": int(sums[number, Sum.NOTES]),
                "sounding": int(now[number]) - 1 if now is not None and now[number] else None,
            }
            for number, stem in enumerate(described["stems"][:STEMS])
        }

    def _maxima(self, control: ControlBlock | None) -> dict[str, int]:
        if control is None:
            return dict(self._longest)
        return {
            "callback": max(self._longest["callback"], int(control.cells[Audio.LONGEST_NS])),
            "hop": max(self._longest["hop"], int(control.cells[Worker.LONGEST_NS])),
        }


def _periods(described: dict[str, Any]) -> tuple[float, float]:
    """Give the time of a block and of a step, in ms."""
    if not described:
        return 0.0, 0.0
    rate = float(described["device"]["rate"])
    return 1000 * described["device"]["block"] / rate, 1000 * described["step"] / rate


def _times(histogram: Any, width: float, longest_ns: int) -> dict[str, float]:
    longest = longest_ns / 1e6
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    # The last bin is open: its edge would be too short.
    found = {
        name: min(longest, quantile(histogram, share, width)) for name, share in shares.items()
    }
    return {name: round(value, 4) for name, value in {**found, "max": longest}.items()}


def _levels(control: ControlBlock | None, described: dict[str, Any]) -> dict[str, dict[str, float]]:
    if control is None:
        return {}
    return {
        name: {
            "peak_db": _decibels(20, float(control.meters[row, 0])),
            "rms_db": _decibels(10, float(control.meters[row, 1])),
        }
        for row, name in enumerate(described.get("meters", ()))
    }


def _decibels(factor: float, value: float) -> float:
    return round(max(SILENCE_DB, factor * math.log10(value)), 1) if value > 0 else SILENCE_DB
