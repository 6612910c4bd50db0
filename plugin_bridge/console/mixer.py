"""Stems in, device channels out: runs a console, one hop at a time.

Rules of this room
  1. What comes out is `latency_samples` late, from every source alike.
  2. A gain belongs to samples of the input. Where inserts make a signal late, its fader moves
     that much later: latency changes when a thing is heard, never what.
  3. What is connected is laid out at reset; only gains change between.
  4. What does not exist costs nothing: no insert, no call; no delay, no line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plugin_bridge.console.console import Console
from plugin_bridge.console.inserts import InsertChain
from plugin_bridge.console.paths import Paths
from plugin_bridge.console.route import Route
from plugin_bridge.console.strip import Channel
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import SpecError

FULL_SCALE = np.float32(1)


@dataclass
class MixerCounters:
    """What had to be mended since the last reset.

    Attributes
    ----------
    clipped_samples : output beyond full scale, cut by the safety clip
    nonfinite_samples : NaN, Inf or beyond +120 dB from inserts, NaN or Inf in the output; silent
    missing_samples : what inserts that became later did not give in time; silent
    """

    clipped_samples: int = 0
    nonfinite_samples: int = 0
    missing_samples: int = 0


class Mixer:
    """Mix stems as a console says.

    Parameters
    ----------
    console : Console
    sample_rate : float, Hz
    channels : int, 1 or 2, of every stem
    hop : int, samples of every call
    routes : sequence of Route, optional
        Instead of the console's own.
    max_insert_latency : int, optional
        Samples; inserts that delay by more are refused.
    pad_to : int
        Samples; the latency is at least this.

    Attributes
    ----------
    latency_samples : int
        May change at a reset that takes new inserts or connections.
    outputs : int, the highest routed channel
    counters : MixerCounters

    Raises
    ------
    SpecError
        If the console cannot be mixed; names the key.

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(
        self,
        console: Console,
        sample_rate: float,
        channels: int,
        hop: int,
        *,
        routes: Sequence[Route] | None = None,
        max_insert_latency: int | None = None,
        pad_to: int = 0,
    ) -> None:
        if channels not in (1, 2):
            raise SpecError(f"{channels} channels given; 1 or 2 are mixed: pick a pair first")
        self.console = console
        self.sample_rate = sample_rate
        self.channels = channels
        self.hop = hop
        self.pad_to = pad_to
        self._given_routes = routes
        self._most = max_insert_latency
        self._chains: dict[str, InsertChain] = {}
        self.reset()

    def reset(self) -> None:
        """Start anew, with the inserts, connections and routes that the console has now.

        Raises
        ------
        SpecError
            If the console cannot be mixed; names the key.

        Notes
        -----
        Thread: [worker]; new inserts are measured first, with seconds of noise
        """
        console = self.console
        console.check()
        routes = console.routes if self._given_routes is None else self._given_routes
        console.check_routes(routes)
        self._chains = {
            name: self._prepared(channel)
            for name, channel in console.channels.items()
            if len(channel.inserts)
        }
        self._paths = Paths(console, self._chains, self.sample_rate, self.channels, self.pad_to)
        self.latency_samples = self._paths.latency_samples
        place = {name: index for index, name in enumerate(console.sources)}
        self._routes = [
            (place[route.source], _rows(route), len(route.channels) < self.channels)
            for route in routes
        ]
        self.outputs = max((max(route.channels) for route in routes), default=0)
        self._shapes = (
            (len(console.strips), self.channels, self.hop),
            (self.channels, self.hop),
        )
        self._position = 0
        self._output_nonfinite = 0
        self.counters = MixerCounters()

    def restart(self) -> None:
        """Start anew with the inserts, connections and routes of the last reset.

        Takes no time to speak of and cannot fail: for a switch while audio runs. Counters
        go on.

        Notes
        -----
        Thread: [worker]
        """
        for chain in self._chains.values():
            chain.reset()
        self._paths.restart()
        self._position = 0

    def padded(self, latency: int) -> "Mixer":
        """Reset with a latency of at least `latency` samples, and give itself.

        Notes
        -----
        Thread: [main]
        """
        self.pad_to = latency
        self.reset()
        return self

    def process(self, stems: FloatArray, dry: FloatArray) -> FloatArray:
        """Mix the next hop.

        Parameters
        ----------
        stems : float32, shape (stems, channels, hop), in the order of the strips
        dry : float32, shape (channels, hop), the input that the stems came from

        Returns
        -------
        out : float32, shape (outputs, hop)

        Raises
        ------
        SpecError
            If a shape differs from what was prepared; gives both.

        Notes
        -----
        Thread: [worker]
        """
        if (stems.shape, dry.shape) != self._shapes:
            raise SpecError(
                f"stems and dry have the shapes {stems.shape} and {dry.shape}, the mixer was made "
                f"for {self._shapes[0]} and {self._shapes[1]}; give one hop of every strip"
            )
        out = np.zeros((self.outputs, self.hop), np.float32)
        with np.errstate(all="ignore"):  # what is no number is found and counted below
            sources = self._paths.run(stems, dry, self._position)
            self._position += self.hop
            for place, rows, fold in self._routes:
                out[rows] += sources[place].mean(axis=0) if fold else sources[place]
            self._make_safe(out)
        return out

    def preview(self, stems: FloatArray, dry: FloatArray) -> FloatArray | None:
        """Mix samples that may follow the last hop, and stay as if nothing had been asked.

        Parameters
        ----------
        stems : float32, shape (stems, channels, n), any n
        dry : float32, shape (channels, n)

        Returns
        -------
        out : float32, shape (outputs, n), or None
            None where inserts or delays would have to be run.

        Notes
        -----
        Thread: [worker]
        """
        if self._paths.remembers:
            return None
        out = np.zeros((self.outputs, dry.shape[1]), np.float32)
        with np.errstate(all="ignore"):
            sources = self._paths.run(stems, dry, self._position)
            for place, rows, fold in self._routes:
                out[rows] += sources[place].mean(axis=0) if fold else sources[place]
        out[~np.isfinite(out)] = 0
        return out.clip(-FULL_SCALE, FULL_SCALE) if self.console.clip else out

    def _prepared(self, channel: Channel) -> InsertChain:
        """Give the inserts of a strip or bus: those of before, where they still fit."""
        chain = self._chains.get(channel.name)
        if chain is not None and chain.fits(channel.inserts):
            chain.reset()
            chain.nonfinite_samples = chain.missing_samples = 0
        else:
            chain = InsertChain(
                f"{channel.name}.inserts",
                channel.inserts,
                self.sample_rate,
                self.channels,
                self.hop,
            )
        if self._most is not None and chain.latency_samples > self._most:
            raise SpecError(
                f"{chain.path} delay by {chain.latency_samples} samples, and at most {self._most} "
                "are allowed here; take out the plugin that looks ahead"
            )
        return chain

    def _make_safe(self, out: FloatArray) -> None:
        """Silence what is no number; keep the rest within full scale if the console says so."""
        flat = out.reshape(-1)
        if not np.isfinite(flat @ flat):  # one pass, the usual case
            bad = ~np.isfinite(out)
            out[bad] = 0
            self._output_nonfinite += int(bad.sum())
        if self.console.clip:
            beyond = int((np.abs(out) > FULL_SCALE).sum())
            if beyond:
                self.counters.clipped_samples += beyond
                np.clip(out, -FULL_SCALE, FULL_SCALE, out=out)
        chains = self._chains.values()
        self.counters.nonfinite_samples = self._output_nonfinite + sum(
            chain.nonfinite_samples for chain in chains
        )
        self.counters.missing_samples = sum(chain.missing_samples for chain in chains)


def _rows(route: Route) -> slice | list[int]:
    """Give a route's channels from 0; neighbours as a slice, which is faster."""
    first, last = route.channels[0] - 1, route.channels[-1] - 1
    if last - first == len(route.channels) - 1:
        return slice(first, last + 1)
    return [channel - 1 for channel in route.channels]
