"""What a signal goes through on the console: strips for stems, buses for groups, the master.

All may be set while audio runs. How loud a signal is changes at the next hop; what is
connected (inserts, sends, outputs) changes at the next prepare or reset.
"""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import ClassVar

from pedalboard import Pedalboard

from plugin_bridge.console.inserts import Inserts, as_board, walk
from plugin_bridge.console.settings import Setting, balance, decibels, switch
from plugin_bridge.names import MIX, composed


def _nobody() -> None:
    """Stand in for the console of a strip that is on none."""


class Fader:
    """A gain with a mute.

    Parameters
    ----------
    name : str
    changed : callable, called after every change

    Attributes
    ----------
    name : str, read-only
    gain_db : float, -120 to 24 dB, or -inf for silence
    mute : bool

    Raises
    ------
    SpecError
        On setting, if a value is not allowed: names strip and key.

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    # A misspelt setting is an error, not a new attribute.
    __slots__ = ("_gain_db", "_mute", "_name", "changed")
    CONTROLS: ClassVar[tuple[str, ...]] = ("gain_db", "mute")

    gain_db = Setting(0.0, decibels)
    mute = Setting(False, switch)

    def __init__(self, name: str, changed: Callable[[], None] = _nobody) -> None:
        self._name = name
        self.changed = changed

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={getattr(self, key)}" for key in self.CONTROLS)
        return f"<plugin_bridge.{type(self).__name__} {self.name}: {settings}>"

    @property
    def name(self) -> str:
        """The strip's name in paths and routes."""
        return self._name

    @property
    def gain(self) -> float:
        """The factor that gain and mute amount to."""
        return 0.0 if self.mute else amplitude(self.gain_db)


class Channel(Fader):
    """What strips and buses share.

    Attributes
    ----------
    pan : float, -1 (left) to 1 (right)
        Balance: the near side keeps its gain, the far side fades. Mono signals have none.
    inserts : Pedalboard
        Set from a Pedalboard, a list of plugins, one plugin or None.
    sends : mapping of bus name to gain in dB, after the fader
    output : str, "mix" or a bus's name

    Raises
    ------
    SpecError
        On setting, if a value is not allowed: names strip and key.

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    __slots__ = ("_inserts", "_output", "_pan", "_plugins", "_sends")
    CONTROLS = (*Fader.CONTROLS, "pan")

    pan = Setting(0.0, balance)

    def __init__(self, name: str, changed: Callable[[], None] = _nobody) -> None:
        super().__init__(name, changed)
        self._inserts = Pedalboard([])
        self._output = MIX
        self._sends = Sends(name, changed)

    @property
    def inserts(self) -> Pedalboard:
        """The plugins in series before the fader."""
        return self._inserts

    @inserts.setter
    def inserts(self, plugins: Inserts) -> None:
        self._inserts = as_board(plugins, f"{self.name}.inserts")
        # Pedalboard keeps a plugin's C++ side only; what Python knows of it must not get lost.
        self._plugins = tuple(walk(self._inserts))
        self.changed()

    @property
    def sends(self) -> "Sends":
        """Gain in dB of the copy that goes to each bus, after the fader."""
        return self._sends

    @sends.setter
    def sends(self, gains: Mapping[str, float]) -> None:
        sends = Sends(self.name, self.changed)
        sends.update(gains)
        self._sends = sends
        self.changed()

    @property
    def output(self) -> str:
        """Where the signal goes: "mix" or a bus."""
        return self._output

    @output.setter
    def output(self, target: str) -> None:
        self._output = composed(target)  # whether there is such a bus is for Console.check
        self.changed()


class Strip(Channel):
    """A stem's channel on the console.

    Attributes
    ----------
    solo : bool
        Solo-in-place: silences the strips without it, never buses or dry routes. Mute
        beats solo.

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    __slots__ = ("_solo",)
    CONTROLS = (*Channel.CONTROLS, "solo")

    solo = Setting(False, switch)


class Bus(Channel):
    """A named group: the sum of what goes to it.

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    __slots__ = ()


class Sends(MutableMapping[str, float]):
    """Gains in dB by bus name, checked on setting.

    Parameters
    ----------
    name : str, whose sends they are
    changed : callable, called after every change

    Raises
    ------
    SpecError
        On setting, if a gain is not allowed: names strip, "sends" and bus.

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    def __init__(self, name: str, changed: Callable[[], None] = _nobody) -> None:
        self._name = name
        self._changed = changed
        self._gains: dict[str, float] = {}

    def __getitem__(self, bus: str) -> float:
        return self._gains[composed(bus)]

    def __setitem__(self, bus: str, gain_db: float) -> None:
        bus = composed(bus)
        # A new dict each time: the mixer may be reading the old one.
        self._gains = self._gains | {bus: decibels(gain_db, f"{self._name}.sends.{bus}")}
        self._changed()

    def __delitem__(self, bus: str) -> None:
        left = dict(self._gains)
        del left[composed(bus)]
        self._gains = left
        self._changed()

    def __iter__(self) -> Iterator[str]:
        return iter(self._gains)

    def __len__(self) -> int:
        return len(self._gains)

    def __repr__(self) -> str:
        return repr(self._gains)


def amplitude(gain_db: float) -> float:
    """Give the factor of a gain in dB.

    Examples
    --------
    >>> amplitude(-20.0), amplitude(0.0), amplitude(float("-inf"))
    (0.1, 1.0, 0.0)

    Notes
    -----
    Thread: [any]
    """
    return float(10.0 ** (gain_db / 20))
