"""Notes through the fluidsynth library: banks of recorded instruments, played by MIDI events.

Rules of this file:
1. A bank is read once per process and kept; a synthesiser is made for every render and freed
   after it. So nothing of one song is heard in the next: same events, same samples.
2. A render gives the samples asked for and no more, whatever note hangs, and gives up when it
   takes too long.
3. fluidsynth's own reverb and chorus are off: rooms are the mixer's business.
"""

import ctypes
import ctypes.util
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.data.library import RATE, UnusableError
from models.data.sound import Floats

FOLDERS = tuple(
    Path(folder)
    for folder in ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
)
BLOCK = 64  # samples, fluidsynth's own; events take effect at its start
LONGEST = 1200.0  # s, of one render
MOST_EVENTS = 400_000
PATIENCE = 5.0  # renders may take this times their length, contention included
VOICES = 160  # notes that sound at once; the oldest are ended beyond that
GAIN = 0.5
LIBRARY_MISSING = "fluidsynth is not installed; on Debian and Ubuntu: apt-get install fluidsynth"


@dataclass(frozen=True)
class Bank:
    """A soundfont: its file's name and the Debian package that has it."""

    file: str
    package: str


BANKS = {
    "fluid": Bank("FluidR3_GM.sf2", "fluid-soundfont-gm"),
    "tim": Bank("TimGM6mb.sf2", "timgm6mb-soundfont"),
    "musescore": Bank("MuseScore_General_Lite.sf3", "musescore-general-soundfont-small"),
    "pearl": Bank("Black_Pearl_4_LV2.sf2", "avldrums.lv2-soundfont"),
    "zeppelin": Bank("Red_Zeppelin_4_LV2.sf2", "avldrums.lv2-soundfont"),
}
GENERAL = ("fluid", "tim", "musescore")  # banks in the General MIDI order
ACOUSTIC = ("pearl", "zeppelin")  # one drum kit each, as program 0


class Event(NamedTuple):
    """A channel message at a sample: kind is on, off, program, control or bend.

    `first` and `second` are its data: key and velocity, program, controller and value, or the
    bend as 0 .. 16383. Program chooses among drum kits on channel 9.
    """

    at: int
    kind: str
    channel: int
    first: int
    second: int = 0


# Order of events at one place: what ends a note comes before what starts one.
ORDER = {"program": 0, "control": 1, "bend": 2, "off": 3, "on": 4}


@cache
def _fluid() -> ctypes.CDLL:
    """Load the library and declare what is called."""
    found = ctypes.util.find_library("fluidsynth")
    if not found:
        raise ValueError(LIBRARY_MISSING)
    fluid = ctypes.CDLL(found)
    handle, text, number, real = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_double
    calls: dict[str, tuple[object, tuple[object, ...]]] = {
        "new_fluid_settings": (handle, ()),
        "fluid_settings_setnum": (number, (handle, text, real)),
        "fluid_settings_setint": (number, (handle, text, number)),
        "new_fluid_synth": (handle, (handle,)),
        "delete_fluid_synth": (None, (handle,)),
        "fluid_synth_sfload": (number, (handle, text, number)),
        "fluid_synth_get_sfont_by_id": (handle, (handle, number)),
        "fluid_synth_add_sfont": (number, (handle, handle)),
        "fluid_synth_remove_sfont": (number, (handle, handle)),
        "fluid_synth_noteon": (number, (handle, number, number, number)),
        "fluid_synth_noteoff": (number, (handle, number, number)),
        "fluid_synth_program_change": (number, (handle, number, number)),
        "fluid_synth_cc": (number, (handle, number, number, number)),
        "fluid_synth_pitch_bend": (number, (handle, number, number)),
        "fluid_synth_write_float": (
            number, (handle, number, handle, number, number, handle, number, number),
        ),
        "fluid_set_log_function": (handle, (number, handle, handle)),
    }  # fmt: skip
    for name, (result, arguments) in calls.items():
        function = getattr(fluid, name)
        function.restype, function.argtypes = result, arguments
    for level in range(5):  # its warnings repeat per channel; failures come as return values
        fluid.fluid_set_log_function(level, None, None)
    return fluid


@cache
def _settings() -> int:
    fluid = _fluid()
    settings: int = fluid.new_fluid_settings()
    fluid.fluid_settings_setnum(settings, b"synth.sample-rate", float(RATE))
    fluid.fluid_settings_setnum(settings, b"synth.gain", GAIN)
    for name, value in (("reverb.active", 0), ("chorus.active", 0), ("polyphony", VOICES)):
        fluid.fluid_settings_setint(settings, f"synth.{name}".encode(), value)
    return settings


