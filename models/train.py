"""Train the last-frame network: ``python -m models.train LIBRARY OUT --minutes 90``.

The schedule follows the clock, so a run ends when it was told to, whatever else the
machine does. A checkpoint is written every few minutes; starting the same command again
goes on from it. The weights that are kept are an exponential moving average. On several
cores: ``torchrun --nproc-per-node 2 -m models.train ...``, one thread each.
"""

import csv
import math
import os
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, distributed

from models.data.library import Library
from models.data.mixing import Mixer
from models.losses import band_slices, banded_snr_loss, energies, snr_loss
from models.zoo.lastframe import EPS, POWER, SAMPLE_RATE, STEMS, TRANSFORM, LastFrame

BATCH, FRAMES = 4, 160  # 0.9 s; small steps stay in the cache
# In the last third longer segments, for the memory of the GRUs, and the three-band loss.
LATE, LATE_BATCH, LATE_FRAMES = 2 / 3, 2, 320
PEAK_RATE, FINAL_SHARE, WARM_UP_STEPS = 3e-3, 0.01, 40
BAND_WEIGHT = 0.25
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
            if value.is_floating_point():
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


def rank() -> int:
    """Give this process's number; 0 leads."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def agree(network: LastFrame, elapsed: float) -> float:
    """Average the gradients over all processes, and their clocks: all follow one schedule."""
    if not distributed.is_initialized():
        return elapsed
    grads = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([*(grad.flatten() for grad in grads), torch.tensor([elapsed])])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    *parts, clock = flat.split([*(grad.numel() for grad in grads), 1])
    for grad, part in zip(grads, parts, strict=True):
        grad.copy_(part.view_as(grad))
    return float(clock)


class Trainer:
    """A network on its way: weights, optimiser, their average, and the clock.

    Parameters
    ----------
    library : Library
    seconds : float, length of the whole schedule
    seed : int
    """

    def __init__(self, library: Library, seconds: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.library = library
        self.seconds = seconds
        self.seed = seed
        self.step, self.elapsed, self.best = 0, 0.0, -math.inf
        self.bands = band_slices(TRANSFORM.bins, SAMPLE_RATE)

    def start(self, checkpoint: Path) -> None:
        """Begin anew, or go on from a checkpoint if it is there."""
        held = torch.load(checkpoint, weights_only=False) if checkpoint.exists() else None
        network = LastFrame(**held["config"]) if held else LastFrame()
        self.network = network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), PEAK_RATE, weight_decay=1e-4)
        if held:
            self.network.load_state_dict(held["network"])
            self.optimizer.load_state_dict(held["optimizer"])
            self.step, self.elapsed, self.best = held["step"], held["elapsed"], held["best"]
            self.average = Average(self.network)
            self.average.weights, self.average.steps = held["average"], held["step"]
        else:
            standardise(self.network, Mixer(self.library, "train", seed=self.seed))
            self.average = Average(self.network)
        # What was heard before is not drawn again, and no two processes hear the same.
        self.mixer = Mixer(self.library, "train", seed=self.seed + 1000 * rank() + self.step)

    @property
    def done(self) -> bool:
        """Whether the time is up."""
        return self.elapsed >= self.seconds

    def advance(self) -> tuple[float, float]:
        """Take one step; give its loss in dB and the seconds of audio it heard."""
        begin = time.monotonic()
        share = self.elapsed / self.seconds
        late = share > LATE
        size, frames = (LATE_BATCH, LATE_FRAMES) if late else (BATCH, FRAMES)
        rate = PEAK_RATE * min(1, (self.step + 1) / WARM_UP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * max(FINAL_SHARE, 0.5 + 0.5 * math.cos(math.pi * share))
        self.optimizer.zero_grad()
        with torch.no_grad():
            stems, mix = draw(self.mixer, size, frames)
            x = features(mix).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            masks = masks_of(self.network, x)
        parted = energies(masks, stems, mix)
        loss = snr_loss(*parted)
        whole = loss + BAND_WEIGHT * banded_snr_loss(*parted, self.bands) if late else loss
        whole.backward()
        clock = agree(self.network, self.elapsed + time.monotonic() - begin)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.network)
        self.step += 1
        self.elapsed = clock
        return loss.item(), size * frames * TRANSFORM.hop / SAMPLE_RATE

    def keep(self, out: Path) -> dict[str, float]:
        """Validate the average, write a checkpoint, and the weights if they are the best."""
        kept = LastFrame(**self.network.config)
        kept.load_state_dict(self.average.weights)
        scores = validate(kept.eval(), self.library)
        scores["mean"] = float(np.nanmean(list(scores.values())))
        if scores["mean"] > self.best:
            self.best = scores["mean"]
            best = {"config": kept.config, "weights": self.average.weights, "scores": scores}
            save(out / "best.pt", best | {"step": self.step})
        held = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.weights,
            "config": kept.config,
            "step": self.step,
            "elapsed": self.elapsed,
            "best": self.best,
        }
        save(out / "checkpoint.pt", held)
        return scores


def train(
    library: Annotated[Path, typer.Argument(help="folder made by python -m models.data build")],
    out: Annotated[Path, typer.Argument(help="folder for checkpoints and the log")],
    minutes: Annotated[float, typer.Option(help="length of the whole schedule")] = 90,
    seed: Annotated[int, typer.Option()] = 0,
    checkpoint_minutes: Annotated[float, typer.Option()] = 4,
) -> None:
    """Train until the time is up; go on from OUT/checkpoint.pt if it is there."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if "WORLD_SIZE" in os.environ and not distributed.is_initialized():
        distributed.init_process_group("gloo")
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(Library.open(library), 60 * minutes, seed)
    trainer.start(out / "checkpoint.pt")
    losses: list[float] = []
    heard, due = 0.0, trainer.elapsed
    while not trainer.done:
        loss, seconds = trainer.advance()
        losses.append(loss)
        heard += seconds
        if trainer.elapsed - due >= 60 * checkpoint_minutes or trainer.done:
            due = trainer.elapsed
            if rank() == 0:
                row = {"minutes": due / 60, "step": trainer.step, "heard_minutes": heard / 60}
                row |= {"loss": float(np.mean(losses)), **trainer.keep(out)}
                log(out / "log.csv", row)
                typer.echo("  ".join(f"{key} {value:.2f}" for key, value in row.items()))
            losses.clear()
    if distributed.is_initialized():
        distributed.destroy_process_group()


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
