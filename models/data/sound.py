"""Sound tools of the song generator: tables, filters, rooms, dynamics. numpy only.

Rules of this file: no loop over samples; every random choice comes from the given
generator; signals are float32 with samples on the last axis.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Random = np.random.Generator

TABLE = 4096  # samples per cycle; 12 bits, so a 32-bit phase is shifted right by 20
TOP = 16_000.0  # Hz, highest harmonic put into a table


def hertz(pitch: float) -> float:
    """Frequency of a MIDI pitch in Hz.

    Notes
    -----
    Thread: [any]
    """
    return float(440 * 2 ** ((pitch - 69) / 12))


def noise(rng: Random, *shape: int) -> Floats:
    """White Gaussian noise of variance one, float32.

    Notes
    -----
    Thread: [any]
    """
    return rng.standard_normal(shape, dtype=np.float32)


def decay(samples: int, rate: float, seconds: float) -> Floats:
    """Exponential that falls by 1/e in `seconds`, float32, shape (samples,).

    Notes
    -----
    Thread: [any]
    """
    return np.exp(np.arange(samples, dtype=np.float32) * np.float32(-1 / (seconds * rate)))


def wavetable(amplitudes: NDArray[np.float64], rng: Random) -> Floats:
    """Single cycles from harmonic amplitudes with random phases.

    Parameters
    ----------
    amplitudes : float64, shape (rows, harmonics)
        Harmonic 1 first; at most TABLE // 2 - 1 of them.
    rng : numpy Generator
        Draws one phase per harmonic, shared by all rows.

    Returns
    -------
    table : float32, shape (rows, TABLE)

    Notes
    -----
    Thread: [any]
    """
    rows, harmonics = amplitudes.shape
    spectrum = np.zeros((rows, TABLE // 2 + 1), np.complex128)
    turn = np.exp(1j * rng.uniform(-0.8, 0.8, harmonics) - 0.5j * np.pi)
    spectrum[:, 1 : harmonics + 1] = amplitudes * turn
    return (np.fft.irfft(spectrum) * (TABLE / 2)).astype(np.float32)


def cycles(frequency: float, samples: int, rate: float, start: float) -> NDArray[np.intp]:
    """Table positions of a steady tone that starts at `start` cycles, shape (samples,).

    Notes
    -----
    Thread: [any]
    """
    step = np.uint32(round(frequency / rate * 2**32) % 2**32)
    first = np.uint32(int(start % 1 * 2**32) % 2**32)
    phase = np.arange(samples, dtype=np.uint32) * step + first
    return (phase >> np.uint32(20)).astype(np.intp)


def glide(frequency: NDArray[np.floating], rate: float, start: float = 0.0) -> NDArray[np.float64]:
    """Phase in cycles of a tone whose frequency (Hz, per sample) moves.

    Notes
    -----
    Thread: [any]
    """
    return np.cumsum(frequency, dtype=np.float64) / rate + start


def minimum_phase(magnitude: NDArray[np.floating]) -> Floats:
    """Impulse response of minimum phase with the given magnitude.

    Parameters
    ----------
    magnitude : float, shape (..., bins)
        Linear gain at `bins` equally spaced frequencies from 0 to half the rate.

    Returns
    -------
    response : float32, shape (..., bins - 1)
        Half of the FFT length; the rest of the response has died away.

    Notes
    -----
    Folded cepstrum. Thread: [any]
    """
    bins = magnitude.shape[-1]
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, 1e-5)))
    cepstrum[..., 1 : bins - 1] *= 2
    cepstrum[..., bins:] = 0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))
    return response[..., : bins - 1].astype(np.float32)


def filtered(signal: Floats, rate: float, gain: Callable[[Floats], Floats]) -> Floats:
    """Filter by a gain over frequency (Hz), minimum phase, same length.

    Parameters
    ----------
    signal : float32, shape (..., samples)
    rate : float
        Samples per second.
    gain : callable
        Linear gain for an array of frequencies in Hz.

    Notes
    -----
    Thread: [any]
    """
    grid = np.linspace(0, rate / 2, 1025, dtype=np.float32)
    return convolve(signal, minimum_phase(gain(grid)))


def low_pass(cut: float, order: float = 2) -> Callable[[Floats], Floats]:
    """Gain curve that falls by 6 dB per octave and `order` above `cut` Hz.

    Notes
    -----
    Thread: [any]
    """
    return lambda f: np.asarray(1 / np.sqrt(1 + (f / cut) ** (2 * order)), np.float32)


def high_pass(cut: float, order: float = 2) -> Callable[[Floats], Floats]:
    """Gain curve that falls by 6 dB per octave and `order` below `cut` Hz.

    Notes
    -----
    Thread: [any]
    """
    return lambda f: np.asarray(
        1 / np.sqrt(1 + (cut / np.maximum(f, 1)) ** (2 * order)), np.float32
    )


def presence(decibels: float, corner: float = 4000.0) -> Callable[[Floats], Floats]:
    """Gain curve of a shelf that lifts what lies above `corner` Hz by `decibels`.

    Notes
    -----
    Thread: [any]
    """
    lift = 10 ** (decibels / 20) - 1
    return lambda f: np.asarray(1 + lift / (1 + (corner / np.maximum(f, 1)) ** 2), np.float32)


def band(low: float, high: float, order: float = 2) -> Callable[[Floats], Floats]:
    """Gain curve that passes `low` .. `high` Hz.

    Notes
    -----
    Thread: [any]
    """
    above, below = high_pass(low, order), low_pass(high, order)
    return lambda f: above(f) * below(f)


def bumps(rng: Random, count: int = 3, spread: float = 8.0) -> Callable[[Floats], Floats]:
    """Random equaliser: `count` bumps of up to +-`spread` dB between 60 Hz and 14 kHz.

    Notes
    -----
    Thread: [any]
    """
    centres = rng.uniform(np.log2(60), np.log2(14_000), count)
    heights, widths = rng.uniform(-spread, spread, count), rng.uniform(0.4, 1.5, count)

    def gain(f: Floats) -> Floats:
        octave = np.log2(np.maximum(f, 20))
        level = sum(
            h * np.exp(-0.5 * ((octave - c) / w) ** 2)
            for h, c, w in zip(heights, centres, widths, strict=True)
        )
        return (10 ** (np.asarray(level) / 20)).astype(np.float32)

    return gain


def convolve(signal: Floats, response: Floats) -> Floats:
    """Convolve by blocks in the frequency domain; the tail beyond the input is cut.

    Parameters
    ----------
    signal : float32, shape (..., samples)
    response : float32, shape (taps,) or (..., taps)

    Returns
    -------
    result : float32, shape (..., samples)

    Notes
    -----
    Thread: [any]
    """
    samples, taps = signal.shape[-1], response.shape[-1]
    size = 1 << int(np.ceil(np.log2(min(max(4 * taps, 8192), samples + taps))))
    step = size - taps + 1
    blocks = -(-samples // step)
    padded = np.zeros((*signal.shape[:-1], blocks * step + taps - 1), np.float32)
    padded[..., taps - 1 : taps - 1 + samples] = signal
    views = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[..., ::step, :]
    spectrum = np.fft.rfft(views)
    spectrum *= np.fft.rfft(response, size)[..., None, :]
    kept = np.fft.irfft(spectrum, size)[..., taps - 1 :]
    lead = np.broadcast_shapes(signal.shape[:-1], response.shape[:-1])
    return kept.reshape(*lead, blocks * step)[..., :samples].astype(np.float32, copy=False)


def room(rng: Random, rate: float, seconds: float, wet: float) -> Floats:
    """Stereo impulse response: the dry sample and a decaying, darkening tail.

    Parameters
    ----------
    rng : numpy Generator
    rate : float
        Samples per second.
    seconds : float
        Time to fall by 60 dB.
    wet : float
        Energy of the tail against the dry sample, as an amplitude.

    Returns
    -------
    response : float32, shape (2, samples)

    Notes
    -----
    Thread: [any]
    """
    samples = int(rate * min(seconds, 1.5))
    tail = noise(rng, 2, samples) * decay(samples, rate, seconds / 6.9)
    first = int(rate * rng.uniform(0.001, 0.03))
    tail[:, :first] = 0
    for _ in range(6):
        tail[:, first + int(rng.exponential(0.01) * rate) % (samples - first)] += rng.normal(
            0, 3, 2
        )
    tail = filtered(tail, rate, band(rng.uniform(80, 400), rng.uniform(2500, 9000), 1))
    tail *= wet / (np.sqrt((tail**2).sum(-1, keepdims=True)) + np.float32(1e-9))
    tail[:, 0] += 1
    return tail


def envelope(signal: Floats, rate: float, seconds: float) -> Floats:
    """Level over time (RMS over all channels in windows of `seconds`), shape (samples,).

    Notes
    -----
    Thread: [any]
    """
    samples = signal.shape[-1]
    size = max(1, int(rate * seconds))
    blocks = -(-samples // size)
    power = np.zeros(blocks * size, np.float32)
    power[:samples] = (signal**2).mean(0) if signal.ndim > 1 else signal**2
    level = np.sqrt(power.reshape(blocks, size).mean(1))
    level = np.maximum(level, 0.6 * np.concatenate([level[:1], level[:-1]]))
    centres = (np.arange(blocks) + 0.5) * size
    return np.interp(np.arange(samples), centres, level).astype(np.float32)


def compressor_gain(signal: Floats, rate: float, below: float, ratio: float) -> Floats:
    """Gain curve of a soft compressor, shape (samples,).

    Parameters
    ----------
    signal : float32, shape (channels, samples)
    rate : float
        Samples per second.
    below : float
        Threshold in dB under the signal's loudest 15 ms.
    ratio : float
        Input dB per output dB above the threshold.

    Notes
    -----
    Thread: [any]
    """
    level = envelope(signal, rate, 0.015)
    over = level / (level.max() * np.float32(10 ** (-below / 20)) + np.float32(1e-9))
    return np.maximum(over, np.float32(1)) ** np.float32(1 / ratio - 1)


def place(track: Floats, sound: Floats, start: int, gain: float = 1.0) -> None:
    """Add a sound to a track from sample `start` on; what lies outside is cut.

    Notes
    -----
    Thread: [any]
    """
    length = min(sound.shape[-1], track.shape[-1] - start)
    if start >= 0 and length > 0:
        track[..., start : start + length] += sound[..., :length] * np.float32(gain)


def panned(signal: Floats, pan: float) -> Floats:
    """Stereo from mono, balance -1 .. 1, shape (2, samples).

    Notes
    -----
    Thread: [any]
    """
    sides = np.array([min(1.0, 1 - pan), min(1.0, 1 + pan)], np.float32)
    return sides[:, None] * signal


def resampled(waves: Floats, speed: float, samples: int) -> Floats:
    """Play at another speed; linear interpolation, whose loss at the top is a mild low-pass.

    Parameters
    ----------
    waves : (..., at least speed * samples + 2)

    Returns
    -------
    waves : (..., samples)
    """
    where = np.arange(samples) * speed
    left = where.astype(np.intp)
    part = (where - left).astype(np.float32)
    here = waves.take(left, axis=-1)
    return here + part * (waves.take(left + 1, axis=-1) - here)


def needed(samples: int, speed: float) -> int:
    """Count the samples from which `resampled` makes so many."""
    return int(samples * speed) + 2
