"""Recorded voices, analysed by WORLD: pitch, envelope and noisiness per frame, and syllables.

Rules of this file:
1. An analysis is a function of the recording alone. It is kept in a cache folder, and what is
   read from there equals what was just made, so a song is the same with and without it.
2. A cache that cannot be written is no error: the analysis is made again.
"""

import hashlib
import importlib.util
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.data.folders import read
from models.data.library import RATE, UnusableError
from models.data.sound import Floats

CACHE = Path(__file__).resolve().parents[2] / "build" / "cache" / "voices"
VERSION = 1  # of what the cache holds
FRAME = 0.005  # s
FFT = 2048  # WORLD's own at 44.1 kHz
BANDS = 128  # of an envelope, dense below 1 kHz
LONGEST = 20.0  # s that are read of a recording
FLOOR = -28.0  # natural log of power; silence
HISS_LOW = 4000.0  # Hz, above which fricatives have their energy
PYWORLD_MISSING = (
    "the singer needs pyworld, which the workshop's extra brings: make setup-models, which builds "
    "it with g++"
)


@dataclass(frozen=True)
class Take:
    """One analysed recording.

    Attributes
    ----------
    pitch : float32, shape (frames,)
        MIDI pitch; 0 where unvoiced.
    envelope : float32, shape (frames, BANDS)
        Natural log of power at `centres()`; 0 is about the loudest nucleus.
    noisiness : float32, shape (frames, bands)
        Aperiodicity in dB as WORLD codes it.
    syllables : int32, shape (n, 4)
        Frames: beginning, nucleus from .. to, end.
    hisses : tuple of float32 arrays
        Fricatives, as recorded, against a nucleus of RMS one.
    """

    pitch: Floats
    envelope: Floats
    noisiness: Floats
    syllables: NDArray[np.int32]
    hisses: tuple[Floats, ...]


@cache
def world() -> ModuleType:
    """Give pyworld's extension module.

    Raises
    ------
    ValueError
        If pyworld is not installed.

    Notes
    -----
    The package itself asks pkg_resources for its own version number, which current setuptools
    no longer has; the extension does not. Thread: [any]
    """
    spec = importlib.util.find_spec("pyworld")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for ending in EXTENSION_SUFFIXES:
            path = Path(folder) / f"pyworld{ending}"
            inner = importlib.util.spec_from_file_location("pyworld.pyworld", path)
            if path.is_file() and inner and inner.loader:
                module = importlib.util.module_from_spec(inner)
                inner.loader.exec_module(module)
                return module
    raise ValueError(PYWORLD_MISSING)


@cache
def centres() -> NDArray[np.float64]:
    """Frequencies of the bands in Hz, shape (BANDS,): even on the mel scale."""
    top = 1127 * np.log(1 + RATE / 2 / 700)
    return np.asarray(700 * (np.exp(np.linspace(0, top, BANDS) / 1127) - 1), np.float64)


@cache
def _weights() -> NDArray[np.float64]:
    """Triangles that average power into bands, shape (bins, BANDS)."""
    f, c = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None], centres()
    width = np.maximum(np.gradient(c), RATE / FFT)
    weights = np.maximum(0, 1 - np.abs(f - c) / width)
    return np.asarray(weights / weights.sum(0), np.float64)


