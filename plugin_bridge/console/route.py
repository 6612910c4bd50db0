"""From a source to channels of a device."""

from collections.abc import Sequence
from dataclasses import dataclass

from plugin_bridge.errors import SpecError
from plugin_bridge.names import composed

# A route carries one signal, mono or stereo.
MOST_CHANNELS = 2
# Beyond what interfaces have; every channel up to the highest one takes memory.
HIGHEST_CHANNEL = 1024


@dataclass(frozen=True)
class Route:
    """Send a source to device channels.

    Attributes
    ----------
    source : str
        A strip, a bus, "mix" (after the master) or "dry" (the delayed input). Strips and
        buses are taken after their faders.
    channels : tuple of int
        One or two device channels, 1 to 1024. A stereo source to one channel gives
        the mean, a mono source to two both. Several routes to one channel add up.

    Raises
    ------
    SpecError
        If the channels cannot be; names the route.

    Examples
    --------
    >>> Route("vocals", (3, 4))
    Route(source='vocals', channels=(3, 4))

    Notes
    -----
    Thread: [any]
    """

    source: str
    channels: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", composed(self.source))
        channels = tuple(self.channels)
        object.__setattr__(self, "channels", channels)
        if not 1 <= len(channels) <= MOST_CHANNELS or len(set(channels)) < len(channels):
            raise SpecError(
                f"the route of {self.source!r} has the channels {list(channels)}; give one or "
                "two different ones"
            )
        for channel in channels:
            if channel < 1:
                raise SpecError(
                    f"the route of {self.source!r} goes to channel {channel}; device channels "
                    "count from 1"
                )
            if channel > HIGHEST_CHANNEL:
                raise SpecError(
                    f"the route of {self.source!r} goes to channel {channel}; at most "
                    f"{HIGHEST_CHANNEL} are served, give a lower one"
                )


def side_by_side(sources: Sequence[str], channels: int, first: int = 1) -> list[Route]:
    """Give each source its own channels, one source after the other.

    Parameters
    ----------
    sources : sequence of str
    channels : int, 1 or 2, channels per source
    first : int, the first device channel

    Returns
    -------
    routes : list of Route

    Examples
    --------
    >>> [route.channels for route in side_by_side(["mix", "vocals"], 2)]
    [(1, 2), (3, 4)]

    Notes
    -----
    Thread: [any]
    """
    starts = range(first, first + channels * len(sources), channels)
    return [
        Route(source, tuple(range(start, start + channels)))
        for source, start in zip(sources, starts, strict=True)
    ]
