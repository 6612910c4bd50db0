"""The shipped last-frame mask network: a causal U-Net along frequency with GRUs over time.

Each encoder level divides frequency by four and looks one frame back through a cached
frame. Convolutions treat all frequencies alike, so a learned offset per bin tells each
level where it is. At the bottom one GRU runs over time per band, and a small network mixes the
bands. Nothing of the past is computed twice, so one frame costs about 8 M
multiply-adds.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from plugin_bridge.dsp.stft import Transform

SAMPLE_RATE = 44100
TRANSFORM = Transform(2048, 512, 256)
STEMS = ("vocals", "drums", "bass", "other")
POWER, EPS = 0.3, 1e-2  # of the input feature, (|X|^2 + EPS^2)^(POWER / 2)
FEATURE = f"power:{POWER:g}:{EPS:g}"

SLOPE = 0.1
STRIDE = 4


class BandGRU(nn.Module):
    """A residual GRU over time, shared by all bands: (frames, bands, width) -> same."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gru = nn.GRU(width, hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Give the output and the next state."""
        # Step by step, the casts of mixed precision cost more than they save.
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            y, state = self.gru(self.norm(x), state)
            return x + self.out(y), state


class LastFrame(nn.Module):
    """Raw softmax scores per stem from compressed magnitudes.

    Parameters
    ----------
    widths : channels of the encoder levels, from fine to coarse
    hidden : width of the GRUs
    layers : number of GRUs
    last : channels at full resolution before the output
    """

    def __init__(
        self,
        *,
        bins: int = TRANSFORM.bins,
        stems: int = len(STEMS),
        channels: int = 2,
        widths: tuple[int, ...] = (24, 64, 96, 128),
        hidden: int = 128,
        layers: int = 2,
        last: int = 12,
    ) -> None:
        super().__init__()
        self.config = {
            "bins": bins,
            "stems": stems,
            "channels": channels,
            "widths": widths,
            "hidden": hidden,
            "layers": layers,
            "last": last,
        }
        self.stems, self.channels, self.hidden = stems, channels, hidden
        self.bins = bins - 1  # the Nyquist bin takes its neighbour's mask
        # Per-bin statistics of the input over training data; constants in the graph.
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(self.bins))
        self.register_buffer("spread", torch.ones(self.bins))
        entries = (channels, *widths[:-1])
        self.encoder = nn.ModuleList(
            nn.Conv2d(a, b, (2, 7), stride=(1, STRIDE), padding=(0, 3))
            for a, b in zip(entries, widths, strict=True)
        )
        self.places = nn.ParameterList(
            nn.Parameter(torch.zeros(width, 1, self.bins // STRIDE ** (level + 1)))
            for level, width in enumerate(widths)
        )
        self.bands = self.bins // STRIDE ** len(widths)
        self.grus = nn.ModuleList(BandGRU(widths[-1], hidden) for _ in range(layers))
        self.spread_bands = nn.Linear(self.bands, 2 * self.bands)
        self.gather_bands = nn.Linear(2 * self.bands, self.bands)
        exits = (last, *widths[:-1])
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(2 * b, a, (1, STRIDE), stride=(1, STRIDE))
            for a, b in reversed(list(zip(exits, widths, strict=True)))
        )
        self.out = nn.Conv2d(last + channels, stems * channels, (1, 5), padding=(0, 2))
        self.out_place = nn.Parameter(torch.zeros(stems * channels, 1, self.bins))

    def initial_states(self, batch: int = 1) -> list[Tensor]:
        """Give the zero states: one cached frame per encoder level, then the GRUs'."""
        states = []
        bins = self.bins
        for level in self.encoder:
            states.append(torch.zeros(batch, level.in_channels, 1, bins))
            bins //= STRIDE
        states += [torch.zeros(1, batch * self.bands, self.hidden) for _ in self.grus]
        return states

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """(batch, channels, frames, bins), states -> raw scores, next states.

        Raw scores have the shape (batch, stems * channels, frames, bins).
        """
        batch = features.shape[0]
        x = (features[..., : self.bins] - self.mean) / self.spread
        following = []
        skips = []
        h = x
        for level, place, state in zip(self.encoder, self.places, states, strict=False):
            stream = torch.cat([state.to(h.dtype), h], 2)
            following.append(stream[:, :, -1:])
            h = functional.leaky_relu(level(stream) + place, SLOPE)
            skips.append(h)
        # (batch, width, frames, bands) -> (frames, batch * bands, width)
        z = h.permute(2, 0, 3, 1).flatten(1, 2)
        for gru, state in zip(self.grus, states[len(self.encoder) :], strict=True):
            z, state = gru(z, state)
            following.append(state)
        z = z.unflatten(1, (batch, self.bands))
        mixed = functional.leaky_relu(self.spread_bands(z.transpose(2, 3)), SLOPE)
        z = z + self.gather_bands(mixed).transpose(2, 3)
        h = z.permute(1, 3, 0, 2)
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            h = functional.leaky_relu(level(torch.cat([h, skip], 1)), SLOPE)
        scores = self.out(torch.cat([h, x], 1)) + self.out_place
        return (torch.cat([scores, scores[..., -1:]], -1), *following)
