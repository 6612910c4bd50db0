"""Ports that are opened, watched and opened again, on a system without a driver."""

from collections.abc import Callable
from functools import partial
from threading import Event

import pytest

from plugin_bridge.errors import MidiError
from plugin_bridge.midi import ports, watch
from plugin_bridge.midi.driver import APIS
from plugin_bridge.midi.intake import Intake, PortCounters
from plugin_bridge.midi.names import PortInfo
from plugin_bridge.midi.ports import MidiInput, MidiOutput, lamps_of
from tests.midi_system import MidiSystem, install
from tests.processes import until

NOTE = bytes([0x90, 60, 1])


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> MidiSystem:
    """Give a MIDI system with JACK and one controller."""
    system = install(monkeypatch)
    system.run("API_UNIX_JACK", ["pad:out"], ["pad:in"])
    return system


class Heard:
    """What a port handed on."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.seconds: list[float] = []

    def __call__(self, message: bytes, seconds: float) -> None:
        self.messages.append(message)
        self.seconds.append(seconds)

    def wait(self, count: int) -> None:
        """Wait for so many messages."""
        until(lambda: len(self.messages) >= count)


def test_every_message_comes_in_order(system: MidiSystem) -> None:
    """Ten thousand messages at once lose none, and their times never go back."""
    heard = Heard()
    sent = [bytes([0xB0, n % 128, n // 128]) for n in range(10_000)]
    with MidiInput("pad", heard) as port:
        assert (port.title, port.port) == ("JACK:pad:out", PortInfo("JACK", "pad:out", "input"))
        system.play(*sent)
        heard.wait(len(sent))
        assert port.counters == PortCounters(messages=len(sent))
    assert heard.messages == sent
    assert heard.seconds == sorted(heard.seconds)
    assert system.opened() == []


def test_sysex_clock_and_sensing_are_left_to_the_driver(system: MidiSystem) -> None:
    """Their types are ignored where they come in."""
    with MidiInput("pad", Heard()):
        (client,) = system.clients
        assert client.ignored == {"sysex": True, "timing": True, "active_sense": True}


def test_noise_is_counted_and_passed_over(system: MidiSystem) -> None:
    """What is no message is counted; the messages around it arrive."""
    heard = Heard()
    with MidiInput("pad", heard) as port:
        system.play(NOTE, [0x90, 60], [0x90, 200, 1], [7, 7], [], [0xF0, 1, 2], NOTE)
        heard.wait(2)
        assert port.counters == PortCounters(messages=2, malformed=5)
    assert heard.messages == [NOTE, NOTE]


def test_a_flood_is_bounded(system: MidiSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the handling is busy, a bounded number waits, and the rest is counted."""
    monkeypatch.setattr(ports, "Intake", partial(Intake, most=10))
    busy, heard = Event(), Heard()

    def slow(message: bytes, seconds: float) -> None:
        busy.wait()
        heard(message, seconds)

    with MidiInput("pad", slow) as port:
        system.play(*[NOTE] * 100)
        until(lambda: port.counters.dropped > 0)
        busy.set()
        until(lambda: len(heard.messages) == port.counters.messages)
        assert port.counters.messages + port.counters.dropped == 100
        assert port.counters.messages == 10


def test_an_error_in_the_handling_is_not_the_end(system: MidiSystem) -> None:
    """What the handling raises is counted, and the next message comes."""
    heard = Heard()

    def fails_first(message: bytes, seconds: float) -> None:
        heard(message, seconds)
        if len(heard.messages) == 1:
            raise RuntimeError("broken")

    with MidiInput("pad", fails_first) as port:
        system.play(NOTE, NOTE)
        heard.wait(2)
        assert port.counters.failed == 1
        assert port.is_open


def test_an_error_when_lamps_are_lit_is_not_the_end(system: MidiSystem) -> None:
    """What `on_open` raises is counted, and the port is there."""

    def fails() -> None:
        raise RuntimeError("broken")

    with MidiOutput("pad", fails) as lamps:
        system.stop("API_UNIX_JACK")
        until(lambda: not lamps.is_open)
        system.run("API_UNIX_JACK", ["pad:out"], ["pad:in"])
        until(lambda: lamps.counters.failed == 1)
        lamps.send(NOTE)
        until(lambda: system.sent == [NOTE])


def test_a_controller_may_be_pulled_out_and_plugged_in(system: MidiSystem) -> None:
    """A port that vanished is opened again when it is back, for both directions."""
    heard, lit = Heard(), Event()
    with MidiInput("pad", heard) as port, MidiOutput("pad", lit.set) as lamps:
        system.run("API_UNIX_JACK", [], [])
        until(lambda: not port.is_open and not lamps.is_open)
        lamps.send(NOTE)
        assert lamps.counters.dropped == 1
        system.run("API_UNIX_JACK", ["other:out", "pad:out"], ["pad:in"])
        until(lambda: port.is_open and lamps.is_open)
        assert lit.wait(20)
        system.play(NOTE)
        heard.wait(1)
        lamps.send(NOTE)
        until(lambda: system.sent == [NOTE])
        assert (port.counters.reopened, lamps.counters.reopened) == (1, 1)
    assert system.touched_dead == []


def test_another_socket_will_do(system: MidiSystem) -> None:
    """A device whose number changed with the socket is the same device."""
    system.run("API_LINUX_ALSA", ["keys 20:0"], [])
    with MidiInput("keys", Heard()) as port:
        system.run("API_LINUX_ALSA", ["keys 28:0"], [])
        until(lambda: port.title == "ALSA:keys 28:0" and port.is_open)


