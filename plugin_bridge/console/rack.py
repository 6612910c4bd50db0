"""Consoles side by side, one of them heard; switching is a cross-fade.

Rules of this file
  1. All mixers have one latency, the largest.
  2. A switch belongs to a sample of the input, as a fader does: the fade runs `latency_samples`
     later. So long the new mixer runs along unheard, and its delay lines are full when it is.
  3. A mixer that is not heard does not run.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from plugin_bridge.console.console import Console
from plugin_bridge.console.mixer import Mixer, MixerCounters
from plugin_bridge.console.route import Route
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.ramps import Ramps
from plugin_bridge.errors import SpecError, suggest

FADE_SECONDS = 0.020


class Rack:
    """Run one of several consoles, and switch between them without a click.

    Parameters
    ----------
    consoles : mapping of name to Console, with the same strips; the first is heard first
    sample_rate : float, Hz
    channels : int, 1 or 2, of every stem
    hop : int, samples of every call
    routes : sequence of Route, optional
        For all consoles, instead of their own.
    max_insert_latency : int, optional
        Samples; inserts that delay by more are refused.

    Attributes
    ----------
    stems : tuple of str, the strips
    active : str, the console that is heard, or about to be
    latency_samples : int
        May change at a reset that takes new inserts.
    outputs : int, the highest routed channel of all consoles

    Raises
    ------
    SpecError
        If there is no console, their strips differ, or one cannot be mixed.

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(
        self,
        consoles: Mapping[str, Console],
        sample_rate: float,
        channels: int,
        hop: int,
        *,
        routes: Sequence[Route] | None = None,
        max_insert_latency: int | None = None,
    ) -> None:
        self.stems = same_strips(consoles)
        self._mixers = {
            name: Mixer(
                console,
                sample_rate,
                channels,
                hop,
                routes=routes,
                max_insert_latency=max_insert_latency,
            )
            for name, console in consoles.items()
        }
        self._names = list(self._mixers)
        self._hop = hop
        self._length = max(1, round(FADE_SECONDS * sample_rate))
        self._begin()

    @property
    def counters(self) -> MixerCounters:
        """What had to be mended since the last reset, on all consoles."""
        total = MixerCounters()
        for mixer in self._mixers.values():
            total.clipped_samples += mixer.counters.clipped_samples
            total.nonfinite_samples += mixer.counters.nonfinite_samples
            total.missing_samples += mixer.counters.missing_samples
        return total

    @property
    def consoles(self) -> dict[str, Console]:
        """The consoles by name."""
        return {name: mixer.console for name, mixer in self._mixers.items()}

    @property
    def console(self) -> Console:
        """The active console."""
        return self._mixers[self.active].console

    def reset(self) -> None:
        """Start anew, with the first console and the inserts that all have now.

        Raises
        ------
        SpecError
            If a console cannot be mixed; names the key.

        Notes
        -----
        Thread: [worker]; new inserts are measured, which takes a while
        """
        for mixer in self._mixers.values():
            mixer.padded(0)
        self._begin()

    def _begin(self) -> None:
        self.latency_samples = max(mixer.latency_samples for mixer in self._mixers.values())
        for mixer in self._mixers.values():
            if mixer.latency_samples < self.latency_samples:
                mixer.padded(self.latency_samples)
        self.outputs = max(mixer.outputs for mixer in self._mixers.values())
        self._position = 0
        self._settled = 0  # the sample from which one console alone is heard
        self.active = self._names[0]
        self._running = [self.active]

    def switch(self, name: str) -> None:
        """Fade to another console, from the next hop on; at the start of a stream at once.

        Raises
        ------
        SpecError
            If there is none of that name; suggests one.

        Notes
        -----
        Thread: [worker]
        """
        if name not in self._mixers:
            raise SpecError(f"there is no preset {name!r} here; {suggest(name, self._names)}")
        if name == self.active:
            return
        self.active = name
        if not self._position:
            self._running = [name]
            return
        if len(self._running) == 1:
            self._shares = Ramps(self._one(self._running[0]), self._length, self.latency_samples)
        if name not in self._running:
            self._mixers[name].restart()
            self._running.append(name)
        self._shares.move(self._one(name), self._position)
        self._settled = self._position + self.latency_samples + self._length

    def process(self, stems: FloatArray, dry: FloatArray) -> FloatArray:
        """Mix the next hop.

        Parameters
        ----------
        stems : float32, shape (stems, channels, hop)
        dry : float32, shape (channels, hop), the input that the stems came from

        Returns
        -------
        out : float32, shape (outputs, hop)

        Notes
        -----
        Thread: [worker]
        """
        position = self._position
        self._position += self._hop
        if len(self._running) > 1:
            if position < self._settled:
                return self._blend(stems, dry, position)
            self._running = [self.active]
        return self._widened(self._mixers[self.active].process(stems, dry))

    def preview(self, stems: FloatArray, dry: FloatArray) -> FloatArray | None:
        """Mix samples that may follow the last hop, as `Mixer.preview`; None while it fades.

        Notes
        -----
        Thread: [worker]
        """
        if len(self._running) > 1:
            return None
        out = self._mixers[self.active].preview(stems, dry)
        return None if out is None else self._widened(out)

    def _blend(self, stems: FloatArray, dry: FloatArray, position: int) -> FloatArray:
        shares = self._shares.values(position, self._hop)
        # One that turned back earlier than another arrives earlier; the sum stays one.
        shares = shares / shares.sum(axis=0)
        out = np.zeros((self.outputs, self._hop), np.float32)
        for name in self._running:
            mix = self._mixers[name].process(stems, dry)
            out[: len(mix)] += mix * shares[self._names.index(name)]
        return out

    def _one(self, name: str) -> list[float]:
        return [float(name == known) for known in self._names]

    def _widened(self, mix: FloatArray) -> FloatArray:
        if len(mix) == self.outputs:
            return mix
        out = np.zeros((self.outputs, mix.shape[1]), np.float32)
        out[: len(mix)] = mix
        return out


def same_strips(consoles: Mapping[str, Console]) -> tuple[str, ...]:
    """Give the strips that all consoles have.

    Raises
    ------
    SpecError
        If they differ, or there is no console.

    Examples
    --------
    >>> same_strips({"a": Console(["vocals"]), "b": Console(["vocals"])})
    ('vocals',)

    Notes
    -----
    Thread: [any]
    """
    if not consoles:
        raise SpecError("no console was given; give at least one")
    (first, console), *others = consoles.items()
    for name, other in others:
        if list(other.strips) != list(console.strips):
            raise SpecError(
                f"console {name!r} has the strips {', '.join(other.strips)}, console {first!r} has "
                f"{', '.join(console.strips)}; to switch between them, give both the same"
            )
    return tuple(console.strips)