def path_of(name: str) -> Path | None:
    """Find a bank's file, None where it is not installed.

    Notes
    -----
    Thread: [any]
    """
    paths = (folder / BANKS[name].file for folder in FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def check() -> None:
    """Say what is not installed.

    Raises
    ------
    ValueError
        If fluidsynth or one of the banks is missing; names the packages to install.

    Notes
    -----
    All banks are wanted, because songs are drawn from all: fewer banks would be other songs.
    Thread: [any]
    """
    _fluid()
    missing = sorted({BANKS[name].package for name in BANKS if path_of(name) is None})
    if missing:
        raise ValueError(
            f"{len(missing)} soundfont packages are missing; on Debian and Ubuntu: apt-get install "
            + " ".join(missing)
        )


class SoundFont:
    """A bank in memory.

    Parameters
    ----------
    path : Path
        An sf2 or sf3 file; reading sf3 takes some seconds.

    Raises
    ------
    UnusableError
        If the file is no soundfont.

    Notes
    -----
    Thread: [any], one at a time
    """

    def __init__(self, path: Path) -> None:
        fluid = _fluid()
        synth = fluid.new_fluid_synth(_settings())
        number = fluid.fluid_synth_sfload(synth, str(path).encode(), 0)
        if number < 0:
            fluid.delete_fluid_synth(synth)
            raise UnusableError(f"{path} is no soundfont, or damaged; install its package anew")
        self._font: int = fluid.fluid_synth_get_sfont_by_id(synth, number)
        fluid.fluid_synth_remove_sfont(synth, self._font)
        fluid.delete_fluid_synth(synth)

    def render(self, events: Iterable[Event], samples: int) -> Floats:
        """Play events from silence.

        Parameters
        ----------
        events : iterable of Event
            In any order; those at or after `samples` are not played.
        samples : int

        Returns
        -------
        track : float32, shape (2, samples)

        Raises
        ------
        UnusableError
            If it would be longer than 1200 s or have over 400,000 events, or when it takes five
            times its length and more.
        """
        given = sorted(events, key=lambda event: (event.at // BLOCK, ORDER[event.kind]))
        if samples > LONGEST * RATE or len(given) > MOST_EVENTS:
            raise UnusableError(
                f"{samples / RATE:.0f} s and {len(given)} events to play, at most {LONGEST:.0f} s "
                f"and {MOST_EVENTS} are allowed; cut the piece"
            )
        fluid, out = _fluid(), np.zeros((2, -(-samples // BLOCK) * BLOCK), np.float32)
        synth = fluid.new_fluid_synth(_settings())
        fluid.fluid_synth_add_sfont(synth, self._font)
        try:
            self._play(synth, given, out)
        finally:
            fluid.fluid_synth_remove_sfont(synth, self._font)
            fluid.delete_fluid_synth(synth)
        return out[:, :samples]

    def _play(self, synth: int, events: list[Event], out: Floats) -> None:
        fluid, size = _fluid(), out.shape[1]
        act: dict[str, Callable[..., object]] = {
            "on": fluid.fluid_synth_noteon,
            "control": fluid.fluid_synth_cc,
            "off": lambda s, channel, key, _: fluid.fluid_synth_noteoff(s, channel, key),
            "program": lambda s, channel, to, _: fluid.fluid_synth_program_change(s, channel, to),
            "bend": lambda s, channel, to, _: fluid.fluid_synth_pitch_bend(s, channel, to),
        }
        until = time.monotonic() + 30 + PATIENCE * size / RATE
        place = 0
        for block, together in groupby(events, key=lambda event: event.at // BLOCK):
            if block * BLOCK >= size:
                break
            place = self._write(synth, out, place, max(0, block * BLOCK), until)
            for event in together:
                act[event.kind](synth, event.channel, event.first, event.second)
        self._write(synth, out, place, size, until)

    def _write(self, synth: int, out: Floats, place: int, end: int, until: float) -> int:
        left, right = out[0].ctypes.data, out[1].ctypes.data
        while place < end:
            if time.monotonic() > until:
                raise UnusableError(
                    f"playing {out.shape[1] / RATE:.0f} s of notes takes too long; give the "
                    "machine more time or leave the piece out"
                )
            step = min(end - place, RATE // BLOCK * BLOCK)
            _fluid().fluid_synth_write_float(synth, step, left, place, 1, right, place, 1)
            place += step
        return place


@cache
def bank(name: str) -> SoundFont:
    """Give a bank by its name in BANKS, read on first use in this process.

    Raises
    ------
    ValueError
        If it is not installed.

    Notes
    -----
    Thread: [any]
    """
    path = path_of(name)
    if path is None:
        check()
        raise ValueError(f"{BANKS[name].file} is gone; install {BANKS[name].package} again")
    return SoundFont(path)
