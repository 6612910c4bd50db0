"""Random scores: key, tempo, chords, sections and the notes of every part.

A score knows nothing of sound. Renderers turn its notes into audio; the generator's own
instruments and sampled instruments play the same scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.data.sound import Random

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic": (0, 2, 3, 5, 7, 8, 11),
}
LOOPS = (
    (0, 4, 5, 3), (0, 3, 4, 4), (5, 3, 0, 4), (0, 5, 3, 4), (0, 0, 3, 4), (5, 4, 3, 4),
    (0, 2, 3, 5), (0, 6, 5, 4), (3, 0, 4, 5), (0, 0, 0, 0), (0, 0, 5, 5), (0, 1, 3, 0),
    (0, 3, 5, 4), (0, 6, 3, 0), (1, 4, 0, 5),
)  # fmt: skip
STEMS = ("vocals", "drums", "bass", "other")
SHARE = {"vocals": 0.5, "drums": 0.65, "bass": 0.65, "other": 0.65}
PARTS = ("chords", "pad", "arpeggio", "lead", "power", "pluck", "texture")
CHANCES = (0.2, 0.17, 0.17, 0.15, 0.12, 0.11, 0.08)


@dataclass(frozen=True)
class Note:
    """One note: start and length in seconds, MIDI pitch, velocity 0..1."""

    start: float
    length: float
    pitch: float
    velocity: float


@dataclass(frozen=True)
class Hit:
    """One drum stroke: start in seconds, piece of the kit, velocity 0..1."""

    start: float
    piece: str
    velocity: float


@dataclass(frozen=True)
class Part:
    """Notes of one instrument of `other` and what kind of playing they are."""

    kind: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Section:
    """Bars `first` .. `first + bars`; which stems play; which pattern letter they use."""

    first: int
    bars: int
    stems: frozenset[str]
    letter: int


@dataclass(frozen=True)
class Score:
    """A whole song as notes. `beat` is the length of a beat in seconds."""

    beat: float
    style: str
    sections: tuple[Section, ...]
    drums: tuple[Hit, ...]
    bass: tuple[Note, ...]
    other: tuple[Part, ...]
    vocals: tuple[Note, ...]
    harmony: tuple[Note, ...]


class _Plan:
    """Grid, key and chords shared by all parts while a score is written."""

    def __init__(self, rng: Random, seconds: float) -> None:
        self.rng = rng
        self.beat = 60 / rng.uniform(68, 172)
        self.meter = 4 if rng.random() < 0.92 else 3
        self.steps = 4 * self.meter
        self.step = self.beat / 4
        self.bars = int(np.ceil(seconds / (self.beat * self.meter)))
        self.swing = rng.choice([0, 0, 0, 0.1, 0.2, 0.3]) * self.step
        self.loose = rng.choice([0.001, 0.006, 0.012])
        self.root = int(rng.integers(12))
        self.scale = SCALES[str(rng.choice(list(SCALES)))]
        self.loops = [LOOPS[rng.integers(len(LOOPS))] for _ in range(3)]
        self.sections = self._sections(seconds)

    def _sections(self, seconds: float) -> tuple[Section, ...]:
        rng = self.rng
        size = 8 if seconds > 90 and rng.random() < 0.5 else 4 if seconds > 24 else 2
        count = -(-self.bars // size)
        playing = {stem: rng.random(count) < SHARE[stem] for stem in STEMS}
        for stem in STEMS:
            if not playing[stem][: max(1, count - 1)].any():
                playing[stem][rng.integers(max(1, count - 1))] = True
        for i in range(count):
            if sum(playing[stem][i] for stem in STEMS) < 2 and rng.random() < 0.8:
                for stem in rng.permutation(STEMS)[:3]:
                    playing[str(stem)][i] = True
        return tuple(
            Section(
                i * size, size,
                frozenset(stem for stem in STEMS if playing[stem][i]), int(rng.integers(3)),
            )
            for i in range(count)
        )  # fmt: skip

    def time(self, bar: int, step: float) -> float:
        late = self.swing if int(step) % 2 else 0.0
        place = (bar * self.steps + step) * self.step + late
        return max(0.0, float(place + self.rng.normal(0, self.loose)))

    def chord(self, bar: int, letter: int) -> int:
        return self.loops[letter][bar % 4]

    def pitch(self, degree: int, octave: int) -> int:
        return self.root + 12 * octave + self.scale[degree % 7] + 12 * (degree // 7)

    def bars_of(self, stem: str) -> list[tuple[int, Section]]:
        """Bars in which the stem plays, each with its section."""
        return [
            (bar, section)
            for section in self.sections
            if stem in section.stems
            for bar in range(section.first, min(section.first + section.bars, self.bars))
        ]


def compose(rng: Random, seconds: float) -> Score:
    """Write a random score that fills `seconds`.

    Parameters
    ----------
    rng : numpy Generator
        The only source of randomness.
    seconds : float
        Length of the song; notes may start up to the end of its last bar.

    Returns
    -------
    score : Score
        At least one section for every stem.

    Notes
    -----
    Thread: [any]
    """
    plan = _Plan(rng, seconds)
    style = str(rng.choice(["four", "rock", "half", "broken", "sparse", "train"]))
    vocals, harmony = _vocals(plan)
    return Score(
        plan.beat, style, plan.sections, _drums(plan, style), _bass(plan), _other(plan),
        vocals, harmony,
    )  # fmt: skip


def _kicks(plan: _Plan, style: str) -> list[int]:
    rng, steps = plan.rng, plan.steps
    if style == "four":
        return list(range(0, steps, 4))
    extra = {"rock": 0.2, "half": 0.18, "broken": 0.3, "sparse": 0.08, "train": 0.15}[style]
    return [0] + [p for p in range(1, steps) if rng.random() < extra * (1.5 if p % 2 == 0 else 0.5)]


def _groove(plan: _Plan, style: str) -> list[tuple[int, str, float]]:
    """Strokes of one bar: step, piece, velocity."""
    rng, steps = plan.rng, plan.steps
    bar = [(p, "kick", 0.95 if p == 0 else 0.85) for p in _kicks(plan, style)]
    back = [8] if style == "half" else [10, 4] if style == "broken" else [4, 12]
    snare = str(rng.choice(["snare", "snare", "clap", "rim", "both"]))
    if style != "sparse":
        for p in back:
            if p < steps:
                bar += (
                    [(p, "snare", 0.9), (p, "clap", 0.7)] if snare == "both" else [(p, snare, 0.9)]
                )
    if rng.random() < 0.5:
        bar += [(p, "ghost", rng.uniform(0.1, 0.35)) for p in range(steps) if rng.random() < 0.12]
    every = int(rng.choice([1, 2, 2, 2, 4])) if style != "train" else 1
    time = str(rng.choice(["hat", "hat", "hat", "ride", "shaker", "perc"]))
    first = 2 if style == "four" and rng.random() < 0.4 else 0
    piece = "open" if first else time
    bar += [
        (p, piece, 0.85 if p % 4 == 0 else 0.55) for p in range(first, steps, 4 if first else every)
    ]
    if rng.random() < 0.4:
        bar += [(p, "perc", rng.uniform(0.3, 0.8)) for p in range(steps) if rng.random() < 0.18]
    if rng.random() < 0.4:
        bar.append((int(rng.choice([6, 10, 14])) % steps, "open", 0.7))
    return bar


def _drums(plan: _Plan, style: str) -> tuple[Hit, ...]:
    rng, hits = plan.rng, list[Hit]()
    grooves = [_groove(plan, style) for _ in range(3)]
    thin = rng.random() < 0.3
    for bar, section in plan.bars_of("drums"):
        last = bar == section.first + section.bars - 1
        fill = last and rng.random() < 0.6
        from_step = plan.steps - int(rng.choice([2, 4, 8])) if fill else plan.steps
        if bar == section.first and rng.random() < 0.6:
            hits.append(Hit(plan.time(bar, 0), "crash", rng.uniform(0.6, 1)))
        for step, piece, velocity in grooves[section.letter]:
            keep = 0.6 if thin and piece in {"hat", "perc"} else 0.97
            if step < from_step and rng.random() < keep:
                hits.append(
                    Hit(plan.time(bar, step), piece, float(velocity * rng.uniform(0.75, 1.1)))
                )
        toms = rng.choice(["high", "middle", "low", "snare", "kick"], plan.steps)
        for step in range(from_step, plan.steps):
            if rng.random() < 0.75:
                hits.append(Hit(plan.time(bar, step), str(toms[step]), rng.uniform(0.5, 1)))
    return tuple(hits)


def _bass(plan: _Plan) -> tuple[Note, ...]:
    rng, notes = plan.rng, list[Note]()
    octave = 2 if plan.root < 9 else 1
    if rng.random() < 0.2:
        octave += 1
    style = str(rng.choice(["riff", "riff", "eighths", "long", "walk", "octaves", "off"]))
    riffs = [_riff(plan, style) for _ in range(3)]
    for bar, section in plan.bars_of("bass"):
        chord = plan.chord(bar, section.letter)
        riff = riffs[section.letter]
        for (step, degree, up, gate), after in zip(
            riff, [*riff[1:], (plan.steps, 0, 0, 0.0)], strict=True
        ):
            pitch = plan.pitch(chord + degree, octave) + 12 * up
            while pitch > 59:
                pitch -= 12
            while pitch < 21:
                pitch += 12
            start = plan.time(bar, step)
            length = (after[0] - step) * plan.step * gate
            notes.append(Note(start, max(length, 0.05), pitch, rng.uniform(0.7, 1)))
    return tuple(notes)


def _riff(plan: _Plan, style: str) -> list[tuple[int, int, int, float]]:
    """One bar of bass: step, degree above the chord, octave up, gate."""
    rng, steps = plan.rng, plan.steps
    if style == "long":
        return [(0, 0, 0, 1.0)] if rng.random() < 0.7 else [(0, 0, 0, 1.0), (steps - 4, 4, 0, 1.0)]
    if style == "eighths":
        return [(p, 0, 0, 0.8) for p in range(0, steps, 2)]
    if style == "walk":
        return [
            (p, int(rng.choice([0, 2, 4, 5, 1])) if p else 0, 0, 0.9) for p in range(0, steps, 4)
        ]
    if style == "octaves":
        return [(p, 0, (p // 2) % 2, 0.6) for p in range(0, steps, 2)]
    if style == "off":
        return [(p, 0, 0, 0.7) for p in range(2, steps, 4)]
    places = [p for p in range(steps) if p == 0 or rng.random() < (0.45 if p % 2 == 0 else 0.15)]
    return [
        (p, int(rng.choice([0, 0, 0, 4, 2, 6, 7])) if p else 0, int(rng.random() < 0.1),
         rng.uniform(0.5, 1.0))
        for p in places
    ]  # fmt: skip


def _other(plan: _Plan) -> tuple[Part, ...]:
    rng = plan.rng
    count = int(rng.choice([1, 1, 2, 2, 3, 3]))
    kinds = [str(kind) for kind in rng.choice(PARTS, count, replace=False, p=CHANCES)]
    if kinds == ["texture"]:
        kinds.append("chords")
    parts = [Part(kind, _part(plan, kind, i == 0)) for i, kind in enumerate(kinds)]
    return tuple(part for part in parts if part.notes)


def _part(plan: _Plan, kind: str, always: bool) -> tuple[Note, ...]:
    rng, notes = plan.rng, list[Note]()
    octave = {"chords": 4, "pad": 4, "arpeggio": 4, "lead": 5, "power": 3, "pluck": 4}.get(kind, 4)
    octave += int(rng.choice([-1, 0, 0, 0, 1])) if kind != "power" else 0
    rests = {section.first: not always and rng.random() < 0.3 for section in plan.sections}
    rhythm = [p for p in range(plan.steps) if rng.random() < (0.4 if p % 2 == 0 else 0.12)] or [0]
    order = rng.choice([0, 2, 4, 7, 9], 16)
    shape = [(0, 2, 4), (0, 2, 4, 6), (0, 4, 9), (0, 2, 4, 7)][rng.integers(4)]
    gate = rng.uniform(0.3, 1.2)
    every = int(rng.choice([1, 2, 2, 4]))
    line = 0
    for bar, section in plan.bars_of("other"):
        if rests[section.first]:
            continue
        chord = plan.chord(bar, section.letter)
        if kind in {"pad", "texture"}:
            length = plan.steps * plan.step
            pitches = [plan.pitch(chord + d, octave) for d in shape] if kind == "pad" else [60]
            notes += [Note(plan.time(bar, 0), length, p, 0.8) for p in pitches]
        elif kind in {"chords", "power"}:
            degrees = shape if kind == "chords" else (0, 4, 7)
            strum = rng.choice([0.0, 0.004, 0.012])
            for p in rhythm:
                start, velocity = plan.time(bar, p), rng.uniform(0.6, 1)
                notes += [
                    Note(
                        start + i * strum,
                        plan.step * 3 * gate,
                        plan.pitch(chord + d, octave),
                        velocity,
                    )
                    for i, d in enumerate(degrees)
                ]
        elif kind in {"arpeggio", "pluck"}:
            for i, p in enumerate(range(0, plan.steps, every)):
                if rng.random() < 0.92:
                    pitch = plan.pitch(chord + int(order[i]), octave)
                    notes.append(
                        Note(
                            plan.time(bar, p), every * plan.step * gate, pitch, rng.uniform(0.5, 1)
                        )
                    )
        else:
            step = 0
            while step < plan.steps:
                size = int(rng.choice([1, 2, 2, 4, 4, 8]))
                if rng.random() < 0.75:
                    line = int(np.clip(line + rng.choice([-2, -1, -1, 0, 1, 1, 2]), -4, 8))
                    start, length = plan.time(bar, step), size * plan.step * 0.95
                    notes.append(Note(start, length, plan.pitch(line, octave), rng.uniform(0.6, 1)))
                step += size
    return tuple(notes)


def _vocals(plan: _Plan) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """Lead syllables and, for the same rhythm, a second voice a third or so above."""
    rng = plan.rng
    lead, second = list[Note](), list[Note]()
    centre = int(rng.integers(43, 70))
    style = str(rng.choice(["sung", "sung", "sung", "long", "rap"]))
    sizes: Sequence[int] = {"sung": (1, 2, 2, 2, 4, 4, 6), "long": (4, 8, 8, 12), "rap": (1, 1, 2)}[
        style
    ]
    octave, line = (centre - plan.root) // 12, int(rng.integers(0, 5))
    apart = int(rng.choice([2, 2, -3, 4, 7]))
    breath = rng.uniform(0.1, 0.3)
    step, bars = 0, plan.bars_of("vocals")
    for bar, section in bars:
        while step < plan.steps:
            if rng.random() < breath:
                step += int(rng.choice([2, 4]))
                continue
            size = int(rng.choice(sizes))
            chord = plan.chord(bar, section.letter)
            line = int(np.clip(line + rng.choice([-2, -1, -1, 0, 0, 1, 1, 2]), -3, 8))
            if step == 0 and rng.random() < 0.6:
                line = chord % 7 + int(rng.choice([0, 2, 4])) - (7 if chord > 4 else 0)
            start, length = plan.time(bar, step), size * plan.step * rng.uniform(0.85, 1.0)
            velocity = rng.uniform(0.6, 1)
            bend = rng.normal(0, 1.5) if style == "rap" else 0.0
            lead.append(Note(start, length, plan.pitch(line, octave) + bend, velocity))
            second.append(Note(start, length, plan.pitch(line + apart, octave) + bend, velocity))
            step += size
        step -= plan.steps
    return tuple(lead), tuple(second)
