"""Train the last-frame network: ``python -m models.train LIBRARY OUT --minutes 90``.

The schedule follows the clock, so a run ends when it was told to, whatever else the
machine does. A checkpoint is written every few minutes; starting the same command again
goes on from it. The weights that are kept are an exponential moving average.
"""

import csv
import math
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from models.data.library import Library
from models.data.mixing import Mixer
from models.losses import band_slices, banded_snr_loss, energies, snr_loss
from models.zoo.lastframe import EPS, POWER, SAMPLE_RATE, STEMS, TRANSFORM, LastFrame

BATCH = 2
FRAMES, LONG_FRAMES = 320, 640  # 1.9 s; 3.7 s in the last third, for the memory of the GRUs
PEAK_RATE, FINAL_SHARE, WARM_UP_STEPS = 2e-3, 0.01, 40
BAND_WEIGHT = 0.25  # of the three-band loss, in the last third
EMA = 0.999
VALIDATION_SECONDS, VALIDATION_EXCERPTS = 8, 12


def spectra(waves: Tensor) -> Tensor:
    """STFT frames of (..., samples), as the streaming analysis gives them once filled."""
    window = torch.from_numpy(TRANSFORM.pair[0])
    return torch.fft.rfft(waves.unfold(-1, TRANSFORM.n_fft, TRANSFORM.hop) * window)


def features(mix: Tensor) -> Tensor:
    """Give the network's input from the mix's spectrum."""
    energy = mix.real.square() + mix.imag.square()
    return (energy + EPS**2) ** (POWER / 2)


def samples_of(frames: int) -> int:
    """Count the samples that give this many full frames."""
    return TRANSFORM.n_fft + TRANSFORM.hop * (frames - 1)


def draw(mixer: Mixer, size: int, frames: int) -> tuple[Tensor, Tensor]:
    """Stems and mix as spectra: (size, stems, channels, frames, bins), (size, channels, ...)."""
    waves, gains = mixer.batch(size, samples_of(frames))
    stems = spectra(torch.from_numpy(waves)) * torch.from_numpy(gains).unsqueeze(3)
    return stems, stems.sum(1)


def masks_of(network: LastFrame, x: Tensor) -> Tensor:
    """Softmax masks (batch, stems, channels, frames, bins) from zero states."""
    scores = network(x, *network.initial_states(len(x)))[0]
    return torch.softmax(scores.float().unflatten(1, (len(STEMS), -1)), 1)


def standardise(network: LastFrame, mixer: Mixer) -> None:
    """Measure the input's mean and spread per bin and keep them in the network."""
    parts = [features(draw(mixer, 4, 40)[1])[..., : network.bins].flatten(0, 2) for _ in range(25)]
    x = torch.cat(parts)
    network.mean.copy_(x.mean(0))
    network.spread.copy_(x.std(0) + 0.02)


class Average:
    """An exponential moving average of a network's weights."""

    def __init__(self, network: LastFrame) -> None:
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}
        self.steps = 0

    def update(self, network: LastFrame) -> None:
        """Move towards the present weights; quickly at the start."""
        self.steps += 1
        share = 1 - min(EMA, self.steps / (self.steps + 10))
        for name, value in network.state_dict().items():
            self.weights[name].lerp_(value, share)


@torch.no_grad()
def validate(network: LastFrame, library: Library) -> dict[str, float]:
    """Mean SDR in dB per stem over fixed excerpts of the validation split."""
    mixer = Mixer(library, "validation", seed=0)
    ratios: dict[str, list[float]] = {stem: [] for stem in STEMS}
    frames = VALIDATION_SECONDS * SAMPLE_RATE // TRANSFORM.hop
    for _ in range(VALIDATION_EXCERPTS):
        stems, mix = draw(mixer, 1, frames)
        error, stem, whole = (
            e.sum(2) for e in energies(masks_of(network, features(mix)), stems, mix)
        )
        for i, name in enumerate(STEMS):
            if stem[0, i] > 1e-2 * whole[0, 0]:
                ratios[name].append(
                    float(10 * torch.log10(stem[0, i] / error[0, i].clamp(min=1e-9)))
                )
    return {name: float(np.mean(values)) if values else math.nan for name, values in ratios.items()}


