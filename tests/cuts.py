"""Cut a signal into blocks."""

from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

# Two samples or fewer of stereo are mono of two to Pedalboard: no stream may begin with so few.
SHORTEST = 3


def blocks(audio: NDArray[np.float32], cuts: list[int]) -> list[NDArray[np.float32]]:
    """Give blocks of these sizes and the rest, as far as the signal reaches."""
    total = audio.shape[1]
    edges = [0, *(edge for edge in accumulate(cuts) if SHORTEST <= edge < total), total]
    return [audio[:, a:b] for a, b in pairwise(edges)]
