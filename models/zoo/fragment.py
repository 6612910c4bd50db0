"""The networks of "Audio AI: isolating instruments from stereo music using CNNs" (Koretzky, 2019).

A fragment of 25 magnitude columns goes in, a mask for one of them comes out. A branch is two
convolutions, a pooling, two convolutions, a pooling, and two dense layers. The models differ in
how many branches there are and where they part:

    branch    one, for one stem                                            323,233 parameters
    model 1   four branches, trained alone and merged                    1,292,932
    model 2   one, for four stems, its dense layer narrowed to 77          324,037
    model 3   four that share the first two convolutions                 1,278,100
    model 4   as model 1, trained together                               1,292,932

Four ways to compute the same: `forward` on fragments; `stretch` on all fragments of a stretch
at once, which takes a quarter of the time; `every_third` of them, which is faster still;
`Incremental` on the newest column, with what is still valid of the past in states.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.data.score import STEMS
from models.zoo.columns import POOL, WIDENING, Part, Plan, Stream
from plugin_bridge.dsp.stft import Transform

SAMPLE_RATE = 22050
# The article's 1024 and 256; symmetric, so its latency is 768 samples: 35 ms.
TRANSFORM = Transform(1024, 1024, 256, "sqrt-hann")
FEATURE = "magnitude"
BINS, FRAMES = TRANSFORM.bins, 25
MIDDLE, LAST = 12, FRAMES - 1
SLOPE = 0.3  # of Keras's LeakyReLU, which the article's listing leaves as it is
WIDTHS = (32, 16, 64, 16)
DROPOUT, DENSE_DROPOUT = 0.25, 0.5
LEVELS = len(WIDTHS)
POOLED = (2, 4)

Key = tuple[Stream, int]  # what is read: a stream, or its product with a tap


class FragmentNetwork(nn.Module):
    """Raw sigmoid scores per stem and bin for one frame of a fragment.

    Parameters
    ----------
    stems : names, in the order of the output
    trunks : how many sets of the first two convolutions: 1, or one per branch
    branches : how many of the rest: 1, or one per stem
    units : width of the dense layer
    target : which of the frames the masks are for
    padded : whether poolings leave over the oldest columns instead of dropping the newest
    bins, frames : of the fragment
    """

    def __init__(
        self,
        *,
        stems: Sequence[str] = STEMS,
        trunks: int = 1,
        branches: int = 1,
        units: int = 128,
        target: int = LAST,
        padded: bool = False,
        bins: int = BINS,
        frames: int = FRAMES,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "stems": tuple(stems),
            "trunks": trunks,
            "branches": branches,
            "units": units,
            "target": target,
            "padded": padded,
            "bins": bins,
            "frames": frames,
        }
        self.stems, self.branches = tuple(stems), branches
        self.bins, self.frames, self.target = bins, frames, target
        self.plan = Plan(frames, padded=padded)
        self.padded = padded
        self.groups = (trunks, trunks, branches, branches)
        sets = (1, *self.groups)
        widths = (1, *WIDTHS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(
                # a trunk that is shared is heard by every branch
                widths[level] * sets[level] if level else 1,
                widths[level + 1] * sets[level + 1],
                3,
                padding=1,
                groups=sets[level + 1] if sets[level] == sets[level + 1] else 1,
            )
            for level in range(LEVELS)
        )
        height = bins // POOL // POOL
        self.seen = WIDTHS[-1] * len(self.plan.columns) * height
        outputs = len(stems) * bins // branches
        self.dense = nn.Parameter(torch.empty(branches, self.seen, units))
        self.dense_bias = nn.Parameter(torch.zeros(branches, 1, units))
        self.out = nn.Parameter(torch.empty(branches, units, outputs))
        self.out_bias = nn.Parameter(torch.zeros(branches, 1, outputs))
        # The input's spread over training data, one number: a constant in the graph.
        self.spread: Tensor
        self.register_buffer("spread", torch.ones(()))
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Start as Keras does: Glorot's uniform weights per branch, biases of zero."""
        for level in self.convolutions:
            entries, exits = level.in_channels // level.groups, level.out_channels // level.groups
            if level.groups == 1 and level.out_channels in (WIDTHS[0], WIDTHS[2]):
                exits = level.out_channels
            limit = (6 / (9 * (entries + exits))) ** 0.5
            nn.init.uniform_(level.weight, -limit, limit)
            nn.init.zeros_(level.bias)
        for weight in (self.dense, self.out):
            limit = (6 / (weight.shape[1] + weight.shape[2])) ** 0.5
            nn.init.uniform_(weight, -limit, limit)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, 1, bins, frames) -> raw scores (batch, stems, bins)."""
        x = (features / self.spread).transpose(2, 3)
        for level, convolution in enumerate(self.convolutions, 1):
            x = convolution(x)
            x = self._pool(x) if level in POOLED else functional.leaky_relu(x, SLOPE)
        return self.decide(x.unsqueeze(3))[:, :, 0]

    def stretch(self, features: Tensor) -> Tensor:
        """Give the scores of every window of a stretch.

        (batch, 1, frames + windows - 1, bins) -> raw scores (batch, stems, windows, bins),
        equal to those of `forward`. What windows share is computed once; in training they
        also share what the dropout takes away.
        """
        windows = features.shape[2] - self.frames + 1
        ranges = self.plan.ranges(windows)
        values = self.values(features, ranges)
        return self.decide(
            torch.stack([_read(values, ranges, range(windows), p) for p in self.plan.columns], 2)
        )

    def values(self, features: Tensor, ranges: Mapping[Stream, range]) -> dict[Key, Tensor]:
        """Give what is read of each stream, (batch, width, indices, bins) each."""
        values: dict[Key, Tensor] = {}
        source, *streams = self.plan.streams
        values[source, 0] = features / self.spread
        for stream in streams:
            made = self.compute(stream, partial(_read, values, ranges, ranges[stream]))
            values |= self.handed_on(stream, made)
        return values

    def _pool(self, x: Tensor) -> Tensor:
        over = x.shape[2] % POOL
        if self.padded and over:
            x = functional.pad(x, (0, 0, POOL - over, 0), value=-torch.inf)
        # A leaky ReLU keeps the order: behind the pooling it has a ninth of the work.
        x = functional.leaky_relu(functional.max_pool2d(x, POOL), SLOPE)
        return functional.dropout(x, DROPOUT, self.training)

    def decide(self, x: Tensor) -> Tensor:
        """Run the dense layers.

        (batch, branches * width, columns, windows, height) -> scores (batch, stems, windows, bins)
        """
        batch, _, _, windows, _ = x.shape
        x = x.unflatten(1, (self.branches, -1)).permute(1, 0, 4, 2, 3, 5)
        x = x.reshape(self.branches, batch * windows, self.seen)
        x = functional.leaky_relu(x @ self.dense + self.dense_bias, SLOPE)
        x = functional.dropout(x, DENSE_DROPOUT, self.training)
        x = x @ self.out + self.out_bias
        x = x.transpose(0, 1).reshape(batch, windows, len(self.stems), self.bins)
        return x.transpose(1, 2)

    def compute(
        self, stream: Stream, read: Callable[[Part], Tensor], rest: Tensor | None = None
    ) -> Tensor:
        """Make a stream of its parts: (batch, width, times, bins).

        `rest` is what products with taps lack that were read, in sum.
        """
        if stream.kind == "pool":
            x = read(stream.parts[0])
            for part in stream.parts[1:]:
                x = torch.maximum(x, read(part))
            x = functional.leaky_relu(x, SLOPE)
            return functional.dropout(x, DROPOUT, self.training)
        level = stream.level
        convolution = self.convolutions[level - 1]
        if level in WIDENING:
            sets = convolution.groups
            parts = [_shaped(read(part), sets, -1) for part in stream.parts]
            taps = [part.tap for part in stream.parts]
            weight = convolution.weight[:, :, taps].transpose(1, 2).flatten(1, 2).unsqueeze(2)
            x = _shaped(torch.cat(parts, 2), -1)
            x = functional.conv2d(x, weight, convolution.bias, padding=(0, 1), groups=sets)
            return functional.leaky_relu(x, SLOPE)
        x = read(stream.parts[0])
        for part in stream.parts[1:]:
            x = x + read(part)
        x = x if rest is None else x + rest
        x = functional.max_pool2d(x, (1, POOL))
        return x + convolution.bias.view(-1, 1, 1)

    def handed_on(self, stream: Stream, value: Tensor) -> dict[Key, Tensor]:
        """Give what others read of a stream: itself, or its product with each tap they use."""
        if not scattered(stream):
            return {(stream, 0): value}
        taps = self._taps(stream)
        convolution = self.convolutions[stream.level]
        sets = convolution.groups
        weight = convolution.weight[:, :, taps].unflatten(0, (sets, -1))
        # (sets, width, entries, taps, 3) -> (sets * taps * width, entries, 1, 3)
        weight = weight.permute(0, 3, 1, 2, 4).flatten(0, 2).unsqueeze(2)
        x = functional.conv2d(value, weight, padding=(0, 1), groups=sets)
        parts = _shaped(x, sets, len(taps), WIDTHS[stream.level]).split(1, 2)
        return {(stream, tap): _shaped(x, -1) for tap, x in zip(taps, parts, strict=True)}

    def _taps(self, stream: Stream) -> list[int]:
        used = {
            part.tap for user in self.plan.streams for part in user.parts if part.stream is stream
        }
        return sorted(used)


def _shaped(x: Tensor, *widths: int) -> Tensor:
    """Divide the axes between batch and times as told; sizes but the batch are constants."""
    times, bins = (int(size) for size in x.shape[-2:])
    if -1 in widths:
        whole = math.prod(int(size) for size in x.shape[1:-2])
        rest = whole // -math.prod(widths)
        widths = tuple(rest if width == -1 else width for width in widths)
    return x.reshape(-1, *widths, times, bins)


def _read(
    values: Mapping[Key, Tensor], ranges: Mapping[Stream, range], user: range, part: Part
) -> Tensor:
    """Cut the values that a user needs at its own indices."""
    start = user.start + part.offset - ranges[part.stream].start
    return values[part.stream, tap_of(part)][:, :, start : start + len(user)]


def tap_of(part: Part) -> int:
    """Give which of a stream's products a part is; 0 for the stream itself."""
    return part.tap if scattered(part.stream) else 0


def scattered(stream: Stream) -> bool:
    """Tell whether others read a stream's products with taps instead of itself."""
    return stream.kind == "convolution" and stream.level in WIDENING
