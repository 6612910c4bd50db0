"""Where signals go from stem to mix: inserts, faders, sends, buses, and the delays between."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plugin_bridge.console import graph
from plugin_bridge.console.console import Console
from plugin_bridge.console.gains import Gains
from plugin_bridge.console.inserts import InsertChain
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.delay import Delay
from plugin_bridge.names import MIX


@dataclass(frozen=True)
class _Input:
    """A connection into a bus: from where, how much later, and the lane of a send's gain."""

    source: int
    line: Delay | None
    lane: int | None

    def read(self, signals: FloatArray, gains: FloatArray) -> FloatArray:
        signal = signals[self.source]
        if self.lane is not None:
            signal = signal * gains[self.lane]
        return signal if self.line is None else self.line.push(signal)


@dataclass(frozen=True)
class _Bus:
    place: int
    inputs: list[_Input]
    chain: InsertChain | None


class Paths:
    """Lay out a console's connections as they are now, and run signals along them.

    Parameters
    ----------
    console : Console
    chains : mapping of name to InsertChain, of the strips and buses that have inserts
    sample_rate : float, Hz
    channels : int, 1 or 2
    pad_to : int, samples; the latency is at least this

    Attributes
    ----------
    latency_samples : int, of every signal that comes out
    gains : Gains

    Notes
    -----
    Thread: [worker]
    """

    def __init__(
        self,
        console: Console,
        chains: Mapping[str, InsertChain],
        sample_rate: float,
        channels: int,
        pad_to: int,
    ) -> None:
        self._width = channels
        self._lines: list[Delay] = []
        strips = console.channels
        names = list(strips)
        edges = graph.edges(strips)
        order = graph.order(strips, edges)
        own = {name: chain.latency_samples for name, chain in chains.items()}
        arrival = graph.arrivals(order, edges, own)
        leaves = {name: arrival[name] + own.get(name, 0) for name in names}
        self.latency_samples = leaves[MIX] = max(arrival[MIX], pad_to)
        sends = [edge for edge in edges if edge.send]
        self.gains = Gains(console, sends, leaves, sample_rate, channels)
        self._place = {name: index for index, name in enumerate(names)}

        def input_of(edge: graph.Edge) -> _Input:
            line = self._line(arrival[edge.target] - leaves[edge.source])
            return _Input(self._place[edge.source], line, self.gains.lanes.get(edge))

        self._chains = [(self._place[name], chains[name]) for name in console.strips if name in own]
        self._buses = [
            _Bus(
                self._place[name],
                [input_of(edge) for edge in edges if edge.target == name],
                chains.get(name),
            )
            for name in order
            if name in console.buses
        ]
        self._late = [
            (self._place[name], line)
            for name in names
            if (line := self._line(self.latency_samples - leaves[name])) is not None
        ]
        into_mix = [self._place[edge.source] for edge in edges if edge.target == MIX]
        self._into_mix = None if len(into_mix) == len(names) else into_mix
        self._dry = self._line(self.latency_samples)

    def _line(self, samples: int) -> Delay | None:
        if not samples:
            return None
        self._lines.append(Delay(self._width, samples))
        return self._lines[-1]

    @property
    def remembers(self) -> bool:
        """Whether a run leaves something behind: in inserts, or in delays."""
        return bool(self._lines or self._chains) or any(bus.chain for bus in self._buses)

    def restart(self) -> None:
        """Fill every delay with silence, and start at the settings without a ramp.

        Notes
        -----
        Thread: [worker]
        """
        for line in self._lines:
            line.reset()
        self.gains.restart()

    def run(self, stems: FloatArray, dry: FloatArray, position: int) -> list[FloatArray]:
        """Give every source of the next hop.

        Parameters
        ----------
        stems : float32, shape (stems, channels, hop)
        dry : float32, shape (channels, hop)
        position : int, absolute sample of the hop

        Returns
        -------
        sources : list of float32, shape (channels, hop)
            In the order of `Console.sources`: strips and buses after their faders, the mix
            after the master, the dry signal; all `latency_samples` late.

        Notes
        -----
        Thread: [worker]
        """
        gains = self.gains.values(position, dry.shape[1])
        signals = self._after_faders(stems, gains)
        for place, line in self._late:
            signals[place] = line.push(signals[place])
        into_mix = signals if self._into_mix is None else signals[self._into_mix]
        mix = np.add.reduce(into_mix, axis=0) * gains[self.gains.master]
        return [*signals, mix, dry if self._dry is None else self._dry.push(dry)]

    def _after_faders(self, stems: FloatArray, gains: FloatArray) -> FloatArray:
        """Give strips and buses, each as late as its inserts and inputs made it."""
        count, hop = len(self._place), stems.shape[2]
        faders = gains[: self.gains.master].reshape(count, self._width, -1)
        signals = np.empty((count, self._width, hop), np.float32)
        if self._chains:
            stems = stems.copy()
            for place, chain in self._chains:
                stems[place] = chain.process(stems[place])
        np.multiply(stems, faders[: len(stems)], out=signals[: len(stems)])
        for bus in self._buses:
            total = np.zeros((self._width, hop), np.float32)
            for entry in bus.inputs:
                total += entry.read(signals, gains)
            if bus.chain is not None:
                total = bus.chain.process(total)
            np.multiply(total, faders[bus.place], out=signals[bus.place])
        return signals
