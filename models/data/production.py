"""What a studio does to a finished track, baked in when a song is made: dynamics, rooms, codecs."""

import io

import numpy as np
from pedalboard import MP3Compressor
from pedalboard.io import AudioFile

from models.data.library import RATE
from models.data.sound import (
    Floats,
    Random,
    bumps,
    compressor_gain,
    convolve,
    filtered,
    high_pass,
    low_pass,
    presence,
    room,
)

REVERB = {"drums": 0.4, "bass": 0.1, "other": 0.4}  # vocals have their studio already
CODED = 0.2  # share of the tracks that went through a lossy codec
BAND_LIMITED = 0.25
VORBIS = tuple(f"{rate} kbps" for rate in (256, 224, 192, 160, 160, 128, 112, 96, 80, 64))


def produced(rng: Random, stem: str, track: Floats) -> Floats:
    """Finish a track: compressor or saturation, equaliser, room, band limit, codec.

    Parameters
    ----------
    rng : numpy Generator
    stem : str
    track : float32, shape (2, samples)

    Returns
    -------
    track : float32, shape (2, samples)
        Nothing is delayed; the wet part of a room belongs to its stem.

    Notes
    -----
    Thread: [any]
    """
    peak = float(np.abs(track).max(initial=0))
    if peak < 1e-5:
        return track
    track = track / np.float32(peak)
    draw = rng.random()
    if draw < 0.3:
        track = track * compressor_gain(track, RATE, rng.uniform(6, 22), rng.uniform(1.5, 6))
    elif draw < 0.5:
        drive = np.float32(rng.uniform(1, 3.5))
        track = np.tanh(track * drive) / np.sqrt(drive)
    shape = bumps(rng, 4, 5)
    low = high_pass(rng.uniform(20, 120) if stem in {"vocals", "other"} else 20, 1)
    track = filtered(track, RATE, lambda f: shape(f) * low(f))
    if rng.random() < REVERB.get(stem, 0):
        seconds = rng.uniform(0.15, 0.6) if stem == "drums" else rng.uniform(0.2, 1.8)
        track = convolve(track, room(rng, RATE, seconds, rng.uniform(0.03, 0.3)))
    if rng.random() < BAND_LIMITED:
        track = filtered(track, RATE, low_pass(rng.uniform(11_000, 16_000), 8))
    if rng.random() < CODED:
        track = coded(track, str(rng.choice(["ogg", "mp3"])), int(rng.integers(3, 10)))
    return track.astype(np.float32, copy=False)


def placed(rng: Random, sound: Floats) -> Floats:
    """Give an instrument of `other` a level, a place, a tone and perhaps a room.

    Parameters
    ----------
    rng : numpy Generator
    sound : float32, shape (2, samples)

    Returns
    -------
    sound : float32, shape (2, samples)
        RMS of its playing time about 0.1.

    Notes
    -----
    Soundfonts and single notes are darker, narrower and thinner below than finished records:
    most get a presence, half keep their low end, half are widened. Thread: [any]
    """
    power = (sound[:, ::16] ** 2).mean(0)
    loud = power[power > power.max(initial=0) * 1e-3]
    level = float(np.sqrt(loud.mean())) if loud.size and power.max() > 0 else 1.0
    sound = sound * np.float32(0.1 / level * 10 ** (rng.normal(0, 3) / 20))
    shape, lift = bumps(rng, 3, 6), presence(rng.uniform(0, 10), rng.uniform(2500, 6000))
    cut = high_pass(rng.uniform(100, 350) if rng.random() < 0.45 else 30, 1.5)
    sound = filtered(sound, RATE, lambda f: shape(f) * lift(f) * cut(f))
    pan = float(rng.choice([0.0, rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5)]))
    sound *= np.array([[min(1, 1 - pan)], [min(1, 1 + pan)]], np.float32)
    sound = widened(rng, sound) if rng.random() < 0.5 else sound
    if rng.random() < 0.4:
        sound = convolve(sound, room(rng, RATE, rng.uniform(0.3, 2), rng.uniform(0.1, 0.5)))
    return sound


def widened(rng: Random, track: Floats) -> Floats:
    """Widen: what comes a few ms late is added left and taken away right.

    Parameters
    ----------
    rng : numpy Generator
    track : float32, shape (2, samples)

    Returns
    -------
    track : float32, shape (2, samples)
        Its mono sum is as before.

    Notes
    -----
    Thread: [any]
    """
    shift, gain = int(RATE * rng.uniform(0.005, 0.024)), np.float32(rng.uniform(0.25, 0.95))
    late = np.zeros(track.shape[1], np.float32)
    late[shift:] = track.mean(0)[:-shift] * gain
    late = filtered(late, RATE, high_pass(rng.uniform(120, 500), 1))
    return np.stack([track[0] + late, track[1] - late])


def coded(track: Floats, codec: str, quality: int) -> Floats:
    """Send a track through a lossy codec and back, nothing delayed.

    Parameters
    ----------
    track : float32, shape (2, samples)
    codec : str
        ogg or mp3.
    quality : int
        From 0, the best, to 9.

    Returns
    -------
    track : float32, shape (2, samples)

    Notes
    -----
    Thread: [any]
    """
    loud = np.float32(0.7 / max(float(np.abs(track).max(initial=0)), 1e-6))
    if codec == "mp3":
        mp3 = MP3Compressor(vbr_quality=quality)
        return np.asarray(mp3(track * loud, RATE), np.float32) / loud
    store = io.BytesIO()
    with AudioFile(store, "w", RATE, 2, format="ogg", quality=VORBIS[quality]) as file:
        file.write(track * loud)
    store.seek(0)
    with AudioFile(store) as file:
        back = np.asarray(file.read(file.frames), np.float32)[:, : track.shape[1]]
    return np.pad(back, ((0, 0), (0, track.shape[1] - back.shape[1]))) / loud
