"""What trainer and export need to know of a kind of network, and nothing else.

An architecture is a row of ARCHITECTURES: a class that is made with the sizes of the
configuration's [network] and has what `Architecture` lists.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models import heads
from models.batches import PLAIN, Batch, Framing, Hearing, draw
from models.data.library import RATE
from models.data.mixing import Mixer
from models.data.score import STEMS
from models.features import features
from models.zoo import fragment, lastframe, resunet
from models.zoo.columns import POOL
from models.zoo.fragment import FragmentNetwork
from models.zoo.lastframe import LastFrame
from models.zoo.resunet import ResUNet
from models.zoo.thirds import every_third
from plugin_bridge.dsp.rates import scale_of
from plugin_bridge.dsp.stft import Transform

STATISTICS_BATCHES, STATISTICS_SIZE, STATISTICS_FRAMES = 25, 4, 40
SPREAD_BATCHES, SPREAD_FRAMES = 8, 8  # for a single number
# Windows at once where no gradient is kept: their activations are large.
WINDOWS = 64


class Architecture(Protocol):
    """A kind of network.

    Attributes
    ----------
    stems : what its masks are for, in order; accompaniment is the sum of all but the vocals
    sample_rate, transform : its own, as they will stand in the card
    hearing : what it hears of the library's sound
    layout : of weights and input in memory, whichever is faster
    """

    stems: tuple[str, ...]
    sample_rate: int
    hearing: Hearing
    layout: torch.memory_format

    @property
    def transform(self) -> Framing:
        """The geometry of its spectra."""

    def build(self) -> nn.Module:
        """Make a network with fresh weights."""

    def prepare(self, network: nn.Module, mixer: Mixer) -> None:
        """Measure what the network needs to know of its input."""

    def inputs(self, batch: Batch) -> Tensor:
        """Give what goes into the network."""

    def masks(self, network: nn.Module, x: Tensor, mix: Tensor) -> Tensor:
        """Give masks of `inputs`, (batch, stems, channels, frames, bins).

        Parameters
        ----------
        network : made by `build`
        x : what `inputs` gives
        mix : (batch, channels, frames, bins), complex, of heads that change the phase too:
            then it is the stems' spectra that are given
        """


def masks_of(network: LastFrame, x: Tensor, mix: Tensor | None = None) -> Tensor:
    """Masks (batch, stems, channels, frames, bins) from zero states; see Architecture.masks."""
    states = [state.to(x.device) for state in network.initial_states(len(x))]
    scores = network(x, *states)[0]
    shape = (network.stems, network.channels, heads.HEADS[network.head].maps)
    raw = scores.float().unflatten(1, shape)
    return heads.made(network.head, raw, x if mix is None else mix)


def standardise(network: LastFrame, mixer: Mixer, hearing: Hearing = PLAIN) -> None:
    """Measure the input's mean and spread per bin and keep them in the network."""
    device = network.mean.device
    parts = []
    for _ in range(STATISTICS_BATCHES):
        mix = draw(mixer, STATISTICS_SIZE, STATISTICS_FRAMES, device, hearing).mix
        parts.append(features(mix)[..., : network.bins].flatten(0, 2))
    x = torch.cat(parts)
    network.mean.copy_(x.mean(0))
    network.spread.copy_(x.std(0) + 0.02)


class Streaming:
    """The causal network with states, zoo/lastframe.py."""

    stems: tuple[str, ...] = lastframe.STEMS
    sample_rate = lastframe.SAMPLE_RATE
    layout = torch.channels_last

    def __init__(self, sizes: Mapping[str, Any], teaches: str | None = None) -> None:
        self._sizes = sizes
        own = lastframe.TRANSFORM
        lengths = (sizes.get("synthesis", own.synthesis), sizes.get("hop", own.hop))
        self.transform = Transform(own.n_fft, *lengths)
        self.hearing = Hearing(self.transform, teaches=teaches)

    def build(self) -> LastFrame:
        """Make a network with fresh weights."""
        return LastFrame(**self._sizes)

    def prepare(self, network: LastFrame, mixer: Mixer) -> None:
        """Measure the input's mean and spread per bin."""
        standardise(network, mixer, self.hearing)

    def inputs(self, batch: Batch) -> Tensor:
        """Give the compressed magnitudes of the mixture, and what its channels have together."""
        return features(batch.heard, self._sizes.get("pairs", ()))

    def masks(self, network: LastFrame, x: Tensor, mix: Tensor) -> Tensor:
        """Give what the head makes, from zero states."""
        return masks_of(network, x, mix)


