"""Samples in, device channels out: the separator and the console, the same in every use.

Rules of this file
  1. The separator gets whole steps, the console whole hops on a grid that starts with the
     first sample of the stream: the partition into blocks cannot change a bit of the output.
  2. Latency is constant. The first `latency_samples` are not given out, so what comes out is
     aligned with what went in.
  3. A command takes effect at the first hop that starts at or after its position. What goes
     wrong then is counted, never raised.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from plugin_bridge.console import Command, Console, Route
from plugin_bridge.console.agenda import Agenda
from plugin_bridge.console.mixer import MixerCounters
from plugin_bridge.console.rack import Rack, same_strips
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.ring import Ring
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.separator import Counters, Separator, refuse_block, refuse_size
from plugin_bridge.source import ReadyStems, console_hop, separator_of


class Engine:
    """Separate a stream and mix its stems, with constant latency.

    Parameters
    ----------
    model : str, Path, a model or ReadyStems
        Name or path of a model file, or an opened model; or stems that are separated
        elsewhere and come with every push.
    sample_rate : float, Hz
        A rate that the model supports.
    consoles : Console or mapping of name to Console
        The first is heard first; a command with the path "preset" switches by name. Their
        strips are some or all of the model's stems, the same in all.
    channels : int, 1 or 2
    block : int, optional
        Samples of every push. The latency is lower when it is known; other sizes are
        refused then.
    frames_per_call : int
        Frames per call of the network: 1 is exact and live, 64 faster and later.
    provider : "auto", "cpu" or "cuda"
        Where a model file runs; an opened model has its own.
    routes : sequence of Route, optional
        Instead of the consoles' own.
    max_insert_latency : int, optional
        Samples; inserts that delay by more are refused.

    Attributes
    ----------
    stems : tuple of str, the strips
    inputs : int, rows of every push: the channels, and with ReadyStems those of every stem
    outputs : int, the highest routed channel
    hop : int, samples of every call of the console
    step : int, samples taken per call of the network: one hop, or several
    newest : float32, shape (stems, channels, n)
        Stems of the hops that the last step has made, before the console; `position` is their end.
    latency_samples : int
        May change at a reset that takes new inserts.
    insert_latency_samples : int, the part of it that the inserts need
    provider : str, the execution provider in use

    Raises
    ------
    SpecError
        If a parameter or a console is not allowed: gives it, and what to do.
    ModelError
        If the model cannot be used.

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(
        self,
        model: str | Path | AnyModel | ReadyStems,
        sample_rate: float,
        consoles: Console | Mapping[str, Console],
        *,
        channels: int = 2,
        block: int | None = None,
        frames_per_call: int = 1,
        provider: str = "auto",
        routes: Sequence[Route] | None = None,
        max_insert_latency: int | None = None,
    ) -> None:
        named = {"": consoles} if isinstance(consoles, Console) else consoles
        refuse_size(block)
        self.sample_rate, self.channels, self.block = sample_rate, channels, block
        self.stems = same_strips(named)
        self._source: Separator | ReadyStems
        if isinstance(model, ReadyStems):
            self._source, self.inputs, self.hop = model, model.rows, model.step
        else:
            self._source = separator_of(
                model, sample_rate, channels, frames_per_call, self.stems, provider
            )
            self.inputs, self.hop = channels, console_hop(self._source, frames_per_call)
        self.step = self._step = self._source.step
        self.provider = self._source.provider
        delay = self._source.latency_samples
        # Stems come `delay` late, and the console takes them in whole hops.
        self._late = math.ceil(delay / self.hop) * self.hop
        self._rack = Rack(
            named,
            sample_rate,
            channels,
            self.hop,
            routes=routes,
            max_insert_latency=max_insert_latency,
        )
        self._input = np.zeros((self.inputs, self._step), np.float32)
        self._hop_dry = np.zeros((channels, self.hop), np.float32)
        self._dry = Ring((channels,), self._late + 2 * self._step)
        self._agenda = Agenda(self._rack)
        self._start()

    def _start(self) -> None:
        self.insert_latency_samples = self._rack.latency_samples
        self.outputs = self._rack.outputs
        self._grid = math.gcd(self.block or 1, self._step)
        self.latency_samples = self._late + self._step - self._grid + self.insert_latency_samples
        self._out = Ring((self.outputs,), self.latency_samples + 2 * self._step)
        self._rest = np.zeros((len(self.stems), self.channels, 0), np.float32)
        self.newest: FloatArray = np.zeros((len(self.stems), self.channels, self.hop), np.float32)
        self._dry.clear()
        self._agenda.ignored = 0
        self._ended = False
        self._silent = False  # whether all that is held is silence after a whole signal
        self._filled = 0
        self._taken = 0  # samples taken
        self._given = 0  # samples given out
        self._position = 0  # the input sample that the next hop starts with
        self._lead = self.insert_latency_samples  # samples before the first of the input

    @property
    def active(self) -> str:
        """The name of the console that is heard, or about to be."""
        return self._rack.active

    @property
    def consoles(self) -> dict[str, Console]:
        """The consoles by name, the one of the start first."""
        return self._rack.consoles

    @property
    def position(self) -> int:
        """The input sample at which a command would take effect now."""
        return 0 if self._ended else self._position

    @property
    def fresh(self) -> bool:
        """Whether a stream is yet to start."""
        return self._ended or not self._taken

    @property
    def ignored_commands(self) -> int:
        """Commands since the last reset that the active console could not follow."""
        return self._agenda.ignored

    @property
    def counters(self) -> Counters:
        """What the separator had to mend since the last reset."""
        return self._source.counters

    @property
    def mixer_counters(self) -> MixerCounters:
        """What the consoles had to mend since the last reset."""
        return self._rack.counters

    def send(self, command: Command) -> None:
        """Take a change of a setting, or of the console, for its place in the stream.

        Of commands with one position the last one sent holds. Those that are pending at a
        reset are dropped.

        Raises
        ------
        SpecError
            If no console has such a path, or there is no such preset; suggests one.

        Notes
        -----
        Thread: [worker]
        """
        self._agenda.add(command)

    def push(self, block: FloatArray) -> FloatArray:
        """Take the next block of the stream.

        Parameters
        ----------
        block : float32, shape (inputs, samples), full scale +-1.0
            Any number of samples, 0 included, unless `block` was given.

        Returns
        -------
        out : float32, shape (outputs, n)
            n <= samples until `latency_samples` have passed, then n == samples.

        Raises
        ------
        SpecError
            If the shape or the dtype differs from what was prepared; gives both.

        Notes
        -----
        Thread: [worker]
        """
        refuse_block(block, self.inputs, self.block, "engine")
        if self._ended:
            self._restart()
        self._silent = False
        due = max(0, self._taken + block.shape[1] - self.latency_samples - self._given)
        return self._run(block, due)

    def tail(self, last: FloatArray) -> FloatArray:
        """Give what may be played after the last push if the next one comes too late.

        Parameters
        ----------
        last : float32, shape (outputs, n), the last samples that were given out

        Returns
        -------
        out : float32, shape (outputs, n)
            The stems' overlap with frames that never came, faded by the window and mixed.
            Where that cannot be known (inserts at work, presets that fade, models without
            overlap) `last` backwards, faded by half a Hann window.

        Notes
        -----
        Thread: [worker]
        """
        count = last.shape[1]
        fade = np.cos(np.linspace(0, np.pi / 2, count + 2, dtype=np.float32)[1:-1]) ** 2
        stems = self._source.tail
        out = None
        if stems.shape[2] and count == self.hop and not self._rest.shape[2]:
            overlap = np.zeros((*stems.shape[:2], count), np.float32)
            held = min(count, stems.shape[2])
            overlap[..., :held] = stems[..., :held]
            if held < stems.shape[2]:
                overlap *= fade
            out = self._rack.preview(overlap, self._hop_dry[:, ::-1] * fade)
        return last[:, ::-1] * fade if out is None else out

    def whole(self, signal: FloatArray) -> FloatArray:
        """Take a signal from its first to its last sample; the stream so far is forgotten.

        A push afterwards goes on with the stream, which is primed with silence then, as a
        native plugin does after a call with `reset`.

        Parameters
        ----------
        signal : float32, shape (inputs, samples), any number of samples

        Returns
        -------
        out : float32, shape (outputs, samples), aligned with the signal

        Raises
        ------
        SpecError
            If the shape or the dtype differs from what was prepared; gives both.

        Notes
        -----
        Thread: [worker]
        """
        refuse_block(signal, self.inputs, None, "engine")
        self._restart()
        samples = signal.shape[1]
        if not samples:
            return np.zeros((self.outputs, 0), np.float32)
        # Blocks of the promised size may follow only where they would be without the signal.
        beyond = -(samples + self.latency_samples) % self._grid
        out = self._run(signal, min(samples, self._ready(samples)))
        silence = np.zeros((self.inputs, self.latency_samples + beyond), np.float32)
        rest = self._run(silence, samples + beyond - out.shape[1])
        self._silent = True
        return np.concatenate([out, rest[:, : samples - out.shape[1]]], axis=1)

    def flush(self) -> FloatArray:
        """Give what is held, so that output and input have the same length; a stream ends.

        Returns
        -------
        out : float32, shape (outputs, n), n <= latency_samples

        Notes
        -----
        Thread: [worker]
        """
        held = 0 if self._ended or self._silent else self._taken - self._given
        late = self._late + self.insert_latency_samples
        count = late + -(self._taken + late) % self._step if held else 0
        rest = self._run(np.zeros((self.inputs, count), np.float32), held)
        self._agenda.clear()
        self._ended = True  # counters can still be read; the next stream counts anew
        return rest

    def reset(self) -> None:
        """Start anew: first console, no commands, and the inserts that the consoles have now.

        Raises
        ------
        SpecError
            If a console cannot be mixed; names the key.

        Notes
        -----
        Thread: [worker]; new inserts are measured, which takes a while
        """
        self._agenda.clear()
        self._restart()

    def _restart(self) -> None:
        self._ended = True  # until all of it has started anew: the rack may refuse an insert
        self._source.reset()
        self._rack.reset()
        self._start()

    def _ready(self, samples: int) -> int:
        """Give how many samples can come out of a fresh stream of `samples`."""
        steps = samples // self._step * self._step
        return max(0, steps - self._late - self.insert_latency_samples)

    def _run(self, samples: FloatArray, due: int) -> FloatArray:
        """Take samples, and give `due` of those that are done then."""
        samples = self._source.mended(samples)
        out = np.empty((self.outputs, due), np.float32)
        total = samples.shape[1]
        start, filled = 0, self._out.read(out)
        while start < total:
            length = min(total - start, self._step - self._filled)
            self._feed(samples[:, start : start + length])
            start += length
            filled += self._out.read(out[:, filled:])
        self._taken += total
        self._given += due
        return out

    def _feed(self, samples: FloatArray) -> None:
        """Add samples to the step, at most what it lacks, and run it when it is full."""
        end = self._filled + samples.shape[1]
        self._input[:, self._filled : end] = samples
        self._filled = end % self._step
        if self._filled:
            return
        self._dry.write(self._input[: self.channels])
        stems = self._source.push(self._input)
        if self._rest.shape[-1]:
            stems = np.concatenate([self._rest, stems], axis=-1)
        whole = stems.shape[-1] // self.hop * self.hop
        if whole:
            self.newest = stems[..., :whole]
        for start in range(0, whole, self.hop):
            self._mix(stems[..., start : start + self.hop])
        self._rest = stems[..., whole:]

    def _mix(self, stems: FloatArray) -> None:
        """Run the console on the next hop."""
        self._agenda.run(self._position)
        self._dry.read(self._hop_dry)
        out = self._rack.process(stems, self._hop_dry)
        self._position += self.hop
        early = min(self._lead, self.hop)
        self._lead -= early
        self._out.write(out[:, early:])