@pytest.mark.parametrize("name", ["virtual", "pad"])
def test_a_jack_server_may_die_and_come_back(system: MidiSystem, name: str) -> None:
    """The port is there again on the next server, and no dead client was touched."""
    heard = Heard()
    with MidiInput(name, heard) as port, MidiOutput(name) as lamps:
        system.stop("API_UNIX_JACK")
        until(lambda: not port.is_open and not lamps.is_open)
        system.run("API_UNIX_JACK", ["pad:out"], ["pad:in"])
        until(lambda: port.is_open and lamps.is_open)
        system.play(NOTE)
        heard.wait(1)
    assert system.touched_dead == []


def test_lamps_for_a_dead_server_are_counted(system: MidiSystem) -> None:
    """What waits when the server goes is not sent to the next one, but counted."""
    with MidiOutput("pad") as lamps:
        lamps.send(NOTE)
        until(lambda: system.sent == [NOTE])
        system.stop("API_UNIX_JACK")
        for _ in range(100):
            lamps.send(NOTE)
        system.run("API_UNIX_JACK", ["pad:out"], ["pad:in"])
        until(lambda: lamps.counters.reopened == 1)
        assert system.sent == [NOTE]
        assert (lamps.counters.messages, lamps.counters.dropped) == (1, 100)
    assert system.touched_dead == []


def test_a_virtual_port_is_what_others_can_send_to(system: MidiSystem) -> None:
    """It is of the preferred system, or of the one that is named, and stays."""
    system.run("API_LINUX_ALSA", [], [])
    with MidiInput("virtual", Heard()) as one, MidiOutput("ALSA:virtual") as other:
        assert (one.title, one.port) == ("JACK:plugin-bridge:control", None)
        assert other.title == "ALSA:plugin-bridge-lamps:feedback"
        assert sorted(system.opened()) == [
            "plugin-bridge-lamps:feedback",
            "plugin-bridge:control",
        ]


def test_a_long_show_of_lamps_loses_none(system: MidiSystem) -> None:
    """What is sent at once arrives in order, however much it is."""
    shown = [bytes([0x90, n % 128, n // 128]) for n in range(1000)]
    with MidiOutput("pad") as port:
        for message in shown:
            port.send(message)
        until(lambda: system.sent == shown)


def test_lamps_are_at_the_device_that_is_heard(system: MidiSystem) -> None:
    """The output of an input's device is opened, if it has one, and a virtual one for virtual."""
    system.run("API_LINUX_ALSA", ["keys 20:0", "pad 24:0"], ["pad 24:0"])
    for name, title in (
        ("ALSA:pad", "ALSA:pad 24:0"),
        ("keys", None),
        ("ALSA:virtual", "ALSA:plugin-bridge-lamps:feedback"),
    ):
        with MidiInput(name, Heard()) as port:
            lamps = lamps_of(port)
            assert (lamps and lamps.title) == title
            if lamps is not None:
                lamps.close()


def test_what_is_no_message_is_not_sent(system: MidiSystem) -> None:
    """An output counts what it sent and refuses half messages."""
    with MidiOutput("pad") as port:
        port.send(b"\x90")
        port.send(NOTE)
        until(lambda: system.sent == [NOTE])
        assert port.counters == PortCounters(messages=1, malformed=1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("organ", r"no MIDI port 'organ'; there are: JACK:pad:out, or give virtual"),
        ("ALSA:pad", r"ALSA is not running; start it, or take a port of JACK"),
        ("", r"'' names no MIDI port; give virtual"),
        ("JACK:", r"'JACK:' names no MIDI port"),
    ],
)
def test_a_wrong_name_is_one_sentence(system: MidiSystem, name: str, says: str) -> None:
    """What is not there is told with what there is, and nothing remains open."""
    with pytest.raises(MidiError, match=says):
        MidiInput(name, Heard())
    assert system.clients == []


def test_no_system_at_all_says_how_to_get_one(system: MidiSystem) -> None:
    """Without JACK and ALSA, one sentence tells what to start."""
    system.stop("API_UNIX_JACK")
    with pytest.raises(MidiError, match="no MIDI system is running; start a JACK server"):
        MidiInput("virtual", Heard())


def test_a_system_without_virtual_ports_says_so(
    system: MidiSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: what to install instead."""
    monkeypatch.setitem(APIS, "JACK", APIS["JACK"]._replace(virtual=False))
    with pytest.raises(MidiError, match="JACK has no virtual ports; install a loopback driver"):
        MidiInput("virtual", Heard())


def test_a_port_that_goes_before_it_is_open_is_one_sentence(system: MidiSystem) -> None:
    """A port that was listed a moment ago and is gone is an error that names it."""
    gone = PortInfo("JACK", "keys:out", "input")
    with pytest.raises(MidiError, match="MIDI port JACK:keys:out cannot be opened; see"):
        MidiInput(gone, Heard())


@pytest.mark.parametrize("opened", [lambda: MidiInput("pad", Heard()), lambda: MidiOutput("pad")])
def test_a_driver_that_hangs_is_left_behind(
    system: MidiSystem,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[[], MidiInput | MidiOutput],
) -> None:
    """Closing ends although the driver does not."""
    monkeypatch.setattr(watch, "PATIENCE", 0.01)
    forever = Event()
    port = opened()
    (client,) = system.clients
    monkeypatch.setattr(client, "delete", forever.wait)
    port.close()
    forever.set()
