"""Write a session down: what came in, what left for the device, and what was commanded.

Rules of this file
  1. The audio thread copies to tapes of some seconds; an ordinary thread writes them to the disk.
  2. A disk that is too slow costs samples of the take, never of the sound, and the take says so.
  3. Files have their final names only when they are whole.
"""

import threading
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from plugin_bridge.console import Command
from plugin_bridge.console.trust import write_whole
from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.writer import AudioWriter
from plugin_bridge.live.tape import Tape
from plugin_bridge.realtime import realtime

INPUT, OUTPUT, TAKE, MIDI = "input.wav", "out.wav", "take.toml", "take.mid"
FORMAT = 1
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

    Attributes
    ----------
    lost_samples : int, that the disk was too slow for
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
        self, folder: Path, sample_rate: float, inputs: int, outputs: int, block: int
    ) -> None:
        self.folder = folder
        self.lost_samples = 0
        self.trouble = ""
        rate = round(sample_rate)
        capacity = round(HELD_SECONDS * sample_rate) + 4 * block
        self._tapes = (Tape(inputs, capacity), Tape(outputs, capacity))
        self._input, self._output = self._tapes
        self._writers = [AudioWriter(folder / INPUT, rate, inputs, "32f")]
        self._writers.append(AudioWriter(folder / OUTPUT, rate, outputs, "32f"))
        self._commands: deque[Command] = deque()
        self._written = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to write.

        Notes
        -----
        Thread: [main]
        """
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

    def finish(self, described: dict[str, Any]) -> None:
        """Write the rest and the take's description; the stream has ended.

        Parameters
        ----------
        described : dict
            The start state and the counters, as TOML can hold them.

        Notes
        -----
        Thread: [main]
        """
        self._ended.set()
        self._thread.join()
        try:
            self._write(self._output.end)
            for writer in self._writers:
                writer.commit()
            take = {
                "format": FORMAT,
                **described,
                "samples": self._written,
                "lost_samples": self.lost_samples,
                "commands": [vars(command) for command in self._commands],
            }
            write_whole(self.folder / TAKE, tomli_w.dumps(take).encode())
        except (PluginBridgeError, OSError) as error:
            self.trouble = str(error)
        finally:
            for writer in self._writers:
                writer.discard()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self._write(self._output.end)
            except PluginBridgeError as error:
                self.trouble = str(error)
                return

    def _write(self, end: int) -> None:
        """Write what the tapes hold up to `end`, which both have reached."""
        if self.trouble:
            return
        count = end - self._written
        held = self._input.capacity - self._input.capacity // 8  # the newest may be overwritten
        if count > held:
            self.lost_samples += count - held
            for writer, tape in zip(self._writers, self._tapes, strict=True):
                writer.write(np.zeros((tape.channels, count - held), np.float32))
            self._written += count - held
            count = held
        for writer, tape in zip(self._writers, self._tapes, strict=True):
            part = np.zeros((tape.channels, count), np.float32)
            tape.read(self._written, part)
            writer.write(part)
        self._written += count
