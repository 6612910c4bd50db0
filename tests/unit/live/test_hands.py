"""Keys and a controller on one session, without ports and without an engine."""

from typing import Any

import pytest

from plugin_bridge.errors import DeviceError, SpecError
from plugin_bridge.live.hands import Hands
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.midi import Binding, MidiMap

PAD = bytes([0x90, 36, 100])


class Session:
    """Stands for Live: remembers what it was sent."""

    settings = LiveSettings(device="null")

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.values: dict[str, Any] = {"drums.mute": False}
        self.error: Exception | None = None

    def note(self, message: bytes) -> None:
        pass

    def controls(self) -> dict[str, dict[str, Any]]:
        return {"": dict(self.values)}

    def get(self, path: str) -> Any:
        return "" if path == "preset" else self.values.get(path, False)

    def send(self, path: str, value: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((path, value))
        self.values[path] = value


@pytest.fixture
def session() -> Session:
    """Give a session of one mute."""
    return Session()


@pytest.fixture
def hands(session: Session) -> Hands:
    """Give hands with a pad on the drums."""
    pad = Binding(source="note", number=36, target="drums.mute", mode="toggle")
    return Hands(session, MidiMap([pad]))  # type: ignore[arg-type]


def test_keys_and_pads_see_each_other(session: Session, hands: Hands) -> None:
    """A pad after a key takes the mute back: both toggle what is heard."""
    hands.toggle("drums.mute")
    hands._hear(PAD, 0.0)
    hands._hear(PAD, 0.0)
    hands.toggle("drums.mute")
    assert [value for _, value in session.sent] == [True, False, True, False]


def test_what_does_not_exist_is_left_alone(session: Session, hands: Hands) -> None:
    """A key for a stem that the model lacks is no error in the middle of a song."""
    hands.toggle("kazoo.mute")
    assert session.sent == []


@pytest.mark.parametrize("error", [DeviceError("late"), SpecError("unknown")])
def test_what_the_engine_does_not_take_is_counted(
    session: Session, hands: Hands, error: Exception
) -> None:
    """The thread of MIDI goes on."""
    session.error = error
    hands._hear(PAD, 0.0)
    session.error = None
    hands._hear(PAD, 0.0)
    assert hands._late == 1
    assert len(session.sent) == 1
    assert hands.report() == {"port": None}
