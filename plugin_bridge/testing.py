"""Parts for tests, ours and yours: models without a file, signals, and a model's measures."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.model.card import Card
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.model.signature import signature
from plugin_bridge.separator import Separator, step_of

STEMS = ("vocals", "drums", "bass", "other")
# Enough hops for a steady 99th percentile, few enough to take seconds.
TIMED_HOPS = 400
# The rest of a sum below this is silence to the decibel scale.
SILENCE_DB = -200.0


def card(**fields: Any) -> Card:
    """Give a card of a streaming model with the default transform, changed by `fields`.

    Examples
    --------
    >>> card(stems=("a", "b"), head="none").planes
    2

    Notes
    -----
    Thread: [any]
    """
    plain: dict[str, Any] = {
        "format": 1,
        "name": "test",
        "version": "1",
        "license": "GPL-3.0-or-later",
        "trained_on": "nothing",
        "kind": "streaming",
        "sample_rate": 44100,
        "channels": 2,
        "stems": STEMS,
        "n_fft": 2048,
        "synthesis": 512,
        "hop": 256,
        "window": "asymmetric",
        "features": ("magnitude",),
        "head": "softmax",
    }
    return Card.model_validate({k: v for k, v in (plain | fields).items() if v is not None})


class FunctionModel:
    """A model whose network is a Python function, without states.

    Parameters
    ----------
    card : Card
    network : callable
        Input array -> raw output array, in the shapes of the card's kind.

    Notes
    -----
    Thread: [any]
    """

    provider = "CPUExecutionProvider"
    sha256 = "0" * 64

    def __init__(self, card: Card, network: Callable[[FloatArray], FloatArray]) -> None:
        self.card = card
        self._network = network

    def stream(self, free: int) -> "_FunctionStream":
        """Open a stream of calls; `free` is the length of the open axis.

        Notes
        -----
        Thread: [main]
        """
        shape = [free if axis.length is None else axis.length for axis in signature(self.card)[0]]
        return _FunctionStream(np.zeros(shape, np.float32), self._network)


class _FunctionStream:
    def __init__(self, held: FloatArray, network: Callable[[FloatArray], FloatArray]) -> None:
        self.input = held
        self._network = network

    def run(self) -> FloatArray:
        return self._network(self.input)

    def reset(self) -> None:
        pass


class IdentityModel(FunctionModel):
    """A streaming model with masks of one: every stem is the mix.

    Parameters
    ----------
    stems : sequence of str
    **fields : other fields of the card

    Examples
    --------
    >>> from plugin_bridge import Separator
    >>> Separator(IdentityModel(["all"])).latency_samples
    511

    Notes
    -----
    Thread: [any]
    """

    def __init__(self, stems: Sequence[str] = ("all",), **fields: Any) -> None:
        made = card(stems=tuple(stems), head="none", **fields)

        def ones(features: FloatArray) -> FloatArray:
            rows = len(made.graph_stems) * made.channels
            return np.ones((1, rows, *features.shape[2:]), np.float32)

        super().__init__(made, ones)


def noise(
    seconds: float, sample_rate: float = 44100, channels: int = 2, seed: int = 0
) -> FloatArray:
    """Give white noise with a standard deviation of 0.1.

    Examples
    --------
    >>> noise(0.5).shape
    (2, 22050)

    Notes
    -----
    Thread: [any]
    """
    generator = np.random.default_rng(seed)
    samples = round(seconds * sample_rate)
    return 0.1 * generator.standard_normal((channels, samples), np.float32)


def sine(
    frequency: float, seconds: float, sample_rate: float = 44100, channels: int = 2
) -> FloatArray:
    """Give a full-scale sine; `frequency` in Hz.

    Examples
    --------
    >>> sine(440, 0.5, channels=1).shape
    (1, 22050)

    Notes
    -----
    Thread: [any]
    """
    phase = 2 * np.pi * frequency * np.arange(round(seconds * sample_rate)) / sample_rate
    return np.tile(np.sin(phase).astype(np.float32), (channels, 1))


def impulse(samples: int, at: int, channels: int = 2) -> FloatArray:
    """Give silence with a single sample of one at index `at`.

    Examples
    --------
    >>> impulse(3, 1, channels=1).tolist()
    [[0.0, 1.0, 0.0]]

    Notes
    -----
    Thread: [any]
    """
    wave = np.zeros((channels, samples), np.float32)
    wave[:, at] = 1
    return wave


@dataclass(frozen=True)
class Measurement:
    """What a model does on this machine.

    Attributes
    ----------
    latency_samples : by formula
    measured_latency_samples : by impulse; None if the model gave no sound for it
    hop_ms_p50, hop_ms_p99, hop_budget_ms : time of one step, and the time there is for it
    sum_to_mix_db : energy of (stems - mix) over the mix's; below -120 adds up
    nonfinite_frames : frames without a number, for a click, noise and silence
    provider : the execution provider in use
    """

    latency_samples: int
    measured_latency_samples: int | None
    hop_ms_p50: float
    hop_ms_p99: float
    hop_budget_ms: float
    sum_to_mix_db: float
    nonfinite_frames: int
    provider: str


def measure_model(model: str | Path | AnyModel, provider: str = "auto") -> Measurement:
    """Run a click and noise through a model, step by step, and measure.

    Parameters
    ----------
    model : str, Path or a model
    provider : "auto", "cpu" or "cuda"

    Raises
    ------
    ModelError
        If the model cannot be used.

    Notes
    -----
    Thread: [main]
    """
    opened = Model(model, provider) if isinstance(model, str | Path) else model
    rate = opened.card.sample_rate
    step = step_of(opened, rate)
    separator = Separator(opened, rate, block=step)
    measured = measure_latency(separator, step, at=step // 2 + 1)
    broken = separator.counters.nonfinite_frames
    separator.reset()
    steps = math.ceil(separator.latency_samples / step) + (TIMED_HOPS if step < rate / 4 else 3)
    mix = noise(steps * step / rate, rate)
    times, parts = [], []
    for start in range(0, steps * step, step):
        begin = time.perf_counter()
        parts.append(separator.push(mix[:, start : start + step]))
        times.append(1000 * (time.perf_counter() - begin))
    total = np.concatenate(parts, axis=-1).sum(axis=0)
    error = total - mix[:, : total.shape[1]]
    for _ in range(3):
        separator.push(np.zeros((2, step), np.float32))
    broken += separator.counters.nonfinite_frames
    warm = times[len(times) // 10 :]
    return Measurement(
        latency_samples=separator.latency_samples,
        measured_latency_samples=measured,
        hop_ms_p50=float(np.percentile(warm, 50)),
        hop_ms_p99=float(np.percentile(warm, 99)),
        hop_budget_ms=1000 * step / rate,
        sum_to_mix_db=_decibel(float(np.square(error).sum() / np.square(mix).sum())),
        nonfinite_frames=broken,
        provider=separator.provider,
    )


def measure_latency(separator: Separator, block: int, at: int) -> int | None:
    """Measure when a click at sample `at` comes out, in samples after it went in.

    Parameters
    ----------
    separator : Separator, at its start
    block : int, samples per push
    at : int, where the click is

    Returns
    -------
    latency : int or None
        What is held back once the stream runs, plus the shift of the click in what is
        given out; None if nothing came out.

    Notes
    -----
    Thread: [main]
    """
    blocks = math.ceil((at + separator.latency_samples) / block) + 3
    mix = impulse(blocks * block, at, separator.channels)
    parts = [separator.push(mix[:, i * block : (i + 1) * block]) for i in range(blocks)]
    out: FloatArray = np.abs(np.concatenate(parts, axis=-1)).sum(axis=(0, 1))
    if not out.any():
        return None
    held = blocks * block - len(out)
    return held + int(out.argmax()) - at


def _decibel(ratio: float) -> float:
    return 10 * math.log10(ratio) if ratio > 10 ** (SILENCE_DB / 10) else SILENCE_DB
