"""Tracker modules as songs, through the libopenmpt library: instruments muted but those of a stem.

Rules of this file:
1. A module adds its instruments up and nothing else, so stems add up to the song.
2. Which instrument is which stem is heard, from one note of each: drums have no steady pitch and
   are struck at one or two, bass is low and lasts. What is neither clear nor of other is muted, and
   so are choirs, which say it by their names.
3. A render gives no more than the longest song, whatever loops.
"""

import ctypes
import ctypes.util
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.library import RATE, SILENT, Job, UnusableError
from models.data.sound import Floats

SOURCE = "module"
ENDINGS = (".it", ".xm", ".s3m", ".mod")
LONGEST, SHORTEST = 420.0, 20.0  # s of a song
SEPARATION = 60  # percent; modules put whole instruments on one side
SEPARATION_PARAMETER = 2  # its number in the library
CHUNK = 4096
PROBE = 1.0  # s that are heard of a note
WINDOW = 6000  # samples in which a pitch is looked for
BASS = (25.0, 125.0)  # Hz, of its median note
RUMBLE = 0.2  # share of the energy of other below 100 Hz; with more, a bass or a kick is among it
DEEP = 0.6  # share of the energy of bass below 400 Hz; with less, it plays melodies
SUNG = re.compile(r"choir|vox|voice|vocal|\b(aah|ahh|ooh|speech|sing|human)\b", re.IGNORECASE)
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
def _openmpt() -> ctypes.CDLL:
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
        self._openmpt, self._hands = _openmpt(), _Interactive()
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


@dataclass(frozen=True)
class Sound:
    """What is heard of an instrument, and how it is used.

    Attributes
    ----------
    name : str
    pitches : int
        Different pitches that it plays.
    same : float
        Share of its notes at the two pitches that it plays most.
    hertz, steady : float
        Pitch 0.12 s after the beginning of its median note, and how periodic it is there, 0 to 1.
    noise : float
        Spectral flatness between 200 and 6000 Hz.
    low, mid, high : float
        Shares of the energy below 150, below 400 and above 3000 Hz.
    soon, late : float
        Levels at 0.3 and 0.7 s in dB above the first 0.1 s.
    """

    name: str
    pitches: int
    same: float
    hertz: float
    steady: float
    noise: float
    low: float
    mid: float
    high: float
    soon: float
    late: float


def stem_of(sound: Sound) -> str | None:
    """Give the stem that an instrument belongs to, None if that is unclear or it sings.

    Notes
    -----
    Thread: [any]
    """
    if SUNG.search(sound.name):
        return None
    struck = sound.same >= 0.65
    tuned = sound.steady >= 0.9 and BASS[0] <= sound.hertz <= BASS[1] and sound.mid >= 0.75
    rules = {
        "drums": (
            struck and sound.mid >= 0.85 and sound.pitches <= 3 and sound.soon < -20,
            struck and sound.noise >= 0.01 and sound.steady < 0.85 and sound.late < -8,
            struck and sound.high > 0.8 and sound.late < -8,
        ),
        "bass": (tuned and sound.soon > -20,),
        "other": (
            sound.steady >= 0.85 and sound.hertz > BASS[1],
            sound.steady < 0.85 and sound.noise < 0.01 and sound.high < 0.8,
        ),
    }
    return next((stem for stem, those in rules.items() if any(those)), None)


