"""What a render asks of the console: a preset, and a MIDI file that plays it.

Rules of this file
 1. The starting preset's map stays in charge; every preset that it can reach is loaded first.
 2. Consoles are made anew for each stream, since a take leaves them changed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plugin_bridge.console import Console
from plugin_bridge.errors import PresetError, SpecError
from plugin_bridge.files.midi import read_midi
from plugin_bridge.files.options import RenderOptions, choose_sources
from plugin_bridge.files.stream import ConsoleStream
from plugin_bridge.midi.performance import Performance, perform
from plugin_bridge.model.protocols import AnyModel
from plugin_bridge.presets.reach import DEFAULT_MAP, Reach


class Mixdown:
    """The presets and the take of one render.

    Parameters
    ----------
    options : RenderOptions

    Attributes
    ----------
    model : Path or None, the model's file that the preset names

    Raises
    ------
    PresetError, MidiError
        If a file cannot be used; names it.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, options: RenderOptions) -> None:
        self._options = options
        self._take = None if options.midi is None else read_midi(options.midi)
        self._reach = Reach(options.preset, model=options.model, played=self._take is not None)
        self.model, self._start = self._reach.model, self._reach.start

    def consoles(self, stems: Sequence[str], channels: int = 2) -> dict[str, Console]:
        """Make the consoles for these stems of 1 or 2 channels, the starting one first.

        Raises
        ------
        PresetError
            If a preset does not fit the stems, or its plugins may not be loaded.

        Notes
        -----
        Thread: [main]
        """
        made = self._reach.consoles(stems, channels, allow_plugins=self._options.allow_plugins)
        # A bus of one preset is silent in the others, so that its file has no gap.
        for bus in {bus: None for console in made.values() for bus in console.buses}:
            for name, console in made.items():
                try:
                    if bus not in console.buses:
                        console.add_bus(bus)
                except SpecError as error:
                    raise PresetError(
                        f"preset {name!r} is switched to one with the bus {bus!r}: {error}"
                    ) from error
        return made

    def sources(self, consoles: Mapping[str, Console]) -> tuple[str, ...]:
        """Give the names of what is written: strips, buses, `mix`.

        Raises
        ------
        SpecError
            If the options name something else.

        Notes
        -----
        Thread: [any]
        """
        console = consoles[self._start]
        return choose_sources(self._options, [*console.strips, *console.buses])

    def stream(self, model: AnyModel, sample_rate: int, channels: int) -> ConsoleStream:
        """Open the stream of one file, with the take on its way to the console.

        Parameters
        ----------
        model : an opened model
        sample_rate : int, Hz, the file's
        channels : int, 1 or 2

        Raises
        ------
        PresetError
            If a preset does not fit the stems, their channels or the sample rate.

        Notes
        -----
        Thread: [main]
        """
        consoles = self.consoles(model.card.stems, channels)
        try:
            stream = ConsoleStream(
                model,
                sample_rate,
                channels,
                self.sources(consoles),
                self._options.frames_per_call,
                consoles,
            )
        except SpecError as error:  # inserts that cannot run at this rate
            titles = [preset.title for preset in self._reach.presets.values()]
            raise PresetError(f"{', '.join(titles)}: {error}") from error
        self._played = self._perform(consoles, stream.rate)
        self._stream, self._model = stream, model
        stream.send(self._played.commands)
        return stream

    def _perform(self, consoles: Mapping[str, Console], rate: float) -> Performance:
        if self._take is None:
            return Performance((), 0, ())
        return perform(
            [(timed.position(rate), timed.message) for timed in self._take],
            self._reach.midi_map(tuple(consoles[self._start].strips)),
            {name: console.controls() for name, console in consoles.items()},
            self._start,
        )

    def report(self) -> dict[str, Any]:
        """Give what render.json says of the console, after the last stream.

        Notes
        -----
        Thread: [main]
        """
        counters = self._stream.engine.mixer_counters
        return {
            "preset": self._start or None,
            "midi": None if self._options.midi is None else str(self._options.midi),
            "messages": len(self._take or ()),
            "commands": len(self._played.commands),
            "insert_latency_samples": self._stream.engine.insert_latency_samples,
            "clipped_samples": counters.clipped_samples,
            "nonfinite_insert_samples": counters.nonfinite_samples,
        }

    def warnings(self, path: Path, seconds: float) -> list[str]:
        """Give what the user should look at, one sentence each, after the last stream.

        Parameters
        ----------
        path : Path, of the rendered file
        seconds : float, its length

        Notes
        -----
        Thread: [main]
        """
        found, midi = [], self._options.midi
        owner, in_charge = self._start or DEFAULT_MAP, self._reach.owner
        if in_charge is not None and self._take is not None and not in_charge.midi:
            found.append(
                f"{owner} has no MIDI map, so {midi} changed nothing; give it [[midi]] rows, or "
                f"take --preset {DEFAULT_MAP}"
            )
        elif midi is not None and not self._played.commands and not self._played.unknown:
            found.append(
                f"{midi} holds no message that the MIDI map of {owner} answers to, so it changed "
                "nothing; check its notes, controllers and channels"
            )
        if self._played.unknown:
            found.append(
                f"{midi} moves {', '.join(self._played.unknown)}, which the console lacks; that "
                "was left out, take a preset or a model that has it"
            )
        late = sum(
            command.position >= seconds * self._stream.rate for command in self._played.commands
        )
        if late:
            found.append(
                f"{midi} goes on after the end of {path}; {late} of its "
                f"{len(self._played.commands)} commands were not heard"
            )
        return found + self._counted(path)

    def _counted(self, path: Path) -> list[str]:
        engine, found = self._stream.engine, []
        counters, among = engine.mixer_counters, " or ".join(filter(None, engine.consoles))
        if counters.nonfinite_samples:
            found.append(
                f"inserts of {among} gave NaN, or sound 120 dB above full scale, for "
                f"{counters.nonfinite_samples} samples of {path}; these were silenced and the "
                "inserts reset, check their parameters"
            )
        if counters.clipped_samples:
            found.append(
                f"the safety clip of {among} cut {counters.clipped_samples} samples of "
                f"{path}; lower the master fader, or set clip = false"
            )
        return found
