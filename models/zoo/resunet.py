"""ResUNetDecouple: a deep residual U-Net over time and frequency, with its transform inside.

Source: Kong, Cao, Liu, Choi, Wang, "Decoupling magnitude and phase estimation with deep ResUNet
for music source separation", ISMIR 2021. At its full size one target in stereo takes 143
convolutions (shortcuts of 1x1 not counted) and 102,571,278 parameters.

Only magnitudes enter the network. What it gives are maps of a head (models/heads.py), which
take magnitude and phase of the mix to those of each target.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.heads import HEADS
from models.zoo.centred import Centred
from models.zoo.fourier import Fourier

SAMPLE_RATE = 44100
TRANSFORM = Centred(2048, 441)
WIDTHS = (32, 64, 128, 256, 384, 384)
SLOPE = 0.01
MOMENTUM = 0.01
# Levels beyond these halve frequency only: a frame of the lowest stands for 320 ms.
TIME_LEVELS = 5


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, momentum=MOMENTUM)


class Unit(nn.Module):
    """A residual unit: norm, activation and 3x3 convolution, twice; nothing after the sum."""

    def __init__(self, entries: int, exits: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([_norm(entries), _norm(exits)])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, exits, 3, padding=1, bias=False) for width in (entries, exits)
        )
        self.shortcut = nn.Conv2d(entries, exits, 1) if entries != exits else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, entries, frames, bins) -> (batch, exits, frames, bins)."""
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(functional.leaky_relu(norm(y), SLOPE))
        return self.shortcut(x) + y


class Block(nn.Sequential):
    """Residual units, the first of which changes the width."""

    def __init__(self, entries: int, exits: int, units: int) -> None:
        super().__init__(*(Unit(exits if i else entries, exits) for i in range(units)))


class Ascent(nn.Module):
    """Twice the resolution, beside what the way down had there, through a block."""

    def __init__(self, entries: int, exits: int, pool: tuple[int, int], units: int) -> None:
        super().__init__()
        self.norm = _norm(entries)
        self.up = nn.ConvTranspose2d(entries, exits, pool, stride=pool, bias=False)
        self.block = Block(2 * exits, exits, units)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Give (batch, exits, frames, bins), as fine as the skip."""
        y: Tensor = self.block(torch.cat([self.up(torch.relu(self.norm(x))), skip], 1))
        return y


class ResUNet(nn.Module):
    """Raw maps of a head from the magnitudes of the mix.

    Parameters
    ----------
    targets : what is separated, in order
    widths : channels of the levels, from fine to coarse
    units : residual units of a block
    centres : blocks at the bottom
    head : key of models.heads.HEADS
    channels : of the audio
    n_fft, hop : of the transform
    """

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("vocals",),
        widths: tuple[int, ...] = WIDTHS,
        units: int = 4,
        centres: int = 4,
        head: str = "decoupled",
        channels: int = 2,
        n_fft: int = TRANSFORM.n_fft,
        hop: int = TRANSFORM.hop,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "targets": tuple(targets),
            "widths": tuple(widths),
            "units": units,
            "centres": centres,
            "head": head,
            "channels": channels,
            "n_fft": n_fft,
            "hop": hop,
        }
        self.targets, self.head, self.channels = tuple(targets), head, channels
        self.transform = Centred(n_fft, hop)
        self.pools = [(2 if i < TIME_LEVELS else 1, 2) for i in range(len(widths))]
        self.multiple = 2 ** min(len(widths), TIME_LEVELS)
        self.entry = _norm(self.transform.bins)
        self.descent = nn.ModuleList(
            Block(a, b, units) for a, b in zip((channels, *widths[:-1]), widths, strict=True)
        )
        bottom = widths[-1]
        self.centre = nn.Sequential(*(Block(bottom, bottom, units) for _ in range(centres)))
        upwards = widths[::-1]
        steps = zip((bottom, *upwards[:-1]), upwards, self.pools[::-1], strict=True)
        self.ascent = nn.ModuleList(Ascent(a, b, pool, units) for a, b, pool in steps)
        self.after = Block(widths[0], widths[0], units)
        self.maps = HEADS[head].maps
        self.out = nn.Conv2d(widths[0], len(self.targets) * channels * self.maps, 1)
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # The original begins with biases of zero, so with any phase; this begins with the mix's.
        rest = torch.tensor(HEADS[self.head].rest)
        self.out.bias.copy_(rest.repeat(len(self.targets) * self.channels))

    def forward(self, magnitudes: Tensor) -> Tensor:
        """(batch, channels, frames, bins) -> (batch, targets * channels * maps, frames, bins)."""
        frames = int(magnitudes.shape[2])
        x = self.entry(magnitudes.transpose(1, 3)).transpose(1, 3)
        x = functional.pad(x, (0, 0, 0, -frames % self.multiple))[..., :-1]
        skips = []
        for block, pool in zip(self.descent, self.pools, strict=True):
            skips.append(block(x))
            x = functional.avg_pool2d(skips[-1], pool)
        x = self.centre(x)
        for block, skip in zip(self.ascent, reversed(skips), strict=True):
            x = block(x, skip)
        # The top bin, which was dropped, has the direction zero: it is silent.
        return functional.pad(self.out(self.after(x))[:, :, :frames], (0, 1))


class Segment(nn.Module):
    """A network with its transform around it, for one segment of sound.

    Parameters
    ----------
    network : ResUNet, which must not change any more
    """

    def __init__(self, network: ResUNet) -> None:
        super().__init__()
        self.network = network.eval()
        self.fourier = Fourier(network.transform.n_fft)

    def forward(self, waves: Tensor) -> Tensor:
        """(1, channels, samples) -> (1, targets, channels, samples)."""
        network, transform = self.network, self.network.transform
        samples = int(waves.shape[-1])
        re, im = self.fourier(transform.cut(waves[0]))
        raw = network(torch.sqrt(re.square() + im.square())[None])
        shape = (1, len(network.targets), network.channels, network.maps, *re.shape[1:])
        mix = re[None, None], im[None, None]
        parts = HEADS[network.head].parts(raw.reshape(shape), mix)
        frames = self.fourier.back(*(part[0].flatten(0, 1) for part in parts))
        made = transform.lay(frames, samples)
        return made.reshape(1, len(network.targets), network.channels, samples)
