"""Several processes as one, started by torchrun; one process alone needs none of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn


def choose_device(name: str) -> torch.device:
    """Give the device for "auto", "cpu" or "cuda"; each process of torchrun its own GPU.

    Raises
    ------
    ValueError
        If a GPU was asked for and there is none.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ValueError(
            'run.device is "cuda", but torch finds no GPU; install a torch built for CUDA, '
            'or set it to "cpu"'
        )
    if name == "cpu" or not there:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


@contextmanager
def processes(device: torch.device) -> Iterator[None]:
    """Join the other processes, if torchrun started any; at the end all part at once."""
    if "WORLD_SIZE" not in os.environ or distributed.is_initialized():
        yield
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
        # Threads of the group may still hold what was averaged last. Python aborts if they let go
        # of it while it ends, and the first process to end does so long before the one that leads.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Give this process's number; 0 leads."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """Give the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def agree(network: nn.Module, seconds: float, stop: bool) -> tuple[float, bool]:
    """Average the gradients of all processes and what a step took them: all follow one schedule.

    Returns
    -------
    seconds : mean of all; a whole run's would be too long for the gradients' precision
    stop : whether any process was told to stop; then all do, after the same step
    """
    if not distributed.is_initialized():
        return seconds, stop
    grads: list[Tensor] = [p.grad for p in network.parameters() if p.grad is not None]
    signals = grads[0].new_tensor([seconds, float(stop)])
    flat = torch.cat([*(grad.flatten() for grad in grads), signals])
    distributed.all_reduce(flat)
    flat /= world()
    *parts, signals = flat.split([*(grad.numel() for grad in grads), 2])
    for grad, part in zip(grads, parts, strict=True):
        grad.copy_(part.view_as(grad))
    return float(signals[0]), bool(signals[1] > 0)
