"""The parts of the sampled songs that need neither fluidsynth nor pyworld."""

from pathlib import Path

import mido
import numpy as np
import pytest
from numpy.typing import NDArray

from models import probe
from models.data import __main__ as command
from models.data import (
    amps,
    compositions,
    instrumental,
    lowend,
    orchestra,
    phrases,
    production,
    vocals,
)
from models.data.library import RATE, Library, UnusableError
from models.data.mixing import BINS, Mixer
from models.data.score import STEMS, Note, compose
from tests.unit.models.test_library import jobs, write


def share_below(track: NDArray[np.float32], hertz: float) -> float:
    """Share of the energy below a frequency."""
    power = (np.abs(np.fft.rfft(track)) ** 2).sum(0)
    return float(power[: int(hertz / RATE * 2 * len(power))].sum() / power.sum())


@pytest.mark.parametrize("seed", range(8))
def test_sub_bass_is_low_long_and_whole(seed: int) -> None:
    """Sustained notes lie between 27 and 55 Hz, last over a second and carry the energy there."""
    score = compose(np.random.default_rng(seed), 20)
    notes = lowend.sustained(np.random.default_rng(seed), score)
    assert notes
    for note in notes:
        assert 21 <= note.pitch < 33
        assert note.length > 1
    track = lowend.sub(np.random.default_rng(seed), notes, 20 * RATE, score.beat)
    assert track.shape == (2, 20 * RATE)
    assert np.isfinite(track).all()
    assert np.abs(track).max() <= 1.001
    assert share_below(track, 200) > 0.7


@pytest.mark.parametrize("seed", range(8))
def test_struck_sub_bass_keeps_its_pitch_and_the_rhythm(seed: int) -> None:
    """Notes start with the bass line, lie between 36 and 70 Hz, are short and leave gaps."""
    score = compose(np.random.default_rng(seed), 20)
    notes = lowend.struck(np.random.default_rng(seed), score)
    assert [note.start for note in notes] == [note.start for note in score.bass]
    for note, played in zip(notes, score.bass, strict=True):
        assert 26 <= note.pitch < 38
        assert (note.pitch - played.pitch) % 12 == 0 or note.pitch == notes[0].pitch
        assert 0 < note.length <= min(0.4, played.length)
    one = [Note(0.5, 0.2, 31, 1)]
    track = lowend.sub(np.random.default_rng(seed), one, 2 * RATE, 0.5)
    assert np.abs(track[:, : int(0.45 * RATE)]).max() < 0.2
    assert np.abs(track[:, int(0.95 * RATE) :]).max() < 0.2
    assert share_below(track, 400) > 0.6


def test_some_kicks_fall_as_slowly_as_a_note() -> None:
    """Some kicks turn a fifth faster after 0.2 s than after 0.5 s."""
    slow = 0
    for seed in range(60):
        kick = lowend.long_kick(np.random.default_rng(seed))[0]
        turns = np.flatnonzero(np.diff(np.signbit(kick))) / RATE
        early, late = (np.diff(turns[turns > start][:5]).mean() for start in (0.2, 0.5))
        slow += bool(late > 1.2 * early)
    assert 5 < slow < 40


