"""A fragment network on every third window of a stretch: how it is trained.

Windows that lie three frames apart are pooled in the same places. So the network runs over the
stretch as over one long window; what differs in a short one, near its edges, is put right there.

Rules of this file
  1. A column is called by its number in the short window; `long[n]` is the long window's
     column at that place, for all windows.
  2. A convolution is linear: what it gives at an edge is what it gives over the long window,
     plus its product with the difference at its input. A tap of it is a column of its kernel.
  3. Axes are (batch, columns, bins, width): each convolution wants the width last in memory.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.zoo.columns import POOL
from models.zoo.fragment import DROPOUT, SLOPE, FragmentNetwork


class _Columns(torch.autograd.Function):
    """Columns of every window, and the whole; one gradient for all of them together.

    A slice by itself has a gradient as long as the stretch, which is zero nearly everywhere.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, cuts: Sequence[slice]) -> tuple[Tensor, ...]:
        ctx.cuts = cuts
        return values.view_as(values), *(values[:, cut] for cut in cuts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        whole = gradients[0].clone()
        for cut, gradient in zip(ctx.cuts, gradients[1:], strict=True):
            whole[:, cut] += gradient
        return whole, None


class Long:
    """A layer's columns over the whole stretch.

    Parameters
    ----------
    values : (batch, columns, bins, width)
    columns : int
        Numbers in the short window of those that are looked at.
    windows : how many short ones there are
    step : columns from one window to the next

    Attributes
    ----------
    values : as given
    """

    def __init__(self, values: Tensor, columns: Sequence[int], windows: int, step: int = 1) -> None:
        reach = step * (windows - 1) + 1
        cuts = [slice(column, column + reach, step) for column in columns]
        self.values, *taken = _Columns.apply(values, cuts)
        self._taken = dict(zip(columns, taken, strict=True))

    def __getitem__(self, column: int) -> Tensor:
        """Give the column of every window, (batch, windows, bins, width)."""
        return self._taken[column]


def every_third(network: FragmentNetwork, features: Tensor) -> Tensor:
    """Give the scores of every third window of a stretch.

    (batch, 1, frames + 3 * (windows - 1), bins) -> raw scores (batch, stems, windows, bins),
    equal to those of `forward`. Poolings must drop the newest column.
    """
    windows = (features.shape[2] - network.frames) // POOL + 1
    last = network.frames - 1  # whose neighbour to the right is beyond the edge
    end = last // POOL * POOL  # behind it columns are dropped
    x = (features / network.spread).permute(0, 2, 3, 1)
    seen = Long(x, (0, 1, last - 1, last), windows, POOL)

    whole = _bent(_convolved(network, 1, x))
    first = _bent(_product(network, 1, [seen[0], seen[1]], (1, 2), biased=True))
    newest = _bent(_product(network, 1, [seen[last - 1], seen[last]], (0, 1), biased=True))
    at = Long(whole, (0, 1, last), windows, POOL)
    line = Long(_convolved(network, 2, at.values), (1, 2, end - 3, end - 2, end - 1), windows, POOL)
    left = [
        _product(network, 2, [first, at[1]], (1, 2), biased=True),
        line[1] + _product(network, 2, [first - at[0]], (0,)),
        line[2],
    ]
    right = [
        line[end - 3],
        line[end - 2],
        line[end - 1] + _product(network, 2, [newest - at[last]], (2,)),
    ]
    groups = end // POOL
    pooled = Long(_dropped(network, _pooled(line.values)), (0, 1, groups - 1), windows)
    return _deep(network, pooled, _grouped(network, left), _grouped(network, right), groups)


def _deep(network: FragmentNetwork, x: Long, left: Tensor, right: Tensor, groups: int) -> Tensor:
    """Run what is behind the first pooling, on groups 0 (left) to groups - 1 (right)."""
    windows, far = left.shape[1], groups - 2  # the last column that is looked at
    line = Long(_convolved(network, 3, x.values), (1, far), windows)
    at = Long(_bent(line.values), (0, 1, far), windows)
    zeroth = _bent(_product(network, 3, [left, x[1]], (1, 2), biased=True))
    first = _bent(line[1] + _product(network, 3, [left - x[0]], (0,)))
    newest = _bent(line[far] + _product(network, 3, [right - x[groups - 1]], (2,)))

    end = groups // POOL * POOL
    line = Long(_convolved(network, 4, at.values), range(1, end), windows)
    columns = [
        _product(network, 4, [zeroth, first], (1, 2), biased=True),
        line[1] + _product(network, 4, [zeroth - at[0], first - at[1]], (0, 1)),
        line[2] + _product(network, 4, [first - at[1]], (0,)),
        *(line[n] for n in range(3, end)),
    ]
    if far == end:  # else what the newest columns change is dropped
        columns[-1] = columns[-1] + _product(network, 4, [newest - at[far]], (2,))
    seen = [_grouped(network, columns[n : n + POOL]) for n in range(0, end, POOL)]
    # (batch, windows, bins, width) each, to what the dense layers take
    return network.decide(torch.stack(seen, 2).permute(0, 4, 2, 1, 3))


def _convolved(network: FragmentNetwork, level: int, x: Tensor) -> Tensor:
    made: Tensor = network.convolutions[level - 1](x.permute(0, 3, 1, 2))
    return made.permute(0, 2, 3, 1)


def _product(
    network: FragmentNetwork,
    level: int,
    columns: Sequence[Tensor],
    taps: Sequence[int],
    *,
    biased: bool = False,
) -> Tensor:
    """Convolve along the bins only, each column with its tap, and add up."""
    layer = network.convolutions[level - 1]
    x = torch.stack(list(columns), 2).flatten(1, 2) if len(columns) > 1 else columns[0]
    made = functional.conv2d(
        x.permute(0, 3, 1, 2),
        layer.weight[:, :, taps[0] : taps[-1] + 1],
        layer.bias if biased else None,
        stride=(len(taps), 1),
        padding=(0, 1),
        groups=layer.groups,
    )
    return made.permute(0, 2, 3, 1)


def _bent(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE)


def _pooled(x: Tensor) -> Tensor:
    return _bent(functional.max_pool2d(x.permute(0, 3, 1, 2), POOL).permute(0, 2, 3, 1))


def _grouped(network: FragmentNetwork, columns: Sequence[Tensor]) -> Tensor:
    """Pool three columns of each window."""
    return _dropped(network, _pooled(torch.stack(list(columns), 2).flatten(1, 2)))


def _dropped(network: FragmentNetwork, x: Tensor) -> Tensor:
    return functional.dropout(x, DROPOUT, network.training)
