"""Measures of models: what is wrong with one is seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from plugin_bridge.cli.models import _complaint
from plugin_bridge.testing import FunctionModel, IdentityModel, card, measure_model

WAVES = {"n_fft": None, "synthesis": None, "window": None, "features": None, "head": None}
WAVEFORM = card(kind="waveform", stems=("all",), **WAVES)


def test_an_honest_model_measures_as_stated() -> None:
    """Latency, sum and time of a model that does nothing."""
    found = measure_model(IdentityModel())
    assert found.latency_samples == found.measured_latency_samples == 256
    assert found.sum_to_mix_db < -120
    assert 0 < found.hop_ms_p50 <= found.hop_ms_p99
    assert found.hop_budget_ms == pytest.approx(1000 * 256 / 44100)
    assert _complaint(IdentityModel().card, found) == ""


def test_a_hidden_delay_is_found() -> None:
    """A waveform network that gives each hop one hop late."""
    held = [np.zeros((1, 1, 2, 256), np.float32)]

    def late(x: NDArray[np.float32]) -> NDArray[np.float32]:
        held.append(x[:, None].copy())
        return held.pop(0)

    found = measure_model(FunctionModel(WAVEFORM, late))
    assert found.measured_latency_samples == found.latency_samples + 256
    assert "delays otherwise than its card says" in _complaint(WAVEFORM, found)


def test_a_network_without_numbers_is_found() -> None:
    """NaN wherever the input is silent."""
    with np.errstate(invalid="ignore"):
        broken = measure_model(FunctionModel(WAVEFORM, lambda x: np.log(np.abs(x[:, None]) - 1e-9)))
    assert broken.nonfinite_frames > 0
    assert "gives no number" in _complaint(WAVEFORM, broken)


def test_silence_and_a_wrong_sum_are_found() -> None:
    """A network that is silent, and one that does not add up though it says so."""
    silent = measure_model(FunctionModel(WAVEFORM, lambda x: 0 * x[:, None]))
    assert silent.measured_latency_samples is None
    assert _complaint(WAVEFORM, silent) == ""  # a gate may well be silent for a click
    honest = measure_model(FunctionModel(WAVEFORM, lambda x: 0.5 * x[:, None]))
    assert honest.sum_to_mix_db == pytest.approx(-6.02, abs=0.01)
    assert _complaint(WAVEFORM, honest) == ""
    assert "does not add up" in _complaint(card(), honest)
