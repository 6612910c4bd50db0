"""What the engine's process hears in its own stems: the causal analysis, fed by the separator."""

from plugin_bridge.analysis import Analyst
from plugin_bridge.engine import Engine
from plugin_bridge.live.heard import Heard, HeardEvent


class Ear:
    """Listen to the stems of an engine, before its console, and tell the parent.

    Parameters
    ----------
    engine : Engine, not yet run
    heard : Heard, where it is written

    Raises
    ------
    SpecError
        If stems at the engine's rate cannot be analysed.

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(self, engine: Engine, heard: Heard) -> None:
        self._engine, self._heard = engine, heard
        self._analyst = Analyst(engine.stems, engine.sample_rate, engine.channels)
        self._numbers = {stem: number for number, stem in enumerate(engine.stems)}
        self._position = 0  # samples of the stems that were heard

    def hear(self, late: int, *, tell: bool = True) -> None:
        """Hear what the engine's last push has made.

        Parameters
        ----------
        late : int
            Samples from a sample of the stems to its place in the stream at the output.
        tell : bool, False to measure how long it takes

        Notes
        -----
        Thread: [worker]
        """
        fresh = self._engine.position - self._position
        if not fresh:
            return
        self._position += fresh
        for event in self._analyst.push(self._engine.newest):
            if tell:
                number = self._numbers[event.stem]
                due, found = event.position + late, event.found + late
                self._heard.write(
                    HeardEvent(due, found, number, event.kind, event.key, event.velocity)
                )

    def reset(self) -> None:
        """Begin anew, as the engine does.

        Notes
        -----
        Thread: [worker]
        """
        self._analyst.reset()
        self._position = 0
