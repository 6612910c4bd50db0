from pathlib import Path

import numpy as np
import pytest

from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation.energies import sdr
from models.evaluation.separators import TRANSFORM, by_model, mixture, oracle, quarter, row
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.stft import Transform
from tests.tiny import hiss, write_model

SUM = 1e-6  # of float32 transforms, against signals of RMS 0.1


def song(samples: int = 20_001, rate: int = 44100) -> Song:
    """Noise in every stem; the length is no whole number of hops."""
    stems = {stem: hiss(samples, seed=i) for i, stem in enumerate(STEMS)}
    return Song(stems, np.sum(list(stems.values()), axis=0, dtype=np.float32), rate)


def direct(song: Song, transform: Transform) -> dict[str, FloatArray]:
    """Give the ideal ratio mask written down frame by frame, in float64."""
    ahead = transform.n_fft - transform.hop
    samples = song.mixture.shape[1]
    frames = -(-(samples + transform.latency) // transform.hop)
    behind = frames * transform.hop - samples
    first, second = (window.astype(np.float64) for window in transform.pair)

    def spectrum(wave: FloatArray, frame: int) -> np.ndarray:
        padded = np.pad(wave.astype(np.float64), ((0, 0), (ahead, behind)))
        start = frame * transform.hop
        return np.fft.rfft(padded[:, start : start + transform.n_fft] * first)

    out = {stem: np.zeros((2, ahead + samples + behind)) for stem in STEMS}
    for frame in range(frames):
        true = {stem: np.abs(spectrum(song.stems[stem], frame)) for stem in STEMS}
        total = sum(true.values())
        mix = spectrum(song.mixture, frame)
        end = frame * transform.hop + transform.n_fft
        for stem in STEMS:
            wave = np.fft.irfft(mix * true[stem] / total)[:, -transform.synthesis :]
            out[stem][:, end - transform.synthesis : end] += wave * second
    return {stem: track[:, ahead : ahead + samples] for stem, track in out.items()}


@pytest.mark.parametrize("transform", [TRANSFORM, Transform(512, 512, 128, "sqrt-hann")])
def test_the_oracle_is_the_ideal_ratio_mask(transform: Transform) -> None:
    """Streamed in blocks, it equals the mask written down frame by frame, sample for sample."""
    given = song()
    found, wanted = oracle(given, transform), direct(given, transform)
    for stem in STEMS:
        np.testing.assert_allclose(found[stem], wanted[stem], atol=SUM)


@pytest.mark.parametrize("rate", [44100, 48000, 88200])
def test_the_oracle_adds_up_to_the_mixture(rate: int) -> None:
    """At the model's rate, near it and at twice it."""
    given = song(rate=rate)
    np.testing.assert_allclose(sum(oracle(given).values()), given.mixture, atol=SUM)


def test_the_oracle_gives_a_lone_stem_whole() -> None:
    """A stem that is alone in the mixture comes out as it is, the silent ones silent."""
    given = song()
    silent = np.zeros_like(given.mixture)
    alone = Song({**dict.fromkeys(STEMS, silent), "bass": given.mixture}, given.mixture, 44100)
    found = oracle(alone)
    np.testing.assert_allclose(found["bass"], given.mixture, atol=SUM)
    assert not found["vocals"].any()


def test_the_oracle_parts_what_does_not_overlap() -> None:
    """A low and a high tone are parted by more than 30 dB."""
    time = np.arange(44100) / 44100
    low, high = (
        np.tile(0.3 * np.sin(2 * np.pi * f * time), (2, 1)).astype(np.float32) for f in (200, 5000)
    )
    silent = np.zeros_like(low)
    given = Song({**dict.fromkeys(STEMS, silent), "bass": low, "other": high}, low + high, 44100)
    found = oracle(given)
    assert sdr(low, found["bass"]) > 30
    assert sdr(high, found["other"]) > 30


def test_zeroes_of_the_scale() -> None:
    """The mixture and a quarter of it, as rows of the table."""
    given = song(100)
    for stem in STEMS:
        np.testing.assert_array_equal(row(mixture)(given)[stem], given.mixture)
        np.testing.assert_array_equal(row(quarter)(given)[stem], given.mixture / 4)


def test_a_model_of_six_stems_is_scored_on_four(tmp_path: Path) -> None:
    """What goes beyond the four is counted as other, so that the sum stays the mixture."""
    path = write_model(tmp_path / "six.onnx", stems=(*STEMS, "guitar", "piano"))
    given = song()
    found = by_model(path)(given.mixture, 44100)
    assert set(found) == set(STEMS)
    np.testing.assert_allclose(found["vocals"], given.mixture / 6, atol=SUM)
    np.testing.assert_allclose(found["other"], given.mixture / 2, atol=SUM)
