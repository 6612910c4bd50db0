"""The ring agrees with a deque, whatever is written and read."""

from collections import deque

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from plugin_bridge.dsp.ring import Ring

CAPACITY = 7


class RingAgainstDeque(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ring = Ring((1,), CAPACITY)
        self.deque: deque[float] = deque()
        self.next = 0

    @rule(count=st.integers(0, 10))
    def write(self, count: int) -> None:
        samples = np.arange(self.next, self.next + count, dtype=np.float32)
        taken = self.ring.write(samples[None])
        assert taken == min(count, CAPACITY - len(self.deque))
        self.deque.extend(samples[:taken])
        self.next += taken

    @rule(count=st.integers(0, 10))
    def read(self, count: int) -> None:
        out = np.full((1, count), -1, np.float32)
        given = self.ring.read(out)
        assert out[0, :given].tolist() == [self.deque.popleft() for _ in range(given)]
        assert given == count or not self.deque
        assert (out[0, given:] == -1).all()

    @rule()
    def clear(self) -> None:
        self.ring.clear()
        self.deque.clear()

    @invariant()
    def counts_agree(self) -> None:
        assert self.ring.readable == len(self.deque)
        assert self.ring.writable == CAPACITY - len(self.deque)


TestRingAgainstDeque = RingAgainstDeque.TestCase
