"""A console that cannot be says so in one sentence that names the key."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pedalboard
import pytest
from pedalboard import Gain, HighpassFilter, LowpassFilter, Mix, Pedalboard
from pedalboard_native._internal import AddLatency

from plugin_bridge.console import Console, Mixer, Route
from plugin_bridge.errors import SpecError


class PythonGain(Gain):
    """A plugin in Python, which Pedalboard accepts and never calls."""

    def process(self, *args: Any, **options: Any) -> Any:
        """Stand in for whatever it was to do."""


def desk() -> Console:
    """Give two strips and two buses."""
    console = Console(["vocals", "drums"])
    console.add_bus("reverb")
    console.add_bus("delay")
    return console


def check_sentence(error: SpecError, says: str) -> None:
    """One sentence, with what is expected in it."""
    text = str(error)
    assert says in text
    assert "\n" not in text
    assert ". " not in text


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("vocals.gain_db", 1e9, "vocals.gain_db is 1e+09; give -120 to 24 dB, or -inf"),
        ("vocals.gain_db", math.nan, "vocals.gain_db is nan; give -120 to 24 dB"),
        ("vocals.gain_db", math.inf, "vocals.gain_db is inf; give -120 to 24 dB"),
        ("vocals.gain_db", -121, "vocals.gain_db is -121; give -120 to 24 dB"),
        ("vocals.gain_db", True, "vocals.gain_db is True; give a number"),
        ("vocals.gain_db", "loud", "vocals.gain_db is 'loud'; give a number"),
        ("vocals.gain_db", None, "vocals.gain_db is None; give a number"),
        ("vocals.gain_db", np.zeros(2), "vocals.gain_db is array([0., 0.]); give a number"),
        ("vocals.pan", 1.5, "vocals.pan is 1.5; give -1 (left) to 1 (right)"),
        ("vocals.pan", math.nan, "vocals.pan is nan; give -1 (left) to 1 (right)"),
        ("vocals.mute", "yes", "vocals.mute is 'yes'; give true or false"),
        ("vocals.mute", 0.5, "vocals.mute is 0.5; give true or false"),
        ("vocals.solo", None, "vocals.solo is None; give true or false"),
        ("reverb.gain_db", 25, "reverb.gain_db is 25; give"),
        ("master.gain_db", 1e9, "master.gain_db is 1e+09; give"),
        ("vocals.sends.reverb", 1e9, "vocals.sends.reverb is 1e+09; give"),
        ("clip", 2, "console.clip is 2; give true or false"),
    ],
)
def test_values_that_cannot_be(path: str, value: Any, says: str) -> None:
    """Refused on setting, and the old value stays."""
    console = desk()
    console["vocals"].sends["reverb"] = -1.0
    before = console.controls()
    with pytest.raises(SpecError) as caught:
        console.set(path, value)
    check_sentence(caught.value, says)
    assert console.controls() == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("vocls.mute", "there is no control 'vocls.mute'; did you mean vocals.mute?"),
        ("vocals.mutee", "did you mean vocals.mute?"),
        ("reverb.solo", "there is no control 'reverb.solo'"),
        ("vocals.sends.delay", "there is no control 'vocals.sends.delay'"),
        ("vocals", "there is no control 'vocals'"),
        ("vocals.inserts", "there is no control 'vocals.inserts'"),
        ("vocals.__class__", "there is no control 'vocals.__class__'"),
        ("master.pan", "there is no control 'master.pan'"),
        ("", "there is no control ''; use one of vocals.gain_db"),
    ],
)
def test_paths_that_are_no_controls(path: str, says: str) -> None:
    """Reading and setting alike; what was meant is suggested."""
    console = desk()
    for use in (console.get, lambda path: console.set(path, 0.0)):
        with pytest.raises(SpecError) as caught:
            use(path)
        check_sentence(caught.value, says)


def test_strips_that_are_not_there() -> None:
    """With a suggestion."""
    with pytest.raises(SpecError, match=r"there is no strip or bus 'drms'; did you mean drums\?"):
        desk()["drms"]


@pytest.mark.parametrize(
    "name",
    ["mix", "Mix", "dry", "master", "clip", "preset", "", " ", "a.b", "a/b", "a\\b", "a\0b", "a:b"],
)
def test_names_that_cannot_be(name: str) -> None:
    """Neither for stems nor for buses: paths and routes would be ambiguous, files impossible."""
    with pytest.raises(SpecError, match="cannot be the name of a strip or bus; use one without"):
        Console([name])
    with pytest.raises(SpecError, match="cannot be the name"):
        desk().add_bus(name)


@pytest.mark.parametrize("name", ["vocals", "reverb", "Vocals"])
def test_names_that_are_taken(name: str) -> None:
    """By a strip or a bus; capitals do not tell names apart, as in files of some systems."""
    with pytest.raises(SpecError, match=f"there is a strip or bus '{name.lower()}' already"):
        desk().add_bus(name)


def unknown_send(console: Console) -> None:
    """Send to a bus that is not there."""
    console["vocals"].sends["revrb"] = 0.0


def unknown_output(console: Console) -> None:
    """Go to a strip."""
    console["vocals"].output = "drums"


def send_to_mix(console: Console) -> None:
    """Send to the mix, which is no bus."""
    console["vocals"].sends["mix"] = 0.0


def circle(console: Console) -> None:
    """Feed a bus from a bus that it feeds."""
    console["reverb"].output = "delay"
    console["delay"].sends["reverb"] = -6.0


def own_send(console: Console) -> None:
    """Feed a bus from itself."""
    console["reverb"].sends["reverb"] = -6.0


def unknown_route(console: Console) -> None:
    """Route what is not there."""
    console.routes.append(Route("vocal", (1, 2)))


def shared_plugin(console: Console) -> None:
    """Put one plugin in two places."""
    gain = Gain()
    console["vocals"].inserts = gain
    console["reverb"].inserts = pedalboard.Mix([gain])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (unknown_send, "vocals.sends.revrb goes to 'revrb', which is no bus; add it with add_bus"),
        (unknown_output, "vocals.output goes to 'drums', which is no bus"),
        (send_to_mix, "vocals.sends.mix goes to 'mix', which is no bus"),
        (circle, "closes a circle ("),
        (own_send, "reverb.sends.reverb closes a circle (reverb -> reverb); take it out"),
        (unknown_route, "a route starts from 'vocal', which does not exist; did you mean vocals?"),
        (shared_plugin, "reverb.inserts has a Gain that is in vocals.inserts already; make one"),
    ],
)
def test_consoles_that_cannot_be_mixed(spoil: Callable[[Console], None], says: str) -> None:
    """Refused by `check`, and so by the mixer."""
    console = desk()
    spoil(console)
    for use in (console.check, lambda: Mixer(console, 44100, 2, 256)):
        with pytest.raises(SpecError) as caught:
            use()
        check_sentence(caught.value, says)


def test_a_circle_names_one_of_its_keys() -> None:
    """And shows the way round."""
    console = desk()
    circle(console)
    with pytest.raises(SpecError, match=r"^(delay\.sends\.reverb|reverb\.output) closes a circle"):
        console.check()


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ((-1,), "the route of 'vocals' goes to channel -1; device channels count from 1"),
        ((0, 1), "the route of 'vocals' goes to channel 0; device channels count from 1"),
        ((10**9,), "the route of 'vocals' goes to channel 1000000000; at most 1024 are served"),
        ((), "the route of 'vocals' has the channels []; give one or two different ones"),
        ((1, 2, 3), "has the channels [1, 2, 3]; give one or two"),
        ((1, 1), "has the channels [1, 1]; give one or two different"),
    ],
)
def test_routes_that_cannot_be(channels: tuple[int, ...], says: str) -> None:
    """Refused when they are made."""
    with pytest.raises(SpecError) as caught:
        Route("vocals", channels)
    check_sentence(caught.value, says)


@pytest.mark.parametrize(
    ("inserts", "says"),
    [
        ([lambda x: x], "vocals.inserts is [<function"),
        (3, "vocals.inserts is 3; give a Pedalboard, or a list of Pedalboard's own plugins"),
        ([PythonGain()], "vocals.inserts has PythonGain, a Python class whose process Pedalboard"),
    ],
)
def test_inserts_that_cannot_be(inserts: Any, says: str) -> None:
    """Refused on setting."""
    console = desk()
    with pytest.raises(SpecError) as caught:
        console["vocals"].inserts = inserts
    check_sentence(caught.value, says)


def test_inserts_that_are_too_late() -> None:
    """By the strip's name."""
    console = desk()
    console["drums"].inserts = AddLatency(1025)
    with pytest.raises(SpecError) as caught:
        Mixer(console, 44100, 2, 256, max_insert_latency=1024)
    check_sentence(
        caught.value, "drums.inserts delay by 1025 samples, and at most 1024 are allowed here"
    )
    console["drums"].inserts = AddLatency(1024)
    assert Mixer(console, 44100, 2, 256, max_insert_latency=1024).latency_samples == 1024


