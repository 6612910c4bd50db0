"""Realtime priorities, where this machine grants them."""

import os
import threading
from collections.abc import Callable

import pytest

from plugin_bridge.live.priority import follow, priority_here, raise_priority

pytestmark = pytest.mark.linux


def on_a_thread(act: Callable[[], None]) -> int:
    """Give the priority that a thread of its own has after `act`."""
    found: list[int] = []

    def run() -> None:
        act()
        found.append(priority_here())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def granted() -> bool:
    """Tell whether this machine grants realtime priorities."""
    return on_a_thread(lambda: void(raise_priority(4))) == 4


def void(_: object) -> None:
    """Forget a value."""


def test_who_follows_is_right_below_and_never_lowered() -> None:
    """A server's priority takes its worker along; an ordinary thread stays one."""
    for server, expected in ((71, 70), (6, 5), (5, 4), (2, 4), (0, 4)):

        def act(server: int = server) -> None:
            raise_priority(4)
            follow(server)

        assert on_a_thread(act) == (expected if granted() else 0)
    assert on_a_thread(lambda: follow(71)) == 0


def test_what_a_realtime_thread_starts_is_ordinary() -> None:
    """A plugin's own threads, or a probe's process, do not come before the rest of the machine."""
    found: list[int] = []

    def act() -> None:
        raise_priority(4)
        found.append(on_a_thread(lambda: None))
        follow(71)
        found.append(on_a_thread(lambda: None))

    on_a_thread(act)
    assert found == [0, 0]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
