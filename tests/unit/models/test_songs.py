from itertools import pairwise

import numpy as np
import pytest

from models.baseline import separate
from models.data.score import STEMS
from models.data.songs import Song, generate
from models.evaluate import mean_sdr, quarter, sdr


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    """Three short songs."""
    return [generate(seed, 10) for seed in (3, 4, 5)]


def test_a_song_is_a_function_of_its_arguments(songs: list[Song]) -> None:
    """Same seed, length and rate give the same samples; another seed gives others."""
    again = generate(3, 10)
    for stem in STEMS:
        np.testing.assert_array_equal(again.stems[stem], songs[0].stems[stem])
    assert not np.array_equal(songs[0].mixture, songs[1].mixture)


def test_the_mixture_is_the_sum_of_the_stems(songs: list[Song]) -> None:
    """Stems add up to the mixture, which is finite, float32, stereo and peaks at 0.95 at most."""
    for song in songs:
        total = sum(song.stems[stem].astype(np.float64) for stem in STEMS)
        # float32 rounding of three additions below full scale
        np.testing.assert_allclose(song.mixture, total, atol=3e-7)
        assert song.mixture.shape == (2, 441_000)
        assert song.mixture.dtype == np.float32
        assert np.isfinite(song.mixture).all()
        assert np.abs(song.mixture).max() <= 0.95 + 1e-6


def test_every_stem_sounds(songs: list[Song]) -> None:
    """No stem is silent all through, and none is louder than 30 dB above another."""
    for song in songs:
        levels = [float(np.sqrt((song.stems[stem] ** 2).mean())) for stem in STEMS]
        assert min(levels) > 1e-4
        assert max(levels) / min(levels) < 10 ** (30 / 20)


def test_stems_overlap_in_spectrum(songs: list[Song]) -> None:
    """In the octaves where a stem has its energy another has a good part of its own."""
    edges = [0, 125, 250, 500, 1000, 2000, 4000, 8000, 22_051]
    shares = []
    for stem in STEMS:
        power = sum((np.abs(np.fft.rfft(song.stems[stem])) ** 2).sum(0) for song in songs)
        f = np.linspace(0, 22_050, len(power))
        parts = [power[(f >= a) & (f < b)].sum() for a, b in pairwise(edges)]
        shares.append(np.array(parts) / sum(parts))
    for i, stem in enumerate(STEMS):
        shared = max(np.minimum(shares[i], shares[j]).sum() for j in range(4) if j != i)
        assert shared > 0.25, stem


@pytest.mark.parametrize("rate", [22_050, 48_000])
def test_other_rates(rate: int) -> None:
    """A song can be made at other sample rates and has the length asked for."""
    song = generate(7, 3, rate)
    assert song.mixture.shape == (2, 3 * rate)
    assert np.isfinite(song.mixture).all()


def test_wrong_arguments_are_refused() -> None:
    """A negative seed, no length or a low rate is refused by a sentence that names it."""
    for arguments in ((-1, 5.0, 44_100), (0, 0.5, 44_100), (0, 5.0, 8000)):
        with pytest.raises(ValueError, match="allowed are"):
            generate(*arguments)


def test_baseline_stems_add_up_and_gain_little(songs: list[Song]) -> None:
    """The no-learning baseline reconstructs the mixture and gains at most 3 dB over mix/4."""
    stems = separate(songs[0].mixture, songs[0].sample_rate)
    # float32 transform and overlap-add
    np.testing.assert_allclose(sum(stems.values()), songs[0].mixture, atol=1e-5)
    gain = mean_sdr(songs, separate)["mean"] - mean_sdr(songs, quarter)["mean"]
    assert -1 < gain <= 3


def test_sdr_of_known_errors() -> None:
    """Half the signal missing is 6 dB, perfection is capped, a silent reference gives nan."""
    signal = np.random.default_rng(0).standard_normal((2, 1000), np.float32)
    assert sdr(signal, signal / np.float32(2)) == pytest.approx(20 * np.log10(2), abs=1e-4)
    assert sdr(signal, signal) == pytest.approx(100)
    assert np.isnan(sdr(np.zeros_like(signal), signal))
    with pytest.raises(ValueError, match="equal shapes"):
        sdr(signal, signal[:, :10])
