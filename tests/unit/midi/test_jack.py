"""The JACK server's life, where there is no libjack; with one see tests/live."""

from pathlib import Path

import pytest

from plugin_bridge.midi import jack


def test_without_libjack_a_server_lives_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems whose rtmidi brings no libjack nothing is asked and nothing is closed."""
    monkeypatch.setattr(jack, "library", lambda: None)
    server = jack.Server()
    server.close()
    assert server.lives


@pytest.mark.parametrize(
    ("mapped", "file"),
    [
        (["/usr/lib/libjack.so.0", "/env/python_rtmidi.libs/libjack-1.so"], 1),
        (["/usr/lib/libjack.so.0", "/usr/lib/libjack.so.0"], 0),
        (["/usr/lib/libc.so", "[heap]", ""], None),
    ],
)
@pytest.mark.linux
def test_it_is_the_library_of_rtmidi(
    monkeypatch: pytest.MonkeyPatch, mapped: list[str], file: int | None
) -> None:
    """A wheel's own copy goes before the system's, which PortAudio may have brought."""
    lines = "".join(f"7f00-7f01 r-xp 00000000 08:01 42                  {m}\n" for m in mapped)
    monkeypatch.setattr(Path, "read_text", lambda _: lines)
    assert jack._file() == (None if file is None else mapped[file])
