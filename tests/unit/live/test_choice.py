"""Which device is meant, and which two run on one clock."""

import pytest

from plugin_bridge.errors import DeviceConfigError, DeviceNotFoundError
from plugin_bridge.live.devices.choice import JACK, DeviceInfo, pair_of, parse, select

WASAPI = "Windows WASAPI"
DEVICES = [
    DeviceInfo("ALSA", "USB: Audio (hw:1,0)", 2, 8, 44100),
    DeviceInfo("ALSA", "USB Headset: Audio (hw:2,0)", 1, 2, 48000),
    DeviceInfo("ALSA", "HDMI", 0, 8, 48000),
    DeviceInfo("ALSA", "default", 32, 32, 44100, True, True),
    DeviceInfo(JACK, "system", 2, 8, 48000),
    DeviceInfo(JACK, "synth", 2, 0, 48000),
]
HALVES = [
    DeviceInfo(WASAPI, "Line In (Studio 8)", 2, 0, 48000, True),
    DeviceInfo(WASAPI, "Microphone (Laptop)", 2, 0, 48000),
    DeviceInfo(WASAPI, "Speakers (Laptop)", 0, 2, 48000, False, True),
    DeviceInfo(WASAPI, "Outputs (Studio 8)", 0, 8, 48000),
]


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_is_found_by_its_own_title(device: DeviceInfo) -> None:
    """What the list shows can be typed, whatever colons the name has."""
    kind = "input" if device.inputs else "output"
    assert select(DEVICES, *parse(device.title), kind) == device  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name"),
    [("jack:", "system"), ("SYSTEM", "system"), ("hdmi", "HDMI"), ("", "default")],
)
def test_an_output_is_found_by_a_part_that_it_alone_has(text: str, name: str) -> None:
    """Capitals do not matter, and nothing is the default."""
    assert select(DEVICES, *parse(text), "output").name == name


@pytest.mark.parametrize("text", ["3", "hw:9", "ASIO:", "JACK:USB"])
def test_what_is_not_there_is_refused_with_what_there_is(text: str) -> None:
    """A number is no name: numbers change with what is plugged in."""
    with pytest.raises(
        DeviceNotFoundError, match=r"there is no output device .*JACK:system \(2 in"
    ):
        select(DEVICES, *parse(text), "output")


def test_a_name_that_several_have_is_refused_with_their_names() -> None:
    """Nothing is guessed."""
    with pytest.raises(DeviceNotFoundError, match=r"one of 2: ALSA:USB: Audio.*; ALSA:USB Head"):
        select(DEVICES, None, "usb", "input")


def test_no_device_at_all_points_to_the_doctor() -> None:
    """An empty machine gets advice, not an empty list."""
    with pytest.raises(DeviceNotFoundError, match="doctor"):
        select([], None, None, "input")


@pytest.mark.parametrize(
    ("input_name", "output_name", "both"),
    [
        (None, None, ("default", "default")),
        (None, "JACK:system", ("system", "system")),
        ("synth", None, ("synth", "system")),
        ("JACK:synth", "JACK:system", ("synth", "system")),
        ("USB: Audio", None, ("USB: Audio (hw:1,0)", "USB: Audio (hw:1,0)")),
    ],
)
def test_the_one_not_named_follows_the_other(
    input_name: str | None, output_name: str | None, both: tuple[str, str]
) -> None:
    """Input and output are on one clock without naming both."""
    assert tuple(each.name for each in pair_of(DEVICES, input_name, output_name)) == both


@pytest.mark.parametrize(
    ("input_name", "output_name"),
    [("USB: Audio", "HDMI"), ("USB: Audio", "JACK:system"), ("USB Headset", "default")],
)
def test_two_clocks_are_refused(input_name: str, output_name: str) -> None:
    """Devices of two clocks drift apart, whatever host API they are of."""
    with pytest.raises(DeviceConfigError, match="a clock each"):
        pair_of(DEVICES, input_name, output_name)


def test_one_interface_that_the_system_shows_as_two_has_one_clock() -> None:
    """Windows lists an interface's input and output apart, with its name in brackets."""
    assert [each.name for each in pair_of(HALVES, "line in", None)] == [
        "Line In (Studio 8)",
        "Outputs (Studio 8)",
    ]
    with pytest.raises(DeviceConfigError, match="a clock each"):
        pair_of(HALVES, "line in", "speakers")


def test_an_output_alone_on_its_clock_needs_a_partner() -> None:
    """A device without inputs is not joined with a stranger."""
    with pytest.raises(DeviceConfigError, match="nothing else runs on its clock"):
        pair_of(DEVICES, None, "HDMI")
