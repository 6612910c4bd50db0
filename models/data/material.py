"""Raw material as a source: real songs in groups, voices, instrument notes and drum hits.

Layout below the root given on the command line (missing parts are skipped):
songs/<song>/{vocals_lead,vocals_backing,drums,bass,other,synth_with_low_end}.ogg,
voices/<voice>/*.ogg, instruments/<name with bass or guitar>/<note>_*.ogg, drums_sonicpi/*.ogg.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from models.data import drums, harmony, voice
from models.data.folders import find, read
from models.data.library import PARTS, RATE, Job
from models.data.recording import aligned
from models.data.score import Hit, Note, compose
from models.data.sound import (
    Floats,
    Random,
    band,
    bumps,
    convolve,
    filtered,
    low_pass,
    panned,
    place,
    presence,
)

GROUPS = ("vocals", *PARTS, "drums", "bass", "other", "synth_with_low_end")  # of a real song
HELD_OUT = ("rubidium",)  # songs that only ever serve validation
CROSSOVER = 170.0  # Hz: below it synth_with_low_end is bass, above it is other
TAPS = 8191  # of the crossover; odd, so that its delay is a whole number of samples
SAMPLED_SONGS = 30
SAMPLED_SECONDS = 70.0
VOICE_SECONDS = 60.0
SEMITONE = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}

# Pieces of a kit by the beginnings of file names.
HITS = {
    "kick": ("bd_", "drum_heavy_kick", "drum_bass_", "elec_soft_kick", "elec_hollow_kick"),
    "snare": ("sn_", "drum_snare", "elec_snare", "elec_hi_snare", "elec_lo_snare",
              "elec_mid_snare", "elec_filt_snare"),
    "clap": ("perc_snap", "sn_generic", "elec_filt_snare"),
    "rim": ("elec_wood", "elec_tick", "drum_cowbell", "elec_pop"),
    "hat": ("drum_cymbal_closed", "drum_cymbal_pedal", "elec_tick", "elec_cymbal"),
    "open": ("drum_cymbal_open", "drum_splash_soft"),
    "ride": ("drum_cymbal_soft", "drum_cymbal_open"),
    "shaker": ("drum_cymbal_pedal", "drum_cymbal_closed"),
    "crash": ("drum_cymbal_hard", "drum_splash_hard", "perc_impact"),
    "perc": ("tabla_", "elec_", "perc_bell", "drum_cowbell"),
    "low": ("drum_tom_lo", "tabla_ghe"),
    "middle": ("drum_tom_mid", "elec_fuzz_tom"),
    "high": ("drum_tom_hi", "elec_fuzz_tom", "tabla_na"),
}  # fmt: skip
LOOPS = ("loop_compus", "loop_industrial", "loop_perc1", "loop_tabla", "loop_mehackit")


def crossover(audio: Floats, rate: float = RATE, cut: float = CROSSOVER) -> tuple[Floats, Floats]:
    """Split at `cut` Hz with linear phase; the two parts add up to the input.

    Parameters
    ----------
    audio : float32, shape (channels, samples)
    rate, cut : float
        Hz.

    Returns
    -------
    low, high : float32, shape (channels, samples)

    Notes
    -----
    Thread: [any]
    """
    time = np.arange(TAPS) - TAPS // 2
    taps = np.sinc(2 * cut / rate * time) * np.blackman(TAPS)
    padded = np.pad(audio, ((0, 0), (0, TAPS // 2)))
    low = convolve(padded, (taps / taps.sum()).astype(np.float32))[:, TAPS // 2 :]
    return low, audio - low


def song(folder: Path) -> dict[str, Floats]:
    """Read a real song's stems or groups and give its four stems; what it lacks is left out.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)

    Notes
    -----
    Where the song has a bass track of its own, the low part of `synth_with_low_end`
    belongs to neither target and is dropped. Thread: [any]
    """
    groups = aligned({name: read(path) for name in GROUPS if (path := find(folder, name))})
    stems: dict[str, Floats] = {}

    def add(stem: str, track: Floats) -> None:
        stems[stem] = stems[stem] + track if stem in stems else track

    for name, track in groups.items():
        if name == "synth_with_low_end":
            low, high = crossover(track)
            add("other", high)
            if "bass" not in groups:
                add("bass", low)
        else:
            add("vocals" if name.startswith("vocals") else name, track)
    return stems


def _alone(folder: Path, group: str) -> dict[str, Floats]:
    path = find(folder, group)
    return {"vocals": read(path)} if path else {}


def repitched(audio: Floats, semitones: float) -> Floats:
    """Play faster or slower: pitch moves by `semitones`, length with it (last axis).

    Notes
    -----
    Linear interpolation: the loss at the very top is a random low-pass. Thread: [any]
    """
    ratio = 2 ** (semitones / 12)
    where = np.arange(int((audio.shape[-1] - 1) / ratio)) * ratio
    left = where.astype(np.intp)
    part = (where - left).astype(np.float32)
    return audio[..., left] * (1 - part) + audio[..., left + 1] * part


def spoken(files: tuple[Path, ...], seed: int) -> dict[str, Floats]:
    """Make a minute of utterances or sung syllables with gaps and studio effects, as vocals.

    Parameters
    ----------
    files : paths
        Recordings of one voice.
    seed : int

    Returns
    -------
    stems : dict with `vocals`, float32 (2, samples)

    Notes
    -----
    Thread: [any]
    """
    rng = np.random.default_rng([seed, 77])
    samples = int(VOICE_SECONDS * RATE)
    track = np.zeros((2, samples), np.float32)
    layers = int(rng.choice([1, 1, 1, 1, 2, 3]))
    shift = rng.uniform(-4, 4)
    for layer in range(layers):
        line, at = np.zeros(samples, np.float32), int(rng.uniform(0, 1) * RATE)
        while at < samples:
            take = read(files[rng.integers(len(files))]).mean(0)
            take = repitched(take, shift + float(rng.choice([-3, -1, 0, 0, 2, 4])))
            place(line, take / (np.abs(take).max() + np.float32(1e-6)), at, rng.uniform(0.5, 1))
            at += len(take) + int(rng.exponential(0.25) * RATE)
        pan = rng.uniform(-0.8, 0.8) if layer or rng.random() < 0.3 else 0.0
        track += panned(line, pan) * np.float32(1 if layer == 0 else 0.6)
    track = filtered(track, RATE, presence(rng.uniform(0, 8)))
    if rng.random() < 0.15:
        track = np.tanh(track * np.float32(rng.uniform(2, 6)))
    return {"vocals": headroom(voice.studio(rng, track, RATE))}


class Sampler:
    """Plays notes with the recording of the nearest pitch.

    Parameters
    ----------
    folder : Path
        Files named by note first, e.g. eb3_mf_rr1.ogg.
    up : int
        Semitones to add to every note.

    Notes
    -----
    Thread: [any]
    """

    def __init__(self, folder: Path, up: int = 0) -> None:
        self._files: dict[int, list[Path]] = {}
        self._up = up
        for path in sorted(folder.glob("*.ogg")):
            match = re.match(r"([a-g])(b|#|s)?(-?\d)_", path.name.lower())
            if match:
                accident = {"b": -1, "#": 1, "s": 1}.get(match[2] or "", 0)
                pitch = SEMITONE[match[1]] + accident + 12 * (int(match[3]) + 1)
                self._files.setdefault(pitch, []).append(path)
        self._cache: dict[tuple[Path, float], Floats] = {}

    def play(self, rng: Random, notes: tuple[Note, ...], samples: int) -> Floats:
        """Play notes, float32, shape (samples,)."""
        track = np.zeros(samples, np.float32)
        pitches = np.array(sorted(self._files))
        release = int(0.05 * RATE)
        for note in notes:
            pitch = note.pitch + self._up
            nearest = int(pitches[np.abs(pitches - pitch).argmin()])
            files = self._files[nearest]
            key = (files[rng.integers(len(files))], round(pitch - nearest, 1))
            if key not in self._cache:
                self._cache[key] = repitched(read(key[0]).mean(0), key[1])
            sound = self._cache[key][: int(note.length * RATE) + release].copy()
            fade = min(release, len(sound))
            sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
            place(track, sound, round(note.start * RATE), note.velocity)
        return track


def sampled(root: Path, seed: int) -> dict[str, Floats]:
    """Play a generated score on recorded bass, guitar and drums.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples), without vocals

    Notes
    -----
    Thread: [any]
    """
    rng = np.random.default_rng([seed, 78])
    score = compose(rng, SAMPLED_SECONDS)
    samples = int(SAMPLED_SECONDS * RATE)
    stems: dict[str, Floats] = {}
    folders = sorted(path for path in (root / "instruments").glob("*") if path.is_dir())
    basses = [path for path in folders if "bass" in path.name]
    guitars = [path for path in folders if "guitar" in path.name]
    if basses and score.bass:
        sampler = Sampler(basses[rng.integers(len(basses))])
        line = sampler.play(rng, score.bass, samples)
        if rng.random() < 0.4:
            line = np.tanh(line / (np.abs(line).max() + 1e-6) * np.float32(rng.uniform(1, 6)))
        cut, shape = low_pass(rng.uniform(1500, 9000), 1), bumps(rng, 2, 6)
        line = filtered(line, RATE, lambda f: cut(f) * shape(f))
        stems["bass"] = panned(line, 0.0 if rng.random() < 0.8 else rng.uniform(-0.4, 0.4))
    if guitars:
        track = np.zeros((2, samples), np.float32)
        for part in score.other:
            if part.kind in {"pad", "texture"}:
                track += harmony.play(rng, [part], samples, RATE, score.beat)
            else:
                track += harmony.mixed_in(rng, _guitar(rng, guitars[0], part.notes, samples), RATE)
        stems["other"] = track
    if (root / "drums_sonicpi").is_dir():
        stems["drums"] = drum_track(rng, root / "drums_sonicpi", score.drums, samples)
    return {stem: headroom(track) for stem, track in stems.items()}


def _guitar(rng: Random, folder: Path, notes: tuple[Note, ...], samples: int) -> Floats:
    """Clean, or distorted through a cabinet; at times played twice, left and right."""
    distorted = rng.random() < 0.55
    drive = rng.uniform(5, 60)
    cabinet = band(90, rng.uniform(3000, 5500), 2)
    sides = []
    for _ in range(2 if rng.random() < 0.5 else 1):
        loose = tuple(
            Note(max(0.0, n.start + rng.normal(0, 0.006)), n.length, n.pitch, n.velocity)
            for n in notes
        )
        track = Sampler(folder).play(rng, loose, samples)
        track /= np.abs(track).max() + np.float32(1e-6)
        if distorted:
            track = filtered(np.tanh(track * np.float32(drive)), RATE, cabinet)
        sides.append(track)
    return np.stack([sides[0], sides[-1]])


def drum_track(rng: Random, folder: Path, hits: tuple[Hit, ...], samples: int) -> Floats:
    """Play strokes on a kit put together from recorded hits; at times a loop instead.

    Notes
    -----
    Thread: [any]
    """
    loops = [path for path in sorted(folder.glob("*.ogg")) if path.name.startswith(LOOPS)]
    if loops and rng.random() < 0.15:
        loop = repitched(read(loops[rng.integers(len(loops))]), rng.uniform(-3, 3))
        return drums.bus(rng, np.tile(loop, (1, -(-samples // loop.shape[1])))[:, :samples], RATE)
    pieces = drums.kit(rng, RATE)
    for piece, names in HITS.items():
        files = [path for path in sorted(folder.glob("*.ogg")) if path.name.startswith(names)]
        if not files or rng.random() < 0.15:
            continue
        sound = repitched(read(files[rng.integers(len(files))]), rng.uniform(-4, 4))
        sound = sound[:, : int(1.5 * RATE)]
        gain = drums.LEVEL[piece] * 10 ** (rng.normal(0, 3) / 20)
        pieces[piece] = [sound * np.float32(gain / (np.abs(sound).max() + 1e-6))]
    pieces["ghost"] = pieces["snare"]
    return drums.play(rng, hits, pieces, samples, RATE)


def headroom(track: Floats) -> Floats:
    """Bring the peak to -12 dB: levels are drawn when mixing.

    Notes
    -----
    Thread: [any]
    """
    return track * np.float32(0.25 / (np.abs(track).max() + 1e-6))


def speakers(folder: Path) -> dict[str, list[Path]]:
    """Files of each voice: told apart by the start of the name where that gives a few groups.

    Notes
    -----
    Thread: [any]
    """
    files = sorted(folder.rglob("*.ogg"))
    groups: dict[str, list[Path]] = {}
    for path in files:
        groups.setdefault(path.name.partition("_")[0], []).append(path)
    few = 1 < len(groups) <= 8 and min(map(len, groups.values())) >= 10
    return groups if few else {"": files} if files else {}


def jobs(root: Path) -> Iterator[Job]:
    """Give the jobs of all material below `root`; what is not there yet has none.

    Raises
    ------
    ValueError
        If none of the known folders is there.

    Notes
    -----
    Thread: [main]
    """
    known = ("songs", "voices", "instruments", "drums_sonicpi")
    if not any((root / name).is_dir() for name in known):
        raise ValueError(f"{root} has none of the folders {', '.join(known)}; give their parent")
    for folder in sorted((root / "songs").glob("*")):
        there = [group for group in GROUPS if find(folder, group)]
        if not there:
            continue
        split = "validation" if folder.name in HELD_OUT else "train"
        yield Job("real", folder.name, split, partial(song, folder))
        if split == "train":
            for group in (part for part in PARTS if part in there):
                yield Job("real", f"{folder.name}-{group}", split, partial(_alone, folder, group))
    for folder in sorted((root / "voices").glob("*")):
        for speaker, files in speakers(folder).items():
            for i in range(int(np.clip(len(files) // 10, 3, 9))):
                name = "-".join(part for part in (folder.name, speaker, str(i)) if part)
                yield Job("voices", name, "train", partial(spoken, tuple(files), i))
    if any((root / name).is_dir() for name in ("instruments", "drums_sonicpi")):
        for seed in range(SAMPLED_SONGS):
            yield Job("sampled", str(seed), "train", partial(sampled, root, seed))
