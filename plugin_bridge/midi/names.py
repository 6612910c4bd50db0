"""MIDI ports by name: what a text means, and which port is the one that was pulled out.

Pure: it sees lists of ports and opens none.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from plugin_bridge.errors import MidiError

Direction = Literal["input", "output"]

VIRTUAL = "virtual"
# Numbers that a system appends, which another USB socket changes: ALSA's client and port, and
# the place in WinMM's list.
NUMBERS = {"ALSA": re.compile(r" \d+:\d+$"), "WinMM": re.compile(r" \d+$")}
# Bridges to JACK, and programs there, name the two sides of one device differently.
SIDES = re.compile(r"capture|playback|\b(?:in|out)(?:put)?\b", re.IGNORECASE)


class PortInfo(NamedTuple):
    """A MIDI port of another program or device.

    Attributes
    ----------
    api : `JACK`, `ALSA`, `CoreMIDI` or `WinMM`
    name : str, as that system says it
    direction : `input`, messages come from it, or `output`, messages go to it
    """

    api: str
    name: str
    direction: Direction

    @property
    def title(self) -> str:
        """What is typed to get exactly this port."""
        return f"{self.api}:{self.name}"

    @property
    def device(self) -> str:
        """The name without what changes when it is plugged in again."""
        numbers = NUMBERS.get(self.api)
        return numbers.sub("", self.name) if numbers else self.name


def split(text: str, apis: Sequence[str]) -> tuple[str | None, str]:
    """Give the API and the name in "API:name"; the API is None if there is none.

    Examples
    --------
    >>> split("jack:pad:out", ["JACK"]), split("pad:out", ["JACK"])
    (('JACK', 'pad:out'), (None, 'pad:out'))

    Notes
    -----
    Thread: [any]
    """
    before, colon, after = text.partition(":")
    named = {api.casefold(): api for api in apis} if colon else {}
    api = named.get(before.strip().casefold())
    return (api, after.strip()) if api else (None, text.strip())


def choose(text: str, ports: Sequence[PortInfo], apis: Sequence[str]) -> PortInfo:
    """Give the port that a text means: its name, or a part that only one port has.

    Parameters
    ----------
    text : str, "API:name", the name, or a part of it; capitals do not matter
    ports : sequence of PortInfo, of one direction, the preferred API's first
    apis : sequence of str, all that a text may name

    Raises
    ------
    MidiError
        If it fits no port, or several; lists what there is.

    Examples
    --------
    >>> pads = [PortInfo("JACK", "pad:out", "input"), PortInfo("ALSA", "pad 20:0", "input")]
    >>> choose("pad", pads, ["JACK", "ALSA"]).title, choose("alsa:PAD", pads, ["ALSA"]).title
    ('JACK:pad:out', 'ALSA:pad 20:0')

    Notes
    -----
    Thread: [any]
    """
    api, name = split(text, apis)
    wanted = name.casefold()
    here = [port for port in ports if api in (None, port.api)]
    for one in dict.fromkeys(port.api for port in here):
        # The same device may be there twice, once per API: the preferred one counts.
        named = [port for port in here if port.api == one and wanted in port.name.casefold()]
        found = [port for port in named if port.name.casefold() == wanted] or named
        if len({port.name for port in found}) == 1:
            return found[0]
        if found:
            raise MidiError(
                f"{text!r} fits {len(found)} MIDI ports; give more of the name: {listed(found)}"
            )
    what = f"there are: {listed(ports)}" if ports else "there is none, plug one in"
    raise MidiError(f"there is no MIDI port {text!r}; {what}, or give virtual")


def again(port: PortInfo, ports: Sequence[PortInfo]) -> PortInfo | None:
    """Give the port that is the same device as one seen before, or None.

    Examples
    --------
    >>> again(PortInfo("ALSA", "pad 20:0", "input"), [PortInfo("ALSA", "pad 28:0", "input")]).name
    'pad 28:0'

    Notes
    -----
    Thread: [any]
    """
    if port in ports:
        return port
    same = [p for p in ports if (p.api, p.device) == (port.api, port.device)]
    return same[0] if same else None


def opposite(port: PortInfo, ports: Sequence[PortInfo]) -> PortInfo | None:
    """Give the port that is the other side of a device: where an input's lamps are lit.

    Parameters
    ----------
    port : PortInfo
    ports : sequence of PortInfo, of the other direction

    Examples
    --------
    >>> pad = PortInfo("JACK", "system:midi_capture_1", "input")
    >>> opposite(pad, [PortInfo("JACK", "system:midi_playback_1", "output")]).name
    'system:midi_playback_1'

    Notes
    -----
    Thread: [any]
    """
    wanted = SIDES.sub("", port.device)
    same = [p for p in ports if p.api == port.api and SIDES.sub("", p.device) == wanted]
    return same[0] if same else None


def listed(ports: Sequence[PortInfo]) -> str:
    """Give ports as a sentence lists them.

    Notes
    -----
    Thread: [any]
    """
    return ", ".join(port.title for port in ports)
