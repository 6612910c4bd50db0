import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.data.score import STEMS
from models.evaluation.energies import CAP, decibels
from models.evaluation.metrics import COLUMNS, SUM_CAP, Figures, figures
from tests.tiny import hiss

RATE = 1000  # Hz; nothing here depends on it but the length of a second
# Sums of some thousand float64 products agree to about 1e-12.
DB = 1e-8

Stems = dict[str, NDArray[np.float32]]


def noises(samples: int = 3 * RATE + 137, channels: int = 2, seed: int = 0) -> Stems:
    """Four independent stems; the length is no whole number of seconds."""
    return {stem: hiss(samples, channels, 4 * seed + i) for i, stem in enumerate(STEMS)}


def mixed(stems: Stems) -> NDArray[np.float32]:
    """Sum of the stems."""
    return np.asarray(np.sum([stems[stem] for stem in STEMS], axis=0), np.float32)


def measured(stems: Stems, estimates: Stems) -> Figures:
    """Figures against the sum of the stems."""
    return figures(stems, mixed(stems), estimates, RATE)


def with_accompaniment(stems: Stems) -> dict[str, NDArray[np.float64]]:
    """Give the stems in float64, and the sum of all but the vocals."""
    wide = {stem: track.astype(np.float64) for stem, track in stems.items()}
    return {**wide, "accompaniment": wide["drums"] + wide["bass"] + wide["other"]}


@pytest.mark.parametrize("channels", [1, 2])
def test_ratios_are_those_of_the_definitions(channels: int) -> None:
    """SDR and SI-SDR equal their definitions, computed in float64 over all samples at once."""
    stems, errors = noises(channels=channels), noises(channels=channels, seed=1)
    estimates = {stem: 0.7 * stems[stem] + 0.4 * errors[stem] for stem in STEMS}
    found = measured(stems, estimates)
    truth, guess = with_accompaniment(stems), with_accompaniment(estimates)
    mix = mixed(stems).astype(np.float64)
    for column in COLUMNS:
        s, e = truth[column], guess[column]
        assert found.sdr[column] == pytest.approx(
            10 * np.log10((s**2).sum() / ((s - e) ** 2).sum()), abs=DB
        )
        projected = [(s * x).sum() / (s**2).sum() * s for x in (e, mix)]
        ratios = [
            10 * np.log10((p**2).sum() / ((x - p) ** 2).sum())
            for p, x in zip(projected, (e, mix), strict=True)
        ]
        assert found.si_sdr[column] == pytest.approx(ratios[0], abs=DB)
        assert found.si_sdr_gain[column] == pytest.approx(ratios[0] - ratios[1], abs=DB)


def test_silence_scores_zero_and_loses_all_gain() -> None:
    """Silent estimates score 0 dB SDR; only the SI-SDR gain tells them from separation."""
    stems = noises()
    found = measured(stems, {stem: np.zeros_like(stems[stem]) for stem in STEMS})
    for column in COLUMNS:
        assert found.sdr[column] == pytest.approx(0, abs=DB)
        assert found.si_sdr[column] == -CAP
        assert found.si_sdr_gain[column] < -50
    assert found.sum_error == pytest.approx(0, abs=DB)


def test_perfection_is_capped() -> None:
    """True stems as estimates score the caps, and no infinity."""
    stems = noises()
    found = measured(stems, stems)
    assert set(found.sdr.values()) == {CAP}
    assert min(found.si_sdr.values()) > CAP - 1
    # the mixture is a float32 sum of four
    assert 130 < found.sum_error <= SUM_CAP


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_gain_does_not_move_si_sdr(gain: float, seed: int) -> None:
    """SI-SDR of an estimate is the same whatever its level."""
    stems, errors = noises(200, seed=seed), noises(200, seed=seed + 1)
    estimates = {stem: stems[stem] + errors[stem] for stem in STEMS}
    louder = {stem: np.float32(gain) * estimates[stem] for stem in STEMS}
    before, after = measured(stems, estimates).si_sdr, measured(stems, louder).si_sdr
    for stem in STEMS:
        assert after[stem] == pytest.approx(before[stem], abs=1e-4)  # float32 products


def test_a_stem_that_is_silent_is_not_scored() -> None:
    """Where the true stem is silent all through, only the leakage is a number."""
    stems = noises() | {"bass": np.zeros((2, 3 * RATE + 137), np.float32)}
    mix = mixed(stems)
    found = figures(stems, mix, dict.fromkeys(STEMS, mix / np.float32(4)), RATE)
    for table in (found.sdr, found.si_sdr, found.si_sdr_gain, found.frame_sdr):
        assert np.isnan(table["bass"])
        assert np.isfinite(table["vocals"])
    assert all(np.isnan(share) for share in found.shares["bass"].values())
    assert found.leakage["bass"] == pytest.approx(20 * np.log10(4), abs=DB)


def test_leakage_counts_the_seconds_without_the_stem() -> None:
    """An estimate 20 dB below the mixture where its stem is absent leaks 20 dB below it."""
    stems = noises(4 * RATE)
    stems["vocals"][:, 2 * RATE :] = 0
    estimates = dict(stems)
    estimates["vocals"] = stems["vocals"].copy()
    estimates["vocals"][:, 2 * RATE :] = np.float32(0.1) * mixed(stems)[:, 2 * RATE :]
    found = measured(stems, estimates)
    assert found.leakage["vocals"] == pytest.approx(20, abs=1e-5)
    assert np.isnan(found.leakage["drums"])
    quiet = measured(stems, stems)
    assert quiet.leakage["vocals"] == CAP


