"""The `other` stem: pads, keys, plucked strings, leads, distorted chords and noisy textures."""

from collections.abc import Sequence

import numpy as np

from models.data.score import Note, Part
from models.data.sound import (
    TABLE,
    TOP,
    Floats,
    Random,
    band,
    bumps,
    convolve,
    cycles,
    decay,
    filtered,
    glide,
    hertz,
    high_pass,
    minimum_phase,
    noise,
    panned,
    place,
    room,
    wavetable,
)
from models.data.strings import String

ROWS = 24  # brightness steps of a table, 0.3 octaves each
ZONE = 4  # semitones that share a table


def play(rng: Random, parts: Sequence[Part], samples: int, rate: float, beat: float) -> Floats:
    """Play all parts, each on its own random instrument, place and room.

    Parameters
    ----------
    rng : numpy Generator
    parts : sequence of Part
    samples : int
        Length of the track.
    rate : float
        Samples per second.
    beat : float
        Seconds per beat.

    Returns
    -------
    track : float32, shape (2, samples)

    Notes
    -----
    Thread: [any]
    """
    track = np.zeros((2, samples), np.float32)
    for part in parts:
        track += mixed_in(rng, _instrument(rng, part, samples, rate, beat), rate)
    return track


def mixed_in(rng: Random, sound: Floats, rate: float) -> Floats:
    """Give an instrument a level, a place, an equaliser and perhaps a room.

    Parameters
    ----------
    rng : numpy Generator
    sound : float32, shape (2, samples)
    rate : float
        Samples per second.

    Returns
    -------
    sound : float32, shape (2, samples), RMS of its playing time about 0.1

    Notes
    -----
    Thread: [any]
    """
    power = (sound[:, ::16] ** 2).mean(0)
    loud = power[power > power.max() * 1e-3]
    level = np.sqrt(loud.mean()) if loud.size and power.max() > 0 else 1.0
    sound = sound * np.float32(0.1 / level * 10 ** (rng.normal(0, 3) / 20))
    pan = rng.choice([0.0, rng.uniform(-0.9, 0.9), rng.uniform(-0.4, 0.4)])
    sound *= np.array([[min(1, 1 - pan)], [min(1, 1 + pan)]], np.float32)
    grid = np.linspace(0, rate / 2, 1025, dtype=np.float32)
    shape = bumps(rng, 3, 6)(grid)
    if rng.random() < 0.85:  # mixers make room for the bass; in the rest low chords fight it
        shape = shape * high_pass(rng.uniform(150, 400))(grid)
    response = minimum_phase(shape)
    if rng.random() < 0.6:
        tail = room(rng, rate, rng.uniform(0.3, 2.0), rng.uniform(0.05, 0.4))
        return convolve(sound, convolve(tail, response))
    return convolve(sound, response)


def _instrument(rng: Random, part: Part, samples: int, rate: float, beat: float) -> Floats:
    if part.kind == "texture":
        return _texture(rng, part.notes, samples, rate, beat)
    if part.kind == "pluck":
        return _plucks(rng, part.notes, samples, rate)
    if part.kind == "power":
        return _power(rng, part.notes, samples, rate)
    strings = {"chords": 0.5, "arpeggio": 0.5, "lead": 0.2, "pad": 0.0}[part.kind]
    if rng.random() < strings:
        return _strings(rng, part.notes, samples, rate)
    if part.kind == "lead" and rng.random() < 0.6:
        return _lead(rng, part.notes, samples, rate)
    return _Synth(rng, rate, part.kind).play(part.notes, samples)


def _strings(rng: Random, notes: Sequence[Note], samples: int, rate: float) -> Floats:
    """Guitar-, piano- or harp-like; low and high notes stand a little apart."""
    string = String(rng, rate, ring=rng.uniform(0.15, 1.5), pick=rng.uniform(0, 0.5))
    spread = rng.uniform(0, 0.03)
    track = np.zeros((2, samples), np.float32)
    for note in notes:
        pan = float(np.clip((note.pitch - 62) * spread, -0.8, 0.8))
        place(
            track, panned(string.pluck(note.pitch, note.length), pan), round(note.start * rate),
            note.velocity,
        )  # fmt: skip
    return track


def _plucks(rng: Random, notes: Sequence[Note], samples: int, rate: float) -> Floats:
    """Short, noisy, almost drum-like plucks: marimba, muted strings, clicks."""
    track = np.zeros(samples, np.float32)
    string = String(
        rng, rate, ring=rng.uniform(0.03, 0.2), pick=rng.uniform(0.3, 1.2),
        bright=rng.uniform(1, 2.5),
    )  # fmt: skip
    for note in notes:
        place(track, string.pluck(note.pitch, note.length), round(note.start * rate), note.velocity)
    return _echo(rng, track, rate)


