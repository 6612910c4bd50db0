"""museval, which the field uses, against the project's own figures."""

import numpy as np
import pytest

from models.data.score import STEMS
from models.evaluation import bss
from models.evaluation.metrics import COLUMNS, figures
from plugin_bridge.dsp import FloatArray
from tests.tiny import hiss

pytestmark = pytest.mark.system("ffmpeg")

DB = 1e-6  # both compute in float64


def song(samples: int) -> dict[str, FloatArray]:
    """Give four stems of noise, the vocals in mono, as they often are."""
    stems = {stem: hiss(samples, seed=i) for i, stem in enumerate(STEMS)}
    stems["vocals"][1] = stems["vocals"][0]
    return stems


def worse(stems: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Give estimates with the neighbour's sound, a filter and noise in them."""
    after = dict(zip(STEMS, (*STEMS[1:], STEMS[0]), strict=True))
    return {
        stem: (
            0.9 * stems[stem]
            + 0.2 * np.roll(stems[after[stem]], 3, axis=1)
            + (0.1 + 0.1 * i) * hiss(stems[stem].shape[1], seed=50 + i)
        ).astype(np.float32)
        for i, stem in enumerate(STEMS)
    }


def test_sdr_of_a_whole_song_is_musevals() -> None:
    """With one window over all, museval's SDR is the whole-song SDR, whatever its filters."""
    stems = song(12_000)
    estimates = worse(stems)
    ours = figures(stems, np.sum(list(stems.values()), axis=0), estimates, 44100).sdr
    stacked = (
        np.stack([tracks[stem].T for stem in STEMS]).astype(np.float64)
        for tracks in (stems, estimates)
    )
    theirs = bss.museval().metrics.bss_eval(*stacked, window=np.inf, hop=np.inf, filters_len=8)
    np.testing.assert_allclose([ours[stem] for stem in STEMS], theirs[0][:, 0], atol=DB)


@pytest.mark.slow
def test_medians_of_seconds_are_musevals() -> None:
    """In every column, silent seconds among them; SIR and SAR come out under their names."""
    rate = 4000
    stems = song(5 * rate + 321)
    stems["drums"][:, :rate] = 0
    estimates = worse(stems)
    estimates["bass"][:, 2 * rate : 3 * rate] = 0
    # residue of a codec that cancels in mono; museval takes it for silence
    estimates["other"][:, 3 * rate : 4 * rate] *= np.float32(1e-5)
    estimates["other"][1, 3 * rate : 4 * rate] = -estimates["other"][0, 3 * rate : 4 * rate]
    mixture = np.sum(list(stems.values()), axis=0)
    ours = figures(stems, mixture, estimates, rate).frame_sdr
    theirs = bss.ratios(stems, estimates, rate)
    for column in COLUMNS:
        assert theirs["sdr"][column] == pytest.approx(ours[column], abs=DB)
    for stem in STEMS[1:]:
        # a fifth of the neighbour: 13 dB, less in filters that the spoilt seconds pull down
        assert 8 < theirs["sir"][stem] < 17
    # a tenth of noise and what of the drums is no accompaniment, against four tenths of noise
    assert theirs["sar"]["vocals"] > theirs["sar"]["other"] + 3