class Fragments:
    """A network of fragments, zoo/fragment.py, on the windows of a stretch.

    On every third, which is fastest (zoo/thirds.py); padded, on every one.

    Parameters
    ----------
    sizes : keywords of FragmentNetwork
    teaches : name in MASKS of the masks to be learnt
    """

    sample_rate = fragment.SAMPLE_RATE
    transform = fragment.TRANSFORM
    layout = torch.channels_last

    def __init__(self, sizes: Mapping[str, Any], teaches: str | None = None) -> None:
        self._sizes = sizes
        self.stems = tuple(sizes.get("stems", STEMS))
        frames = sizes.get("frames", fragment.FRAMES)
        target = sizes.get("target", frames - 1)
        scale = scale_of(RATE, self.sample_rate)
        self.hearing = Hearing(
            self.transform.scaled(scale),
            scale,
            fragment.BINS,
            before=target,
            after=frames - 1 - target,
            every=1 if sizes.get("padded") else POOL,
            teaches=teaches,
        )

    def build(self) -> FragmentNetwork:
        """Make a network with fresh weights."""
        return FragmentNetwork(**self._sizes)

    @torch.no_grad()
    def prepare(self, network: FragmentNetwork, mixer: Mixer) -> None:
        """Measure the input's spread, one number."""
        device = network.spread.device
        parts = [
            draw(mixer, STATISTICS_SIZE, SPREAD_FRAMES, device, self.hearing).mix.abs()
            for _ in range(SPREAD_BATCHES)
        ]
        network.spread.copy_(torch.cat(parts).square().mean().sqrt())

    def inputs(self, batch: Batch) -> Tensor:
        """Give the magnitudes, each channel for itself: (batch, channels, frames, bins)."""
        return batch.heard.abs()

    def masks(self, network: FragmentNetwork, x: Tensor, mix: Tensor) -> Tensor:
        """Give sigmoid masks of the windows."""
        del mix
        batch = len(x)
        x = x.flatten(0, 1).unsqueeze(1)
        context, every = network.frames - 1, self.hearing.every
        computed = network.stretch if every == 1 else partial(every_third, network)
        size = x.shape[2] - context
        step = size if torch.is_grad_enabled() else WINDOWS * every
        scores = [
            computed(x[:, :, start : start + step + context]) for start in range(0, size, step)
        ]
        masks = torch.sigmoid(torch.cat(scores, 2).float())
        return masks.unflatten(0, (batch, -1)).transpose(1, 2)


class Whole:
    """A network of whole stretches, zoo/resunet.py: it sees past and future alike.

    Parameters
    ----------
    sizes : keywords of ResUNet
    teaches : must be None; its spectra are no masks
    """

    sample_rate = resunet.SAMPLE_RATE
    transform = resunet.TRANSFORM
    layout = torch.channels_last
    hearing = Hearing(transform)

    def __init__(self, sizes: Mapping[str, Any], teaches: str | None = None) -> None:
        if teaches:
            raise ValueError(
                f"loss.masks is {teaches!r}, but a resunet learns spectra; leave it out"
            )
        self._sizes = sizes
        self.stems = tuple(sizes.get("targets", ("vocals",)))

    def build(self) -> ResUNet:
        """Make a network with fresh weights."""
        return ResUNet(**self._sizes)

    def prepare(self, network: ResUNet, mixer: Mixer) -> None:
        """Measure nothing: batch normalisation does."""
        del network, mixer

    def inputs(self, batch: Batch) -> Tensor:
        """Give the magnitudes of the mixture."""
        return batch.heard.abs()

    def masks(self, network: ResUNet, x: Tensor, mix: Tensor) -> Tensor:
        """Give what the head makes."""
        shape = (len(network.targets), network.channels, network.maps)
        return heads.made(network.head, network(x).float().unflatten(1, shape), mix)


def _model(**sizes: Any) -> Callable[..., Architecture]:
    """Give the row of one of the article's models."""

    def made(more: Mapping[str, Any], teaches: str | None = None) -> Architecture:
        return Fragments({**sizes, **more}, teaches)

    return made


ARCHITECTURES: dict[str, Callable[..., Architecture]] = {
    "lastframe": Streaming,
    "resunet": Whole,
    "branch": _model(),
    "model1": _model(trunks=4, branches=4),
    "model2": _model(units=77),
    "model3": _model(branches=4),
    "model4": _model(trunks=4, branches=4),
}