def _power(rng: Random, notes: Sequence[Note], samples: int, rate: float) -> Floats:
    """Distorted chords through a cabinet, double-tracked left and right."""
    drive = rng.uniform(4, 40)
    cabinet = band(rng.uniform(70, 120), rng.uniform(3000, 5500), 2)
    presence = bumps(rng, 2, 6)
    sides = []
    for _ in range(2):
        string = String(rng, rate, ring=rng.uniform(0.6, 2.5), pick=0.2, bright=0.9)
        track = np.zeros(samples, np.float32)
        for note in notes:
            start = round((note.start + rng.normal(0, 0.006)) * rate)
            place(track, string.pluck(note.pitch, note.length), start, note.velocity * 0.5)
        sides.append(np.tanh(track * np.float32(drive)))
        if rng.random() < 0.3:
            break
    sound = np.stack([sides[0], sides[-1]])
    return filtered(sound, rate, lambda f: cabinet(f) * presence(f))


def _lead(rng: Random, notes: Sequence[Note], samples: int, rate: float) -> Floats:
    """Play a gliding, vibrating line: strings, flute, saw lead; close to a voice on purpose."""
    pitch = np.full(samples, notes[0].pitch, np.float32)
    level = np.zeros(samples, np.float32)
    attack, slide = rng.uniform(0.005, 0.08), rng.uniform(0.005, 0.06)
    depth, speed, before = rng.uniform(0, 0.4), rng.uniform(4, 7), notes[0].pitch
    for note in notes:
        start = round(note.start * rate)
        size = min(round((note.length + 0.08) * rate), samples - start)
        if size <= 0:
            continue
        time = np.arange(size, dtype=np.float32) / np.float32(rate)
        wave = depth * np.sin(2 * np.pi * speed * time) * np.clip(time * 4 - 0.6, 0, 1)
        pitch[start : start + size] = (
            note.pitch + (before - note.pitch) * np.exp(-time / slide) + wave
        )
        level[start : start + size] = (
            note.velocity
            * np.minimum(time / attack, 1)
            * np.clip((note.length + 0.08 - time) / 0.08, 0, 1)
        )
        before = note.pitch
    top = hertz(max(note.pitch for note in notes))
    k = np.arange(1, int(np.clip(min(TOP, rate * 0.45) / top, 2, 80)) + 1)
    amplitudes = 1 / k ** rng.uniform(0.8, 2.2) * np.where(k % 2, 1, rng.choice([0.05, 1, 1]))
    table = wavetable(amplitudes[None], rng)[0]
    phase = glide(np.float32(440) * np.exp2((pitch - 69) / 12), rate)
    voices = [
        table.take((phase * ratio % 1 * TABLE).astype(np.intp)) * level
        for ratio in (1.0, 1 + rng.uniform(0.001, 0.008))
    ]
    air = filtered(noise(rng, samples), rate, band(800, 7000, 1)) * level
    sound = np.stack([voices[0] + 0.5 * voices[1], 0.5 * voices[0] + voices[1]])
    return sound + air * np.float32(rng.choice([0, 0.02, 0.1]))


def _texture(rng: Random, notes: Sequence[Note], samples: int, rate: float, beat: float) -> Floats:
    """Noise that swells, pulses or crackles: the counter-example to cymbals and breath."""
    gate = np.zeros(samples, np.float32)
    for note in notes:
        start, end = round(note.start * rate), round((note.start + note.length) * rate)
        gate[start:end] = 1
    time = np.arange(samples, dtype=np.float32) / np.float32(rate)
    kind = str(rng.choice(["swell", "pulse", "crackle", "wind"]))
    if kind == "swell":
        period = np.float32(beat * rng.choice([8, 16]))
        gate *= (time % period / period) ** 2
    elif kind == "pulse":
        period = np.float32(beat / rng.choice([1, 2, 4]))
        gate *= np.exp(-(time % period) / np.float32(rng.uniform(0.02, 0.2)))
    elif kind == "crackle":
        dust = (rng.random(samples, dtype=np.float32) < 40 / rate).astype(np.float32)
        gate *= convolve(dust, decay(int(rate * 0.02), rate, 0.002))
    else:
        gate *= 1 + np.float32(0.8) * np.sin(2 * np.pi * time * np.float32(rng.uniform(0.05, 0.4)))
    low = rng.uniform(200, 4000)
    colour = band(low, low * rng.uniform(1.5, 8), rng.choice([1, 2]))
    hiss = noise(rng, 2, samples) if rng.random() < 0.6 else noise(rng, 1, samples).repeat(2, 0)
    return filtered(hiss, rate, colour) * gate


