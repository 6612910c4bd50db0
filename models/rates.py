"""The library as a host at 48 kHz gives it to the network, see plugin_bridge/dsp/rates.py.

There the transform keeps its length in samples: frames are shorter, and bins farther apart. The
ratio is rounded so that the two grids of bins share their ends, which interpolation needs.
"""

import torch
from torch import Tensor
from torch.nn import functional

from models.zoo.lastframe import TRANSFORM

BINS = TRANSFORM.bins
REACHED = 942  # of the host's bins, which hold all of the network's band
RATIO = (BINS - 1) / (REACHED - 1)  # 1.0882; 48 / 44.1 is 1.0884


def to_network(values: Tensor) -> Tensor:
    """Interpolate a host's bins at 48 kHz to the network's: (..., 1025) -> same."""
    return _stretched(values[..., :REACHED], BINS)


def to_host(values: Tensor) -> Tensor:
    """Interpolate the network's bins to a host's at 48 kHz; above, the last one holds."""
    inner = _stretched(values, REACHED)
    return torch.cat([inner, values[..., -1:].expand(*values.shape[:-1], BINS - REACHED)], -1)


def _stretched(values: Tensor, bins: int) -> Tensor:
    lines = values.flatten(0, -2).unsqueeze(0)
    lines = functional.interpolate(lines, size=bins, mode="linear", align_corners=True)
    return lines.view(*values.shape[:-1], bins)