def test_a_sine_goes_down_to_28_hertz(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lowest note has its peak at 27.5 Hz."""
    monkeypatch.setattr(lowend, "KINDS", ("sine",))
    track = lowend.sub(np.random.default_rng(1), [Note(0, 4, 21, 1)], 4 * RATE, 0.5)
    peak = np.argmax(np.abs(np.fft.rfft(track[0]))) / 4
    assert peak == pytest.approx(27.5, abs=0.5)


def test_long_kicks_fall_and_die() -> None:
    """A kick rings low for long, starts loud and ends in silence."""
    for seed in range(8):
        kick = lowend.long_kick(np.random.default_rng(seed))
        assert kick.shape[1] > 0.8 * RATE
        assert np.abs(kick).max() <= 1.001
        assert np.abs(kick[:, : RATE // 10]).max() > 0.5
        assert np.abs(kick[:, -40:]).max() < 0.05
        assert share_below(kick, 150) > 0.6


def test_amplifiers_add_harmonics_and_keep_the_top_off() -> None:
    """A sine becomes a series of harmonics; above 8 kHz next to nothing is left."""
    tone = np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32)
    out = amps.amplifier(np.random.default_rng(2), tone)
    power = np.abs(np.fft.rfft(out)) ** 2
    assert power[655:665].sum() > 1e-4 * power[215:225].sum()
    assert power[8000:].sum() < 1e-3 * power.sum()
    assert not amps.unit(np.zeros(10, np.float32)).any()


def test_a_shouted_voice_is_as_loud_and_less_dynamic() -> None:
    """Distortion keeps the level and takes crest."""
    rng = np.random.default_rng(0)
    voice = (0.1 * rng.standard_normal((2, RATE)) * np.linspace(0, 1, RATE)).astype(np.float32)
    loud = amps.shouted(np.random.default_rng(1), voice)
    levels = [float(np.sqrt((track**2).mean())) for track in (voice, loud)]
    assert levels[1] == pytest.approx(levels[0], rel=1e-3)
    assert np.abs(loud).max() < np.abs(voice).max()


@pytest.mark.parametrize("codec", ["ogg", "mp3"])
def test_codecs_delay_nothing(codec: str) -> None:
    """What comes back from a codec lies where it was, as long and about as loud."""
    rng = np.random.default_rng(3)
    track = (0.1 * rng.standard_normal((2, RATE))).astype(np.float32)
    back = production.coded(track, codec, 5)
    assert back.shape == track.shape
    ahead = np.fft.irfft(np.fft.rfft(back[0]) * np.conj(np.fft.rfft(track[0])), RATE)
    assert int(np.argmax(ahead)) == 0
    assert float((back**2).mean()) == pytest.approx(float((track**2).mean()), rel=0.5)


def test_production_keeps_places_and_silence() -> None:
    """A finished track is as long as before; a click is not moved; silence stays silence."""
    click = np.zeros((2, RATE), np.float32)
    click[:, 10_000] = 0.5
    for seed in range(12):
        for stem in STEMS:
            out = production.produced(np.random.default_rng(seed), stem, click)
            assert out.shape == click.shape
            assert abs(int(np.argmax(np.abs(out[0]))) - 10_000) < 60
    silent = np.zeros((2, RATE), np.float32)
    assert not production.produced(np.random.default_rng(0), "other", silent).any()


def test_widening_keeps_the_mono_sum() -> None:
    """A widened track has a side it had not, and the same middle."""
    rng = np.random.default_rng(5)
    track = np.repeat((0.1 * rng.standard_normal((1, RATE))).astype(np.float32), 2, 0)
    wide = production.widened(np.random.default_rng(1), track)
    np.testing.assert_allclose(wide.mean(0), track.mean(0), atol=1e-6)
    assert float(((wide[0] - wide[1]) ** 2).mean()) > 0.01 * float((track**2).mean())


def test_placing_sets_the_level() -> None:
    """Whatever the level was, the playing time comes out near 0.1; silence stays silence."""
    rng = np.random.default_rng(6)
    track = rng.standard_normal((2, RATE)).astype(np.float32)
    track[:, RATE // 2 :] = 0
    for gain in (0.001, 10.0):
        out = production.placed(np.random.default_rng(2), track * np.float32(gain))
        assert 0.02 < float(np.sqrt((out[:, : RATE // 2] ** 2).mean())) < 0.5
    assert not production.placed(np.random.default_rng(2), 0 * track).any()


def test_kinds_ask_for_their_sounds(tmp_path: Path) -> None:
    """The kinds that play recordings are refused without a folder of them."""
    given = ["build", "--out", str(tmp_path), "--kind", "band", "--songs", "1"]
    with pytest.raises(ValueError, match="needs --sounds"):
        list(command._jobs(command._arguments().parse_args(given)))


def test_envelopes_come_back() -> None:
    """A smooth spectrum survives its bands; a larger tract moves formants up by its factor."""
    f = np.linspace(0, RATE / 2, phrases.FFT // 2 + 1)
    formant = np.log(1e-4 + np.exp(-0.5 * ((f - 1500) / 300) ** 2))
    bands = np.interp(phrases.centres(), f, formant).astype(np.float32)[None]
    back = np.log(phrases.spread_out(bands)[0])
    assert np.abs(back - formant)[f < 10_000].mean() < 0.1
    assert f[np.argmax(phrases.spread_out(bands, 1.1)[0])] == pytest.approx(1650, abs=40)


@pytest.mark.parametrize("spoken", [1, 3, 20])
def test_many_spoken_voices_do_not_drown_the_sung_one(tmp_path: Path, spoken: int) -> None:
    """A sung voice is drawn at least five times in eleven, and every folder of speech as often."""
    for name in ("alys", *(f"speaker{i}" for i in range(spoken)), "empty"):
        (tmp_path / "voices" / name).mkdir(parents=True)
        if name != "empty":
            (tmp_path / "voices" / name / "a.ogg").touch()
    found = vocals.voices(tmp_path)
    assert len(found) == spoken + 1
    weights = {each.name: each.weight for each in found}
    assert weights.pop("alys") / sum(each.weight for each in found) > 0.45
    assert len(set(weights.values())) == 1


def test_syllables_are_peaks_of_voiced_loudness() -> None:
    """Three swells of a voice are three syllables, each nucleus inside its edges."""
    time = np.arange(300)
    loud = (-30 + 30 * np.abs(np.sin(np.pi * time / 100))).astype(np.float32)
    found = phrases.syllables(loud, np.ones(300, bool))
    assert len(found) == 3
    for first, left, right, last in found:
        assert first <= left < right <= last
    assert len(phrases.syllables(loud, np.zeros(300, bool))) == 0


def test_events_of_parts_are_whole() -> None:
    """Every note that begins has an end, inside the track, also where the score runs over."""
    notes = [Note(0.1, 0.5, 60.4, 1.0), Note(1.9, 9.0, 200, 0.1), Note(7.0, 1, 50, 1)]
    events = orchestra.melodic(np.random.default_rng(0), notes, 12, 2 * RATE)
    kinds = [event.kind for event in events]
    assert kinds.count("on") == kinds.count("off") == 2
    assert all(0 <= event.at < 2 * RATE for event in events)
    assert all(0 <= event.first <= 127 for event in events)


def test_no_program_is_a_choir() -> None:
    """Voices and choirs are in no list of programs."""
    played = {program for programs in orchestra.PROGRAMS.values() for program in programs}
    assert not played & compositions.VOICES
    assert set(orchestra.PROGRAMS) >= set(compositions.KINDS) - {"bass"}


def piece(path: Path, count: int = 40, *, hanging: bool = False) -> Path:
    """Write drums, bass, piano and a choir of `count` notes each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = mido.MidiFile(ticks_per_beat=480)
    for channel, program, key in ((9, 0, 38), (1, 33, 40), (2, 0, 64), (3, 52, 70), (4, 49, 60)):
        track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
        endless = hanging and channel == 1
        for i in range(1 if endless else count):
            now = {"channel": channel, "note": key + i % 3}
            track.append(mido.Message("note_on", velocity=90, **now))
            if not endless:
                track.append(mido.Message("note_off", time=240, **now))
        file.tracks.append(track)
    file.save(str(path))
    return path


def test_a_composition_becomes_a_score(tmp_path: Path) -> None:
    """Drums, bass and the rest go to their parts, the choir to none; the tune uses the chords."""
    path = piece(tmp_path / "midi" / "a.mid")
    assert compositions.find(tmp_path) == [(path, "")]
    score = compositions.excerpt(np.random.default_rng(0), compositions.messages(path), 8)
    assert {hit.piece for hit in score.drums} <= set(orchestra.GENERAL_KEYS)
    assert score.bass
    assert {part.kind for part in score.other} == {"chords", "pad"}
    sounding = [*score.bass, *(note for part in score.other for note in part.notes)]
    classes = {round(note.pitch) % 12 for note in sounding}
    assert score.vocals
    assert {round(note.pitch) % 12 for note in score.vocals} <= classes
    for note in [*sounding, *score.vocals]:
        assert 0 <= note.start < 8


def test_hanging_notes_are_ended(tmp_path: Path) -> None:
    """No note of an excerpt is longer than 8 s and the change of tempo."""
    path = piece(tmp_path / "a.mid", hanging=True)
    score = compositions.excerpt(np.random.default_rng(1), compositions.messages(path), 30)
    assert score.bass
    longest = max(note.length for note in score.bass)
    assert 5 < longest <= compositions.HANGING * 1.14


def test_useless_compositions_are_refused(tmp_path: Path) -> None:
    """Damaged, empty and missing files are refused by a sentence that says what to do."""
    (tmp_path / "bad.mid").write_bytes(b"MThd")
    with pytest.raises(UnusableError, match=r"bad\.mid"):
        compositions.messages(tmp_path / "bad.mid")
    few = compositions.messages(piece(tmp_path / "few.mid", 2))
    with pytest.raises(UnusableError, match="30 are wanted"):
        compositions.excerpt(np.random.default_rng(0), few, 8)
    with pytest.raises(ValueError, match="add some"):
        compositions.find(tmp_path)
    (tmp_path / "midi").mkdir()
    (tmp_path / "midi" / "all.zip").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="fetch it again"):
        compositions.find(tmp_path)


