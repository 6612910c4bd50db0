"""What the speed costs: differences between ways that should agree."""

import math

import numpy as np
from pedalboard import MP3Compressor

from plugin_bridge import Chain, Separator, StemBridge
from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.options import EXACT_FRAMES, FAST_FRAMES
from plugin_bridge.files.resample import AlignedResampler
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.testing import IdentityModel, noise
from tests.bench.tables import table

# Files that are resampled for a model; and blocks of a streamed chain.
RATES = (8000, 16000, 32000)
BLOCKS = (512, 1024, 4096)


def measure(model: Model, seconds: float) -> str:
    """Compare frames per call, the sum of stems, and a model that changes nothing."""
    own = model.card.sample_rate
    mix = noise(seconds, own)
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
            *(
                [
                    f"noise at {rate} Hz, to {own} and back: missing",
                    f"{_lost(rate, own):.1f} dB",
                    "",
                ]
                for rate in RATES
            ),
            *(
                [
                    f"MP3Compressor in a chain, blocks of {block}",
                    f"{_late(mix, own, block)} samples late",
                    "",
                ]
                for block in BLOCKS
            ),
        ],
    )


def _separate(model: AnyModel, mix: FloatArray, frames: int) -> FloatArray:
    separator = Separator(model, model.card.sample_rate, frames_per_call=frames)
    return np.concatenate([separator.push(mix), separator.flush()], axis=-1)


def _lost(rate: int, other: int) -> float:
    """Give what of a second of noise a way to another rate and back takes, in dB of its energy."""
    samples = noise(1.0, rate)
    there = AlignedResampler(rate, other, len(samples))
    back = AlignedResampler(other, rate, len(samples))
    parts = [back.push(there.push(samples)), back.push(there.flush()), back.flush()]
    found = np.concatenate(parts, axis=1)[:, : samples.shape[1]]
    return _decibel(float(np.linalg.norm(samples - found) / np.linalg.norm(samples)))


def _late(mix: FloatArray, rate: int, block: int) -> int:
    """Find by how many samples a streamed chain is late; less than nothing is early."""
    chain = Chain([StemBridge(IdentityModel()), MP3Compressor()])
    parts = [
        chain.process(mix[:, begin : begin + block], rate, reset=False)
        for begin in range(0, mix.shape[1], block)
    ]
    size = 2 * mix.shape[1]
    made, given = (np.fft.rfft(each[0], size) for each in (np.concatenate(parts, axis=1), mix))
    place = int(np.argmax(np.fft.irfft(made * given.conj(), size)))
    return place if place < mix.shape[1] else place - size


def _decibel(ratio: float) -> float:
    return 20 * math.log10(ratio) if ratio else -math.inf
