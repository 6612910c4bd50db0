"""`render --exact` is live playing, written down."""

from pathlib import Path

import numpy as np
import pytest

from plugin_bridge import Separator
from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.testing import FunctionModel, card
from tests.tiny import hiss, read_audio, write_audio

# DESIGN: the default render may differ from the exact one by this much of the input's peak.
FAST = 1e-6


def _uneven_model() -> FunctionModel:
    """Give a model whose shares depend on the signal, so that rounding would show."""

    def network(features: FloatArray) -> FloatArray:
        shares = [np.sin(features * np.float32(k)) for k in range(1, 5)]
        return np.concatenate(shares, axis=1)

    return FunctionModel(card(), network)


@pytest.mark.parametrize("block", [1, 255, 256, 1000])
def test_exact_render_equals_streaming_bit_for_bit(tmp_path: Path, block: int) -> None:
    """Rendered with --exact and streamed block by block are the same bits."""
    mix = hiss(20011 if block > 1 else 3011)
    render(
        write_audio(tmp_path / "in.wav", mix),
        RenderOptions(out=tmp_path, exact=True),
        model=_uneven_model(),
    )
    separator = Separator(_uneven_model(), 44100)
    parts = [separator.push(mix[:, at : at + block]) for at in range(0, mix.shape[1], block)]
    streamed = np.concatenate([*parts, separator.flush()], axis=2)
    for name, stem in zip(separator.stems, streamed, strict=True):
        assert np.array_equal(read_audio(tmp_path / "in" / f"{name}.wav"), stem)


def test_fast_render_is_close_to_the_exact_one(tmp_path: Path) -> None:
    """64 frames per call differ from one by at most 1e-6 of the peak."""
    mix = hiss(40011)
    path = write_audio(tmp_path / "in.wav", mix)
    for exact in (False, True):
        options = RenderOptions(out=tmp_path / str(exact), exact=exact)
        render(path, options, model=_uneven_model())
    fast, slow = (read_audio(tmp_path / str(exact) / "in" / "bass.wav") for exact in (False, True))
    assert np.abs(fast - slow).max() <= FAST * np.abs(mix).max()


@pytest.mark.parametrize("rate", [8000, 16000, 32000, 44100, 48000])
def test_accompaniment_is_the_mix_minus_vocals(tmp_path: Path, rate: int) -> None:
    """Vocals and accompaniment add up to the mix, bit for bit in the subtraction, resampled too."""
    mix = hiss(20011)
    options = RenderOptions(out=tmp_path, stems=("accompaniment", "vocals"))
    render(write_audio(tmp_path / "in.wav", mix, rate), options, model=_uneven_model())
    vocals = read_audio(tmp_path / "in" / "vocals.wav")
    assert np.array_equal(read_audio(tmp_path / "in" / "accompaniment.wav"), mix - vocals)