def noise(seconds: int) -> NDArray[np.float32]:
    """Noise of RMS 0.1."""
    rng = np.random.default_rng(9)
    return (0.1 * rng.standard_normal((2, seconds * RATE))).astype(np.float32)


def test_instrumental_music_is_known_as_a_sum(tmp_path: Path) -> None:
    """Partial mixtures hold vocals and one sum; groups say so; complete ones are as before."""
    write(tmp_path / "music" / "album" / "one.wav", noise(12), RATE)
    write(tmp_path / "music" / "short.wav", noise(2), RATE)
    (tmp_path / "music" / "broken.mp3").write_bytes(b"no music")
    library = Library(tmp_path / "library")
    list(library.fill(jobs([], 2)))
    list(library.fill(instrumental.jobs(tmp_path / "music")))
    assert {item.stem for item in library.items} == {*STEMS, "accompaniment"}
    assert len(library.skipped) == 2
    assert library.seconds("train")["accompaniment"] == 12

    stems, gains, groups = Mixer(library, "train", 3, partial=0.5).batch(40, 4000)
    assert stems.shape == (40, 4, 2, 4000)
    assert gains.shape == (40, 4, 2, BINS)
    partial = groups[:, 1, 3] == 1
    assert 8 < partial.sum() < 32
    for i in range(40):
        if partial[i]:
            np.testing.assert_array_equal(groups[i, 1], [0, 1, 1, 1])
            assert not groups[i, 2:].any()
            assert stems[i, 3].any()
            assert not stems[i, 1:3].any()
        else:
            np.testing.assert_array_equal(groups[i], np.eye(4))
    assert any(stems[i, 0].any() for i in np.flatnonzero(partial))
    assert any(not stems[i, 0].any() for i in np.flatnonzero(partial))
    assert len(Mixer(library, "train", 3).batch(2, 4000)) == 2


