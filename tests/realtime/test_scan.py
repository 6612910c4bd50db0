"""Functions marked `@realtime` keep the rules of plugin_bridge/realtime.py."""

# ruff: noqa: D103, T201  specimens for the scan

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.ring import Ring
from plugin_bridge.realtime import realtime
from tests.realtime.scan import marked, violations

LOCK = threading.Lock()


def imports() -> None:
    import math  # noqa: F401


def prints(samples: FloatArray) -> None:
    print(samples)


def opens() -> None:
    open("log")  # noqa: SIM115


def sleeps() -> None:
    time.sleep(0)


def locks() -> None:
    with LOCK:
        pass


def acquires() -> None:
    LOCK.acquire()


def raises() -> None:
    raise ValueError


def allocates(samples: FloatArray) -> FloatArray:
    return np.multiply(samples, 2.0)


def creates() -> FloatArray:
    return np.zeros(3, np.float32)


def copies(samples: FloatArray) -> FloatArray:
    return samples.copy()


def gathers(count: int) -> list[int]:
    return [number for number in range(count)]  # noqa: C416


def formats(count: int) -> str:
    return f"{count}"


def calls_unmarked() -> None:
    sleeps()


class Meter:
    @property
    def level(self) -> FloatArray:
        return np.zeros(1, np.float32)

    def reads(self) -> float:
        return float(self.level[0])


@realtime
def halve(samples: FloatArray, out: FloatArray) -> int:
    np.multiply(samples, 0.5, out=out)
    return min(len(samples), 3)


@realtime
def pass_on(ring: Ring, samples: FloatArray, out: FloatArray) -> None:
    ring.write(samples)
    halve(samples, out)


def test_the_package_has_marked_functions() -> None:
    """The scan finds the ring, so an empty scan is no success."""
    assert {"plugin_bridge.dsp.ring.Ring.write", "plugin_bridge.dsp.ring.Ring.read"} <= set(
        marked()
    )


@pytest.mark.parametrize("name", marked())
def test_marked_functions_keep_the_rules(name: str) -> None:
    """A marked function calls only marked ones or numpy with `out=`, and never waits or grows."""
    function, owner = marked()[name]
    assert violations(function, owner) == []


@pytest.mark.parametrize("function", [halve, pass_on])
def test_the_scan_lets_pass_what_is_allowed(function: Callable[..., Any]) -> None:
    """Numpy with `out=`, marked functions and plain numbers are fine."""
    assert violations(function) == []


@pytest.mark.parametrize(
    "function",
    [
        imports,
        prints,
        opens,
        sleeps,
        locks,
        acquires,
        raises,
        allocates,
        creates,
        copies,
        gathers,
        formats,
        calls_unmarked,
    ],
)
def test_the_scan_finds_what_is_not(function: Callable[..., Any]) -> None:
    """Each rule that is broken is told."""
    assert violations(function)


def test_the_scan_looks_into_properties() -> None:
    """A property that allocates is found in the method that reads it."""
    assert violations(Meter.reads, Meter)
