"""What is connected to what, in which order, and how late it arrives.

Derivation: a strip's signal comes with latency 0 and leaves with that of its inserts. A bus
or the mix adds up what is equally late, so it waits for the latest of its inputs, and every
other input is delayed on its way in by what it lacks. All ways end in the mix, so no other
arrival is later: it is the latency of the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from plugin_bridge.console.strip import Bus, Channel
from plugin_bridge.errors import SpecError
from plugin_bridge.names import MIX


@dataclass(frozen=True)
class Edge:
    """A connection: the output of `source`, or one of its sends, to a bus or the mix."""

    source: str
    target: str
    send: bool

    @property
    def key(self) -> str:
        """The setting that makes it."""
        return f"{self.source}.sends.{self.target}" if self.send else f"{self.source}.output"


def edges(channels: Mapping[str, Channel]) -> list[Edge]:
    """Give every connection, outputs first.

    Notes
    -----
    Thread: [main]
    """
    outputs = [Edge(name, channel.output, False) for name, channel in channels.items()]
    return outputs + [
        Edge(name, bus, True) for name, channel in channels.items() for bus in channel.sends
    ]


def order(channels: Mapping[str, Channel], connections: Sequence[Edge]) -> list[str]:
    """Give strips and buses so that each comes after all that feed it.

    Raises
    ------
    SpecError
        If a connection goes to no bus, or in a circle; names its key.

    Notes
    -----
    Thread: [main]
    """
    feeds: dict[str, list[str]] = {name: [] for name in channels}
    buses = [name for name, channel in channels.items() if isinstance(channel, Bus)]
    for edge in connections:
        if edge.target in buses:
            feeds[edge.target].append(edge.source)
        elif edge.send or edge.target != MIX:
            allowed = buses if edge.send else [MIX, *buses]
            raise SpecError(
                f"{edge.key} goes to {edge.target!r}, which is no bus; add it with add_bus"
                + (f", or use {', '.join(allowed)}" if allowed else "")
            )
    try:
        return list(TopologicalSorter(feeds).static_order())
    except CycleError as error:
        circle = error.args[1]
        keys = [edge.key for edge in connections if (edge.source, edge.target) == (*circle[:2],)]
        raise SpecError(
            f"{keys[0]} closes a circle ({' -> '.join(circle)}); take it out, or another in it"
        ) from None


def arrivals(
    names: Sequence[str], connections: Sequence[Edge], latencies: Mapping[str, int]
) -> dict[str, int]:
    """Give how late the input of each channel and of the mix is.

    Parameters
    ----------
    names : sequence of str, in the order that `order` gives
    connections : sequence of Edge
    latencies : mapping of name to int, samples that a channel's inserts add, 0 if not there

    Returns
    -------
    arrivals : dict of name to int, samples; with "mix"

    Examples
    --------
    >>> connections = [Edge("a", "bus", False), Edge("b", "mix", False), Edge("bus", "mix", False)]
    >>> arrivals(["a", "b", "bus"], connections, {"a": 480, "bus": 100})
    {'a': 0, 'b': 0, 'bus': 480, 'mix': 580}

    Notes
    -----
    Thread: [main]
    """
    found: dict[str, int] = {}
    for name in [*names, MIX]:
        inputs = [edge.source for edge in connections if edge.target == name]
        found[name] = max(
            (found[source] + latencies.get(source, 0) for source in inputs), default=0
        )
    return found
