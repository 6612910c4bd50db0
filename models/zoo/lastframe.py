"""The shipped last-frame mask network: a causal U-Net along frequency with GRUs over time.

Each encoder level divides frequency by four and looks one frame back through a cached
frame. Convolutions treat all frequencies alike, so a learned offset per bin tells each
level where it is. At the bottom one GRU runs over time per band, and a small network mixes the
bands. What is told apart by a few bins and by how they move, bass from kick, has a path of its
own: the lowest bins, undivided, through GRUs. Finer levels may have GRUs of their own, which
remember what the bottom's few bands blur. Nothing of the past is computed twice, so one frame costs
about 8 M multiply-adds.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.heads import HEADS
from plugin_bridge.dsp.stft import Transform

SAMPLE_RATE = 44100
TRANSFORM = Transform(2048, 512, 256)
STEMS = ("vocals", "drums", "bass", "other")
POWER, EPS = 0.3, 1e-2  # of the input feature, (|X|^2 + EPS^2)^(POWER / 2)
FEATURE = f"power:{POWER:g}:{EPS:g}"

SLOPE = 0.1
STRIDE = 4
LOW_LAYERS = 2
SCORES = ("out.", "out_place", "low_end.out.")  # names of the weights that scores are linear in


def nothing_yet(layer: nn.Linear) -> None:
    """Let a layer begin as nothing: it gives zeros until it has learnt."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


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


