"""What is played out when something is heard: rows that work, and notes that end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plugin_bridge.midi.ensemble import STROKE_SECONDS, Ensemble
from plugin_bridge.midi.intake import is_whole
from plugin_bridge.midi.voice import DEFAULT_VOICES, Voice

ROW = {"stem": "drums", "hears": "kick", "channel": 10, "note": 36}
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("stroke"), st.sampled_from(["drums", "bass", "other"]),
            st.sampled_from([36, 38, 42, None]),
        ),
        st.tuples(st.just("note_on"), st.just("bass"), st.integers(0, 127)),
        st.tuples(st.just("note_off"), st.just("bass"), st.none()),
    ),
    max_size=60,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"note": None}, "kick of drums needs a note to play"),
        ({"hears": "note"}, "note of drums is played itself"),
        ({"transpose": 12}, "leave transpose out"),
        ({"channel": 0}, "greater than or equal to 1"),
        ({"channel": 17}, "less than or equal to 16"),
        ({"note": 128}, "less than or equal to 127"),
        ({"note": 36.0}, "valid integer"),
        ({"hears": "cowbell"}, "'kick', 'snare', 'hat', 'onset' or 'note'"),
        ({"velocity": 3}, "not permitted"),
        ({"stem": ""}, "at least 1 character"),
    ],
)
def test_rows_that_could_not_work_are_refused(change: dict[str, object], said: str) -> None:
    """When they are made, with what is wrong."""
    with pytest.raises(ValidationError, match=said):
        Voice.model_validate(ROW | change)


def test_strokes_and_notes_as_general_midi() -> None:
    """Kick, snare and hat on channel 10, the bass on 2; velocity from 1 to 127."""
    ensemble = Ensemble(DEFAULT_VOICES)
    played = [ensemble.stroke("drums", n, key, 1.0, n) for n, key in enumerate((36, 38, 42))]
    assert played == [[bytes([0x99, key, 127])] for key in (36, 38, 42)]
    assert ensemble.note_on("bass", 40, 0.0) == [bytes([0x91, 40, 1])]
    assert ensemble.note_on("bass", 43, 0.5) == [bytes([0x81, 40, 0]), bytes([0x91, 43, 64])]
    assert ensemble.note_off("bass") == [bytes([0x81, 43, 0])]
    assert ensemble.stroke("bass", 0, None, 1.0, 9.0) == []
    assert ensemble.note_on("vocals", 60, 1.0) == []


def test_several_kinds_at_one_place_are_one_onset() -> None:
    """A row that hears onsets answers once; those that hear kinds each to theirs."""
    voice = Voice(stem="drums", hears="onset", channel=1, note=60)
    ensemble = Ensemble([voice, *DEFAULT_VOICES])
    first = ensemble.stroke("drums", 700, 36, 1.0, 0.0)
    second = ensemble.stroke("drums", 700, 42, 1.0, 0.0)
    assert [message[:2] for message in first] == [bytes([0x90, 60]), bytes([0x99, 36])]
    assert [message[:2] for message in second] == [bytes([0x99, 42])]


def test_a_note_beyond_midi_is_not_played() -> None:
    """Transposed out of range there is nothing to play, and nothing to end."""
    ensemble = Ensemble([Voice(stem="bass", hears="note", channel=2, transpose=100)])
    assert ensemble.note_on("bass", 40, 1.0) == []
    assert ensemble.note_off("bass") == []


@given(steps=STEPS, waits=st.lists(st.floats(0, 2 * STROKE_SECONDS), min_size=60, max_size=60))
def test_every_note_ends_once(steps: list[tuple[str, str, int | None]], waits: list[float]) -> None:
    """Whatever is heard: messages are whole, no note begins twice, none is left at the end."""
    rows = [Voice(stem=s, hears="onset", channel=3, note=50) for s in ("bass", "other")]
    ensemble = Ensemble([*DEFAULT_VOICES, *rows])
    messages: list[bytes] = []
    now = 0.0
    for (what, stem, key), wait in zip(steps, waits, strict=False):
        now += wait
        messages += ensemble.due(now)
        if what == "stroke":
            messages += ensemble.stroke(stem, round(1000 * now), key, 0.5, now)
        elif what == "note_on":
            messages += ensemble.note_on(stem, key or 0, 0.5)
        else:
            messages += ensemble.note_off(stem)
    messages += ensemble.silence()
    sounding: set[tuple[int, int]] = set()
    for message in messages:
        assert is_whole(message)
        kind, at = message[0] & 0xF0, (message[0] & 0x0F, message[1])
        if kind == 0x90:
            assert at not in sounding
            sounding.add(at)
        elif kind == 0x80:
            sounding.remove(at)
    assert not sounding
    assert messages[-3:] == [bytes([0xB0 + c - 1, 123, 0]) for c in (2, 3, 10)]


def test_a_stroke_ends_by_itself() -> None:
    """After its time, and before the next stroke can come."""
    ensemble = Ensemble(DEFAULT_VOICES)
    ensemble.stroke("drums", 0, 36, 1.0, 10.0)
    assert ensemble.due(10.0 + 0.9 * STROKE_SECONDS) == []
    assert ensemble.due(10.0 + STROKE_SECONDS) == [bytes([0x89, 36, 0])]
    assert ensemble.due(11.0) == []
