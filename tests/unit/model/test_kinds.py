"""Each kind of model against a float64 reference of the whole signal."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from plugin_bridge.dsp.stft import Transform
from plugin_bridge.model.onnx import Model
from plugin_bridge.model.waves import crossfade
from plugin_bridge.separator import Separator
from plugin_bridge.testing import FunctionModel, IdentityModel, card, noise
from tests import graphs

Exact = NDArray[np.float64]
# float32 through two transforms and a network of a few sums
CLOSE = 2e-6
SIGNAL = noise(0.3)


def separate(model: object, mix: NDArray[np.float32], **options: object) -> NDArray[np.float32]:
    """Push all at once, and flush."""
    separator = Separator(model, channels=len(mix), **options)  # type: ignore[arg-type]
    return np.concatenate([separator.push(mix), separator.flush()], axis=-1)


def analyse(mix: NDArray[np.float32], transform: Transform) -> NDArray[np.complex128]:
    """Frames of the whole signal and of the silence after it, (channels, frames, bins)."""
    t = transform
    stream = np.pad(mix.astype(np.float64), ((0, 0), (t.n_fft - t.hop, 2 * t.n_fft + 30 * t.hop)))
    cuts = np.lib.stride_tricks.sliding_window_view(stream, t.n_fft, axis=1)[:, :: t.hop]
    return np.fft.rfft(cuts * t.pair[0].astype(np.float64))


def resynthesise(spectra: NDArray[np.complex128], transform: Transform, samples: int) -> Exact:
    """Overlap-add frames and trim the latency."""
    t = transform
    waves = np.fft.irfft(spectra)[..., -t.synthesis :] * t.pair[1].astype(np.float64)
    total = np.zeros((*waves.shape[:-2], waves.shape[-2] * t.hop + t.synthesis))
    for frame in range(waves.shape[-2]):
        total[..., frame * t.hop : frame * t.hop + t.synthesis] += waves[..., frame, :]
    return total[..., t.latency : t.latency + samples]


@pytest.mark.parametrize("frames_per_call", [1, 8])
def test_streaming(tmp_path: Path, frames_per_call: int) -> None:
    """Masks from this frame and the one before, softmax over stems."""
    model = Model(graphs.streaming(tmp_path / "m.onnx", features=["power:0.3:0.01"]))
    spectra = analyse(SIGNAL, model.card.transform)
    planes = (np.abs(spectra) ** 2 + 1e-4) ** 0.15
    before = np.concatenate([np.zeros_like(planes[:, :1]), planes[:, :-1]], axis=1)
    kernel = graphs.weights(8, 2, 2, 1)[..., 0].astype(np.float64)
    raw = np.einsum("rp,ptb->rtb", kernel[:, :, 0], before)
    raw += np.einsum("rp,ptb->rtb", kernel[:, :, 1], planes)
    masks = np.exp(raw.reshape(4, 2, *raw.shape[1:]))
    masks /= masks.sum(0)
    wanted = resynthesise(masks * spectra, model.card.transform, SIGNAL.shape[1])
    result = separate(model, SIGNAL, frames_per_call=frames_per_call)
    np.testing.assert_allclose(result, wanted, atol=CLOSE)


@pytest.mark.parametrize("frames_per_call", [1, 6, 16])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("target", ["last", 2, 0])
def test_windowed(tmp_path: Path, frames_per_call: int, cached: bool, target: str | int) -> None:
    """Masks from five frames, for any frame of them: what comes after costs latency."""
    path = graphs.windowed(tmp_path / "m.onnx", cached=cached, target=target)
    model = Model(path)
    spectra = analyse(SIGNAL, model.card.transform)
    ahead = model.card.lookahead
    assert ahead == (0 if target == "last" else 4 - int(target))
    padded = np.pad(np.abs(spectra), ((0, 0), (4, 0), (0, 0)))
    context = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1)  # c t b f
    raw = np.einsum("rf,ctbf->rctb", graphs.weights(4, 1, 1, 5)[:, 0, 0].astype(float), context)
    masks = 1 / (1 + np.exp(-raw))
    count = spectra.shape[1] - ahead
    aligned = masks[:, :, ahead:] * spectra[:, :count]
    wanted = resynthesise(aligned, model.card.transform, SIGNAL.shape[1])
    separator = Separator(model, block=256)
    assert separator.latency_samples == 256 + ahead * 256
    result = separate(model, SIGNAL, frames_per_call=frames_per_call)
    np.testing.assert_allclose(result, wanted, atol=CLOSE)


def test_waveform(tmp_path: Path) -> None:
    """Each stem a share of this hop and of half of the hop before."""
    model = Model(graphs.waves(tmp_path / "m.onnx"))
    late = np.pad(SIGNAL, ((0, 0), (256, 0)))[:, : SIGNAL.shape[1]]
    wanted = graphs.weights(4).reshape(4, 1, 1) * (SIGNAL + 0.5 * late)
    np.testing.assert_allclose(separate(model, SIGNAL), wanted, atol=CLOSE)
    assert Separator(model, block=256).latency_samples == 0
    assert Separator(model).latency_samples == 255


@pytest.mark.parametrize("lag", [0, 100, 256, 600])
def test_a_stated_delay_is_taken_out(lag: int) -> None:
    """Stems of a network that lags are aligned with the input, and so is their residual."""
    plain = dict.fromkeys(("n_fft", "synthesis", "window", "features", "head"))
    made = card(kind="waveform", stems=("a", "b"), residual_stem="b", delay=lag, **plain)
    held = [np.zeros((1, 2, lag), np.float32)]

    def late(x: NDArray[np.float32]) -> NDArray[np.float32]:
        stream = np.concatenate([held[0], x], axis=2)
        held[0] = stream[:, :, 256:]
        return np.asarray(0.25 * stream[:, None, :, :256], np.float32)

    separator = Separator(FunctionModel(made, late), block=256)
    assert separator.latency_samples == lag
    held[0] = np.zeros((1, 2, lag), np.float32)
    result = np.concatenate([separator.push(SIGNAL[:, :256]), separator.flush()], axis=-1)
    wanted = np.stack([0.25 * SIGNAL[:, :256], 0.75 * SIGNAL[:, :256]])
    np.testing.assert_allclose(result, wanted, atol=CLOSE)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.75])
def test_segment(tmp_path: Path, overlap: float) -> None:
    """Cross-fades add up to one: each stem is its share of the mix, aligned."""
    path = graphs.waves(tmp_path / "m.onnx", kind="segment", samples=1000, overlap=overlap)
    wanted = graphs.weights(4).reshape(4, 1, 1) * SIGNAL
    np.testing.assert_allclose(separate(Model(path), SIGNAL), wanted, atol=CLOSE)


def test_segments_are_cross_faded_by_hann() -> None:
    """A network that knows its place in the segment shows the weights."""
    plain = {"n_fft": None, "synthesis": None, "hop": None, "window": None, "features": None}
    made = card(kind="segment", segment=8, overlap=0.5, head=None, stems=("all",), **plain)
    place = np.arange(8, dtype=np.float32)
    model = FunctionModel(made, lambda x: np.broadcast_to(place, x.shape)[:, None].copy())
    weights = crossfade(8, 4)
    wanted = weights[:4] * place[:4] + weights[4:] * place[4:]
    result = separate(model, np.zeros((2, 12), np.float32))
    # the first four samples lie in the second half of the first segment
    np.testing.assert_allclose(result[0, 0], np.tile(wanted, 3), atol=CLOSE)


def test_the_residual_is_the_mix_minus_the_others(tmp_path: Path) -> None:
    """Wherever the residual stands in the order, and for every kind that has one."""
    paths = [
        graphs.streaming(tmp_path / "a.onnx", rows=6, head="sigmoid", residual_stem="drums"),
        graphs.waves(tmp_path / "b.onnx", stems=3, residual_stem="drums"),
        graphs.waves(tmp_path / "c.onnx", stems=3, residual_stem="drums", kind="segment"),
    ]
    for path in paths:
        model = Model(path)
        stems = separate(model, SIGNAL)
        np.testing.assert_allclose(stems.sum(0), SIGNAL, atol=CLOSE)
        assert model.card.graph_stems == ("vocals", "bass", "other")
        assert np.abs(stems[1]).max() > 0.01


def test_mono_into_two_channels_is_heard_twice_and_averaged(tmp_path: Path) -> None:
    """The result is the mean of what a stereo copy gives."""
    mono = SIGNAL[:1]
    both = np.repeat(mono, 2, axis=0)
    for path in (
        graphs.streaming(tmp_path / "a.onnx", rows=16, head="complex"),
        graphs.windowed(tmp_path / "b.onnx"),
        graphs.waves(tmp_path / "c.onnx"),
        graphs.waves(tmp_path / "d.onnx", kind="segment"),
    ):
        wanted = separate(Model(path), both).mean(axis=1, keepdims=True)
        np.testing.assert_allclose(separate(Model(path), mono), wanted, atol=CLOSE)


def test_a_one_channel_model_runs_per_channel(tmp_path: Path) -> None:
    """Left and right have states of their own."""
    for path in (
        graphs.streaming(tmp_path / "a.onnx", planes=1, rows=4, channels=1),
        graphs.windowed(tmp_path / "b.onnx", channels=1),
        graphs.windowed(tmp_path / "b.onnx", channels=1, cached=True),
        graphs.waves(tmp_path / "c.onnx", channels=1),
        graphs.waves(tmp_path / "d.onnx", channels=1, kind="segment"),
    ):
        graphs.edit_card(path, channels=1)
        stereo = separate(Model(path), SIGNAL)
        for channel in range(2):
            alone = separate(Model(path), SIGNAL[channel : channel + 1])
            np.testing.assert_allclose(stereo[:, channel], alone[:, 0], atol=CLOSE)


@pytest.mark.parametrize("frames_per_call", [1, 4])
def test_masks_that_are_no_number_are_silent_and_counted(frames_per_call: int) -> None:
    """One bad call: its frames are silent, what follows is as before."""
    calls = []

    def faulty(features: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(1)
        masks = np.ones((1, 2, *features.shape[2:]), np.float32)
        if len(calls) == 5:
            masks[0, 1, -1, 7] = np.nan
        return masks

    model = FunctionModel(IdentityModel().card, faulty)
    separator = Separator(model, frames_per_call=frames_per_call)
    result = np.concatenate([separator.push(SIGNAL), separator.flush()], axis=-1)[0]
    assert separator.counters.nonfinite_frames == 1
    bad = (5 * frames_per_call - 1) * 256  # the sample at which the bad frame's hop starts
    assert np.isfinite(result).all()
    near = np.ones(SIGNAL.shape[1], bool)
    near[bad - 256 : bad + 256] = False
    np.testing.assert_allclose(result[:, near], SIGNAL[:, near], atol=CLOSE)
    assert np.abs(result - SIGNAL)[:, ~near].max() > 0.01


def test_masks_beyond_all_measure_are_silent_too() -> None:
    """Finite, but the transform back would overflow."""
    huge = FunctionModel(
        IdentityModel().card, lambda x: np.full((1, 2, *x.shape[2:]), 3e38, np.float32)
    )
    separator = Separator(huge)
    assert np.isfinite(separator.push(SIGNAL)).all()
    assert separator.counters.nonfinite_frames == SIGNAL.shape[1] // 256


def test_wave_models_are_silenced_too() -> None:
    """Also the residual: nothing sounds that no network vouches for."""
    calls = []

    def faulty(x: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(1)
        return np.full((1, 1, *x.shape[1:]), np.nan if len(calls) == 2 else 0.5, np.float32)

    plain = {"n_fft": None, "synthesis": None, "window": None, "features": None, "head": None}
    made = card(kind="waveform", stems=("a", "b"), residual_stem="b", **plain)
    result = separate(FunctionModel(made, faulty), SIGNAL)
    assert not result[..., 256:512].any()
    assert np.isfinite(result).all()