class LowEnd(nn.Module):
    """Scores of the lowest bins from these bins alone: (batch, channels, frames, low) -> scores.

    It begins as nothing: its first scores are zero.
    """

    def __init__(self, channels: int, low: int, scores: int, hidden: int) -> None:
        super().__init__()
        self.low, self.scores = low, scores
        self.entry = nn.Linear(channels * low, hidden)
        self.grus = nn.ModuleList(BandGRU(hidden, hidden) for _ in range(LOW_LAYERS))
        self.out = nn.Linear(hidden, scores * low)
        nothing_yet(self.out)

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Give (batch, scores, frames, low) and the next states."""
        # An exported graph has a batch of one: then its shapes are constants, and cost no time.
        batch = 1 if torch.onnx.is_in_onnx_export() else x.shape[0]
        z = x.permute(2, 0, 1, 3).reshape(-1, batch, x.shape[1] * self.low)
        z = functional.leaky_relu(self.entry(z), SLOPE)
        following = []
        for gru, state in zip(self.grus, states, strict=True):
            z, state = gru(z, state)
            following.append(state)
        scores = self.out(z).reshape(-1, batch, self.scores, self.low)
        return scores.permute(1, 2, 0, 3), following


def gain_and_offset(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Give what a batch normalisation does when it no longer learns: gain x + offset."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return gain, norm.bias - gain * norm.running_mean


def upsample(level: nn.ConvTranspose2d, x: Tensor, batch: int, bins: int) -> Tensor:
    """Do what `level` does, as a 1x1 convolution whose outputs are laid side by side.

    onnxruntime takes 3 to 10 % less time for the network so; equal to rounding.
    """
    entries, exits, _, stride = level.weight.shape
    weight = level.weight[:, :, 0].permute(1, 2, 0).reshape(exits * stride, entries, 1, 1)
    y = functional.conv2d(x, weight, level.bias.repeat_interleave(stride))
    y = y.reshape(batch * exits, stride, -1, bins).permute(0, 2, 3, 1)
    return y.reshape(batch, exits, -1, bins * stride)


def by_frame(h: Tensor, batch: int) -> Tensor:
    """(batch, width, frames, places) -> (frames, batch * places, width), as a GRU takes it."""
    return h.permute(2, 0, 3, 1).reshape(-1, batch * h.shape[3], h.shape[1])


def by_place(z: Tensor, batch: int) -> Tensor:
    """(frames, batch * places, width) -> (batch, width, frames, places)."""
    return z.reshape(-1, batch, z.shape[1] // batch, z.shape[2]).permute(1, 3, 0, 2)


class LastFrame(nn.Module):
    """Raw scores per stem, for a softmax or another head, from compressed magnitudes.

    Parameters
    ----------
    widths : channels of the encoder levels, from fine to coarse
    hidden : width of the GRUs
    layers : number of GRUs
    memories : hidden widths of a GRU after each encoder level, from fine to coarse, 0 for none; it
        runs over time at each of the level's places alike, and begins as nothing
    last : channels at full resolution before the output
    low : how many of the lowest bins have a path of their own, 0 for none; 32 end at 690 Hz
    pairs : what it sees of both channels together, names in models/features.py; they lie within
        -1 and 1, and are not standardised
    normed : whether convolutions are followed by batch normalisation; `folded` removes it
    head : what the raw maps are for, key of models.heads.HEADS
    synthesis, hop : of the transform it hears, in samples; its frames are 2048 long
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
        memories: tuple[int, ...] = (),
        last: int = 12,
        low: int = 0,
        pairs: tuple[str, ...] = (),
        normed: bool = True,
        head: str = "softmax",
        synthesis: int = TRANSFORM.synthesis,
        hop: int = TRANSFORM.hop,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "bins": bins,
            "stems": stems,
            "channels": channels,
            "widths": widths,
            "hidden": hidden,
            "layers": layers,
            "memories": memories,
            "last": last,
            "low": low,
            "pairs": pairs,
            "normed": normed,
            "head": head,
            "synthesis": synthesis,
            "hop": hop,
        }
        self.stems, self.channels, self.hidden, self.head = stems, channels, hidden, head
        self.pairs = pairs
        self.transform = Transform(TRANSFORM.n_fft, synthesis, hop)
        self.bins = bins - 1  # the Nyquist bin takes its neighbour's mask
        # Per-bin statistics of the input over training data; constants in the graph.
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(self.bins))
        self.register_buffer("spread", torch.ones(self.bins))
        planes = channels + len(pairs)
        entries = (planes, *widths[:-1])
        self.encoder = nn.ModuleList(
            nn.Conv2d(a, b, (2, 7), stride=(1, STRIDE), padding=(0, 3))
            for a, b in zip(entries, widths, strict=True)
        )
        self.places = nn.ParameterList(
            nn.Parameter(torch.zeros(width, 1, self.bins // STRIDE ** (level + 1)))
            for level, width in enumerate(widths)
        )
        norm = nn.BatchNorm2d if normed else nn.Identity
        self.encoder_norms = nn.ModuleList(norm(width) for width in widths)
        self.memories = nn.ModuleDict(
            {
                str(level): BandGRU(width, remembered)
                for level, (width, remembered) in enumerate(zip(widths, memories, strict=False))
                if remembered
            }
        )
        for memory in self.memories.values():
            nothing_yet(memory.out)
        self.bands = self.bins // STRIDE ** len(widths)
        self.grus = nn.ModuleList(BandGRU(widths[-1], hidden) for _ in range(layers))
        self.spread_bands = nn.Linear(self.bands, 2 * self.bands)
        self.gather_bands = nn.Linear(2 * self.bands, self.bands)
        exits = (last, *widths[:-1])
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(2 * b, a, (1, STRIDE), stride=(1, STRIDE))
            for a, b in reversed(list(zip(exits, widths, strict=True)))
        )
        self.decoder_norms = nn.ModuleList(norm(width) for width in reversed(exits))
        outputs = stems * channels * HEADS[head].maps
        self.out = nn.Conv2d(last + planes, outputs, (1, 5), padding=(0, 2))
        rest = torch.tensor(HEADS[head].rest).repeat(stems * channels)
        self.out_place = nn.Parameter(rest.view(-1, 1, 1).repeat(1, 1, self.bins))
        self.low_end = LowEnd(planes, low, outputs, hidden // 2) if low else None

    def initial_states(self, batch: int = 1) -> list[Tensor]:
        """Give the zero states: a cached frame per encoder level, its GRUs', then the others'."""
        states = []
        bins = self.bins
        for level in self.encoder:
            states.append(torch.zeros(batch, level.in_channels, 1, bins))
            bins //= STRIDE
        for level, memory in self.memories.items():
            places = self.places[int(level)].shape[-1]
            states.append(torch.zeros(1, batch * places, memory.gru.hidden_size))
        states += [torch.zeros(1, batch * self.bands, self.hidden) for _ in self.grus]
        if self.low_end:
            states += [torch.zeros(1, batch, each.gru.hidden_size) for each in self.low_end.grus]
        return states

    @torch.no_grad()
    def folded(self) -> "LastFrame":
        """Give the same network without normalisation, which the convolutions take over."""
        plain = LastFrame(**self.config | {"normed": False})
        plain.load_state_dict(self.state_dict(), strict=False)
        for level, place, norm in zip(plain.encoder, plain.places, self.encoder_norms, strict=True):
            gain, offset = gain_and_offset(norm)
            level.weight *= gain.view(-1, 1, 1, 1)
            level.bias.copy_(level.bias * gain + offset)
            place *= gain.view(-1, 1, 1)
        for level, norm in zip(plain.decoder, self.decoder_norms, strict=True):
            gain, offset = gain_and_offset(norm)
            level.weight *= gain.view(1, -1, 1, 1)
            level.bias.copy_(level.bias * gain + offset)
        return plain.eval()

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """(batch, channels + pairs, frames, bins), states -> raw scores, next states.

        Raw scores have the shape (batch, stems * channels * maps, frames, bins).
        """
        # An exported graph has a batch of one: then its shapes are constants, and cost no time.
        batch = 1 if torch.onnx.is_in_onnx_export() else features.shape[0]
        x = (features[:, : self.channels, :, : self.bins] - self.mean) / self.spread
        if self.pairs:
            x = torch.cat([x, features[:, self.channels :, :, : self.bins]], 1)
        given = iter(states[len(self.encoder) :])
        following, remembered = [], []
        skips = []
        h = x
        levels = zip(self.encoder, self.places, self.encoder_norms, states, strict=False)
        for i, (level, place, norm, state) in enumerate(levels):
            stream = torch.cat([state.to(h.dtype), h], 2)
            following.append(stream[:, :, -1:])
            h = level(stream)
            h = functional.leaky_relu(norm(h + place.to(h.dtype)), SLOPE)
            if str(i) in self.memories:
                z, state = self.memories[str(i)](by_frame(h, batch), next(given))
                h = by_place(z, batch)
                remembered.append(state)
            skips.append(h)
        following += remembered
        z = by_frame(h, batch)
        for gru in self.grus:
            z, state = gru(z, next(given))
            following.append(state)
        z = z.reshape(-1, batch, self.bands, z.shape[-1])
        mixed = functional.leaky_relu(self.spread_bands(z.transpose(2, 3)), SLOPE)
        z = z + self.gather_bands(mixed).transpose(2, 3)
        h = z.permute(1, 3, 0, 2)
        bins = self.bands
        ascent = zip(self.decoder, self.decoder_norms, reversed(skips), strict=True)
        for level, norm, skip in ascent:
            h = torch.cat([h, skip], 1)
            # learning in half precision, torch takes less time for the plain form
            half = skip.dtype == torch.bfloat16
            h = level(h) if half else upsample(level, h, batch, bins)
            h = functional.leaky_relu(norm(h), SLOPE)
            bins *= STRIDE
        scores = self.out(torch.cat([h, x], 1)) + self.out_place
        parts = [scores]
        if self.low_end:
            more, ended = self.low_end(x[..., : self.low_end.low], *given)
            following += ended
            low = self.low_end.low
            parts = [scores[..., :low] + more, scores[..., low:]]
        return (torch.cat([*parts, scores[..., -1:]], -1), *following)
