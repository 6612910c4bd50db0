"""Which audio device is meant: by host API and name, and on one clock.

Rules of this file
  1. A device is chosen by host API and name, never by number: numbers change with what is
     plugged in.
  2. One clock: input and output are one device, or two that their host API runs as one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from plugin_bridge.errors import DeviceConfigError, DeviceNotFoundError

Kind = Literal["input", "output"]

JACK = "JACK Audio Connection Kit"
# What people call the host APIs; PortAudio's own names work too.
SHORT = {JACK: "JACK", "Core Audio": "CoreAudio"} | {
    f"Windows {name}": name for name in ("DirectSound", "WASAPI", "WDM-KS")
}
# Those whose name is short already.
PLAIN = ("ALSA", "OSS", "ASIO", "MME", "PulseAudio", "sndio")
# Here all devices run on the clock of one server.
ONE_CLOCK = (JACK,)
# Here one interface is two devices, which share what their names have in brackets.
HALVES = ("MME", "Windows DirectSound", "Windows WASAPI", "Windows WDM-KS")


@dataclass(frozen=True)
class DeviceInfo:
    """An audio device as PortAudio names it.

    Attributes
    ----------
    host_api, name : str, together they find it again
    inputs, outputs : int, the most channels that it gives and takes
    sample_rate : float, Hz, its default; the only one under JACK
    default_input, default_output : bool, whether it is taken when none is named
    number : int, PortAudio's own, until the next `refresh`
    """

    host_api: str
    name: str
    inputs: int
    outputs: int
    sample_rate: float
    default_input: bool = False
    default_output: bool = False
    number: int = field(default=-1, repr=False, compare=False)

    @property
    def title(self) -> str:
        """What `--input` and `--output` take: host API and name."""
        return f"{SHORT.get(self.host_api, self.host_api)}:{self.name}"

    def __str__(self) -> str:
        return f"{self.title} ({self.inputs} in, {self.outputs} out, {self.sample_rate:g} Hz)"

    def channels(self, kind: Kind) -> int:
        """Give the most channels of one direction."""
        return self.inputs if kind == "input" else self.outputs


def parse(text: str) -> tuple[str | None, str | None]:
    """Take what a user names a device by apart: `API:name`, `API:` or `name`.

    Examples
    --------
    >>> parse("jack:system"), parse("Scarlett"), parse("ALSA:"), parse("USB: Audio (hw:1,0)")
    (('jack', 'system'), (None, 'Scarlett'), ('ALSA', None), (None, 'USB: Audio (hw:1,0)'))

    Notes
    -----
    Thread: [any]
    """
    api, colon, name = text.partition(":")
    known = {*SHORT, *SHORT.values(), *PLAIN}
    if colon and api.strip().lower() in {each.lower() for each in known}:
        return api.strip(), name.strip() or None
    return None, text.strip() or None


def select(
    devices: Sequence[DeviceInfo], host_api: str | None, name: str | None, kind: Kind
) -> DeviceInfo:
    """Find a device by host API and name.

    Parameters
    ----------
    devices : sequence of DeviceInfo
    host_api : str or None
        Any case, full or short ("JACK"); None takes any.
    name : str or None
        The whole name, or a part that only one device has; None takes the default.
    kind : "input" or "output"

    Raises
    ------
    DeviceNotFoundError
        If there is none, or more than one; lists them.

    Notes
    -----
    Thread: [any]
    """
    usable = [each for each in devices if each.channels(kind)]
    within = [each for each in usable if host_api is None or _is_called(each.host_api, host_api)]
    asked = ":".join(part for part in (host_api, name) if part) or "none"
    if name is None:
        matching = [each for each in within if getattr(each, f"default_{kind}")] or within[:1]
    else:
        wanted = name.lower()
        matching = [each for each in within if each.name.lower() == wanted]
        matching = matching or [each for each in within if wanted in each.name.lower()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise DeviceNotFoundError(
            f"{kind} device {asked} is one of {len(matching)}: "
            f"{'; '.join(each.title for each in matching)}; write one of these in full"
        )
    there = "; ".join(str(each) for each in usable)
    raise DeviceNotFoundError(
        f"there is no {kind} device {asked}; there is: {there}"
        if asked != "none" and there
        else f"there is no {kind} device; connect one or start a JACK server, and see "
        "plugin-bridge doctor"
    )


def pair_of(
    devices: Sequence[DeviceInfo], input_name: str | None, output_name: str | None
) -> tuple[DeviceInfo, DeviceInfo]:
    """Choose input and output from what the user named; the one not named follows the other.

    Parameters
    ----------
    devices : sequence of DeviceInfo
    input_name, output_name : str or None, as `parse` takes them

    Raises
    ------
    DeviceNotFoundError
        If one is not there.
    DeviceConfigError
        If they do not run on one clock.

    Notes
    -----
    Thread: [any]
    """
    if input_name is None and output_name is not None:
        output = select(devices, *parse(output_name), "output")
        found = output if output.inputs else _partner(devices, output, "input")
    else:
        found = select(devices, *parse(input_name or ""), "input")
        if output_name is not None:
            output = select(devices, *parse(output_name), "output")
        else:
            output = found if found.outputs else _partner(devices, found, "output")
    require_one_clock(found, output)
    return found, output


def require_one_clock(info_in: DeviceInfo, info_out: DeviceInfo) -> None:
    """Refuse two devices whose clocks drift apart.

    Raises
    ------
    DeviceConfigError
        If they do; names both.

    Notes
    -----
    Thread: [any]
    """
    if not _share_a_clock(info_in, info_out):
        raise DeviceConfigError(
            f"input {info_in.title} and output {info_out.title} have a clock each and would drift "
            "apart; take one device for both, or join them in a JACK server"
        )


def _is_called(host_api: str, asked: str) -> bool:
    wanted = asked.lower()
    return wanted in (host_api.lower(), SHORT.get(host_api, "").lower())


def _hardware(info: DeviceInfo) -> str:
    """Give what names the interface itself: Windows has its input and output apart."""
    brackets = re.search(r"\((.+)\)", info.name) if info.host_api in HALVES else None
    return brackets[1] if brackets else info.name


def _share_a_clock(info_in: DeviceInfo, info_out: DeviceInfo) -> bool:
    if info_in.host_api != info_out.host_api:
        return False
    return info_in.host_api in ONE_CLOCK or _hardware(info_in) == _hardware(info_out)


def _partner(devices: Sequence[DeviceInfo], info: DeviceInfo, kind: Kind) -> DeviceInfo:
    """Give the device of the other direction that goes with one that has a single one."""
    for each in devices:
        both = (each, info) if kind == "input" else (info, each)
        if each.channels(kind) and _share_a_clock(*both):
            return each
    raise DeviceConfigError(
        f"{info.title} has no {kind} channels, and nothing else runs on its clock; name a device "
        "that has both, or join two in a JACK server"
    )