def save(path: Path, content: object) -> None:
    """Write a file so that a half-written one never stands under its name."""
    partial = path.with_suffix(".part")
    torch.save(content, partial)
    partial.replace(path)


def train(
    library: Annotated[Path, typer.Argument(help="folder made by python -m models.data build")],
    out: Annotated[Path, typer.Argument(help="folder for checkpoints and the log")],
    minutes: Annotated[float, typer.Option(help="length of the whole schedule")] = 90,
    seed: Annotated[int, typer.Option()] = 0,
    threads: Annotated[int, typer.Option()] = 1,
    checkpoint_minutes: Annotated[float, typer.Option()] = 4,
) -> None:
    """Train until the time is up; go on from OUT/checkpoint.pt if it is there."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    collection = Library.open(library)
    network = LastFrame().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=1e-4)
    checkpoint = out / "checkpoint.pt"
    step, elapsed, best = 0, 0.0, -math.inf
    if checkpoint.exists():
        held = torch.load(checkpoint, weights_only=False)
        network.load_state_dict(held["network"])
        optimizer.load_state_dict(held["optimizer"])
        average = Average(network)
        average.weights, average.steps = held["average"], held["step"]
        step, elapsed, best = held["step"], held["elapsed"], held["best"]
    else:
        standardise(network, Mixer(collection, "train", seed=seed))
        average = Average(network)
    mixer = Mixer(collection, "train", seed=seed + step)
    bands = band_slices(TRANSFORM.bins, SAMPLE_RATE)
    losses: list[float] = []
    heard = 0.0
    last_save = last_tick = time.monotonic()
    while elapsed < 60 * minutes:
        share = elapsed / (60 * minutes)
        late = share > 2 / 3
        size, frames = (1, LONG_FRAMES) if late else (BATCH, FRAMES)
        rate = PEAK_RATE * min(1, (step + 1) / WARM_UP_STEPS)
        rate *= max(FINAL_SHARE, 0.5 + 0.5 * math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        with torch.no_grad():
            stems, mix = draw(mixer, size, frames)
            x = features(mix).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            masks = masks_of(network, x)
        parted = energies(masks, stems, mix)
        loss = snr_loss(*parted)
        losses.append(loss.item())
        if late:
            loss = loss + BAND_WEIGHT * banded_snr_loss(*parted, bands)
        loss.backward()
        heard += size * frames * TRANSFORM.hop / SAMPLE_RATE
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update(network)
        step += 1
        now = time.monotonic()
        elapsed += now - last_tick
        last_tick = now
        if now - last_save > 60 * checkpoint_minutes or elapsed >= 60 * minutes:
            kept = LastFrame()
            kept.load_state_dict(average.weights)
            scores = validate(kept.eval(), collection)
            mean = float(np.nanmean(list(scores.values())))
            if mean > best:
                best = mean
                save(out / "best.pt", {"config": kept.config, "weights": average.weights,
                                       "scores": scores, "step": step})  # fmt: skip
            save(checkpoint, {"network": network.state_dict(), "optimizer": optimizer.state_dict(),
                              "average": average.weights, "step": step, "elapsed": elapsed,
                              "best": best})  # fmt: skip
            row = {"minutes": elapsed / 60, "step": step, "heard_minutes": heard / 60,
                   "loss": float(np.mean(losses)), **scores, "mean": mean}  # fmt: skip
            log(out / "log.csv", row)
            typer.echo("  ".join(f"{key} {value:.2f}" for key, value in row.items()))
            losses.clear()
            last_save = last_tick = time.monotonic()


def log(path: Path, row: dict[str, float]) -> None:
    """Append a row to a CSV file, with a header when it is new."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if fresh:
            writer.writeheader()
        writer.writerow({key: f"{value:.4f}" for key, value in row.items()})


if __name__ == "__main__":
    typer.run(train)