def test_shares_of_masks_are_the_energy_that_they_pass() -> None:
    """Of stems that sound one after the other, a mask's share is the energy it lets through."""
    stems = noises(4000)
    for i, stem in enumerate(STEMS):
        stems[stem][:, : 1000 * i] = 0
        stems[stem][:, 1000 * (i + 1) :] = 0
    mix = mixed(stems)
    choice = np.random.default_rng(3).integers(0, len(STEMS), mix.shape[1])
    estimates = {stem: mix * (choice == i) for i, stem in enumerate(STEMS)}
    shares = measured(stems, estimates).shares
    for true in STEMS:
        for i, stem in enumerate(STEMS):
            passed = (stems[true][:, choice == i].astype(np.float64) ** 2).sum()
            whole = (stems[true].astype(np.float64) ** 2).sum()
            assert shares[true][stem] == pytest.approx(passed / whole, abs=1e-9)


@given(st.integers(0, 10_000))
def test_shares_add_up_where_the_estimates_do(seed: int) -> None:
    """Whatever masks add up to one, the shares of each true stem add up to one."""
    stems = noises(500, seed=seed)
    mix = mixed(stems)
    masks = np.random.default_rng(seed).dirichlet(np.ones(4), mix.shape).astype(np.float32)
    estimates = {stem: mix * masks[..., i] for i, stem in enumerate(STEMS)}
    for row in measured(stems, estimates).shares.values():
        assert sum(row.values()) == pytest.approx(1, abs=1e-5)  # float32 masks


def test_swapped_stems_are_found_where_they_went() -> None:
    """Vocals given as drums and drums as vocals are told by the shares."""
    stems = noises()
    swapped = {**stems, "vocals": stems["drums"], "drums": stems["vocals"]}
    shares = measured(stems, swapped).shares
    assert shares["vocals"]["drums"] == pytest.approx(1, abs=1e-9)
    assert shares["drums"]["vocals"] == pytest.approx(1, abs=1e-9)
    assert shares["vocals"]["vocals"] == pytest.approx(0, abs=1e-9)
    assert shares["bass"]["bass"] == pytest.approx(1, abs=1e-9)


def test_copies_share_what_is_found() -> None:
    """Two true stems that are equal get equal, finite shares."""
    stems = noises()
    stems["bass"] = stems["other"]
    shares = measured(stems, stems).shares
    assert shares["bass"]["bass"] == pytest.approx(shares["other"]["bass"], abs=1e-6)
    assert sum(shares["bass"].values()) == pytest.approx(1, abs=1e-6)


def test_seconds_with_a_silent_stem_do_not_count() -> None:
    """The median of seconds leaves out those in which any of the four is silent."""
    stems = noises(3 * RATE)
    stems["drums"][:, :RATE] = 0
    estimates = {stem: stems[stem].copy() for stem in STEMS}
    estimates["bass"][:, :RATE] += np.float32(1)
    estimates["bass"][:, RATE : 2 * RATE] *= np.float32(0.5)
    estimates["bass"][:, 2 * RATE :] *= np.float32(0.9)
    found = measured(stems, estimates)
    halves = [20 * np.log10(2), 20.0]  # an error of a half and of a tenth
    assert found.frame_sdr["bass"] == pytest.approx(np.mean(halves), abs=1e-4)


def test_a_song_shorter_than_a_second_is_one_frame() -> None:
    """Its frame SDR is its SDR."""
    stems, errors = noises(RATE // 3), noises(RATE // 3, seed=1)
    found = measured(stems, {stem: stems[stem] + errors[stem] for stem in STEMS})
    assert found.frame_sdr["other"] == pytest.approx(found.sdr["other"], abs=DB)


def test_stems_that_a_separator_lacks_are_not_scored() -> None:
    """One that gives vocals only is scored on these and on the rest of the mixture."""
    stems = noises()
    found = measured(stems, {"vocals": stems["vocals"]})
    assert found.sdr["vocals"] == CAP
    assert found.sdr["accompaniment"] > 90  # the mixture is a float32 sum
    for stem in ("drums", "bass", "other"):
        assert np.isnan(found.sdr[stem])
        assert np.isnan(found.leakage[stem])
        assert np.isnan(found.shares["vocals"][stem])
    assert np.isnan(found.sum_error)


def test_an_accompaniment_that_is_given_is_taken() -> None:
    """Else it is the sum of the other three; the mixture as a row is the mixture there too."""
    stems = noises()
    mix = mixed(stems)
    rest = with_accompaniment(stems)["accompaniment"]
    for estimate, ratio in ((mix, stems["vocals"]), (0 * mix, rest)):
        found = measured(stems, {**dict.fromkeys(STEMS, mix), "accompaniment": estimate})
        wanted = (rest**2).sum() / (ratio.astype(np.float64) ** 2).sum()
        assert found.sdr["accompaniment"] == pytest.approx(10 * np.log10(wanted), abs=1e-5)


@given(st.floats(0, 1e300), st.floats(0, 1e300))
def test_decibels_stay_between_the_caps(signal: float, error: float) -> None:
    """Any two energies give a number from -100 to 100, unless both are nothing."""
    value = decibels(signal, error)
    assert np.isnan(value) if signal == error == 0 else abs(value) <= CAP + 1e-9