def _pitch(wave: Floats) -> tuple[float, float]:
    """Hertz and periodicity by autocorrelation; 0, 0 for silence."""
    wave = wave - wave.mean()
    count, energy = len(wave), np.cumsum(np.square(wave, dtype=np.float64))
    shortest, longest = int(RATE / 1500), min(int(RATE / BASS[0]), count // 2)
    if longest <= shortest + 2 or energy[-1] < 1e-7:
        return 0.0, 0.0
    size = 1 << (2 * count).bit_length()
    product = np.fft.irfft(np.abs(np.fft.rfft(wave, size)) ** 2, size)[shortest:longest]
    lags = np.arange(shortest, longest)
    head, tail = energy[count - 1 - lags], energy[-1] - energy[lags - 1]
    found: NDArray[np.float64] = product / np.sqrt(head * tail + 1e-12)
    best = float(found.max())
    inner = found[1:-1]
    peaks = np.flatnonzero((inner >= found[:-2]) & (inner > found[2:]) & (inner > 0.9 * best))
    return (float(RATE / (lags[peaks[0] + 1])), best) if len(peaks) else (0.0, best)


def listen(name: str, played: Counter[int], wave: Floats) -> Sound | None:
    """Describe an instrument by its median note; None if nothing is heard.

    Parameters
    ----------
    name : str
    played : Counter
        Its notes by pitch.
    wave : float32, shape (samples,)
        Its median note, a second long.

    Notes
    -----
    Thread: [any]
    """
    highest = float(np.abs(wave).max(initial=0))
    if highest < SILENT:
        return None
    wave = wave[int(np.argmax(np.abs(wave) > 0.05 * highest)) :]
    wave = np.pad(wave, (0, max(0, RATE - len(wave))))
    hertz, steady = _pitch(wave[int(0.12 * RATE) :][:WINDOW])
    power = np.abs(np.fft.rfft(wave[: 1 << 14] * np.hanning(1 << 14))) ** 2 + 1e-12
    f = np.fft.rfftfreq(1 << 14, 1 / RATE)
    band = power[(f > 200) & (f < 6000)]

    def level(start: float) -> float:
        part = wave[int(start * RATE) :][: RATE // 10]
        return 10 * float(np.log10(np.square(part, dtype=np.float64).mean() + 1e-12))

    return Sound(
        name=name,
        pitches=len(played),
        same=sum(count for _, count in played.most_common(2)) / played.total(),
        hertz=hertz,
        steady=steady,
        noise=float(np.exp(np.log(band).mean()) / band.mean()),
        low=float(power[f < 150].sum() / power.sum()),
        mid=float(power[f < 400].sum() / power.sum()),
        high=float(power[f > 3000].sum() / power.sum()),
        soon=level(0.3) - level(0),
        late=level(0.7) - level(0),
    )


def sorted_instruments(module: Module) -> dict[str, set[int]]:
    """Give the instruments of each stem; those that are unclear are in none.

    Notes
    -----
    Thread: [any]
    """
    found: dict[str, set[int]] = {}
    for i, played in enumerate(module.notes()):
        if played:
            median = sorted(played.elements())[played.total() // 2]
            sound = listen(module.names[i], played, module.note(i, median))
            stem = stem_of(sound) if sound else None
            if stem:
                found.setdefault(stem, set()).add(i)
    return found


def share_below(track: Floats, hertz: float) -> float:
    """Give the share of a track's energy below a frequency.

    Notes
    -----
    Thread: [any]
    """
    size = 1 << 13
    wave = track.mean(0)[: track.shape[1] // size * size].reshape(-1, size)[::4]
    power = (np.abs(np.fft.rfft(wave * np.hanning(size).astype(np.float32))) ** 2).sum(0)
    return float(power[: int(hertz / RATE * size) + 1].sum() / (power.sum() + 1e-12))


def load(path: Path) -> dict[str, Floats]:
    """Play a module stem by stem.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)
        Equally long, as loud as the module is.

    Raises
    ------
    UnusableError
        If it is no module, is short, has not both drums and something else that is clear, or
        its bass lies high or its other low.

    Notes
    -----
    Thread: [any]
    """
    with Module(path) as module:
        if module.seconds < SHORTEST:
            raise UnusableError(f"{path} plays {module.seconds:.0f} s; leave it out")
        instruments = sorted_instruments(module)
        if "drums" not in instruments or len(instruments) < 2:
            raise UnusableError(f"{path} has no clear drums, or nothing else; leave it out")
        stems = {stem: module.render(heard) for stem, heard in sorted(instruments.items())}
    if "bass" in stems and share_below(stems["bass"], 400) < DEEP:
        raise UnusableError(f"{path} has a bass that plays high; leave it out")
    if "other" in stems and share_below(stems["other"], 100) > RUMBLE:
        raise UnusableError(f"{path} has bass or drums among its other instruments; leave it out")
    return stems


def jobs(root: Path, split: str = "train") -> Iterator[Job]:
    """Give one job per module below `root`.

    Raises
    ------
    ValueError
        If there is none, or libopenmpt is not installed.

    Notes
    -----
    Thread: [main]
    """
    found = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in ENDINGS]
    if not found:
        raise ValueError(f"{root} holds no modules; put {', '.join(ENDINGS)} files there")
    _openmpt()
    for path in found:
        name = path.relative_to(root).as_posix().replace("/", "-")
        yield Job(SOURCE, f"{root.name}-{name}", split, partial(load, path))
