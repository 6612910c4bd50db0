"""plugin-bridge midi: ports, what they send, and learning."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugin_bridge import presets, shipped
from plugin_bridge.cli.main import main
from plugin_bridge.midi import Binding
from tests.midi_system import MidiSystem, install
from tests.processes import until
from tests.tiny import write_model

PAD = [0x99, 36, 100]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> MidiSystem:
    """Give a MIDI system with JACK and one controller."""
    system = install(monkeypatch)
    system.run("API_UNIX_JACK", ["pad:out"], ["pad:in"])
    return system


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user's preset folder, not yet there, and a model."""
    monkeypatch.setenv("PLUGIN_BRIDGE_PRESETS", str(tmp_path / "own"))
    monkeypatch.setenv("PLUGIN_BRIDGE_MODELS", str(tmp_path))
    write_model(tmp_path / "lastframe.onnx")
    return tmp_path / "own"


@pytest.fixture
def played(system: MidiSystem) -> Callable[..., int]:
    """Run a command while a hand plays as soon as its port is open."""

    def run(arguments: list[str], *messages: list[int]) -> int:
        def hand() -> None:
            until(lambda: bool(system.opened()))
            system.play(*messages)

        player = threading.Thread(target=hand)
        player.start()
        try:
            return main(["midi", *arguments])
        finally:
            player.join()

    return run


def rows(path: Path) -> list[dict[str, Any]]:
    """Give the MIDI rows of a preset's file."""
    return [row.model_dump(exclude_defaults=True) for row in presets.load(path).midi]


