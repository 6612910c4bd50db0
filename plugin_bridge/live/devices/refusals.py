"""Why a device does not open: one sentence that lists what was asked and what there is."""

from plugin_bridge.errors import DeviceConfigError
from plugin_bridge.live.devices.choice import JACK, DeviceInfo, Kind
from plugin_bridge.live.devices.driver import listing, rates, reason

# PortAudio's codes, of which a user can do something about.
INVALID_RATE = -9997
ADVICE = {
    -9985: "another program uses it; end that, or join both in a JACK server",
    -9998: "it has fewer channels; take another preset or device",
    -9992: "its server may have gone; start it again",
}
ANY_ADVICE = "see plugin-bridge devices for what it can do"


def too_few_channels(asked: int, kind: Kind, info: DeviceInfo) -> DeviceConfigError:
    """Give the error for a device that has fewer channels, with the devices there are.

    Notes
    -----
    Thread: [main]
    """
    there = "; ".join(str(each) for each in listing() if each.channels(kind))
    return DeviceConfigError(
        f"{asked} {kind} channels were asked for, {info.title} has {info.channels(kind)}; take "
        f"another preset or device: {there}"
    )


def wrong_rate(asked: float, info: DeviceInfo) -> DeviceConfigError:
    """Give the error for a rate, in Hz, that a device does not run at, with those it does.

    Notes
    -----
    Thread: [main]
    """
    where = "its server" if info.host_api == JACK else "the device"
    there = ", ".join(str(rate) for rate in rates(info)) or f"{info.sample_rate:g}"
    return DeviceConfigError(
        f"{asked:g} Hz was asked for, {info.title} runs at {there} Hz; take --rate "
        f"{info.sample_rate:g}, or set {where} to {asked:g} Hz"
    )


def refusal(
    error: Exception,
    settings: tuple[int, int, float, int],
    info_in: DeviceInfo | None,
    info_out: DeviceInfo,
) -> DeviceConfigError:
    """Give the error for a stream that the driver refuses.

    Parameters
    ----------
    error : PortAudioError
    settings : inputs, outputs, rate in Hz and block, as they were asked for
    info_in, info_out : DeviceInfo, None without inputs

    Notes
    -----
    Thread: [main]
    """
    code = error.args[1] if len(error.args) > 1 else None
    inputs, outputs, rate, block = settings
    if code == INVALID_RATE:
        return wrong_rate(rate, info_out)
    there = " and ".join(dict.fromkeys(str(each) for each in (info_in, info_out) if each))
    return DeviceConfigError(
        f"{inputs} in and {outputs} out at {rate:g} Hz in blocks of {block} were asked for, "
        f"{there} refuses ({reason(error)}): {ADVICE.get(code or 0, ANY_ADVICE)}"
    )
