"""A network on its way: steps, their average, validation, and what a run goes on from."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from models import checkpoints
from models.architectures import ARCHITECTURES, Architecture, Streaming
from models.batches import Batch, Feed, draw
from models.configuration import Configuration, LossName
from models.data.library import RATE, Library
from models.data.mixing import Mixer
from models.data.score import STEMS
from models.export import network_of
from models.losses import LOSSES, Judged, members, resolved, together
from models.muon import Muon
from models.parallel import agree, rank, world
from models.rates import to_host, to_network

LASTFRAME = Streaming({})
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": lambda network, **options: AdamW(network.parameters(), **options),
    "amsgrad": lambda network, **options: AdamW(network.parameters(), amsgrad=True, **options),
    "muon": Muon,
}
# What is drawn from, so that no two draws share their numbers.
STATISTICS, TRAINING = 0, 1


def judge(
    batch: Batch, masks: Tensor, architecture: Architecture = LASTFRAME, **levels: float
) -> Judged:
    """Lay masks beside the truth; sums of stems where only these are known."""
    stems, wanted, known = batch.stems, batch.wanted, batch.known
    if architecture.stems != STEMS:
        rows = members(architecture.stems).to(stems.device)
        stems = together(stems, rows.expand(len(stems), -1, -1))
        if wanted is not None:  # of single stems only
            wanted = wanted[:, rows.argmax(1)]
        if batch.groups is not None:
            known = resolved(batch.groups, rows)
    elif batch.groups is not None:
        masks, stems = together(masks, batch.groups), together(stems, batch.groups)
    transform, rate = architecture.transform, architecture.sample_rate
    return Judged(masks, stems, batch.mix, known, transform, rate, **levels, wanted=wanted)


def halved(precision: str, device: torch.device) -> bool:
    """Tell whether to compute in bf16: without AVX-512 a CPU takes eight times as long for it."""
    if precision == "auto":
        return device.type == "cuda" or "AVX512" in torch.backends.cpu.get_cpu_capability()
    return precision == "bf16"


class Average:
    """An exponential moving average of a network's weights.

    Parameters
    ----------
    network : the one that is averaged
    keep : share of the old weights at each step, once it has settled
    """

    def __init__(self, network: nn.Module, keep: float) -> None:
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}
        self.keep = keep
        self.steps = 0

    def update(self, network: nn.Module) -> None:
        """Move towards the present weights; quickly at the start."""
        self.steps += 1
        share = 1 - min(self.keep, self.steps / (self.steps + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, share)


@torch.no_grad()
def validate(
    network: nn.Module, architecture: Architecture, mixer: Mixer, excerpts: int, frames: int
) -> dict[str, float]:
    """Mean SDR in dB per stem over excerpts, and their mean."""
    device = next(network.parameters()).device
    ratios: dict[str, list[float]] = {stem: [] for stem in architecture.stems}
    for _ in range(excerpts):
        batch = draw(mixer, 1, frames, device, architecture.hearing)
        masks = architecture.masks(network, architecture.inputs(batch), batch.mix)
        judged = judge(batch, masks, architecture)
        error, stem, whole = (e.sum(2) for e in judged.energies)
        for i, name in enumerate(architecture.stems):
            if stem[0, i] > 1e-2 * whole[0, 0]:
                ratio = stem[0, i] / error[0, i].clamp(min=1e-9)
                ratios[name].append(float(10 * torch.log10(ratio)))
    scores = {stem: float(np.mean(found)) for stem, found in ratios.items() if found}
    return scores | {"mean": float(np.mean(list(scores.values()))) if scores else math.nan}


class Trainer:
    """A network on its way: weights, optimiser, their average, and the clock.

    Parameters
    ----------
    configuration : Configuration
    device : torch.device

    Attributes
    ----------
    step, elapsed, heard : steps taken, seconds they took, seconds of audio
    best : highest mean score so far
    recent : losses since the last row of the log
    asked : set it to stop all processes after the next step
    stop : whether they have to

    Raises
    ------
    ValueError
        If the library lacks a stem, or a checkpoint is of another network.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, configuration: Configuration, device: torch.device) -> None:
        self.configuration, self.device = configuration, device
        run, schedule = configuration.run, configuration.schedule
        self.checkpoint, self.chosen = run.out / "checkpoint.pt", run.out / "best.pt"
        torch.manual_seed(run.seed)
        data = configuration.data
        self.library = Library.open(data.library).holding_out(data.held_out)
        held = checkpoints.load(self.checkpoint) if self.checkpoint.exists() else None
        begun = checkpoints.load(run.start) if run.start and not held else None
        wanted = configuration.network
        make = ARCHITECTURES[wanted.architecture]
        self.architecture = make(wanted.sizes, configuration.loss.masks)
        self.network = self._build()
        for path, found in ((self.checkpoint, held), (run.start, begun)):
            if found and path:
                architecture = configuration.network.architecture
                sizes = self.network.config
                free = checkpoints.free_for(found, sizes) if found is begun else ()
                checkpoints.refuse_another(path, found, architecture, sizes, free)
        if begun:
            # What it lacks begins as nothing; all else was compared.
            weights = checkpoints.grown(checkpoints.weights(begun), self.network.state_dict())
            self.network.load_state_dict(weights, strict=False)
        elif not held:
            mixer = self.mixer()
            mixer.seek(run.seed, STATISTICS)
            if getattr(configuration.network, "standardised", True):
                self.architecture.prepare(self.network, mixer)
        self.optimizer = OPTIMIZERS[schedule.optimizer](
            self.network, lr=schedule.peak_rate, weight_decay=schedule.weight_decay
        )
        self.teacher = self._teacher(configuration.loss.teacher)
        self.halved = halved(schedule.precision, device)
        self.step, self.elapsed, self.heard, self.best = 0, 0.0, 0.0, -math.inf
        self._late = 0.0  # seconds of the step before that came after its clocks were compared
        self.recent: list[float] = []
        self.asked = self.stop = False
        if held:
            self._restore(held)
        self.average = Average(self.network, schedule.average)
        if held:
            kept = {name: value.to(device) for name, value in held["average"].items()}
            self.average.weights = kept
            self.average.steps = held.get("averaged", self.step)
        place, hearing = (run.seed, TRAINING, rank()), self.architecture.hearing
        elsewhere = configuration.data.elsewhere
        self.feed = Feed(self.mixer, place, device, run.loaders, hearing, elsewhere)

    def mixer(self) -> Mixer:
        """Give a mixer of the training split."""
        data = self.configuration.data
        return Mixer(
            self.library,
            data.split,
            shares=data.shares,
            partial=data.partial,
            mix_audio=data.mix_audio,
        )

    @property
    def share(self) -> float:
        """What part of the schedule is over, 0 to 1."""
        return self.configuration.schedule.share(self.step, self.elapsed)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.configuration.schedule.rate(self.step, self.share)

    @property
    def done(self) -> bool:
        """Whether the schedule is over."""
        return self.share >= 1

    def advance(self) -> bool:
        """Take one step; tell whether there is to be another."""
        begin = time.monotonic()
        s, loss = self.configuration.schedule, self.configuration.loss
        late = s.late(self.share)
        size, frames = (s.late_batch, s.late_frames) if late else (s.batch, s.frames)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        with torch.no_grad():
            batch = self.feed(self.step, size, frames)
            x = self.architecture.inputs(batch)
            x = to_network(x) if batch.elsewhere else x
            x = x.contiguous(memory_format=self.architecture.layout)
        masks = self._masks(self.network, x, batch)
        terms = loss.late_terms if late else loss.terms
        total = self._loss(batch, masks, terms)
        if self.teacher:
            with torch.no_grad():
                wanted = self._masks(self.teacher, x, batch)
            stems = wanted * batch.mix.unsqueeze(1)
            told = replace(batch, stems=stems, groups=None, wanted=wanted)
            total = total.lerp(self._loss(told, masks, terms), loss.taught)
        total.backward()
        seconds, self.stop = agree(self.network, self._late + time.monotonic() - begin, self.asked)
        self.elapsed += seconds
        begin = time.monotonic()
        length = torch.nn.utils.clip_grad_norm_(self.network.parameters(), s.clip)
        # The same on every process: the gradients are averaged.
        if torch.isfinite(length):
            self.optimizer.step()
            self.average.update(self.network)
        self.step += 1
        self.heard += world() * size * frames * self.architecture.hearing.hop / RATE
        self.recent.append(total.item())
        self._late = time.monotonic() - begin
        return not (self.done or self.stop)

    def validate(self) -> dict[str, float]:
        """Score the average, and keep it if it is the best so far."""
        with torch.random.fork_rng(devices=[]):  # what is drawn to build it is no part of the run
            kept = self._build()
        kept.load_state_dict(self.average.weights)
        data, run = self.configuration.data, self.configuration.run
        mixer = Mixer(self.library, data.validation, seed=0)
        frames = max(1, int(run.validation_seconds * RATE / self.architecture.hearing.hop))
        scores = validate(kept.eval(), self.architecture, mixer, run.validation_excerpts, frames)
        if scores["mean"] > self.best:
            best = {"weights": self.average.weights, "scores": scores, "data": self._heard_of()}
            checkpoints.save(self.chosen, self._identity() | best | {"step": self.step})
            self.best = scores["mean"]
        return scores

    def keep(self) -> None:
        """Write a checkpoint."""
        held = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "method": self.configuration.schedule.optimizer,
            "average": self.average.weights,
            "averaged": self.average.steps,
            "data": self._heard_of(),
            "step": self.step,
            "elapsed": self.elapsed,
            "heard": self.heard,
            "best": self.best,
            "recent": self.recent,
            "random": torch.get_rng_state(),
        }
        checkpoints.save(self.checkpoint, self._identity() | held)

    def _masks(self, network: nn.Module, x: Tensor, batch: Batch) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.halved):
            masks = self.architecture.masks(network, x, batch.mix)
        return to_host(masks) if batch.elsewhere else masks

    def _loss(self, batch: Batch, masks: Tensor, terms: Mapping[LossName, float]) -> Tensor:
        loss = self.configuration.loss
        levels = {"floor": loss.floor, "absent_weight": loss.absent_weight}
        judged = judge(batch, masks, self.architecture, **levels)
        parts = [weight * LOSSES[name](judged) for name, weight in terms.items()]
        return torch.stack(parts).sum()

    def _teacher(self, path: Path | None) -> nn.Module | None:
        """Give the network that teaches, and refuse one that hears something else."""
        if path is None:
            return None
        held = checkpoints.load(path)
        name, free = self.configuration.network.architecture, set(self.network.config)
        free -= {"synthesis", "hop", "pairs", "head"}
        different = checkpoints.differences(held, name, self.network.config, free)
        if different:
            raise ValueError(
                f"loss.teacher {path} is of a network that hears something else: "
                f"{', '.join(different)}; name one that hears the same, or change [network]"
            )
        return network_of(held).to(self.device)

    def _build(self) -> nn.Module:
        made = self.architecture.build().to(self.device)
        return made.to(memory_format=self.architecture.layout)

    def _restore(self, held: checkpoints.Content) -> None:
        schedule = self.configuration.schedule
        method = held.get("method", schedule.optimizer)
        if method != schedule.optimizer:
            raise ValueError(
                f"{self.checkpoint} was made with {method}, schedule.optimizer is "
                f"{schedule.optimizer}; set it back, or train into another folder"
            )
        self.network.load_state_dict(held["network"])
        self.optimizer.load_state_dict(held["optimizer"])
        for group in self.optimizer.param_groups:
            group["weight_decay"] = schedule.weight_decay
        self.step, self.elapsed, self.best = held["step"], held["elapsed"], held["best"]
        self.heard, self.recent = held.get("heard", 0.0), list(held.get("recent", []))
        if "random" in held:
            torch.set_rng_state(held["random"])

    def _identity(self) -> dict[str, Any]:
        return {
            "architecture": self.configuration.network.architecture,
            "config": self.network.config,
        }

    def _heard_of(self) -> dict[str, Any]:
        items = self.library.of(self.configuration.data.split)
        hours: dict[str, float] = {}
        for item in items:
            hours[item.source] = hours.get(item.source, 0.0) + len(item.active) / 3600
        return {
            "stem_hours": {source: round(each, 2) for source, each in sorted(hours.items())},
            "heard_hours": round(self.heard / 3600, 2),
        }
