"""The graph knows the order and the latency of every way."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.console import Console, graph

NAMES = ["a", "b", "p", "q", "r"]
LATENCIES = st.fixed_dictionaries({name: st.integers(0, 1000) for name in NAMES})


@st.composite
def consoles(draw: st.DrawFn) -> Console:
    """Draw two strips and three buses, connected without a circle."""
    console = Console(["a", "b"])
    order = draw(st.permutations(["p", "q", "r"]))
    for bus in ["p", "q", "r"]:
        console.add_bus(bus)
    for name, channel in console.channels.items():
        later = order[order.index(name) + 1 :] if name in order else order
        channel.output = draw(st.sampled_from(["mix", *later]))
        if later:
            channel.sends = draw(st.dictionaries(st.sampled_from(later), st.just(0.0)))
    return console


def ways(console: Console, name: str) -> list[list[str]]:
    """Give every way from a strip or bus to the mix, one by one."""
    if name == "mix":
        return [["mix"]]
    channel = console.channels[name]
    targets = [channel.output, *channel.sends]
    return [[name, *rest] for target in targets for rest in ways(console, target)]


@given(consoles())
def test_each_comes_after_all_that_feed_it(console: Console) -> None:
    """Along every way."""
    order = [*graph.order(console.channels, graph.edges(console.channels)), "mix"]
    assert sorted(order) == sorted([*NAMES, "mix"])
    for name in NAMES:
        for way in ways(console, name):
            assert all(order.index(a) < order.index(b) for a, b in pairwise(way))


@given(consoles(), LATENCIES)
def test_latency_is_that_of_the_slowest_way(console: Console, latencies: dict[str, int]) -> None:
    """No more, no less: the longest of all ways, found by walking each."""
    edges = graph.edges(console.channels)
    order = graph.order(console.channels, edges)
    every = [way for name in NAMES for way in ways(console, name)]
    longest = max(sum(latencies[name] for name in way[:-1]) for way in every)
    assert graph.arrivals(order, edges, latencies)["mix"] == longest
