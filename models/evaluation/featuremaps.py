"""Feature maps of a network of fragments, and how each goes with each stem's mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.data.score import STEMS
from models.data.songs import Song
from models.data.sound import Floats
from models.evaluation.ideal import RATE, TRANSFORM
from models.masks import MASKS
from models.zoo.columns import POOL
from models.zoo.fragment import POOLED, SLOPE, FragmentNetwork
from plugin_bridge.dsp.rates import scale_of
from plugin_bridge.dsp.stft import Analysis

SHOWN = 4  # maps of each layer in the picture, those with the strongest correlation


@dataclass(frozen=True)
class Layer:
    """Maps of one layer.

    Attributes
    ----------
    name : str
    maps : float32, shape (maps, frames, bins)
    correlations : float64, shape (maps, stems)
        With the stem's binary mask, averaged down to the maps' size.
    """

    name: str
    maps: Floats
    correlations: NDArray[np.float64]


def correlations(maps: Floats, masks: Floats) -> NDArray[np.float64]:
    """Correlate every map with every mask, over frames and bins.

    Each bin's mean over time is left out: low bins are loud and often bass, which also a network
    that has learnt nothing would show.

    Parameters
    ----------
    maps : float32, shape (maps, frames, bins)
    masks : float32, shape (stems, frames, bins)

    Returns
    -------
    table : float64, shape (maps, stems); 0 where nothing changes in time

    Notes
    -----
    Thread: [any]
    """
    moving = [each.astype(np.float64) for each in (maps, masks)]
    flat = [(x - x.mean(1, keepdims=True)).reshape(len(x), -1) for x in moving]
    lengths = [np.sqrt((each**2).sum(1)) for each in flat]
    return np.asarray(flat[0] @ flat[1].T / np.maximum(np.outer(*lengths), 1e-12))


def specificity(layer: Layer) -> NDArray[np.float64]:
    """Give for each map how far its strongest correlation is above its second, by size.

    Notes
    -----
    Thread: [any]
    """
    size = np.sort(abs(layer.correlations), axis=1)
    return np.asarray(size[:, -1] - size[:, -2])


@torch.no_grad()
def feature_maps(network: FragmentNetwork, song: Song, mask: str = "b1") -> list[Layer]:
    """Run the convolutions over the left channel of a song.

    Returns
    -------
    layers : list of Layer
        What is behind the trunk's second convolution, then behind each branch's last.

    Notes
    -----
    Thread: [any]
    """
    scale = scale_of(song.sample_rate, RATE)
    transform = TRANSFORM.scaled(scale)
    stems = np.stack([song.stems[stem][0] for stem in STEMS])
    whole = stems.shape[1] // transform.hop * transform.hop
    spectra = Analysis(transform, len(STEMS)).push(stems[:, :whole])[..., : network.bins] / scale
    masks = torch.from_numpy(MASKS[mask](spectra[:, None].astype(np.complex64)))[:, 0]
    x = torch.from_numpy(abs(spectra.sum(0)))[None, None] / network.spread
    layers = []
    for level, convolution in enumerate(network.convolutions, 1):
        x = functional.leaky_relu(convolution(x), SLOPE)
        if level in POOLED:
            sets = network.groups[level - 1]
            names = network.stems if sets > 1 else ("shared",)
            for name, maps in zip(names, x[0].unflatten(0, (sets, -1)), strict=True):
                made = maps.numpy().copy()
                found = correlations(made, masks.numpy())
                layers.append(Layer(f"layer {level}, {name}", made, found))
            x = functional.max_pool2d(x, POOL)
            masks = functional.avg_pool2d(masks[None], POOL)[0]
    return layers


def draw(path: Path, layers: Sequence[Layer]) -> None:
    """Draw the strongest maps of each layer beside all its correlations.

    Notes
    -----
    Thread: [main]
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * (SHOWN + 1), 2.4 * len(layers)), layout="constrained")
    grid = figure.subplots(len(layers), SHOWN + 1, squeeze=False)
    for axes, layer in zip(grid, layers, strict=True):
        strongest = np.argsort(-abs(layer.correlations).max(1))[:SHOWN]
        for axis, index in zip(axes, strongest, strict=False):
            axis.imshow(layer.maps[index].T, origin="lower", aspect="auto", cmap="magma")
            best = int(abs(layer.correlations[index]).argmax())
            title = f"map {index}: {STEMS[best]} {layer.correlations[index, best]:+.2f}"
            axis.set_title(title, fontsize=8)
            axis.set_xticks([])
            axis.set_yticks([])
        axes[-1].imshow(layer.correlations.T, vmin=-1, vmax=1, cmap="RdBu", aspect="auto")
        axes[-1].set_yticks(range(len(STEMS)), STEMS, fontsize=7)
        axes[-1].set_title("correlation of each map", fontsize=8)
        axes[0].set_ylabel(layer.name, fontsize=8)
    figure.savefig(path, dpi=90)
