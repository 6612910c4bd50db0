"""The low anchor: a reference that everybody hears to be bad."""

import numpy as np

from models.data.sound import Floats
from plugin_bridge.dsp.stft import Analysis, Synthesis, Transform

TRANSFORM = Transform(2048, 2048, 512, "sqrt-hann")
CUT = 3500.0  # Hz, of ITU-R BS.1534's low anchor
KEPT = 0.5  # share of the bins below that stay


def anchor(reference: Floats, rate: int) -> Floats:
    """Take the highs and, at random, half of the rest from a sound, bin by bin.

    Parameters
    ----------
    reference : float32, shape (channels, samples)
    rate : int

    Returns
    -------
    anchor : float32, shape (channels, samples)
        The same every time.

    Notes
    -----
    BS.1534's anchor alone, a low-pass at 3.5 kHz, does nothing to a bass; bins that come and go
    are the musical noise of bad masks. Thread: [any]
    """
    transform, (channels, samples) = TRANSFORM, reference.shape
    late = transform.latency
    steps = -(-(samples + late) // transform.hop)
    padded = np.zeros((channels, steps * transform.hop), np.float32)
    padded[:, :samples] = reference
    spectra = Analysis(transform, channels).push(padded)
    kept = np.random.default_rng(0).random(spectra.shape[1:]) < KEPT
    kept[:, np.fft.rfftfreq(transform.n_fft, 1 / rate) > CUT] = False
    made = Synthesis(transform, 1, channels).push((spectra * kept)[np.newaxis])
    return np.ascontiguousarray(made[0][:, late : late + samples])
