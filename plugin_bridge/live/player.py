"""What leaves for the device: hops in their places, and something bearable where one is missing.

Rules of this file
  1. Every sample of the stream has its place at the output, be it there in time or not: what
     comes too late is never played later.
  2. Where a hop is missing its predecessor fades out by its tail, then comes silence or, if
     asked for, the dry input. What comes after fades in.
  3. The audio thread copies, multiplies and adds in place. The tail of a hop is made by the
     worker together with the hop, long before anybody knows whether it will be needed.
"""

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.live.tape import Tape
from plugin_bridge.realtime import realtime

# Tails that are kept: the audio thread copies one while the worker writes the next ones.
SLOTS = 8


class Player:
    """Play hops at their places.

    Parameters
    ----------
    outputs : int, channels
    hop : int, samples that are written at once
    block : int, the most samples played at once
    start : int, position of the first hop; silence before it
    tail : int, samples of a tail
    dry : Tape, optional
        The input, heard on the first outputs where hops are missing.
    dry_delay : int, samples by which the input is late when it is heard
    dry_channels : int, the first ones of the tape

    Attributes
    ----------
    position : int, of the next sample to be played
    misses : int, hops that were not there in time
    missed_samples : int, played without them

    Notes
    -----
    Thread: `play` [audio]; `write` and `skip` [worker]
    """

    def __init__(
        self,
        outputs: int,
        hop: int,
        block: int,
        start: int,
        tail: int,
        dry: Tape | None = None,
        dry_delay: int = 0,
        dry_channels: int = 2,
    ) -> None:
        self.position = 0
        self.misses = 0
        self.missed_samples = 0
        self._hop, self._start, self._length = hop, start, tail
        # What is written ahead of the device is at most `start` and a hop.
        self._tape = Tape(outputs, start + 2 * hop + 2 * block, start)
        self._tails = np.zeros((SLOTS, outputs, tail), np.float32)
        # Of the gap before this one and of this one; the part of them that was played.
        self._fading = np.zeros((2, outputs, tail), np.float32)
        self._current = 0
        self._faded = tail
        half_turn = np.linspace(0, np.pi / 2, hop, endpoint=False)
        self._ramp = (np.sin(half_turn) ** 2).astype(np.float32)
        self._risen = hop
        self._dry, self._dry_delay = dry, dry_delay
        self._dry_channels = min(dry_channels, outputs)
        self._dry_risen = 0
        self._scratch = np.zeros((outputs, block), np.float32)

    @property
    def end(self) -> int:
        """The position after the newest sample written."""
        return self._tape.end

    def write(self, samples: FloatArray, tail: FloatArray) -> None:
        """Append a hop, with what may be played after it if the next one is missing.

        Parameters
        ----------
        samples : float32, shape (outputs, hop)
        tail : float32, shape (outputs, tail)

        Notes
        -----
        Thread: [worker]
        """
        self._tails[self._slot(self._tape.end + self._hop)] = tail
        self._tape.write(samples)

    def skip(self, hops: int) -> None:
        """Leave out hops whose places have been passed.

        Notes
        -----
        Thread: [worker]
        """
        self._tails[self._slot(self._tape.end + hops * self._hop)] = 0
        self._tape.skip(hops * self._hop)

    @realtime
    def play(self, out: FloatArray) -> None:
        """Give the next samples.

        Parameters
        ----------
        out : float32, shape (outputs, n), n <= block, overwritten

        Notes
        -----
        Thread: [audio]
        """
        count = out.shape[1]
        end = self._tape.end
        ready = min(max(end - self.position, 0), count)
        self._tape.read(self.position, out[:, :ready])
        if self._risen < self._hop:
            self._fade_in(out[:, :ready])
        out[:, ready:] = 0
        self._add_tail(out[:, :ready])
        if self._dry is not None and self._dry_risen:
            self._add_dry(out[:, :ready], self.position, -1)
        if ready < count:
            self._cover(out[:, ready:], end)
            if self._dry is not None:
                self._add_dry(out[:, ready:], self.position + ready, 1)
        self.position += count

    @realtime
    def _fade_in(self, samples: FloatArray) -> None:
        count = min(samples.shape[1], self._hop - self._risen)
        part = samples[:, :count]
        np.multiply(part, self._ramp[self._risen : self._risen + count], out=part)
        self._risen += count

    @realtime
    def _cover(self, missing: FloatArray, end: int) -> None:
        """Count what is missing up to the end of this block; begin a tail at a gap's begin."""
        count = missing.shape[1]
        first = max(self.position, end)
        last = first + count - 1
        # Hops begin at `start` and every `hop` from there: each counts once.
        before = (first - 1 - self._start) // self._hop
        self.misses += (last - self._start) // self._hop - before
        self.missed_samples += count
        if self._risen:
            self._begin_tail(end)
            self._risen = 0
        self._add_tail(missing)

    @realtime
    def _begin_tail(self, end: int) -> None:
        """Take the tail of the newest hop, as loud as that hop was, and what is left of another."""
        old = self._fading[self._current]
        self._current = 1 - self._current
        new = self._fading[self._current]
        loudness = 1.0 if self._risen == self._hop else float(self._ramp[self._risen])
        np.multiply(self._tails[self._slot(end)], loudness, out=new)
        left = self._length - self._faded
        if left > 0:
            np.add(new[:, :left], old[:, self._faded :], out=new[:, :left])
        self._faded = 0

    @realtime
    def _add_tail(self, out: FloatArray) -> None:
        count = min(out.shape[1], self._length - self._faded)
        part = self._fading[self._current, :, self._faded : self._faded + count]
        np.add(out[:, :count], part, out=out[:, :count])
        self._faded += count

    @realtime
    def _add_dry(self, out: FloatArray, position: int, direction: int) -> None:
        """Add the input, louder (1) from sample to sample or softer (-1)."""
        if self._dry is None or not out.shape[1]:
            return
        count, risen = out.shape[1], self._dry_risen
        channels = self._dry_channels
        dry = self._scratch[:channels, :count]
        self._dry.read(position - self._dry_delay, dry)
        if direction > 0:
            moving = min(count, self._hop - risen)
            np.multiply(dry[:, :moving], self._ramp[risen : risen + moving], out=dry[:, :moving])
        else:
            moving = min(count, risen)
            down = self._ramp[risen - moving : risen][::-1]
            np.multiply(dry[:, :moving], down, out=dry[:, :moving])
            dry[:, moving:] = 0
        self._dry_risen = risen + direction * moving
        np.add(out[:channels], dry, out=out[:channels])

    @realtime
    def _slot(self, end: int) -> int:
        return ((end - self._start) // self._hop) % SLOTS
