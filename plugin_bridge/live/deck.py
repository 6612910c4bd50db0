"""The play head: which samples of a song go into the console now.

Rules of this file
  1. The song is never skipped and never repeated at full level. Where the stems run out it fades,
     stands still, and goes on, with a rise, at the very sample where the fade began.
  2. A fade needs samples to fade: a fade's length stays ahead of the head, always.
  3. After a stop the song goes on at a whole hop of the stream, so that its hops are again those
     of the console.
  4. A jump has two halves. `order` says where to; the thread that separates answers with `splice`:
     from this place of the tape on the samples are those. Each has one writer, and both are
     replaced whole.
"""

from typing import NamedTuple

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.control import Cells, Head
from plugin_bridge.live.tape import Tape
from plugin_bridge.realtime import realtime

# Of what stops and of what goes on; as long as that of a mute.
FADE_SECONDS = 0.005
# Stems that are there before the song goes on.
RESUME_SECONDS = 0.25

PLAYS, FALLS, STANDS = range(3)


class Order(NamedTuple):
    """Where the song is to go on.

    Attributes
    ----------
    number : int, counts orders
    position : int, sample of the song
    """

    number: int
    position: int


class Splice(NamedTuple):
    """What the tape holds from a place on.

    Attributes
    ----------
    number : int, of the order that it answers
    place : int, on the tape
    position : int, the song's sample there
    """

    number: int
    place: int
    position: int


class Deck:
    """Play a tape of a song's input and stems.

    Parameters
    ----------
    tape : Tape, written by the thread that separates
    rate : float, Hz
    hop : int, samples, of the console
    block : int, the most samples played at once
    cells : int64, of the control block; those of `Head` are written

    Attributes
    ----------
    order, splice : what is wanted, and what the tape answers
    head : int, place on the tape of the next sample that is played

    Notes
    -----
    Thread: `play` [audio]; `seek` [worker]; `splice` is set by the thread that separates
    """

    def __init__(self, tape: Tape, rate: float, hop: int, block: int, cells: Cells) -> None:
        self.order, self.splice = Order(0, 0), Splice(-1, 0, 0)
        self.head = 0
        self._tape, self._hop, self._cells = tape, hop, cells
        self.fade = max(1, round(FADE_SECONDS * rate))
        self._resume = max(round(RESUME_SECONDS * rate), max(block, hop) + self.fade)
        turn = np.linspace(0, np.pi / 2, self.fade, endpoint=False)
        self._ramp = (np.sin(turn) ** 2).astype(np.float32)
        self._down = self._ramp[::-1].copy()
        self._state = STANDS
        self._starved = False  # whether it stands for want of stems
        self._heard = self.splice  # the one that the head is behind
        self._risen = self._fallen = 0
        self._from = 1.0  # the level at which the fall began
        self._clock = 0  # samples given, of the song and of silence

    def seek(self, position: int) -> None:
        """Go on elsewhere; a fade before, and silence until stems are there.

        Parameters
        ----------
        position : int, sample of the song, within it

        Notes
        -----
        Thread: [worker]
        """
        self.order = Order(self.order.number + 1, position)

    @property
    def ready(self) -> bool:
        """Whether enough follows the last splice for the song to go on there."""
        return self.splice.number == self.order.number and (
            self._tape.end - self.splice.place >= self._resume
        )

    @property
    def starves(self) -> bool:
        """Whether so little is ahead that the song would not go on after a stop.

        Notes
        -----
        Thread: [audio]
        """
        if self.splice.number != self.order.number:
            return True
        lead = self._tape.end - self.head
        return self._heard is self.splice and lead < self._resume

    @realtime
    def play(self, out: FloatArray) -> None:
        """Give the next samples, or silence where the song stands.

        Parameters
        ----------
        out : float32, shape (rows, n), overwritten

        Notes
        -----
        Thread: [audio]
        """
        done, total = 0, out.shape[1]
        while done < total:
            if self._state == PLAYS and self._must_stop(total - done):
                self._state, self._fallen = FALLS, 0
                self._from = float(self._ramp[self._risen]) if self._risen < self.fade else 1.0
            elif self._state == STANDS:
                self._turn()
            rest = total - done
            if self._state == PLAYS:
                count = rest
                self._advance(out[:, done:])
            elif self._state == FALLS:
                count = min(rest, self.fade - self._fallen)
                self._fall(out[:, done : done + count])
            else:
                count = min(rest, self._hop - self._clock % self._hop)
                out[:, done : done + count] = 0
                self._cells[Head.PAUSED_SAMPLES] += count * self._starved
            done += count
            self._clock += count
        self._report()

    @realtime
    def _must_stop(self, samples: int) -> bool:
        if self.order.number != self._heard.number:
            return True
        self._starved = self._tape.end - self.head < samples + self.fade
        self._cells[Head.UNDERRUNS] += self._starved
        return self._starved

    @realtime
    def _turn(self) -> None:
        """Follow a splice; go on where enough is there."""
        splice = self.splice
        if splice.number != self.order.number:
            return
        if splice.number != self._heard.number:
            self._cells[Head.JUMPS] = splice.number
            self._starved = not splice.number
            self._cells[Head.LEAST_LEAD] = -1
            self._heard = splice
            self.head = splice.place
        if self._tape.end - self.head < self._resume or self._clock % self._hop:
            return
        # A song's own beginning is no jump: it is heard as it is.
        self._risen = 0 if self._position else self.fade
        self._state = PLAYS
        self._starved = False

    @realtime
    def _advance(self, out: FloatArray) -> None:
        count = out.shape[1]
        self._tape.read(self.head, out)
        if self._risen < self.fade:
            rising = min(count, self.fade - self._risen)
            part = out[:, :rising]
            np.multiply(part, self._ramp[self._risen : self._risen + rising], out=part)
            self._risen += rising
        self.head += count  # last: what is behind it is overwritten

    @realtime
    def _fall(self, out: FloatArray) -> None:
        """Fade what comes next; the head stays, and it comes again after the stop."""
        count = out.shape[1]
        self._tape.read(self.head + self._fallen, out)
        np.multiply(out, self._down[self._fallen : self._fallen + count], out=out)
        np.multiply(out, self._from, out=out)
        self._fallen += count
        if self._fallen == self.fade:
            self._state = STANDS

    @property
    def _position(self) -> int:
        """The song's sample at the head."""
        return self._heard.position + self.head - self._heard.place

    @realtime
    def _report(self) -> None:
        lead = self._tape.end - self.head
        cells = self._cells
        cells[Head.POSITION] = self._position
        cells[Head.LEAD] = lead
        least = cells[Head.LEAST_LEAD]
        if self._state == PLAYS and (least < 0 or lead < least):
            cells[Head.LEAST_LEAD] = lead
