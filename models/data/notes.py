"""The notes of a generated song, known without a sample of it being made.

The generator draws from one stream per job, so the same draws can be made again: the score from
the first, and from the second the singer and the curves of the leading voice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.data import voice
from models.data.score import Hit, Note, Part, compose
from models.data.sound import Floats

SECONDS_MERGED = 0.03  # strokes closer than that are heard as one
# A voice is pitched where it is at most 20 dB below its loudest and does not hiss.
VOICED, MOST_HISS = 0.1, 0.05
KINDS = {
    "kick": "kick", "snare": "snare", "ghost": "snare", "clap": "snare", "rim": "snare",
    "hat": "hat", "open": "hat", "ride": "hat", "shaker": "hat", "crash": "hat",
}  # fmt: skip


@dataclass(frozen=True)
class SongNotes:
    """What is played in a generated song.

    Attributes
    ----------
    drums, bass : tuple of Hit, tuple of Note
    other : tuple of Part
    vocals : tuple of Note, the leading voice
    times : float, shape (frames,), seconds, at which the leading voice's pitch is known
    hertz : float, shape (frames,), its pitch, with slides, vibrato and drift; 0 where unvoiced
    beat : float, seconds
    """

    drums: tuple[Hit, ...]
    bass: tuple[Note, ...]
    other: tuple[Part, ...]
    vocals: tuple[Note, ...]
    times: Floats
    hertz: Floats
    beat: float


def notes_of(seed: int, seconds: float, sample_rate: int = 44_100) -> SongNotes:
    """Give the notes of the song that `generate` makes of the same arguments.

    Parameters
    ----------
    seed : int
    seconds : float
    sample_rate : int
        Samples per second.

    Returns
    -------
    notes : SongNotes
        Those that start within the song.

    Notes
    -----
    Thread: [any]
    """
    score = compose(np.random.default_rng([seed, 0]), seconds)
    samples = round(seconds * sample_rate)
    times: Floats = np.zeros(0, np.float32)
    hertz: Floats = np.zeros(0, np.float32)
    if score.vocals:
        curve = voice.lead_curve(
            np.random.default_rng([seed, 1]), score.vocals, samples, sample_rate
        )
        voiced = (curve.loud > VOICED * curve.loud.max()) & (curve.hiss < MOST_HISS)
        times = np.arange(len(curve.pitch), dtype=np.float32) * np.float32(voice.HOP / sample_rate)
        hertz = np.where(voiced, 440 * np.exp2((curve.pitch - 69) / 12), 0).astype(np.float32)
    inside = times < seconds
    return SongNotes(
        drums=tuple(hit for hit in score.drums if hit.start < seconds),
        bass=tuple(note for note in score.bass if note.start < seconds),
        other=score.other,
        vocals=tuple(note for note in score.vocals if note.start < seconds),
        times=times[inside],
        hertz=hertz[inside],
        beat=score.beat,
    )


def strokes(hits: Iterable[Hit]) -> dict[str, list[float]]:
    """Sort strokes by kind.

    Returns
    -------
    seconds : dict, "any", "kick", "snare", "hat" -> list of float
        Toms and percussion are in "any" only.

    Examples
    --------
    >>> strokes([Hit(0.5, "clap", 1.0), Hit(1.0, "low", 1.0)])
    {'any': [0.5, 1.0], 'kick': [], 'snare': [0.5], 'hat': []}

    Notes
    -----
    Thread: [any]
    """
    found: dict[str, list[float]] = {"any": [], "kick": [], "snare": [], "hat": []}
    for hit in hits:
        found["any"].append(hit.start)
        if hit.piece in KINDS:
            found[KINDS[hit.piece]].append(hit.start)
    return found


def merged(times: Iterable[float], gap: float = SECONDS_MERGED) -> list[float]:
    """Take times that follow another within `gap` seconds out.

    Examples
    --------
    >>> merged([1.0, 0.0, 0.01])
    [0.0, 1.0]

    Notes
    -----
    Thread: [any]
    """
    kept: list[float] = []
    for time in sorted(times):
        if not kept or time - kept[-1] > gap:
            kept.append(time)
    return kept
