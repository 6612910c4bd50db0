"""Write a session down: what came in, what left for the device, and what was commanded.

Rules of this file
  1. The audio thread copies to tapes of some seconds; an ordinary thread writes them to the disk.
  2. A disk that is too slow costs samples of the take, never of the sound, and the take says so.
  3. Files have their final names only when they are whole, see parts.py.
"""

import errno
import threading
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from plugin_bridge.console import Command
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.live.control import Cells, Recording
from plugin_bridge.live.parts import INPUT, OUTPUT, Journal, discard, part, seal
from plugin_bridge.live.tape import Tape
from plugin_bridge.live.wave import WavePart
from plugin_bridge.realtime import realtime

# What the disk may stand still for.
HELD_SECONDS = 5.0
# Between two looks at the tapes.
LOOK_SECONDS = 0.1


class Recorder:
    """Record a stream into a folder.

    Parameters
    ----------
    folder : Path, which exists
    sample_rate : float, Hz
    inputs, outputs : int, channels
    block : int, the most samples of a callback
    cells : int64, of the control block: what it tells, and the counters of the take

    Attributes
    ----------
    trouble : str, why writing failed; "" if it did not

    Raises
    ------
    PluginBridgeError
        If the folder cannot be written.

    Notes
    -----
    Thread: `hear` [audio]; `note` [worker]; the others [main]
    """

    def __init__(
        self,
        folder: Path,
        sample_rate: float,
        inputs: int,
        outputs: int,
        block: int,
        cells: Cells,
    ) -> None:
        self.folder, self._cells = folder, cells
        self.trouble = ""
        rate = round(sample_rate)
        capacity = round(HELD_SECONDS * sample_rate) + 4 * block
        self._tapes = (Tape(inputs, capacity), Tape(outputs, capacity))
        self._input, self._output = self._tapes
        self._waves = (
            WavePart(part(folder, INPUT), rate, inputs),
            WavePart(part(folder, OUTPUT), rate, outputs),
        )
        self._commands: deque[Command] = deque()
        self._written = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self, described: dict[str, Any]) -> None:
        """Begin to write.

        Parameters
        ----------
        described : dict, as TOML can hold it
            The session and its start state; `rate` in Hz is needed.

        Raises
        ------
        PluginBridgeError
            If the folder cannot be written.

        Notes
        -----
        Thread: [main]
        """
        self._journal = Journal(self.folder, described)
        self._thread.start()

    @realtime
    def hear(self, samples: FloatArray, out: FloatArray) -> None:
        """Keep a block.

        Parameters
        ----------
        samples : float32, shape (inputs, n)
        out : float32, shape (outputs, n)

        Notes
        -----
        Thread: [audio]
        """
        self._input.write(samples)
        self._output.write(out)

    def note(self, command: Command) -> None:
        """Keep a command with the position at which it was followed.

        Notes
        -----
        Thread: [worker]
        """
        self._commands.append(command)

    def finish(self) -> None:
        """Write the rest, and make a take of it; the stream has ended.

        Notes
        -----
        Thread: [main]
        """
        self._end()
        try:
            self._write()
            self._close()
            seal(self.folder, self._cells, cut_off=bool(self.trouble))
        except (PluginBridgeError, OSError) as error:
            self._fail(error)

    def discard(self) -> None:
        """Leave nothing behind; the stream did not begin.

        Notes
        -----
        Thread: [main]
        """
        self._end()
        self._close()
        discard(self.folder)

    def _end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _close(self) -> None:
        """Let go of the files: some systems do not rename or remove one that is open."""
        for wave in self._waves:
            wave.close()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self._write()
            except PluginBridgeError as error:
                self._fail(error)
                return

    def _fail(self, error: Exception) -> None:
        self.trouble = str(error)
        cause = error if isinstance(error, OSError) else error.__cause__
        self._cells[Recording.ERROR] = getattr(cause, "errno", None) or errno.EIO

    def _write(self) -> None:
        """Write what the tapes hold; first the commands that the sound has followed."""
        if self.trouble:
            return
        count = self._output.end - self._written  # the input is as far, or further
        self._journal.add([self._commands.popleft() for _ in range(len(self._commands))])
        held = self._input.capacity - self._input.capacity // 8  # the newest may be overwritten
        if count > held:
            self._journal.lose(count - held)
            for wave, tape in zip(self._waves, self._tapes, strict=True):
                wave.write(np.zeros((tape.channels, count - held), np.float32))
            self._written += count - held
            count = held
        for wave, tape in zip(self._waves, self._tapes, strict=True):
            samples = np.zeros((tape.channels, count), np.float32)
            tape.read(self._written, samples)
            wave.write(samples)
        self._written += count