def test_music_is_asked_for_where_there_is_none(tmp_path: Path) -> None:
    """An empty folder of instrumental music is refused with what belongs there."""
    with pytest.raises(ValueError, match="without voices"):
        list(instrumental.jobs(tmp_path))


def test_the_probe_knows_bass_from_silence() -> None:
    """All to bass is 0 dB and passes; half the energy passes; all to drums fails."""
    mixture, tone = probe.tone_under_hats(3)
    assert share_below(tone, 40) > 0.99
    assert float(((mixture - tone) ** 2).mean()) < 0.01 * float((tone**2).mean())

    def give(bass: float) -> probe.Separate:
        nothing = np.zeros_like(mixture)
        return lambda mix, _: {
            **dict.fromkeys(STEMS, nothing),
            "bass": mix * np.float32(bass),
            "drums": mix * np.float32(1 - bass),
        }

    whole = probe.probe(give(1.0), 3)
    np.testing.assert_allclose(whole["bass"], 0, atol=0.1)
    assert whole["vocals"] == [probe.NOTHING] * 3
    assert probe.passed(whole)
    assert probe.passed(probe.probe(give(0.72), 3))
    assert not probe.passed(probe.probe(give(0.5), 3))
    assert not probe.passed(probe.probe(give(0.0), 3))


def test_a_delay_does_not_change_the_probe() -> None:
    """An estimate that comes late holds as much of the tone."""
    _, tone = probe.tone_under_hats(3)
    late = np.pad(tone, ((0, 0), (2048, 0)))[:, : tone.shape[1]]
    assert probe.share(late, tone)[1:] == pytest.approx([0, 0], abs=0.1)
