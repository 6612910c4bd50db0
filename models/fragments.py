"""Fragments as the article has them: 25 columns of magnitudes, and the masks of one of them.

They are made from a library's stretches at 44.1 kHz in the geometry of 22.05 kHz: the lower half
of a transform twice as long, halved, is the same spectrum, and no resampler is needed. Of every
stretch that is decoded each window is given, one channel after the other. Training computes on
every third window of such stretches (architectures.Fragments); here they are laid out one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from models.architectures import ARCHITECTURES
from models.batches import draw
from models.data.mixing import Mixer
from models.zoo.fragment import FRAMES, LAST


@dataclass(frozen=True)
class Fragments:
    """Fragments of some stretches.

    Attributes
    ----------
    magnitudes : float32, shape (fragments, 1, 513, 25)
    masks : float32, shape (fragments, 4, 513), of the target frame
    """

    magnitudes: Tensor
    masks: Tensor


def fragments(
    mixer: Mixer, *, target: int = LAST, mask: str = "b1", stretches: int = 1, windows: int = 64
) -> Iterator[Fragments]:
    """Give fragments for ever.

    Parameters
    ----------
    mixer : Mixer
        Its seed decides what comes: same library, split and seed, same fragments.
    target : int
        Index of the frame that the masks are for, 0 to 24; 12 is the middle.
    mask : str
        A name in masks.MASKS.
    stretches, windows : int
        How many stretches are decoded at a time, and how many windows each has: a fragment
        for each window and channel.

    Raises
    ------
    ValueError
        If the target lies outside the window.

    Notes
    -----
    Thread: [any], one at a time
    """
    if not 0 <= target < FRAMES:
        raise ValueError(f"target {target} lies outside the {FRAMES} frames; use 0 to {FRAMES - 1}")
    hearing = replace(ARCHITECTURES["branch"]({"target": target}, mask).hearing, every=1)
    while True:
        batch = draw(mixer, stretches, windows, hearing=hearing)
        # (stretches, channels, windows, bins, frames)
        seen = batch.heard.abs().unfold(2, FRAMES, 1)
        # stems to the end: (stretches, channels, windows, stems, bins)
        wanted: Tensor = batch.wanted
        masks = wanted.permute(0, 2, 3, 1, 4)
        yield Fragments(seen.flatten(0, 2).unsqueeze(1), masks.flatten(0, 2))