@pytest.mark.parametrize("kind", [LowpassFilter, HighpassFilter])
def test_filters_over_half_the_sample_rate(kind: type[LowpassFilter | HighpassFilter]) -> None:
    """They would ring up to any level there; inside of a mix they are found, too."""
    console = desk()
    console["vocals"].inserts = [Mix([kind(12000)])]
    Mixer(console, 44100, 2, 256)
    with pytest.raises(SpecError) as caught:
        Mixer(console, 22050, 2, 128)
    says = f"vocals.inserts cannot run at 22050 Hz with a {kind.__name__} at 12000 Hz; set it below"
    check_sentence(caught.value, says)


@pytest.mark.system("zam-plugins")
def test_inserts_that_refuse_the_channels() -> None:
    """A mono plugin on a stereo strip; on a mono one it runs."""
    console = desk()
    console["vocals"].inserts = Pedalboard([pedalboard.load_plugin("/usr/lib/vst3/ZamEQ2.vst3")])
    with pytest.raises(SpecError) as caught:
        Mixer(console, 44100, 2, 256)
    check_sentence(caught.value, "vocals.inserts cannot run on 2 channels at 44100 Hz (Plugin")
    assert Mixer(console, 44100, 1, 256).latency_samples == 0


def test_hops_of_another_shape() -> None:
    """Both shapes are given."""
    mixer = Mixer(desk(), 44100, 2, 256)
    stems = np.zeros((2, 2, 256), np.float32)
    with pytest.raises(SpecError) as caught:
        mixer.process(stems, stems[0, :, :100])
    check_sentence(caught.value, "have the shapes (2, 2, 256) and (2, 100), the mixer was made")


def test_more_channels_than_a_pair() -> None:
    """One or two."""
    with pytest.raises(SpecError, match="6 channels given; 1 or 2 are mixed"):
        Mixer(desk(), 44100, 6, 256)
