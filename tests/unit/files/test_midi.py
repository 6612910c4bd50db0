"""MIDI files: when each message stands, whatever the tempo and the tracks."""

from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.errors import MidiError
from plugin_bridge.files.midi import TimedMessage, read_midi
from tests.tiny import write_midi

BEAT = 480


def _on(note: int, time: int = 0) -> mido.Message:
    return mido.Message("note_on", note=note, velocity=100, time=time)


def _tempo(micros: int, time: int = 0) -> mido.MetaMessage:
    return mido.MetaMessage("set_tempo", tempo=micros, time=time)


def test_without_a_tempo_a_beat_is_half_a_second(tmp_path: Path) -> None:
    """120 beats per minute, the format's default; messages are whole bytes."""
    path = write_midi(tmp_path / "a.mid", [_on(36, BEAT), _on(37, BEAT // 2)])
    assert read_midi(path) == [(0.5, bytes([0x90, 36, 100])), (0.75, bytes([0x90, 37, 100]))]


def test_a_tempo_holds_from_its_tick_on_for_all_tracks(tmp_path: Path) -> None:
    """A change in one track moves what follows in the others, and nothing before it."""
    conductor = [_tempo(1_000_000), _tempo(250_000, 2 * BEAT)]
    notes = [_on(1, BEAT), _on(2, BEAT), _on(3, BEAT)]
    path = write_midi(tmp_path / "a.mid", conductor, notes)
    assert [m.seconds for m in read_midi(path)] == [1.0, 2.0, 2.25]


def test_tempos_of_several_tracks_hold_in_their_order(tmp_path: Path) -> None:
    """The later one may stand in the track that is read first."""
    late, early = [_tempo(250_000, 2 * BEAT)], [_tempo(1_000_000), _on(1, BEAT), _on(2, 2 * BEAT)]
    path = write_midi(tmp_path / "a.mid", late, early)
    assert [m.seconds for m in read_midi(path)] == [1.0, 2.25]


def test_tracks_are_merged_by_time(tmp_path: Path) -> None:
    """By tick; at the same tick in the order of the tracks."""
    path = write_midi(tmp_path / "a.mid", [_on(1, 10), _on(3, 20)], [_on(2, 10), _on(4, 21)])
    assert [m.message[1] for m in read_midi(path)] == [1, 2, 3, 4]


def test_only_channel_messages_are_given(tmp_path: Path) -> None:
    """No names, tempos, sysex; program changes, controllers and bends as they are."""
    played = [
        mido.MetaMessage("track_name", name="pads"),
        mido.Message("sysex", data=[1, 2, 3]),
        mido.Message("program_change", channel=2, program=5),
        mido.Message("control_change", control=7, value=3),
        mido.Message("pitchwheel", pitch=0),
    ]
    path = write_midi(tmp_path / "a.mid", played)
    assert [m.message[0] for m in read_midi(path)] == [0xC2, 0xB0, 0xE0]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40))
def test_one_tick_per_sample_is_exact(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int]
) -> None:
    """A take whose ticks are samples gives those samples back."""
    rate = 44100
    path = tmp_path_factory.mktemp("midi") / "take.mid"
    notes = [_on(36, gap) for gap in gaps]
    write_midi(path, [_tempo(500_000), *notes], ticks_per_beat=rate // 2)
    wanted = [sum(gaps[: k + 1]) for k in range(len(gaps))]
    assert [m.position(rate) for m in read_midi(path)] == wanted


def test_a_position_is_the_nearest_sample() -> None:
    """Rounded at the rate that is asked for."""
    message = TimedMessage(0.1, b"")
    assert [message.position(rate) for rate in (8000, 44100, 44104)] == [800, 4410, 4410]


def test_no_messages_is_an_empty_take(tmp_path: Path) -> None:
    """Tracks without notes are no error here."""
    assert read_midi(write_midi(tmp_path / "a.mid", [_tempo(500_000)])) == []


@pytest.mark.parametrize("size", [0, 5, 20000])
def test_foreign_chunks_are_skipped(tmp_path: Path, size: int) -> None:
    """Ahead of each track and behind the last one, whatever is in them."""
    path = write_midi(tmp_path / "a.mid", [_on(1, 10)], [_on(2, 20)])
    plain, content = read_midi(path), path.read_bytes()
    foreign = b"XFIH" + size.to_bytes(4, "big") + size * b"\xff"
    path.write_bytes(content.replace(b"MTrk", foreign + b"MTrk") + foreign)
    assert read_midi(path) == plain


def test_a_cut_foreign_chunk_is_no_empty_take(tmp_path: Path) -> None:
    """What promises more than there is hides the tracks behind it: the file is refused."""
    path = write_midi(tmp_path / "a.mid", [_on(1, 10)])
    head, tracks = path.read_bytes()[:14], path.read_bytes()[14:]
    path.write_bytes(head + b"XFIH" + (len(tracks) + 1).to_bytes(4, "big") + tracks)
    with pytest.raises(MidiError, match=r"a\.mid is damaged"):
        read_midi(path)


@given(st.data())
def test_damaged_bytes_never_give_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any byte may be another one, and any tail may be missing."""
    path = tmp_path_factory.mktemp("midi") / "a.mid"
    write_midi(path, [_tempo(400_000), *[_on(k, k) for k in range(20)]], [_on(1, 500)])
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        read_midi(path)
    except MidiError as error:
        assert str(path) in str(error)  # noqa: PT017  it may also be read
