"""Songs separated by ideal masks: what networks that learn such masks could reach at most."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.score import STEMS
from models.data.songs import Song
from models.data.sound import Floats
from models.masks import Variant
from plugin_bridge.dsp import ComplexArray
from plugin_bridge.dsp.rates import BinMap, scale_of
from plugin_bridge.dsp.stft import Analysis, Synthesis, Transform

# The geometry of the article's networks, 22.05 kHz; also without torch.
TRANSFORM, RATE = Transform(1024, 1024, 256, "sqrt-hann"), 22_050
FRAMES = 128  # at once
BESIDE = 1  # frames that a mask looks at on either side


def ideal(
    song: Song, variant: Variant, transform: Transform = TRANSFORM, rate: int = RATE
) -> dict[str, Floats]:
    """Separate with masks made from the true stems.

    Parameters
    ----------
    song : Song
    variant : function of models/masks.py
    transform, rate : of a model; the masks are made on its bins and brought to the song's as
        they are when it runs, the last one holding above its band

    Returns
    -------
    stems : dict, stem -> float32 (channels, samples)

    Notes
    -----
    Thread: [any]
    """
    scale = scale_of(song.sample_rate, rate)
    host = transform.scaled(scale)
    bins = BinMap(host.bins, transform.bins, song.sample_rate / (scale * rate))
    true = np.stack([song.stems[stem] for stem in STEMS])
    count, channels, samples = true.shape
    signals = true.reshape(count * channels, samples)
    analysis = Analysis(host, len(signals))
    synthesis = Synthesis(host, count, channels)
    # a frame is done when the one after it is there, and heard when the overlap-add is over
    late = host.latency + BESIDE * host.hop
    length = -(-(samples + late) // (FRAMES * host.hop)) * FRAMES * host.hop
    padded = np.zeros((len(signals), length), np.float32)
    padded[:, :samples] = signals
    parts = []
    before = np.zeros((count, channels, 2 * BESIDE, host.bins), np.complex64)
    for start in range(0, length, FRAMES * host.hop):
        block = padded[:, start : start + FRAMES * host.hop]
        newest = analysis.push(block).reshape(count, channels, FRAMES, host.bins)
        spectra = np.concatenate([before, newest], axis=2)
        before = spectra[:, :, -2 * BESIDE :].copy()
        masks = variant(_to_model(bins, transform.bins, spectra))[:, :, BESIDE:-BESIDE]
        mixture = spectra[:, :, BESIDE:-BESIDE].sum(0)
        parts.append(synthesis.push(_to_host(bins, masks) * mixture).copy())
    made = np.concatenate(parts, axis=-1)[..., late : late + samples]
    return dict(zip(STEMS, made, strict=True))


def _to_model(bins: BinMap, model_bins: int, spectra: ComplexArray) -> ComplexArray:
    made = np.empty((*spectra.shape[:-1], model_bins), np.complex64)
    made.real = bins.to_model(spectra.real, 0.0)
    made.imag = bins.to_model(spectra.imag, 0.0)
    return made


def _to_host(bins: BinMap, masks: NDArray[Any]) -> NDArray[Any]:
    if not np.iscomplexobj(masks):
        return bins.to_host(masks)
    return np.asarray(bins.to_host(masks.real) + 1j * bins.to_host(masks.imag))
