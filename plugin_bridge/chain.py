"""Chain: native plugins and bridges in series.

Plugins that follow each other go to Pedalboard in one call. Without a bridge there is one such
call, and a Chain is a Pedalboard. A bridge gives few samples first and then more: how plugins
behind it stand that is told in console/series.py.
"""

from collections.abc import Iterable

import numpy as np
from pedalboard import Plugin

from plugin_bridge.bridge import StemBridge
from plugin_bridge.console.inserts import as_board, walk
from plugin_bridge.console.series import STEREO, USUAL_RATE, Series
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.layout import Form, Layout, check_arguments
from plugin_bridge.errors import SpecError


class Chain:
    """Run native plugins and bridges in series, called like a native Pedalboard plugin.

    Parameters
    ----------
    plugins : sequence of Pedalboard's own plugins, Pedalboards, StemBridges and Chains
        A Chain is taken apart; a Pedalboard stays as it is, with what is added to it later.

    Attributes
    ----------
    plugins : tuple, in order
    is_effect, is_instrument : bool, True and False

    Raises
    ------
    SpecError
        If something cannot be in a chain, or is in it twice; names it.

    Examples
    --------
    >>> from pedalboard import Gain
    >>> Chain([Gain(6)])(np.ones((2, 100), np.float32), 44100).shape
    (2, 100)

    Notes
    -----
    Thread: [main]
    """

    is_effect = True
    is_instrument = False

    def __init__(self, plugins: "Iterable[Plugin | StemBridge | Chain]" = ()) -> None:
        self.plugins = tuple(_apart(plugins))
        _refuse_twice(self.plugins)
        self._parts: list[Series | StemBridge] = []
        bridged = any(isinstance(plugin, StemBridge) for plugin in self.plugins)
        natives: list[Plugin] = []
        for plugin in [*self.plugins, None]:
            if isinstance(plugin, Plugin):
                natives.append(plugin)
                continue
            if natives or not self.plugins:
                guarded = bool(self._parts)
                self._parts.append(Series(natives, guarded=guarded, steady=bridged))
                natives = []
            if plugin is not None:
                self._parts.append(plugin)
        self._layout = Layout()
        self._format = (USUAL_RATE, STEREO)
        self._buffer_size = 8192

    def __repr__(self) -> str:
        return f"<plugin_bridge.Chain with {len(self.plugins)} plugins: {list(self.plugins)}>"

    @property
    def latency_samples(self) -> int:
        """By how much streamed output is late: the sum of all parts.

        Native plugins are measured when it is asked for, once for each way they are set, with
        seconds of noise. In the midst of a stream they are not disturbed: what they lack just
        then counts.
        """
        return sum(part.latency_samples for part in self._parts)

    def process(
        self,
        input_array: FloatArray,
        sample_rate: float,
        buffer_size: int = 8192,
        reset: bool = True,
    ) -> FloatArray:
        """Run audio through all plugins.

        Parameters
        ----------
        input_array : float32 or float64
            Shape (channels, samples), (samples, channels) or (samples,): the smaller axis is
            channels; with a bridge, 1 or 2 of them.
        sample_rate : float, Hz
        buffer_size : int, samples that native plugins get at once
        reset : bool
            True: one whole signal, of which everything is given. False: the next block of a
            stream; fewer samples are given until the latency has passed.

        Returns
        -------
        output : float32, laid out as the input, at most as long

        Raises
        ------
        ArrayTypeError, ArrayLayoutError
            Where Pedalboard raises a TypeError or RuntimeError; they are such, too.
        SpecError
            If a bridge cannot run at the sample rate or on so many channels.

        Notes
        -----
        Thread: [main]
        """
        check_arguments(sample_rate, buffer_size, reset)
        audio = self._layout.unpack(input_array, stream=not reset)
        form = self._layout.form or Form()
        reset, sample_rate = bool(reset), float(sample_rate)
        self._format = (sample_rate, len(audio))
        self._buffer_size = buffer_size
        for part in self._parts:
            audio = self._through(part, audio, reset=reset)
        return form.pack(audio)

    __call__ = process

    def flush(self) -> FloatArray:
        """Give what a stream still holds, and end it: in all, as much came out as went in.

        Returns
        -------
        output : float32, laid out as the last input

        Notes
        -----
        Thread: [main]
        """
        audio = np.zeros((self._format[1], 0), np.float32)
        for part in self._parts:
            audio = self._through(part, audio, reset=False)
            rest = part.rest(self._buffer_size) if isinstance(part, Series) else part.rest()
            audio = np.concatenate([audio, rest], axis=1) if rest.shape[1] else audio
        form = self._layout.form or Form()
        self._layout = Layout()  # the plugins have forgotten theirs
        return form.pack(audio)

    def reset(self) -> None:
        """Forget the stream and the layout of arrays.

        Notes
        -----
        Thread: [main]
        """
        self._layout = Layout()
        for part in self._parts:
            part.reset()

    def _through(
        self, part: "Series | StemBridge", audio: FloatArray, *, reset: bool
    ) -> FloatArray:
        if not audio.shape[1] and not reset:
            return audio
        sample_rate = self._format[0]
        if isinstance(part, Series):
            return part.run(audio, sample_rate, self._buffer_size, reset=reset)
        return part.run(audio, sample_rate, reset=reset)


def _apart(plugins: "Iterable[Plugin | StemBridge | Chain]") -> list[Plugin | StemBridge]:
    found: list[Plugin | StemBridge] = []
    for plugin in plugins:
        if isinstance(plugin, Chain):
            found.extend(plugin.plugins)
        elif isinstance(plugin, StemBridge):
            found.append(plugin)
        elif isinstance(plugin, Plugin):
            as_board(plugin, "the chain")  # refuses instruments, and classes written in Python
            found.append(plugin)
        else:
            raise SpecError(
                f"a chain cannot have {plugin!r}; give Pedalboard's own plugins, Pedalboards, "
                "StemBridges and Chains"
            )
    return found


def _refuse_twice(plugins: tuple[Plugin | StemBridge, ...]) -> None:
    bridges = [plugin for plugin in plugins if isinstance(plugin, StemBridge)]
    natives = walk(plugin for plugin in plugins if isinstance(plugin, Plugin))
    seen: set[int] = set()
    for plugin in [*bridges, *natives]:
        if id(plugin) in seen:
            raise SpecError(f"{plugin!r} is in the chain twice; make one for each place")
        seen.add(id(plugin))
