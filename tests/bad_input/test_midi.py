"""Every bad MIDI file gets one sentence and exit code 2, and nothing is rendered."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from plugin_bridge.cli.main import main
from plugin_bridge.errors import MidiError
from plugin_bridge.files.midi import MOST_BYTES, read_midi
from tests.tiny import hiss, write_audio, write_model

END = b"\x00\xff\x2f\x00"
NOTE = b"\x00\x90\x24\x64"


def smf(*tracks: bytes, kind: int = 0, division: int = 480) -> bytes:
    """Give a MIDI file's bytes."""
    header = b"MThd" + struct.pack(">LHHH", 6, kind, len(tracks), division)
    return header + b"".join(b"MTrk" + struct.pack(">L", len(t)) + t for t in tracks)


def tempo(micros: int) -> bytes:
    """Give a tempo event."""
    return b"\x00\xff\x51\x03" + micros.to_bytes(3, "big")


GOOD = smf(NOTE + END)
MISTAKES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "empty (0 bytes)"),
    ("text", b"hello " * 100, "not a MIDI file; export one of type 0 or 1"),
    ("a wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "not a MIDI file"),
    ("a song", b"RIFF" + bytes(MOST_BYTES), "not a MIDI file"),
    ("header only", GOOD[:14], "cut short"),
    ("half a header", GOOD[:9], "cut short"),
    ("half a track", GOOD[:-5], "cut short"),
    ("no track but a foreign chunk", GOOD.replace(b"MTrk", b"XXXX"), "cut short"),
    ("running status of nothing", smf(b"\x00\x24\x64" + END), "damaged"),
    ("data over 127", smf(b"\x00\x90\x24\xff" + END), "damaged"),
    ("a gigabyte of lyrics", smf(b"\x00\xff\x05\x84\x80\x80\x80\x00" + END), "damaged"),
    ("a time without end", smf(b"\xff" * 1_000_000 + NOTE + END), "damaged"),
    ("type 2", smf(NOTE + END, NOTE + END, kind=2), "of type 2"),
    ("type 9", smf(NOTE + END, kind=9), "of type 9"),
    (
        "no ticks",
        smf(NOTE + END, division=0),
        "counts 0 ticks per quarter note; export it with 480",
    ),
    ("SMPTE", smf(NOTE + END, division=0xE728), "counts time in SMPTE frames; export it with 480"),
    ("tempo 0", smf(tempo(0) + NOTE + END), "no time per beat"),
    (
        "a month long",
        smf(tempo(0xFFFFFF) + b"\xff\xff\xff\x7f" + NOTE[1:] + END, division=1),
        "hours; at most 24 are read",
    ),
    ("a million events", smf(NOTE * 1_000_000 + END), f"at most {MOST_BYTES} (half a million"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a model and a song, made the current one."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "equal.onnx")
    write_audio(tmp_path / "song.wav", hiss(3000))
    return tmp_path


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Render; give the one sentence that was said, and check that nothing was made."""
    assert main(["render", "song.wav", "--model", "equal.onnx", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("plugin-bridge: ")
    assert shown.count("\n") == 1
    assert not Path("stems").exists()
    return shown


def test_the_good_one_is_good(tmp_path: Path) -> None:
    """What the bad files are made from can be read."""
    (tmp_path / "a.mid").write_bytes(GOOD)
    assert [m.message for m in read_midi(tmp_path / "a.mid")] == [NOTE[1:]]


@pytest.mark.parametrize(("_what", "content", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_bad_files_are_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str], _what: str, content: bytes, words: str
) -> None:
    """It names the file and what to do."""
    (here / "take.mid").write_bytes(content)
    said = _refused(capsys, "--midi", "take.mid")
    assert words in said
    assert "take.mid" in said


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (None, "take.mid does not exist; check the name"),
        (Path.mkdir, "take.mid is a folder; name the .mid file in it"),
    ],
)
def test_a_name_that_is_no_file(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None] | None,
    words: str,
) -> None:
    """Missing, or a folder."""
    if make is not None:
        make(here / "take.mid")
    assert words in _refused(capsys, "--midi", "take.mid")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission is the user's to change (faked: root may read everything)."""

    def denied(path: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.mid").write_bytes(GOOD)
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(MidiError, match=r"a\.mid cannot be read: permission denied"):
        read_midi(tmp_path / "a.mid")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--allow-plugins"], "--allow-plugins is for a preset's plugins; name one with --preset"),
        (["--mix", "--stems", "accompaniment"], "accompaniment is not on the console; take"),
        (["--mix", "--stems", "drms"], "did you mean drums? use vocals"),
        (["--mix", "--stems", ","], "names no stem"),
        (["--mix", "--format", "stem.mp4"], "leave --preset, --mix and --midi out"),
    ],
)
def test_options_that_do_not_go_together(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """One sentence that names the option and the way out."""
    assert words in _refused(capsys, *arguments)
