"""The memory that parent and engine share."""

import os
import subprocess
import sys

import numpy as np
import pytest

from plugin_bridge.live.control import (
    BINS,
    COMMANDS,
    Audio,
    ControlBlock,
    Order,
    Parent,
    Worker,
    count_time,
    quantile,
)


def test_no_cell_has_two_writers() -> None:
    """Audio thread, worker and parent have cells of their own."""
    cells = [int(cell) for group in (Audio, Worker, Parent) for cell in group]
    assert len(cells) == len(set(cells))


def test_commands_arrive_in_order_and_none_is_lost() -> None:
    """Across the end of the ring; a full ring says so instead of overwriting."""
    block = ControlBlock()
    sent = [Order(position, position % 7, position / 2) for position in range(COMMANDS + 100)]
    waiting = iter(sent)
    for order in sent[:COMMANDS]:
        assert block.send(order.path, order.value, order.position)
        next(waiting)
    assert not block.send(0, 0.0)
    received = [block.receive() for _ in range(200)]
    for order in waiting:
        assert block.send(order.path, order.value, order.position)
    while (found := block.receive()) is not None:
        received.append(found)
    assert received == sent
    block.close()


@pytest.mark.linux
def test_another_process_sees_the_same_memory() -> None:
    """By an inherited number, without a name."""
    block = ControlBlock()
    block.send(5, 0.25, 77)
    code = (
        "import sys; from plugin_bridge.live.control import ControlBlock, Audio\n"
        "from plugin_bridge.live.shared import SharedMemory\n"
        "b = ControlBlock(SharedMemory(sys.argv[1])); o = b.receive()\n"
        "b.cells[Audio.MISSES] = o.position; b.meters[3, 1] = o.value\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, block.memory.address],
        pass_fds=block.memory.inherited,
        check=True,
    )
    assert block.cells[Audio.MISSES] == 77
    assert block.meters[3, 1] == 0.25
    assert block.receive() is None
    (fd,) = block.memory.inherited
    block.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)


def test_times_are_counted_and_found_again() -> None:
    """A quantile of the histogram is that of the times, to a bin."""
    histogram = np.zeros(BINS, np.int64)
    times = np.random.default_rng(0).integers(0, 90_000, 5000)
    for time in times:
        count_time(histogram, int(time), 1000)
    for share in (0.5, 0.99, 0.999):
        assert quantile(histogram, share, 1000.0) == pytest.approx(
            np.quantile(times, share), abs=1000
        )
    count_time(histogram, 10**12, 1000)
    assert histogram[-1] == 1
    assert quantile(np.zeros(BINS, np.int64), 0.5, 1.0) == 0