def test_ports_lists_what_to_write(system: MidiSystem, capsys: pytest.CaptureFixture[str]) -> None:
    """A line per port, with its direction, and which systems run."""
    assert main(["midi", "ports"]) == 0
    shown = capsys.readouterr().out
    assert shown == "input   JACK:pad:out\noutput  JACK:pad:in\nJACK runs\n"
    assert main(["midi", "ports", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["apis"] == ["JACK"]
    assert found["ports"][0] == {"api": "JACK", "name": "pad:out", "direction": "input"}


def test_ports_without_a_system(system: MidiSystem, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing there is said and no error."""
    system.stop("API_UNIX_JACK")
    assert main(["midi", "ports"]) == 0
    assert capsys.readouterr().out == (
        "no MIDI port is there; plug in a controller, or start a program that has one\n"
        "no MIDI system runs; see plugin-bridge doctor\n"
    )


def test_monitor_says_what_comes(
    played: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line per message in the words of a preset, then the counters."""
    messages = [PAD, [0x89, 36, 0], [0xB0, 7, 64], [0xC1, 5], [0xE0, 0, 64], [0x90]]
    assert played(["monitor", "--seconds", "0.5"], *messages) == 0
    told = capsys.readouterr()
    lines = [line.partition(" s  ")[2] or line for line in told.out.splitlines()]
    assert lines == [
        "note 36 on channel 10, velocity 100",
        "note 36 on channel 10, released",
        "cc 7 on channel 1, value 64",
        "program 5 on channel 2",
        "e0 00 40",
        "5 messages, 1 malformed, 0 dropped, reopened 0 times",
    ]
    assert told.err == "plugin-bridge: listening to JACK:pad:out; Ctrl-C ends\n"


def test_monitor_opens_a_port_for_others_if_none_is_there(
    system: MidiSystem, played: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a controller, other programs can send; ALSA's loopback is no controller."""
    system.run("API_UNIX_JACK", ["Midi Through:0", "plugin-bridge-lamps:feedback"], [])
    assert played(["monitor", "--seconds", "0.1"]) == 0
    assert "JACK:plugin-bridge:control" in capsys.readouterr().err


def test_several_inputs_ask_for_a_name(
    system: MidiSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of two is meant is not guessed."""
    system.run("API_UNIX_JACK", ["pad:out", "keys:out"], [])
    assert main(["midi", "monitor"]) == 2
    assert "take one with --port: JACK:pad:out, JACK:keys:out" in capsys.readouterr().err


def test_learn_begins_a_preset(
    played: Callable[..., int], own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --preset the binding goes into one of its own, which is made; told in one line."""
    assert played(["learn", "drums.mute"], [0xB0, 32, 0], [0x89, 36, 0], PAD) == 0
    file = own / "mine.toml"
    assert capsys.readouterr().out == (
        f"note 36: toggles mute drums, on channel 10; written to {file}\n"
    )
    mute = {
        "source": "note",
        "number": 36,
        "channel": 10,
        "target": "drums.mute",
        "mode": "toggle",
    }
    assert rows(file) == [mute]
    assert played(["learn", "vocals.gain_db"], [0xB0, 7, 3]) == 0
    assert rows(file)[0] == mute
    assert rows(file)[1]["curve"] == "decibel"


def test_learn_copies_a_shipped_preset(
    played: Callable[..., int], own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped file stays; one's own has all of it, and the control's new meaning."""
    source = shipped.presets_folder() / "dj-pads.toml"
    before = source.read_bytes()
    assert played(["learn", "other.solo", "--preset", "dj-pads"], PAD) == 0
    assert ", no longer vocals.mute; written to" in capsys.readouterr().out
    assert source.read_bytes() == before
    old, new = presets.load(source), presets.load(own / "dj-pads.toml")
    assert presets.find("dj-pads") == own / "dj-pads.toml"
    assert new.midi[:-1] == old.midi[1:]
    assert new.midi[-1].target == "other.solo"
    assert new.model_dump(exclude={"midi"}) == old.model_dump(exclude={"midi"})
    # Naming the shipped file goes on with one's own copy.
    assert played(["learn", "other.pan", "--preset", str(source)], [0xB0, 99, 3]) == 0
    assert [row.target for row in presets.load("dj-pads").midi[-2:]] == ["other.solo", "other.pan"]


def test_learn_keeps_comments_beside(played: Callable[..., int], own: Path) -> None:
    """A file written by hand is kept, as its comments are lost in the new one."""
    own.mkdir()
    (own / "mine.toml").write_text("format = 1  # by hand\n")
    assert played(["learn", "preset", "--value", "karaoke"], [0xC0, 3]) == 0
    assert (own / "mine.toml.bak").read_text() == "format = 1  # by hand\n"
    assert (
        Binding(source="program", number=3, channel=1, target="preset", value="karaoke")
        == (presets.load("mine").midi[0])
    )


@pytest.mark.parametrize(("text", "value"), [("on", True), ("FALSE", False)])
def test_learn_takes_words_for_switches(
    played: Callable[..., int], own: Path, text: str, value: bool
) -> None:
    """--value on and off set a switch."""
    assert played(["learn", "drums.mute", "--value", text], PAD) == 0
    assert presets.load("mine").midi[0].value is value


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["drumz.mute"], "there is no control 'drumz.mute'; did you mean drums.mute?"),
        (["drums.muted"], "drums.muted names no setting; give e.g. drums.mute"),
        (["preset"], "preset needs mode set and a preset's name as value"),
        (["preset", "--value", "karaokee"], "no preset named 'karaokee'; did you mean karaoke?"),
        (["drums.mute", "--mode", "blink"], "mode is \"blink\"; give 'toggle'"),
        (["drums.gain_db", "--value", "loud"], "drums.gain_db takes no text; give a number"),
        (["drums.mute", "--preset", "karaokee"], "no preset named 'karaokee'"),
        (["drums.mute", "--port", "organ"], "no MIDI port 'organ'; there are: JACK:pad:out"),
    ],
)
def test_learn_refuses_before_a_hand_is_asked_for(
    system: MidiSystem,
    own: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What could not work is told at once, in one sentence, and nothing is written."""
    assert main(["midi", "learn", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert not own.exists()


def test_learn_gives_up_in_time(
    played: Callable[..., int], own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a usable message nothing is written."""
    assert played(["learn", "drums.mute", "--seconds", "0.1"], [0x89, 36, 0]) == 2
    assert "JACK:pad:out sent nothing that can be bound in 0.1 s" in capsys.readouterr().err
    assert not own.exists()
