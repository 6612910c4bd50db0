"""The marker for functions that run while audio plays.

Rules of a function marked `realtime` ([audio] in docstrings):
 1. It calls only other marked functions, or numpy with `out=`.
 2. It creates no array and no container that grows; results go to preallocated `out`.
 3. It takes no lock, and never logs, prints, opens files, sleeps or imports.
 4. It never raises: what goes wrong is counted, and the main thread reads the counter.
 5. Each side of a ring has one writer, fixed for its life.

The marker changes nothing at run time; tests find marked functions by it and scan their bodies.
Python's collector and its global lock remain, so this is soft realtime: late now and then, and
counted when it is.
"""

from collections.abc import Callable
from typing import Any, TypeVar

# The attribute that tests look for.
MARK = "__plugin_bridge_realtime__"

_Function = TypeVar("_Function", bound=Callable[..., Any])


def realtime(function: _Function) -> _Function:
    """Mark a function as safe for the audio thread, by the rules above.

    Parameters
    ----------
    function : callable
        Any plain function or method.

    Returns
    -------
    function : callable
        The same object.

    Examples
    --------
    >>> @realtime
    ... def step() -> int:
    ...     return 1
    >>> step(), is_realtime(step), is_realtime(len)
    (1, True, False)

    Notes
    -----
    Thread: [any]
    """
    setattr(function, MARK, True)
    return function


def is_realtime(function: Callable[..., Any]) -> bool:
    """Tell whether a function carries the marker.

    Notes
    -----
    Thread: [any]
    """
    return getattr(function, MARK, False) is True
