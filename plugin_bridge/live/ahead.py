"""Separate a song ahead of the play head, into a queue that has a bound.

Rules of this file
  1. The queue holds stems before the console, each beside the input it came from: faders, mutes
     and presets act at the play head.
  2. No more is ahead than the bound, however long the song is.
  3. After a jump the separator begins anew, some time before the place, so that its window and
     its network know what was there; what it gives until the place is dropped.
  4. After the song comes silence, separated as well: what is heard is what the separator makes of
     the song and silence, whenever the session ends.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.ring import Ring
from plugin_bridge.live.control import Ahead as Cell
from plugin_bridge.live.control import Cells
from plugin_bridge.live.deck import Deck, Order, Splice
from plugin_bridge.live.priority import AHEAD_PRIORITY, raise_priority
from plugin_bridge.live.song import Song
from plugin_bridge.live.tape import Tape
from plugin_bridge.separator import Counters, Separator

# The bound: so much, and at least two steps of a model whose steps are long.
BOUND_SECONDS = 4.0
LEAST_STEPS = 2
# The separator's run-up to a place that was jumped to.
RUN_UP_SECONDS = 0.5
# Between two looks at a full queue.
LOOK_SECONDS = 0.02
# What a callback that waits, or the start of a session, waits for stems at most.
WAIT_SECONDS = 10.0


class Ahead:
    """Separate a song on a thread of its own, as far ahead as the bound allows.

    Parameters
    ----------
    song : Song, at the separator's rate
    separator : Separator, made for blocks of its step
    hop : int, samples, of the console
    block : int, the most samples played at once
    cells : int64, of the control block; those of `Ahead` are written

    Attributes
    ----------
    rows : int, of the tape: the channels of the input, then those of each stem
    bound : int, the most samples ahead of the play head
    deck : Deck, the play head
    counters : Counters, what had to be mended since the start

    Notes
    -----
    Thread: [main]; the work is done on one of its own
    """

    def __init__(
        self, song: Song, separator: Separator, hop: int, block: int, cells: Cells
    ) -> None:
        self._song, self._separator, self._cells = song, separator, cells
        channels, rate = separator.channels, separator.sample_rate
        self.rows = channels * (1 + len(separator.stems))
        self.bound = max(round(BOUND_SECONDS * rate), LEAST_STEPS * separator.step)
        self._run_up = round(RUN_UP_SECONDS * rate)
        self._tape = Tape(self.rows, self.bound)
        self.deck = Deck(self._tape, rate, hop, block, cells)
        self._dry = Ring((channels,), separator.latency_samples + 2 * separator.step)
        self._drop = 0  # samples that are still of the run-up
        self.counters, self._before = Counters(), Counters()
        self._more = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)

    def start(self, position: int) -> None:
        """Begin to separate at a sample of the song, and wait until it can be played.

        Notes
        -----
        Thread: [main]
        """
        self._cells[Cell.LENGTH] = self._song.samples
        self.deck.order = Order(0, min(max(position, 0), self._song.samples))
        self._thread.start()
        self._wait(lambda: not self.deck.ready)

    def stop(self) -> None:
        """End the thread, and close the song.

        Notes
        -----
        Thread: [main]
        """
        self._ended = True
        if self._thread.ident is not None:
            self._thread.join()
        self._song.close()

    def seek(self, position: int) -> None:
        """Go on at another sample of the song; one before or behind it is its begin or end.

        Notes
        -----
        Thread: [worker]
        """
        self.deck.seek(min(max(position, 0), self._song.samples))

    def wait(self) -> None:
        """Wait until enough is ahead, for 10 s at most.

        Notes
        -----
        Thread: [audio] where the callback may wait; [main]
        """
        self._wait(lambda: self.deck.starves)

    def _wait(self, lacks: Callable[[], bool]) -> None:
        deadline = monotonic() + WAIT_SECONDS
        with self._more:
            while lacks() and self.works:
                left = deadline - monotonic()
                if left <= 0 or not self._more.wait(left):
                    return

    @property
    def works(self) -> bool:
        """Whether more stems are on their way."""
        return not self._ended and not self._cells[Cell.FAILURES]

    def _run(self) -> None:
        # Not for speed: an ordinary program that interrupts this thread while it holds Python's
        # lock would keep the callback waiting. A callback and a worker interrupt it, and may.
        raise_priority(AHEAD_PRIORITY)
        try:
            while not self._ended:
                self._work()
        except Exception:  # noqa: BLE001  the top of the thread; the supervisor starts anew
            self._cells[Cell.FAILURES] += 1
        with self._more:
            self._more.notify_all()

    def _work(self) -> None:
        """Make what is wanted next, or sleep."""
        order = self.deck.order
        if order.number != self.deck.splice.number:
            start = max(0, order.position - self._run_up)
            self._before = replace(self.counters)
            self._separator.reset()
            self._song.seek(start)
            self._dry.clear()
            self._drop = order.position - start
            self.deck.splice = Splice(order.number, self._tape.end, order.position)
        elif self._tape.end - self.deck.head + self._separator.step > self.bound:
            with self._more:
                self._more.wait(LOOK_SECONDS)
        else:
            self._separate()

    def _separate(self) -> None:
        """Separate the next step, and lay it on the tape."""
        mix = self._separator.mended(self._song.read(self._separator.step))
        self._dry.write(mix)
        stems = self._separator.push(mix)
        made: FloatArray = np.empty((self.rows, stems.shape[2]), np.float32)
        channels = len(mix)
        self._dry.read(made[:channels])
        made[channels:] = stems.reshape(self.rows - channels, stems.shape[2])
        dropped = min(self._drop, made.shape[1])
        self._drop -= dropped
        self._tape.write(made[:, dropped:])
        for name, count in vars(self._separator.counters).items():
            setattr(self.counters, name, getattr(self._before, name) + count)
        self._cells[Cell.LENGTH] = self._song.samples
        self._cells[Cell.DAMAGED] = bool(self._song.trouble)
        with self._more:
            self._more.notify_all()
