"""A fragment network on the newest column only: what is still valid of the past is in states.

Of the 24 columns that a hop has in common with the one before, those away from the window's
edges are the same numbers. They are kept as long as somebody asks for them: a value read
three, six or nine frames later is a pooled column in one of its three phases. See zoo/columns.py
for how they are found.

A state of zero stands for a past of silence. What the network makes of silence is not zero, so
states are kept as the difference to it.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from models.zoo.columns import Part
from models.zoo.fragment import FragmentNetwork, Key, scattered, tap_of


class Incremental(nn.Module):
    """The same scores as a fragment network's, column by column.

    Parameters
    ----------
    network : FragmentNetwork, which must not change any more
    silence : float
        The input's value for no sound.
    """

    def __init__(self, network: FragmentNetwork, silence: float = 0.0) -> None:
        super().__init__()
        self.network = network.eval()
        self.config: dict[str, Any] = network.config
        self._delays = network.plan.delays()
        depths = self._remembered()
        self._places = [(key, lag) for key, depth in depths.items() for lag in range(depth)]
        self._rest(depths, silence)

    def initial_states(self, batch: int = 1) -> list[Tensor]:
        """Give the zero states, (batch, width, 1, bins) each: a value one frame old, two, ..."""
        rests = [self._rests[key] for key, _ in self._places]
        return [torch.zeros(batch, *rest.shape[1:]) for rest in rests]

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """(batch, 1, bins, 1), states -> raw scores (batch, stems, bins), next states."""
        past = dict(zip(self._places, states, strict=True))
        scores, new = self._hop(features, past)
        following = [
            past[key, lag - 1] if lag else new[key] - self._rests[key] for key, lag in self._places
        ]
        return scores, *following

    @property
    def _rests(self) -> dict[Key, Tensor]:
        keys = dict.fromkeys(key for key, _ in self._places)
        return {key: getattr(self, f"rest{i}") for i, key in enumerate(keys)}

    def _lag(self, user_delay: int, part: Part) -> int:
        return user_delay - part.offset - self._delays[part.stream]

    def _remembered(self) -> dict[Key, int]:
        """Say how many frames back each value is read."""
        plan, found = self.network.plan, dict[Key, int]()
        reads = [
            (part, self._delays[stream]) for stream in plan.streams for part in stream.parts
        ] + [(part, plan.frames - 1) for part in plan.columns]
        for part, delay in reads:
            lag = self._lag(delay, part)
            if lag:
                key = part.stream, tap_of(part)
                found[key] = max(found.get(key, 0), lag)
        return found

    def _hop(
        self, features: Tensor, past: dict[tuple[Key, int], Tensor]
    ) -> tuple[Tensor, dict[Key, Tensor]]:
        network, rests = self.network, self._rests
        new: dict[Key, Tensor] = {}

        def read(delay: int, part: Part) -> Tensor:
            lag = self._lag(delay, part)
            key = part.stream, tap_of(part)
            if not lag:
                return new[key]
            old = past[key, lag - 1]
            return old if scattered(part.stream) else old + rests[key]

        source, *streams = network.plan.streams
        new[source, 0] = features.transpose(2, 3) / network.spread
        for stream in streams:
            delay = self._delays[stream]
            old = [
                rests[part.stream, part.tap]
                for part in stream.parts
                if scattered(part.stream) and self._lag(delay, part)
            ]
            # what the sum lacks: one addition instead of one for each part
            rest = torch.stack(old).sum(0) if old else None
            made = network.compute(stream, partial(read, delay), rest)
            new |= network.handed_on(stream, made)
        columns = [read(network.frames - 1, part) for part in network.plan.columns]
        return network.decide(torch.stack(columns, 2))[:, :, 0], new

    @torch.no_grad()
    def _rest(self, depths: dict[Key, int], silence: float) -> None:
        """Find what the values are in silence; it is what a state of zero stands for."""
        network = self.network
        x = torch.full((1, 1, network.frames, network.bins), silence)
        values = network.values(x, network.plan.ranges(1))
        for i, key in enumerate(depths):
            self.register_buffer(f"rest{i}", values[key][:, :, :1].clone())