def _echo(rng: Random, track: Floats, rate: float) -> Floats:
    """Stereo with ping-pong repeats in half of the cases."""
    sound = np.stack([track, track])
    if rng.random() < 0.5:
        shift, gain = int(rate * rng.uniform(0.1, 0.4)), rng.uniform(0.2, 0.5)
        for i in range(1, 4):
            if i * shift < track.shape[-1]:
                sound[i % 2, i * shift :] += track[: -i * shift] * np.float32(gain**i)
    return sound


class _Synth:
    """Polyphonic wavetable synthesiser; detuned copies stand left and right."""

    def __init__(self, rng: Random, rate: float, kind: str) -> None:
        self._rng, self._rate = rng, rate
        self._slow = kind == "pad"
        self._attack = rng.uniform(0.05, 0.6) if self._slow else rng.uniform(0.002, 0.02)
        self._release = rng.uniform(0.1, 0.6) if self._slow else rng.uniform(0.03, 0.25)
        self._fade = 0.0 if self._slow else float(rng.choice([0, rng.uniform(1, 8)]))
        self._copies = int(rng.choice([1, 2, 2, 3]))
        self._detune = rng.uniform(0.02, 0.2)
        self._wave = str(rng.choice(["saw", "pulse", "organ", "hollow", "bell"]))
        self._base, self._depth = rng.uniform(7, 20), rng.uniform(-6, 14)
        self._move = rng.uniform(0.05, 0.8)
        self._width = rng.uniform(0.1, 0.5)
        self._stops = rng.uniform(0.1, 1, 9)
        self._tables: dict[int, Floats] = {}
        self._sounds: dict[tuple[int, int, int], Floats] = {}

    def play(self, notes: Sequence[Note], samples: int) -> Floats:
        track = np.zeros((2, samples), np.float32)
        for note in notes:
            key = (round(note.pitch), round(note.length * 16), int(self._rng.integers(2)))
            if key not in self._sounds:
                self._sounds[key] = self._sound(note.pitch, max(note.length, 0.05))
            place(track, self._sounds[key], round(note.start * self._rate), note.velocity)
        if self._rng.random() < 0.15:
            track = np.tanh(track * np.float32(self._rng.uniform(0.5, 3)))
        return filtered(track, self._rate, high_pass(40, 1))

    def _amplitudes(self, k: np.ndarray) -> np.ndarray:
        if self._wave == "saw":
            return 1 / k
        if self._wave == "pulse":
            return np.abs(np.sin(np.pi * k * self._width)) / k
        if self._wave == "hollow":
            return (k % 2) / k
        if self._wave == "bell":
            return np.where(np.isin(k, [1, 3, 4, 7, 11, 16]), 1 / np.sqrt(k), 0)
        stops = np.zeros(len(k))
        pipes = (1, 2, 3, 4, 6, 8, 10, 12, 16)
        for pipe, level in zip(pipes, self._stops, strict=True):
            if pipe <= len(k):
                stops[pipe - 1] = level
        return stops

    def _table(self, pitch: float) -> Floats:
        zone = int(pitch // ZONE)
        if zone not in self._tables:
            f = hertz(zone * ZONE + ZONE / 2)
            k = np.arange(1, int(np.clip(min(TOP, self._rate * 0.45) / (f * 1.12), 1, 100)) + 1)
            over = k[None] * f / (200 * 2 ** (np.arange(ROWS) * 0.3))[:, None]
            self._tables[zone] = wavetable(self._amplitudes(k) / np.sqrt(1 + over**4), self._rng)
        return self._tables[zone]

    def _sound(self, pitch: float, length: float) -> Floats:
        rate, rng = self._rate, self._rng
        size = int(rate * (length + self._release))
        time = np.arange(size, dtype=np.float32) / np.float32(rate)
        shape = np.minimum(time / np.float32(self._attack), 1)
        shape *= np.clip((length + self._release - time) / np.float32(self._release), 0, 1)
        if self._fade:
            shape *= np.exp(-time * np.float32(self._fade))
        if self._slow:
            row = self._base + self._depth * time / np.float32(max(length, 0.1))
        else:
            row = self._base + self._depth * np.exp(-time / np.float32(self._move))
        cell = np.clip(row, 0, ROWS - 1).astype(np.intp) * TABLE
        flat = self._table(pitch).ravel()
        out = np.zeros((2, size), np.float32)
        for copy in range(self._copies):
            off = copy - (self._copies - 1) / 2
            index = cycles(hertz(pitch + off * self._detune), size, rate, float(rng.random()))
            index += cell
            wave = flat.take(index)
            pan = float(np.clip(off * 1.2, -0.9, 0.9))
            out[0] += wave * np.float32(min(1, 1 - pan))
            out[1] += wave * np.float32(min(1, 1 + pan))
        return out * shape
