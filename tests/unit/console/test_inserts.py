"""A prepared chain is the plugins streamed by hand, later by its latency."""

from collections.abc import Callable

import numpy as np
import pytest
from pedalboard import (
    Chorus,
    Compressor,
    Delay,
    Gain,
    GSMFullRateCompressor,
    HighShelfFilter,
    Invert,
    Mix,
    MP3Compressor,
    Pedalboard,
    Phaser,
    PitchShift,
    Plugin,
    Resample,
    Reverb,
)
from pedalboard_native._internal import AddLatency

from plugin_bridge.console.inserts import InsertChain
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError
from plugin_bridge.testing import noise

RATE = 44100
SERIES: dict[str, Callable[[], list[Plugin]]] = {
    "none": lambda: [Gain(-3), Invert()],
    "states": lambda: [Compressor(-20, 4), Chorus(), Phaser(), Delay(0.01), Reverb()],
    "latency": lambda: [AddLatency(1000)],
    "latencies add up": lambda: [AddLatency(480), Gain(-3), AddLatency(7)],
    "parallel": lambda: [Mix([AddLatency(480), Gain(-6)])],
    "depends on the hop": lambda: [MP3Compressor()],
    "resampled": lambda: [Resample(8000)],
    "by telephone": lambda: [GSMFullRateCompressor()],
    "breathes": lambda: [PitchShift(3)],
}


def blocks(signal: FloatArray, hop: int) -> list[FloatArray]:
    """Cut a signal into whole hops."""
    return [signal[:, a : a + hop] for a in range(0, signal.shape[1] - hop + 1, hop)]


def run(chain: InsertChain, signal: FloatArray, hop: int) -> FloatArray:
    """Stream a signal through a chain, hop by hop."""
    return np.concatenate([chain.process(block) for block in blocks(signal, hop)], axis=1)


@pytest.mark.parametrize("hop", [128, 256, 441, 512])
@pytest.mark.parametrize("name", SERIES)
def test_a_chain_is_its_plugins_delayed(name: str, hop: int) -> None:
    """Bit for bit, however unevenly they give."""
    signal = noise(3.0, RATE)
    board = Pedalboard(SERIES[name]())
    given = [board.process(block, RATE, hop, reset=False) for block in blocks(signal, hop)]
    wanted = np.concatenate(given, axis=1)
    chain = InsertChain("vocals.inserts", Pedalboard(SERIES[name]()), RATE, 2, hop)
    heard = run(chain, signal, hop)
    late = chain.latency_samples
    assert not heard[:, :late].any()
    assert heard.shape[1] - late > RATE
    np.testing.assert_array_equal(heard[:, late:], wanted[:, : heard.shape[1] - late])


@pytest.mark.parametrize(("samples", "hop"), [(0, 256), (1, 256), (480, 256), (512, 256), (9, 480)])
def test_latency_is_measured(samples: int, hop: int) -> None:
    """As it is, not in hops."""
    chain = InsertChain("vocals.inserts", Pedalboard([AddLatency(samples)]), RATE, 1, hop)
    assert chain.latency_samples == samples


@pytest.mark.parametrize("hop", [256, 441])
@pytest.mark.parametrize("semitones", [-7, 3])
def test_what_gives_unevenly_has_some_to_spare(semitones: float, hop: int) -> None:
    """Its worst case comes after the measurement, and is within the latency all the same."""
    board = Pedalboard([PitchShift(semitones)])
    chain = InsertChain("vocals.inserts", board, RATE, 1, hop)
    run(chain, noise(12.0, channels=1), hop)
    assert chain.missing_samples == 0
    assert chain.fits(board)


@pytest.mark.parametrize("name", SERIES)
def test_a_reset_chain_repeats_bit_for_bit(name: str) -> None:
    """The noise that it was measured with has left no trace, nor has the stream before."""
    signal = noise(1.5, RATE)
    chain = InsertChain("vocals.inserts", Pedalboard(SERIES[name]()), RATE, 2, 256)
    first = run(chain, signal, 256)
    chain.process(signal[:, :256] * 3)
    chain.reset()
    np.testing.assert_array_equal(run(chain, signal, 256), first)


def test_parameters_change_at_once_plugins_at_reset() -> None:
    """What the user does to his board does not change what is prepared; its knobs do."""
    gain = Gain(0)
    mix = Mix([gain])
    board = Pedalboard([mix])
    chain = InsertChain("vocals.inserts", board, RATE, 2, 256)
    chain.process(noise(0.1)[:, :256])
    board.append(Invert())
    mix.append(Invert())
    ones = np.ones((2, 256), np.float32)
    assert chain.process(ones)[0, -1] == 1.0
    gain.gain_db = 20.0
    for _ in range(20):  # Pedalboard ramps its gain
        heard = chain.process(ones)
    assert heard[0, -1] == pytest.approx(10.0)


