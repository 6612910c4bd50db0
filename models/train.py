"""Train a network: ``python -m models.train CONFIG.toml``, see models/configs.

A checkpoint is written every few minutes; starting the same command again goes on from it.
The weights that are kept are an exponential moving average. On several cores or GPUs:
``torchrun --nproc-per-node 2 -m models.train CONFIG.toml``.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from models import command
from models.configuration import Configuration, load
from models.journal import Journal
from models.memory import keep_freed
from models.parallel import choose_device, processes, rank
from models.trainer import Trainer


@contextmanager
def stopping(trainer: Trainer) -> Iterator[None]:
    """Let the first interrupt end the run after its step instead of within it."""

    def stop(*_: object) -> None:
        trainer.asked = True
        for number, handler in before.items():
            signal.signal(number, handler)  # the second one ends it at once

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def attempt(what: Callable[[], Any], tell: Callable[[str], None]) -> bool:
    """Write something; where the disk does not let it, say so and go on."""
    try:
        what()
    except OSError as error:
        name = f" {error.filename}" if error.filename else ""
        tell(f"not written{name}: {error.strerror}; what was there before is still there")
        return False
    return True


def train(configuration: Configuration) -> bool:
    """Train until the schedule is over; go on from a checkpoint if there is one.

    Returns
    -------
    done : False if it was stopped before the end, or the last checkpoint could not be written

    Raises
    ------
    ValueError
        If the library, a checkpoint or the device does not fit.

    Notes
    -----
    Thread: [main]
    """
    run = configuration.run
    keep_freed()
    torch.set_num_threads(run.threads)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("high")
    device = choose_device(run.device)
    run.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(processes(device))
        trainer = Trainer(configuration, device)
        stack.callback(trainer.feed.close)
        stack.enter_context(stopping(trainer))
        leads = rank() == 0
        columns = (
            *Progress.get_default_columns()[:3],
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
        )
        bar = stack.enter_context(Progress(*columns, disable=not leads))
        return _loop(trainer, bar, leads=leads)


def _loop(trainer: Trainer, bar: Progress, *, leads: bool) -> bool:
    run = trainer.configuration.run
    journal = (
        Journal(run.out, (*trainer.architecture.stems, "mean"), trainer.step) if leads else None
    )
    task = bar.add_task(run.out.name, total=1.0, now="")
    tell = partial(bar.console.print, highlight=False, soft_wrap=True)
    kept = checked = trainer.elapsed
    written, going = True, not trainer.done
    while going:
        rate = trainer.rate
        going = trainer.advance()
        bar.update(
            task, completed=trainer.share, now=f"step {trainer.step} loss {trainer.recent[-1]:.2f}"
        )
        if journal is None:
            continue
        row = {
            "step": trainer.step,
            "minutes": trainer.elapsed / 60,
            "heard_minutes": trainer.heard / 60,
        }
        if trainer.step % run.log_steps == 0 or trainer.done:
            loss = float(np.mean(trainer.recent))
            attempt(partial(journal.add, row | {"rate": rate, "loss": loss}), tell)
            trainer.recent.clear()
        minutes = (trainer.elapsed - checked) / 60
        if trainer.done or minutes >= run.validation_minutes:
            checked = trainer.elapsed
            attempt(partial(_check, trainer, journal, row, tell), tell)
        minutes = (trainer.elapsed - kept) / 60
        if not going or minutes >= run.checkpoint_minutes:
            kept = trainer.elapsed
            written = attempt(trainer.keep, tell)
    if leads and not trainer.done:
        tell(f"stopped after step {trainer.step}; the same command goes on from here")
    return trainer.done and written


def _check(
    trainer: Trainer, journal: Journal, row: dict[str, float], tell: Callable[[str], None]
) -> None:
    scores = trainer.validate()
    journal.add(row | scores)
    journal.draw()
    tell("  ".join(f"{key} {value:.2f}" for key, value in (row | scores).items()))


def whole(path: Path) -> None:
    """Train as CONFIG.toml says; every key: models/configuration.py."""
    raise typer.Exit(0 if train(load(path)) else 1)


if __name__ == "__main__":
    command.run(lambda: typer.run(whole))
