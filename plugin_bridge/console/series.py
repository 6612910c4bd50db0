"""Native plugins in one call of Pedalboard, right for blocks of any size.

Rules of this file
  1. Pedalboard takes the smaller axis for channels, so it must never see fewer samples than
     channels. Where that may happen at any time, samples wait until there are more, and the output
     is held back by as much, always `GUARD` in all; ahead of a bridge a single one waits for the
     next block.
  2. Pedalboard prepares plugins anew, and so resets them, when a call is larger than all before.
     Where blocks may grow, plugins see the largest call first.
"""

import numpy as np
from pedalboard import Pedalboard, Plugin

from plugin_bridge.console.inserts import InsertChain
from plugin_bridge.dsp import FloatArray

# With one sample more than this, stereo cannot be mistaken; bridges give nothing wider.
GUARD = 2
# Samples per call that the latency of plugins is measured with, and that a flush is done in.
CALL = 512
# A flush gives up on plugins that still hold samples after so many seconds of silence.
LONGEST_FLUSH = 10
# What latency is told for before there was any audio.
USUAL_RATE, STEREO = 44100.0, 2


class Series:
    """Run plugins, with a constant lack of samples where blocks may be of any size.

    Parameters
    ----------
    plugins : list of Pedalboard's own plugins
    guarded : bool
        Whether blocks may have fewer samples than channels, 1 or 2: at most `GUARD` samples
        wait then, and as many are missing at any time.
    steady : bool
        Whether blocks may grow. Without both, the plugins get exactly what comes.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, plugins: list[Plugin], *, guarded: bool, steady: bool) -> None:
        self._board = Pedalboard(plugins)
        self._guard = GUARD if guarded else 0
        self._steady = steady
        self._measured: tuple[tuple[float, int], InsertChain] | None = None
        self._format = (USUAL_RATE, STEREO)
        self._largest = 0  # samples per call that the plugins are prepared for
        self._held = self._kept = np.zeros((STEREO, 0), np.float32)  # to go in, to be given
        self._missing = 0  # samples taken less samples given
        self._streaming = False  # whether measuring would disturb what is heard

    def run(
        self, audio: FloatArray, sample_rate: float, buffer_size: int, *, reset: bool
    ) -> FloatArray:
        """Give what comes out for the next block, or for a whole signal.

        Parameters
        ----------
        audio : float32, shape (channels, samples)
        sample_rate : float, Hz
        buffer_size : int, samples that plugins get at once
        reset : bool, whether the audio is a whole signal

        Returns
        -------
        output : float32, shape (channels, n), n <= samples

        Notes
        -----
        Thread: [main]
        """
        channels, samples = audio.shape
        if self._format != (sample_rate, channels):
            self._format = sample_rate, channels
            self._largest = 0
            self._forget()
        if self._steady and (not self._largest or reset):
            self._prepare(buffer_size)
        if reset:
            self._forget()
            return self._whole(audio, buffer_size)
        self._streaming = self._streaming or samples > 0
        self._held = np.concatenate([self._held, audio], axis=1)
        few = self._steady and self._held.shape[1] < channels
        if self._held.shape[1] > self._guard and not few:
            given = self._call(self._held, buffer_size, reset=False)
            self._kept = np.concatenate([self._kept, given], axis=1)
            self._held = self._held[:, :0]
        count = max(0, self._kept.shape[1] - max(0, self._guard - self._held.shape[1]))
        given, self._kept = self._kept[:, :count], self._kept[:, count:]
        self._missing += samples - count
        return given

    def rest(self, buffer_size: int) -> FloatArray:
        """Give what is missing, by means of silence, and end the stream.

        Returns
        -------
        output : float32, shape (channels, n)

        Notes
        -----
        Thread: [main]
        """
        silence = np.zeros((self._format[1], CALL), np.float32)
        parts = [silence[:, :0]]
        for _ in range(round(LONGEST_FLUSH * self._format[0] / CALL)):
            missing = self._missing
            if missing <= 0:
                break
            parts.append(self.run(silence, self._format[0], buffer_size, reset=False)[:, :missing])
            self._missing = missing - parts[-1].shape[1]
        self.reset()
        return np.concatenate(parts, axis=1)

    def reset(self) -> None:
        """Forget the stream.

        Notes
        -----
        Thread: [main]
        """
        self._board.reset()
        self._forget()

    @property
    def latency_samples(self) -> int:
        """What a stream lacks; the plugins are measured for it, unless they are at work."""
        known = self._measured
        if known is None or known[0] != self._format or not known[1].fits(self._board):
            if self._streaming:
                return self._missing
            chain = InsertChain("the chain's plugins", self._board, *self._format, CALL)
            known = self._measured = self._format, chain
        return known[1].latency_samples + self._guard

    def _forget(self) -> None:
        self._held = self._kept = np.zeros((self._format[1], 0), np.float32)
        self._missing = 0
        self._streaming = False

    def _prepare(self, buffer_size: int) -> None:
        """Let the plugins see the largest call first: a growing one would reset them inside."""
        if self._largest < buffer_size:
            self._largest = buffer_size
            silence = np.zeros((self._format[1], max(buffer_size, self._format[1] + 1)), np.float32)
            self._call(silence, buffer_size, reset=True)
            self._board.reset()

    def _whole(self, audio: FloatArray, buffer_size: int) -> FloatArray:
        channels, samples = audio.shape
        if not samples:
            self._board.reset()
            return audio
        # A square says nothing to plugins that had no other array before.
        wide = audio if samples > channels else np.pad(audio, ((0, 0), (0, channels)))
        given = self._call(wide, buffer_size, reset=True)[:, :samples]
        # A stream that goes on from here is primed, as with native plugins.
        self._kept = np.zeros((channels, self._guard), np.float32)
        return given

    def _call(self, audio: FloatArray, buffer_size: int, *, reset: bool) -> FloatArray:
        size = min(buffer_size, self._largest) if self._steady else buffer_size
        given: FloatArray = self._board.process(audio, self._format[0], size, reset)
        return given