def test_a_chain_fits_its_board_until_that_changes() -> None:
    """Another plugin, or one whose settings may mean another latency."""
    first, second = Resample(8000), Gain()
    board = Pedalboard([first])
    chain = InsertChain("vocals.inserts", board, RATE, 2, 256)
    assert chain.fits(board)
    assert not chain.fits(Pedalboard([first, second]))
    assert not chain.fits(Pedalboard([Resample(8000)]))
    first.target_sample_rate = 11025
    assert not chain.fits(board)


class Reporting(Gain):
    """A plugin that tells its latency, as a VST3 does."""

    reported_latency_samples = 0


def test_a_chain_does_not_fit_a_plugin_that_reports_another_latency() -> None:
    """What a VST3 is set to cannot be seen; what it reports can."""
    plugin = Reporting()
    board = Pedalboard([plugin])
    chain = InsertChain("vocals.inserts", board, RATE, 2, 256)
    assert chain.fits(board)
    plugin.reported_latency_samples = 64
    assert not chain.fits(board)


def test_a_plugin_that_becomes_later_is_noticed() -> None:
    """The stream goes on without an error; the chain no longer fits."""
    plugin = Resample(22050)
    board = Pedalboard([plugin])
    chain = InsertChain("vocals.inserts", board, RATE, 2, 256)
    plugin.target_sample_rate = 4000
    heard = run(chain, noise(0.5), 256)
    assert np.isfinite(heard).all()
    assert chain.missing_samples > 0
    plugin.target_sample_rate = 22050
    assert not chain.fits(board)


def test_noughts_that_divide_are_silent_and_forgotten() -> None:
    """NaN from a filter is silence, is counted, and leaves the filter with its states."""
    shelf = HighShelfFilter(1000, gain_db=0.0)
    board = Pedalboard([shelf, Compressor(0, 2), AddLatency(480)])
    chain = InsertChain("vocals.inserts", board, RATE, 2, 256)
    hops = blocks(noise(1.0), 256)
    signal = np.concatenate(hops, axis=1)
    heard = [chain.process(block) for block in hops[:8]]
    shelf.gain_db = 1e4
    heard += [chain.process(block) for block in hops[8:12]]
    shelf.gain_db = 0.0
    heard += [chain.process(block) for block in hops[12:]]
    out = np.concatenate(heard, axis=1)
    assert np.isfinite(out).all()
    assert chain.nonfinite_samples > 0
    # Aligned as before: what went in after the last bad hop comes out where it should.
    begin = 12 * 256
    np.testing.assert_allclose(out[:, begin + 480 :], signal[:, begin:-480], atol=1e-5)


def test_the_plugins_would_not_have_recovered_alone() -> None:
    """What the test above relies on: their states stay no number until they are reset."""
    shelf = HighShelfFilter(1000, gain_db=0.0)
    board = Pedalboard([shelf, Compressor(0, 2)])
    block = noise(0.1)[:, :256]
    for gain_db in (0.0, 1e4, 0.0):
        shelf.gain_db = gain_db
        heard = board.process(block, RATE, reset=False)
    assert not np.isfinite(heard).any()


def test_plugins_that_cannot_be_reset_here_stay_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As some VST3 on a worker: silent while they give no number, and aligned after."""
    shelf = HighShelfFilter(1000, gain_db=0.0)
    chain = InsertChain("vocals.inserts", Pedalboard([shelf, AddLatency(480)]), RATE, 2, 256)
    # No native plugin refuses; the narrowest seam stands in for one.
    monkeypatch.setattr(InsertChain, "_restart", _refuse)
    hops = blocks(noise(0.3), 256)
    heard = []
    for index, block in enumerate(hops):
        shelf.gain_db = 1e4 if index == 8 else 0.0
        heard.append(chain.process(block))
    out, signal = np.concatenate(heard, axis=1), np.concatenate(hops, axis=1)
    wanted = np.pad(signal, ((0, 0), (480, 0)))
    wanted[:, 8 * 256 + 480 : 9 * 256 + 480] = 0
    np.testing.assert_allclose(out, wanted[:, : out.shape[1]], atol=1e-5)
    assert chain.nonfinite_samples == 2 * 256


def _refuse(_: InsertChain) -> None:
    raise RuntimeError("must be reloaded on the main thread")


def test_absurdly_loud_is_no_number() -> None:
    """Beyond +120 dB, so that sums stay finite; +120 dB itself passes."""
    chain = InsertChain("vocals.inserts", Pedalboard([Gain(120)]), RATE, 1, 256)
    level = np.full((1, 256), 0.5, np.float32)
    assert chain.process(level)[0, -1] == pytest.approx(5e5)
    assert not chain.process(level * 4).any()
    assert chain.nonfinite_samples == 256


def test_a_latency_that_grows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that loses a sample per call can never be aligned."""
    # No native plugin does this; the narrowest seam stands in for one.
    whole = InsertChain._call
    monkeypatch.setattr(InsertChain, "_call", lambda self, samples: whole(self, samples)[:, 1:])
    with pytest.raises(SpecError, match=r"vocals\.inserts hold back more and more samples"):
        InsertChain("vocals.inserts", Pedalboard([Gain()]), RATE, 2, 256)