def spread_out(envelope: Floats, size: float = 1.0) -> NDArray[np.float64]:
    """Power spectra from envelopes.

    Parameters
    ----------
    envelope : float32, shape (frames, BANDS)
    size : float
        Of the vocal tract: formants move up by this factor.

    Returns
    -------
    power : float64, shape (frames, FFT // 2 + 1), C order

    Notes
    -----
    Thread: [any]
    """
    f = np.linspace(0, RATE / 2, FFT // 2 + 1) / size
    bands = np.eye(BANDS)
    weights = np.stack([np.interp(f, centres(), row) for row in bands])
    return np.ascontiguousarray(np.exp(envelope.astype(np.float64) @ weights))


def smoothed(curve: Floats, frames: float) -> Floats:
    """Gaussian smoothing with the given spread in frames, edges held, shape kept.

    Notes
    -----
    Thread: [any]
    """
    reach = max(1, int(3 * frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(frames, 0.3)) ** 2)
    padded = np.pad(curve, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid").astype(np.float32)


def syllables(loud: Floats, voiced: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Find syllables: peaks of loudness where the voice sounds, and the valleys between them.

    Parameters
    ----------
    loud : float32, shape (frames,)
        dB.
    voiced : bool, shape (frames,)

    Returns
    -------
    syllables : int32, shape (n, 4)
        Beginning, first and last frame of the nucleus, end.

    Notes
    -----
    Thread: [any]
    """
    curve = smoothed(loud, 4)
    inside = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] > curve[2:]) & voiced[1:-1])
    peaks: list[int] = []
    for peak in (int(i) + 1 for i in inside if curve[i + 1] > curve.max() - 25):
        if peaks:
            last = peaks[-1]
            valley = float(curve[last:peak].min())
            if min(curve[last], curve[peak]) - valley < 3 or peak - last < 14:
                peaks[-1] = peak if curve[peak] > curve[last] else last
                continue
        peaks.append(peak)
    edges = [max(0, peaks[0] - 40)] if peaks else []
    edges += [a + int(np.argmin(curve[a:b])) for a, b in pairwise(peaks)]
    edges += [min(len(curve) - 1, peaks[-1] + 40)] if peaks else []
    found = []
    for i, peak in enumerate(peaks):
        left = right = peak
        while left > edges[i] and voiced[left - 1] and curve[left - 1] > curve[peak] - 5:
            left -= 1
        while right < edges[i + 1] - 1 and voiced[right + 1] and curve[right + 1] > curve[peak] - 5:
            right += 1
        if right - left >= 6:
            found.append((edges[i], left, right, edges[i + 1]))
    return np.array(found, np.int32).reshape(-1, 4)


def _hisses(audio: Floats, power: NDArray[np.float64], voiced: NDArray[np.bool_]) -> list[Floats]:
    """Fricatives of 40 to 160 ms with a little fade at both ends."""
    f = np.linspace(0, RATE / 2, power.shape[1])
    high = power[:, f > HISS_LOW].sum(1) / (power.sum(1) + 1e-20)
    loud = power.sum(1)
    sounds = (high > 0.6) & ~voiced & (loud > loud.max() * 3e-5)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sounds.astype(np.int8), [0]])))
    found = []
    for first, last in edges.reshape(-1, 2):
        if last - first >= 8:
            start = round(first * FRAME * RATE)
            cut = audio[start : start + round(min(last - first, 32) * FRAME * RATE)].copy()
            ramp = np.linspace(0, 1, min(220, len(cut)), dtype=np.float32)
            cut[: len(ramp)] *= ramp
            cut[len(cut) - len(ramp) :] *= ramp[::-1]
            found.append(cut)
    return found[:6]


def analyse(audio: Floats) -> Take:
    """Analyse one voice.

    Parameters
    ----------
    audio : float32, shape (samples,)
        44.1 kHz; longer than 0.3 s.

    Raises
    ------
    UnusableError
        If no syllable is found: noise, silence, or not a voice.

    Notes
    -----
    Thread: [any]
    """
    pw, x = world(), np.ascontiguousarray(audio, np.float64)
    coarse, time = pw.dio(x, RATE, frame_period=1000 * FRAME)
    f0 = pw.stonemask(x, coarse, time, RATE)
    power = pw.cheaptrick(x, f0, time, RATE)
    noisy = pw.code_aperiodicity(pw.d4c(x, f0, time, RATE), RATE)
    voiced = f0 > 0
    loud = (10 * np.log10(power.sum(1) + 1e-12)).astype(np.float32)
    found = syllables(loud, voiced) if voiced.sum() > 20 and len(f0) > 60 else None
    if found is None or not len(found):
        raise UnusableError("no syllable found in it; give recordings of one voice")
    level = float(np.percentile(power.sum(1)[voiced], 90))
    rms = float(np.sqrt(np.percentile((x**2)[: len(x) // 220 * 220].reshape(-1, 220).mean(1), 90)))
    envelope = np.log(np.maximum(power @ _weights() / level, np.exp(FLOOR)))
    pitch = np.where(voiced, 69 + 12 * np.log2(np.maximum(f0, 20) / 440), 0)
    hisses = [cut / np.float32(max(rms, 1e-6)) for cut in _hisses(audio, power, voiced)]
    return Take(
        pitch.astype(np.float32), envelope.astype(np.float32), noisy.astype(np.float32), found,
        tuple(hisses),
    )  # fmt: skip


@lru_cache(maxsize=160)
def take(path: Path, folder: Path | None = None) -> Take:
    """Give the analysis of a recording, from the cache or made now.

    Parameters
    ----------
    path : Path
    folder : Path, optional
        The cache; CACHE without it.

    Raises
    ------
    UnusableError
        If it cannot be read or has no syllable.

    Notes
    -----
    Thread: [any]
    """
    about = path.stat()
    tag = f"{VERSION} {path.resolve()} {about.st_size} {about.st_mtime_ns}"
    kept = (folder or CACHE) / f"{hashlib.sha256(tag.encode()).hexdigest()[:24]}.npz"
    try:
        with np.load(kept) as data:
            cuts = np.cumsum(data["lengths"])[:-1]
            hisses = tuple(np.split(data["hisses"], cuts)) if len(data["lengths"]) else ()
            return Take(
                data["pitch"], data["envelope"], data["noisiness"], data["syllables"], hisses
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass
    audio = read(path).mean(0)[: int(LONGEST * RATE)]
    if len(audio) < 0.3 * RATE:
        raise UnusableError(f"{path} is shorter than 0.3 s; leave it out")
    try:
        made = analyse(audio)
    except UnusableError as error:
        raise UnusableError(f"{path}: {error}") from error
    _keep(kept, made)
    return made


def _keep(path: Path, made: Take) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            np.savez(
                file, pitch=made.pitch, envelope=made.envelope, noisiness=made.noisiness,
                syllables=made.syllables, lengths=np.array([len(hiss) for hiss in made.hisses]),
                hisses=np.concatenate([*made.hisses, np.zeros(0, np.float32)]),
            )  # fmt: skip
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
