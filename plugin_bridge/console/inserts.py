"""A chain of plugins, prepared: called hop by hop, with a latency that is known and constant.

Rules of this file
  1. Every call has one hop. Some plugins change their latency with the size of the call.
  2. A streamed chain gives its samples in order and without gaps, but fewer than it took. A
     FIFO that starts with as much silence as is ever missing makes that a constant delay.
  3. A plugin cannot hurt what comes after it: what is no number is silent.
  4. Some VST3 can be reset on the main thread only. Elsewhere they keep their states.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from pedalboard import (
    Chain,
    GSMFullRateCompressor,
    HighpassFilter,
    LowpassFilter,
    Mix,
    MP3Compressor,
    Pedalboard,
    PitchShift,
    Plugin,
    Resample,
)

from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.ring import Ring
from plugin_bridge.errors import SpecError

# Seconds of noise that the lack is measured with, and how often they may be repeated until it
# has settled: PitchShift is silent for the first second.
MEASURE_SECONDS = 2.0
MOST_ROUNDS = 4
# It has when it grew by at most this part of a hop in the second half.
SETTLED = 1 / 8
# These cut at their own rate, and meet their worst case late: Resample to 8000 Hz after 2.2
# seconds, PitchShift by -7 after 11, with 3 samples more. They get one hop to spare.
UNEVEN = (GSMFullRateCompressor, MP3Compressor, PitchShift, Resample)
# Unstable from half the sample rate on, and loud before that is noticed.
BOUNDED = (HighpassFilter, LowpassFilter)
# +120 dB. Nothing that is meant to be heard is louder, and sums of it are finite.
LOUDEST = np.float32(1e6)

Inserts = Pedalboard | Iterable[Plugin] | Plugin | None


def as_board(inserts: Inserts, path: str) -> Pedalboard:
    """Give plugins in series as a Pedalboard.

    Parameters
    ----------
    inserts : Pedalboard, plugins, one plugin or None
        A Pedalboard is given back as it is.
    path : str, such as "vocals.inserts", for messages

    Raises
    ------
    SpecError
        If something in it cannot be an insert; names the path.

    Notes
    -----
    Thread: [main]
    """
    if isinstance(inserts, Pedalboard):
        board = inserts
    else:
        try:
            series = [inserts] if isinstance(inserts, Plugin) else list(inserts or [])
            board = Pedalboard(series)
        except TypeError as error:
            raise SpecError(
                f"{path} is {inserts!r}; give a Pedalboard, or a list of Pedalboard's own plugins"
            ) from error
    for plugin in [board, *walk(board)]:
        _refuse(plugin, path)
    return board


def _refuse(plugin: Plugin, path: str) -> None:
    if not plugin.is_effect:
        raise SpecError(f"{path} has the instrument {plugin!r}; only effects take a signal")
    for kind in type(plugin).__mro__:
        if "process" in vars(kind) and not kind.__module__.startswith("pedalboard"):
            raise SpecError(
                f"{path} has {kind.__name__}, a Python class whose process Pedalboard never "
                "calls; use its own plugins"
            )


def walk(board: Iterable[Plugin]) -> Iterator[Plugin]:
    """Give the plugins of a board one by one, those inside of chains and mixes, too.

    Examples
    --------
    >>> from pedalboard import Gain, Invert, Mix, Pedalboard
    >>> [type(plugin).__name__ for plugin in walk(Pedalboard([Mix([Gain(), Invert()])]))]
    ['Gain', 'Invert']

    Notes
    -----
    Thread: [any]
    """
    for plugin in board:
        if isinstance(plugin, Chain | Mix):
            yield from walk(plugin)
        else:
            yield plugin


class InsertChain:
    """Run plugins on hops of one size.

    Parameters
    ----------
    path : str, such as "vocals.inserts", for messages
    board : Pedalboard
        Its plugins are kept as they are now; their parameters may change at any time.
    sample_rate : float, Hz
    channels : int
    hop : int, samples of every call

    Attributes
    ----------
    latency_samples : int
    nonfinite_samples : int
        What was no number, and silent; grows over resets.
    missing_samples : int
        What was not given in time, and silent, since a plugin became later; grows over resets.

    Raises
    ------
    SpecError
        If the plugins refuse the channels, would be unstable at the sample rate, or hold back
        more and more.

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(
        self, path: str, board: Pedalboard, sample_rate: float, channels: int, hop: int
    ) -> None:
        self.path = path
        self._board = Pedalboard([_copied(plugin) for plugin in board])
        self._rate, self._channels, self._hop = sample_rate, channels, hop
        self.latency_samples = self._measure()
        self._prepared_for = _state(board)
        self._fifo = Ring((channels,), self.latency_samples + 2 * hop)
        self._silence = np.zeros((channels, self.latency_samples), np.float32)
        self._lack = 0  # samples taken less samples given
        self.nonfinite_samples = self.missing_samples = 0
        self.reset()

    def fits(self, board: Pedalboard) -> bool:
        """Tell whether the chain is prepared for these plugins, as they are set now.

        Notes
        -----
        Thread: [worker]
        """
        return self._lack <= self.latency_samples and self._prepared_for == _state(board)

    def process(self, samples: FloatArray) -> FloatArray:
        """Give the next hop, `latency_samples` late.

        Parameters
        ----------
        samples : float32, shape (channels, hop)

        Returns
        -------
        samples : float32, shape (channels, hop)

        Notes
        -----
        Thread: [worker]
        """
        given = self._call(samples)
        self._lack += self._hop - given.shape[1]
        if not _is_sound(given):
            given = self._mend(given)
        if given.shape[1] == self._hop and not self._fifo.readable:
            return given
        self._fifo.write(given)
        out = np.zeros((self._channels, self._hop), np.float32)
        self.missing_samples += self._hop - self._fifo.read(out)
        return out

    def reset(self) -> None:
        """Forget the stream.

        Notes
        -----
        Thread: [worker]
        """
        try:
            self._restart()
        except RuntimeError:  # rule 4: the stream goes on, and is forgotten as it rings out
            return
        self._lack = 0
        self._fifo.clear()
        self._fifo.write(self._silence)

    def _measure(self) -> int:
        """Find the most samples that are ever missing."""
        self._refuse_unstable()
        try:
            lack = self._settled_lack()
        except (ValueError, RuntimeError) as error:
            reason = str(error).split(". ")[0].rstrip(".")
            raise SpecError(
                f"{self.path} cannot run on {self._channels} channels at {self._rate:g} Hz "
                f"({reason}); use plugins that can"
            ) from error
        if lack is None:
            raise SpecError(
                f"{self.path} hold back more and more samples, also after "
                f"{MOST_ROUNDS * MEASURE_SECONDS:g} seconds; take the plugin out whose latency "
                "does not settle"
            )
        uneven = any(isinstance(plugin, UNEVEN) for plugin in walk(self._board))
        return lack + self._hop if uneven else lack

    def _refuse_unstable(self) -> None:
        for plugin in walk(self._board):
            if isinstance(plugin, BOUNDED) and 2 * plugin.cutoff_frequency_hz >= self._rate:
                raise SpecError(
                    f"{self.path} cannot run at {self._rate:g} Hz with a {type(plugin).__name__} "
                    f"at {plugin.cutoff_frequency_hz:g} Hz; set it below {self._rate / 2:g} Hz or "
                    "take it out"
                )

    def _settled_lack(self) -> int | None:
        """Stream noise until no more samples go missing; None if that does not happen."""
        hops = math.ceil(MEASURE_SECONDS * self._rate / self._hop)
        random = np.random.default_rng(0)
        # A VST3 that was never reset gives its latency as if it were sound.
        self._restart()
        lack, lacks = 0, []
        for _ in range(MOST_ROUNDS):
            for _ in range(hops):
                noise = random.uniform(-0.25, 0.25, (self._channels, self._hop))
                lack += self._hop - self._call(noise.astype(np.float32)).shape[1]
                lacks.append(lack)
            if lack - lacks[len(lacks) // 2] <= SETTLED * self._hop:
                return lack
        return None

    def _call(self, samples: FloatArray) -> FloatArray:
        given: FloatArray = self._board.process(samples, self._rate, self._hop, reset=False)
        return given

    def _restart(self) -> None:
        self._board.reset()

    def _mend(self, given: FloatArray) -> FloatArray:
        """Silence what is no sound, and start the plugins anew."""
        sound = np.abs(given) <= LOUDEST
        self.nonfinite_samples += int(given.size - sound.sum())
        mended: FloatArray = np.where(sound, given, np.float32(0))
        try:
            self._restart()
        except RuntimeError:  # rule 4
            return mended
        # What they held is lost with their states; silence keeps its place.
        lost = np.zeros((self._channels, self._lack), np.float32)
        self._lack = 0
        return np.concatenate([mended, lost], axis=1)


def _copied(plugin: Plugin) -> Plugin:
    """Give the plugin itself, but a container anew: who adds to it later must not be heard."""
    # Pedalboard crashes when a Mix that has run gets another plugin.
    if isinstance(plugin, Mix):
        return Mix([_copied(part) for part in plugin])
    if isinstance(plugin, Chain):
        return Chain([_copied(part) for part in plugin])
    return plugin


def _state(board: Pedalboard) -> tuple[str, list[int]]:
    """Give what a latency may depend on: which plugins, their parameters, what a VST3 reports."""
    latencies = [getattr(plugin, "reported_latency_samples", 0) for plugin in walk(board)]
    return repr(list(board)), latencies


def _is_sound(samples: FloatArray) -> bool:
    flat = samples.reshape(-1)
    with np.errstate(all="ignore"):
        energy = flat @ flat  # one pass; finite unless something is loud or no number
    return bool(energy <= LOUDEST) or bool((np.abs(flat) <= LOUDEST).all())
