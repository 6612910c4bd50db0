"""What the speed costs: differences between ways that should agree."""

import math

import numpy as np

from plugin_bridge import Separator
from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.options import EXACT_FRAMES, FAST_FRAMES
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.testing import IdentityModel, noise
from tests.bench.tables import table


def measure(model: Model, seconds: float) -> str:
    """Compare frames per call, the sum of stems, and a model that changes nothing."""
    mix = noise(seconds, model.card.sample_rate)
    peak = float(np.abs(mix).max())
    exact, fast = (_separate(model, mix, frames) for frames in (EXACT_FRAMES, FAST_FRAMES))
    same = _separate(IdentityModel(), mix, EXACT_FRAMES)[0]
    rest = float(np.abs(exact.sum(axis=0) - mix).max())
    return table(
        f"Accuracy, {seconds:g} s of noise, as shares of its peak",
        ["", "", "target"],
        [
            [
                f"largest |{EXACT_FRAMES} - {FAST_FRAMES} frames per call|",
                f"{float(np.abs(exact - fast).max()) / peak:.1e}",
                "<= 1e-6",
            ],
            ["sum of stems - mix", f"{_decibel(rest / peak):.0f} dB", "<= -120 dB"],
            [
                "identity model - mix",
                f"{float(np.abs(same - mix).max()) / peak:.1e}",
                "<= 1e-6",
            ],
        ],
    )


def _separate(model: AnyModel, mix: FloatArray, frames: int) -> FloatArray:
    separator = Separator(model, model.card.sample_rate, frames_per_call=frames)
    return np.concatenate([separator.push(mix), separator.flush()], axis=-1)


def _decibel(ratio: float) -> float:
    return 20 * math.log10(ratio) if ratio else -math.inf
