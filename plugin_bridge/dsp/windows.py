"""Window pairs for streaming analysis and synthesis.

The analysis window is long and rises slowly, the synthesis window covers only its
last `synthesis` samples. Their product is a Hann window of that length, which
overlap-adds to one: masks of one give the input back, delayed by `synthesis - hop`.

Source: Mauler and Martin, "A low delay, variable resolution, perfect reconstruction
spectral analysis-synthesis system for speech enhancement", EUSIPCO 2007.
"""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError


def window_pair(n_fft: int, synthesis: int, hop: int) -> tuple[FloatArray, FloatArray]:
    """Give the analysis and the synthesis window.

    With ``synthesis == n_fft`` both are the square root of a Hann window.

    Parameters
    ----------
    n_fft : int, samples analysed per frame
    synthesis : int, how many of its last samples are resynthesised
    hop : int, samples between frames; ``synthesis / hop`` is a whole number, at least 2

    Returns
    -------
    analysis : float32, shape (n_fft,), peak 1
    synthesis : float32, shape (synthesis,)

    Raises
    ------
    SpecError
        If the three lengths cannot give perfect reconstruction.

    Examples
    --------
    >>> analysis, synthesis = window_pair(2048, 512, 256)
    >>> analysis.shape, synthesis.shape
    ((2048,), (512,))

    Notes
    -----
    Thread: [any]
    """
    if hop < 1 or synthesis % 2 or synthesis % hop or synthesis < 2 * hop or n_fft < synthesis:
        raise SpecError(
            f"n_fft {n_fft}, synthesis {synthesis}, hop {hop} cannot reconstruct the input; "
            "synthesis must be even, a multiple of hop, at least 2 hops and at most n_fft"
        )
    fall = synthesis // 2
    rise = n_fft - fall
    # Half-sample offsets keep both windows away from zero, so the division below is safe.
    analysis = np.concatenate(
        [
            np.sin(np.pi / 2 * (np.arange(rise) + 0.5) / rise),
            np.cos(np.pi / 2 * (np.arange(fall) + 0.5) / fall),
        ]
    )
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(synthesis) + 0.5) / synthesis)
    # Hann windows `hop` apart add up to synthesis / (2 hop).
    back = hann / analysis[-synthesis:] * (2 * hop / synthesis)
    return analysis.astype(np.float32), back.astype(np.float32)
