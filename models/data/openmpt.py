"""A tracker module that the libopenmpt library plays, instrument by instrument.

A render gives no more than the longest song, whatever loops.
"""

import ctypes
import ctypes.util
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np

from models.data.library import RATE, UnusableError
from models.data.sound import Floats

LONGEST = 420.0  # s of a song
SEPARATION = 60  # percent; modules put whole instruments on one side
SEPARATION_PARAMETER = 2  # its number in the library
CHUNK = 4096
PROBE = 1.0  # s that are heard of a note
NOTE, INSTRUMENT = 0, 1  # columns of a pattern
HIGHEST_NOTE = 120
LIBRARY_MISSING = "libopenmpt is not installed; on Debian and Ubuntu: apt-get install libopenmpt0"

_MUTE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)


class _Interactive(ctypes.Structure):
    """The library's functions for playing by hand; unused ones are named for their place."""

    _fields_ = [
        *((f"_{i}", ctypes.c_void_p) for i in range(10)),
        ("mute_channel", _MUTE),
        ("_11", ctypes.c_void_p),
        ("mute_instrument", _MUTE),
        ("_13", ctypes.c_void_p),
        (
            "play_note",
            ctypes.CFUNCTYPE(
                ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_double,
                ctypes.c_double,
            ),
        ),
        ("_15", ctypes.c_void_p),
    ]  # fmt: skip


@cache
def openmpt() -> ctypes.CDLL:
    """Load the library, and say how its functions are called.

    Raises
    ------
    ValueError
        If it is not installed.

    Notes
    -----
    Thread: [any]
    """
    found = ctypes.util.find_library("openmpt")
    if not found:
        raise ValueError(LIBRARY_MISSING)
    library = ctypes.CDLL(found)
    handle, number, real, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_double, ctypes.c_char_p
    calls: dict[str, tuple[object, tuple[object, ...]]] = {
        "module_ext_create_from_memory": (
            handle, (text, ctypes.c_size_t, *[handle] * 7),
        ),
        "module_ext_destroy": (None, (handle,)),
        "module_ext_get_module": (handle, (handle,)),
        "module_ext_get_interface": (ctypes.c_int, (handle, text, handle, ctypes.c_size_t)),
        "module_get_duration_seconds": (real, (handle,)),
        "module_set_position_seconds": (real, (handle, real)),
        "module_set_repeat_count": (ctypes.c_int, (handle, number)),
        "module_get_num_instruments": (number, (handle,)),
        "module_get_num_samples": (number, (handle,)),
        "module_get_num_channels": (number, (handle,)),
        "module_get_num_orders": (number, (handle,)),
        "module_get_order_pattern": (number, (handle, number)),
        "module_get_pattern_num_rows": (number, (handle, number)),
        "module_get_pattern_row_channel_command": (
            ctypes.c_uint8, (handle, number, number, number, ctypes.c_int),
        ),
        "module_get_instrument_name": (handle, (handle, number)),
        "module_get_sample_name": (handle, (handle, number)),
        "free_string": (None, (handle,)),
        "module_read_interleaved_float_stereo": (
            ctypes.c_size_t, (handle, number, ctypes.c_size_t, handle),
        ),
        "module_set_render_param": (ctypes.c_int, (handle, ctypes.c_int, number)),
    }  # fmt: skip
    for name, (result, arguments) in calls.items():
        function = getattr(library, f"openmpt_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class Module:
    """An opened module; close it, or use it in a `with`.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    seconds : float
    names : list of str
        Of the instruments, or of the samples where a module has no instruments.

    Raises
    ------
    ValueError
        If libopenmpt is not installed.
    UnusableError
        If the file is no module.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, path: Path) -> None:
        self._openmpt, self._hands = openmpt(), _Interactive()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UnusableError(f"{path} cannot be read: {error}") from error
        silent = ctypes.cast(self._openmpt.openmpt_log_func_silent, ctypes.c_void_p)
        self._outer = self._openmpt.openmpt_module_ext_create_from_memory(
            data, len(data), silent, *[None] * 6
        )
        if not self._outer:
            raise UnusableError(f"{path} is no module that libopenmpt knows; leave it out")
        self._openmpt.openmpt_module_ext_get_interface(
            self._outer, b"interactive", ctypes.byref(self._hands), ctypes.sizeof(self._hands)
        )
        self._inner = self._openmpt.openmpt_module_ext_get_module(self._outer)
        self._ask("set_render_param", SEPARATION_PARAMETER, SEPARATION)
        self.seconds = float(self._ask("get_duration_seconds"))
        kind = "instrument" if self._ask("get_num_instruments") else "sample"
        self.names = [
            self._text(f"get_{kind}_name", i) for i in range(self._ask(f"get_num_{kind}s"))
        ]

    def __enter__(self) -> "Module":
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what the library holds; the module is not used any more."""
        if self._outer:
            self._openmpt.openmpt_module_ext_destroy(self._outer)
            self._outer = None

    def _ask(self, what: str, *given: float) -> int:
        answer: int = getattr(self._openmpt, f"openmpt_module_{what}")(self._inner, *given)
        return answer

    def _text(self, what: str, index: int) -> str:
        text = self._ask(what, index)
        name = ctypes.string_at(text).decode("utf-8", "replace") if text else ""
        self._openmpt.openmpt_free_string(text)
        return name

    def notes(self) -> list[Counter[int]]:
        """Count the notes of each instrument, as MIDI pitches, in the order of the song."""
        found: list[Counter[int]] = [Counter() for _ in self.names]
        channels = range(self._ask("get_num_channels"))
        column = "get_pattern_row_channel_command"
        for order in range(self._ask("get_num_orders")):
            pattern = self._ask("get_order_pattern", order)
            for row in range(max(0, self._ask("get_pattern_num_rows", pattern))):
                for channel in channels:
                    note = self._ask(column, pattern, row, channel, NOTE)
                    instrument = self._ask(column, pattern, row, channel, INSTRUMENT)
                    if 0 < note <= HIGHEST_NOTE and 0 < instrument <= len(found):
                        found[instrument - 1][note - 1] += 1
        return found

    def _mute(self, channels: bool, instruments: set[int]) -> None:
        for i in range(self._ask("get_num_channels")):
            self._hands.mute_channel(self._outer, i, int(channels))
        for i in range(len(self.names)):
            self._hands.mute_instrument(self._outer, i, int(i in instruments))

    def _read(self, samples: int) -> Floats:
        audio, at = np.zeros((samples, 2), np.float32), 0
        while at < samples:
            count = min(CHUNK, samples - at)
            got = self._openmpt.openmpt_module_read_interleaved_float_stereo(
                self._inner, RATE, count, audio[at:].ctypes.data_as(ctypes.c_void_p)
            )
            if not got:
                break
            at += got
        return np.ascontiguousarray(audio[:at].T)

    def render(self, heard: set[int]) -> Floats:
        """Play the song with the instruments heard, float32, shape (2, samples)."""
        self._mute(False, set(range(len(self.names))) - heard)
        self._ask("set_repeat_count", 0)
        self._ask("set_position_seconds", 0.0)
        return self._read(int(min(self.seconds, LONGEST) * RATE))

    def note(self, instrument: int, pitch: int) -> Floats:
        """Play a note of an instrument for a second, the song muted, float32, shape (samples,)."""
        self._mute(True, set())
        self._ask("set_position_seconds", 0.0)
        self._hands.play_note(self._outer, instrument, pitch, 1.0, 0.0)
        return self._read(int(PROBE * RATE)).mean(0)
