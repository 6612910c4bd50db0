"""Songs of the kinds band and midi, played on banks, recordings, synthesisers and by singers.

The scores are the arranger's, or cut out of open MIDI compositions. A song is a function of
(kind, seed, seconds, material): same ones, same samples on one machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from models.data import (
    amps,
    bass,
    compositions,
    drums,
    harmony,
    lowend,
    orchestra,
    phrases,
    soundfont,
)
from models.data.library import RATE, Job, UnusableError
from models.data.material import Sampler, drum_track
from models.data.production import placed, produced
from models.data.score import STEMS, Note, Part, Score, compose
from models.data.songs import balanced, split
from models.data.sound import Floats, Random, bumps, filtered, low_pass
from models.data.vocals import vocals, voices

KINDS = ("band", "midi")
# Shares of the sources of each stem; see the notes at the functions.
DRUMS = {"general": 0.3, "acoustic": 0.3, "shots": 0.4}
BASS = {"general": 0.2, "recorded": 0.2, "synth": 0.2, "sub": 0.4}
PART = {"general": 0.5, "guitar": 0.14, "amplified": 0.11, "synth": 0.25}
LONG_KICK = 0.25  # share of the songs whose kick is replaced by one that rings
WIDE = 0.2  # ... with a synthesiser that is bass below and other above a crossover
WITHOUT_VOCALS = 0.08


def _draw(rng: Random, shares: dict[str, float]) -> str:
    return str(rng.choice(list(shares), p=list(shares.values())))


def drum_stem(rng: Random, root: Path, score: Score, samples: int) -> Floats:
    """Play the drums on a General MIDI kit, a recorded one, or one put together from hits.

    Notes
    -----
    Thread: [any]
    """
    hits, source = score.drums, _draw(rng, DRUMS)
    ringing = rng.random() < LONG_KICK
    kept = tuple(hit for hit in hits if hit.piece != "kick") if ringing else hits
    if source == "shots":
        track = drum_track(rng, root / "drums_sonicpi", kept, samples)
    else:
        raw = orchestra.kit(rng, kept, samples, acoustic=source == "acoustic")
        track = drums.bus(rng, amps.unit(raw), RATE)
    if ringing:
        starts = [hit.start for hit in hits if hit.piece == "kick"]
        level = float(np.abs(track).max(initial=0)) or 1.0
        orchestra.overlay(track, lowend.long_kick(rng), starts, level * rng.uniform(0.5, 1.1))
    return track


def bass_stem(rng: Random, root: Path, score: Score, samples: int) -> Floats:
    """Play the bass on a bank, a recorded bass, a synthesiser, or as sub-bass, held or struck.

    Notes
    -----
    Thread: [any]
    """
    notes, source = score.bass, _draw(rng, BASS)
    if not notes:
        return np.zeros((2, samples), np.float32)
    if source == "synth":
        return bass.line(rng, notes, samples, RATE, score.beat)
    if source == "sub":
        ground = lowend.sustained if rng.random() < 0.5 else lowend.struck
        track = lowend.sub(rng, ground(rng, score), samples, score.beat)
        if rng.random() < 0.3:  # a line above the ground
            over = bass.line(rng, notes, samples, RATE, score.beat)
            track = track + amps.unit(over) * np.float32(rng.uniform(0.2, 0.8))
        return track
    if source == "general":
        track = amps.unit(orchestra.line(rng, notes, samples))
    else:
        folders = sorted((root / "instruments").glob("*bass*"))
        electric = [folder for folder in folders if "electric" in folder.name]
        folder = (folders + electric)[rng.integers(len(folders + electric))]
        mono = amps.unit(Sampler(folder).play(rng, _one_at_a_time(notes), samples))
        cut, shape = low_pass(rng.uniform(1200, 9000), 1), bumps(rng, 2, 5)
        track = np.repeat(filtered(mono, RATE, lambda f: cut(f) * shape(f))[None], 2, 0)
    if rng.random() < 0.5:  # recorded basses have less of their lowest partial than records
        lift = np.float32(10 ** (rng.uniform(2, 10) / 20) - 1)
        track = track + lift * filtered(track, RATE, low_pass(rng.uniform(60, 110), 2))
    if rng.random() < 0.3:
        track = np.tanh(amps.unit(track) * np.float32(rng.uniform(1, 6)))
    return track


def _one_at_a_time(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    ends = [*(note.start for note in notes[1:]), float("inf")]
    return tuple(
        replace(note, length=max(0.04, min(note.length, end - note.start)))
        for note, end in zip(notes, ends, strict=True)
    )


def _part(rng: Random, root: Path, part: Part, samples: int, beat: float) -> Floats:
    """Play one part of `other`: bank, recorded guitar, amplified guitar or synthesiser."""
    source = _draw(rng, PART)
    struck = part.kind not in {"pad", "texture"}
    if source == "guitar" and struck:
        guitars = sorted((root / "instruments").glob("*guitar*"))
        sampler = Sampler(guitars[rng.integers(len(guitars))])

        def perform() -> Floats:
            loose = tuple(
                replace(note, start=max(0.0, note.start + rng.normal(0, 0.006)))
                for note in part.notes
            )
            return sampler.play(rng, loose, samples)

        sound = amps.double_tracked(rng, perform, distorted=rng.random() < 0.6)
    elif source == "amplified" and struck:
        low = [replace(note, pitch=note.pitch - 12 * (note.pitch > 64)) for note in part.notes]
        clean = orchestra.play(rng, low, orchestra.GUITARS, samples)
        sound = amps.double_tracked(rng, lambda: clean.mean(0), distorted=True)
    elif source == "synth" or part.kind == "texture":
        return harmony.play(rng, [part], samples, RATE, beat)
    else:
        sound = orchestra.play(rng, part.notes, orchestra.PROGRAMS[part.kind], samples)
    return placed(rng, sound)


def _wide(rng: Random, score: Score, samples: int) -> tuple[Floats, Floats]:
    """Chords over a low root on one synthesiser, split: what is below is bass."""
    chords = next((part.notes for part in score.other if part.kind in {"pad", "chords"}), ())
    roots = [replace(note, pitch=note.pitch + 12) for note in lowend.sustained(rng, score)]
    synths = (38, 39, 50, 62, 81, 87, 89, 90, 92, 94, 95)
    sound = amps.unit(orchestra.play(rng, [*roots, *chords], synths, samples))
    return lowend.split(sound, rng.uniform(150, 200))


def play(streams: list[Random], root: Path, score: Score, samples: int) -> dict[str, Floats]:
    """Play a score.

    Parameters
    ----------
    streams : five numpy Generators
        One per stem and one for what joins two stems or finishes them: a change in one stem
        leaves the notes of the others as they were.
    root : Path
        The raw material.
    score : Score
    samples : int

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)

    Raises
    ------
    UnusableError
        If a recording or a bank cannot be used.

    Notes
    -----
    Thread: [any]
    """
    silent = np.zeros((2, samples), np.float32)
    tracks = {
        "vocals": silent,
        "drums": drum_stem(streams[1], root, score, samples) if score.drums else silent,
        "bass": bass_stem(streams[2], root, score, samples),
        "other": sum(
            (_part(streams[3], root, part, samples, score.beat) for part in score.other), silent
        ),
    }
    if streams[0].random() >= WITHOUT_VOCALS:
        tracks["vocals"] = vocals(streams[0], voices(root), score.vocals, score.harmony, samples)
    joint = streams[4]
    if joint.random() < WIDE and score.bass:
        low, high = _wide(joint, score, samples)
        gain = np.float32(0.5 * joint.uniform(0.4, 1.2))
        tracks["bass"] = amps.unit(tracks["bass"]) + gain * low
        tracks["other"] = amps.unit(tracks["other"]) + gain * high
    return {stem: produced(joint, stem, tracks[stem]) for stem in STEMS}


def song(kind: str, seed: int, seconds: float, root: Path) -> dict[str, Floats]:
    """Make a song.

    Parameters
    ----------
    kind : str
        band (the arranger's scores) or midi (open MIDI compositions).
    seed : int
    seconds : float
    root : Path
        The raw material.

    Returns
    -------
    stems : dict, stem -> float32 (2, samples)
        Peak of their sum at most 0.95.

    Raises
    ------
    UnusableError
        If its material is damaged.

    Notes
    -----
    Thread: [any]
    """
    streams = [np.random.default_rng([seed, KINDS.index(kind), 500 + i]) for i in range(7)]
    if kind == "band":
        score = compose(streams[6], seconds)
    else:
        found = compositions.find(root)
        path, name = found[seed % len(found)]
        try:
            score = compositions.excerpt(streams[6], compositions.messages(path, name), seconds)
        except UnusableError as error:
            raise UnusableError(f"{name or path}: {error}") from error
    stems = play(streams[:5], root, score, round(seconds * RATE))
    return balanced(streams[5], stems, RATE).stems


def check(root: Path) -> None:
    """Say what is missing before thousands of songs fail of it.

    Raises
    ------
    ValueError
        If fluidsynth, a bank, pyworld or a folder of the material is not there.

    Notes
    -----
    Thread: [any]
    """
    soundfont.check()
    phrases.world()
    wanted = ("instruments/*bass*", "instruments/*guitar*", "drums_sonicpi", "voices")
    missing = [name for name in wanted if not any(root.glob(name))]
    if missing:
        raise ValueError(f"{root} has no {', no '.join(missing)}; give the folder of raw material")


def jobs(kind: str, first: int, count: int, seconds: float, root: Path) -> Iterator[Job]:
    """Give jobs for songs; seeds below 1000 go to the validation split.

    Raises
    ------
    ValueError
        If something is not installed or not there.

    Notes
    -----
    Thread: [main]
    """
    check(root)
    if kind == "midi":
        compositions.find(root)
    for seed in range(first, first + count):
        make = partial(song, kind, seed, seconds, root)
        yield Job(kind, f"{seed}-{seconds:g}s", split(seed), make)
