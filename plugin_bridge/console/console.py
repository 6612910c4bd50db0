"""The settings of a whole mix."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from plugin_bridge.console import graph
from plugin_bridge.console.inserts import walk
from plugin_bridge.console.route import Route
from plugin_bridge.console.settings import Setting, switch
from plugin_bridge.console.strip import Bus, Channel, Fader, Sends, Strip
from plugin_bridge.errors import SpecError, suggest
from plugin_bridge.names import CLIP, DRY, MASTER, MIX, RULE, composed, is_fit


class Console:
    """Strips for stems, buses, a master, routes and a safety clip.

    Parameters
    ----------
    stems : sequence of str, names in the model's order

    Attributes
    ----------
    strips : mapping of name to Strip
    buses : mapping of name to Bus
    master : Fader
    routes : list of Route, by default the mix to channels 1 and 2
    clip : bool, whether the output is kept within full scale
    version : int, grows with every change

    Raises
    ------
    SpecError
        If a name cannot be one.

    Examples
    --------
    >>> console = Console(["vocals", "drums"])
    >>> console["drums"].mute = True
    >>> console.get("drums.mute")
    True

    Notes
    -----
    Thread: [main]; reading is [any]
    """

    # A misspelt setting is an error, not a new attribute.
    __slots__ = ("_buses", "_clip", "_strips", "buses", "master", "routes", "strips", "version")

    name = "console"
    clip = Setting(False, switch)

    def __init__(self, stems: Sequence[str]) -> None:
        self.version = 0
        self._strips: dict[str, Strip] = {}
        self._buses: dict[str, Bus] = {}
        for stem in stems:
            stem = self._free(stem)
            self._strips[stem] = Strip(stem, self.changed)
        self.strips: Mapping[str, Strip] = MappingProxyType(self._strips)
        self.buses: Mapping[str, Bus] = MappingProxyType(self._buses)
        self.master = Fader(MASTER, self.changed)
        self.routes: list[Route] = [Route(MIX, (1, 2))]

    def __repr__(self) -> str:
        buses = f" buses={', '.join(self.buses)}" if self.buses else ""
        return f"<plugin_bridge.Console strips={', '.join(self.strips)}{buses}>"

    def changed(self) -> None:
        """Tell the mixer, at its next hop, that a setting has changed.

        Notes
        -----
        Thread: [main]
        """
        self.version += 1

    @property
    def channels(self) -> dict[str, Channel]:
        """Every strip and bus by name, strips first."""
        return {**self._strips, **self._buses}

    @property
    def sources(self) -> tuple[str, ...]:
        """What a route can start from: strips, buses, "mix" and "dry"."""
        return (*self._strips, *self._buses, MIX, DRY)

    def __getitem__(self, name: str) -> Strip | Bus:
        name = composed(name)
        found = self._strips.get(name) or self._buses.get(name)
        if found is None:
            known = [*self._strips, *self._buses]
            raise SpecError(f"there is no strip or bus {name!r}; {suggest(name, known)}")
        return found

    def add_bus(self, name: str) -> Bus:
        """Add a bus; it takes part from the next prepare or reset on.

        Raises
        ------
        SpecError
            If the name is taken or cannot be one.

        Notes
        -----
        Thread: [main]
        """
        name = self._free(name)
        bus = self._buses[name] = Bus(name, self.changed)
        self.changed()
        return bus

    def controls(self) -> dict[str, float | bool]:
        """Give every path that `set` takes, with its value.

        Notes
        -----
        Thread: [main]
        """
        faders: dict[str, Fader] = {**self.channels, MASTER: self.master}
        paths = [f"{name}.{key}" for name, fader in faders.items() for key in fader.CONTROLS]
        paths += [
            f"{name}.sends.{bus}"
            for name, channel in self.channels.items()
            for bus in channel.sends
        ]
        return {path: self.get(path) for path in [*paths, CLIP]}

    def get(self, path: str) -> float | bool:
        """Give the value of a control.

        Parameters
        ----------
        path : str, such as "drums.mute", "vocals.sends.reverb", "master.gain_db", "clip"

        Raises
        ------
        SpecError
            If there is no such control; suggests one.

        Notes
        -----
        Thread: [any]
        """
        owner, key = self._find(path)
        value: float | bool = owner[key] if isinstance(owner, Sends) else getattr(owner, key)
        return value

    def set(self, path: str, value: float | bool) -> None:
        """Set a control; heard from the next hop on.

        A send is a control once it is in the strip's `sends`, be it at -inf dB.

        Raises
        ------
        SpecError
            If there is no such control, or the value is not allowed; names the path.

        Notes
        -----
        Thread: [main]
        """
        owner, key = self._find(path)
        if isinstance(owner, Sends):
            owner[key] = value
        else:
            setattr(owner, key, value)

    def _find(self, path: str) -> "tuple[Fader | Sends | Console, str]":
        """Give what has the control, and the control's key there."""
        path = composed(path)
        name, _, key = path.partition(".")
        section, _, bus = key.partition(".")
        channel = self._strips.get(name) or self._buses.get(name)
        fader = self.master if name == MASTER else channel
        if path == CLIP:
            return self, CLIP
        if fader is not None and key in fader.CONTROLS:
            return fader, key
        if channel is not None and section == "sends" and bus in channel.sends:
            return channel.sends, bus
        raise SpecError(f"there is no control {path!r}; {suggest(path, [*self.controls()])}")

    def check(self) -> None:
        """Refuse what cannot be mixed.

        Raises
        ------
        SpecError
            For a plugin that is in two places, an unknown bus, sends in a circle, or a
            route from an unknown source; names the key.

        Notes
        -----
        Thread: [main]
        """
        graph.order(self.channels, graph.edges(self.channels))
        self._check_inserts()
        self.check_routes(self.routes)

    def check_routes(self, routes: Sequence[Route]) -> None:
        """Refuse routes whose source does not exist.

        Raises
        ------
        SpecError
            Names the source.

        Notes
        -----
        Thread: [main]
        """
        for route in routes:
            if route.source not in self.sources:
                raise SpecError(
                    f"a route starts from {route.source!r}, which does not exist; "
                    f"{suggest(route.source, self.sources)}"
                )

    def _check_inserts(self) -> None:
        found = [
            (name, plugin)
            for name, channel in self.channels.items()
            for plugin in walk(channel.inserts)
        ]
        places: dict[int, str] = {}  # by identity, which `found` keeps from being used again
        for name, plugin in found:
            if id(plugin) in places:
                raise SpecError(
                    f"{name}.inserts has a {type(plugin).__name__} that is in "
                    f"{places[id(plugin)]}.inserts already; make one for each place"
                )
            places[id(plugin)] = name

    def _free(self, name: str) -> str:
        name = composed(name)
        if not is_fit(name):
            raise SpecError(f"{name!r} cannot be the name of a strip or bus; {RULE}")
        for known in self.channels:
            if known.casefold() == name.casefold():  # on some systems one file
                raise SpecError(f"there is a strip or bus {known!r} already; give it another name")
        return name
