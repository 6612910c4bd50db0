"""Laws of the console: null test, clicks, alignment, solo, repetition, and an oracle."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pedalboard import Chorus, Compressor, Invert, Plugin, Reverb
from pedalboard_native._internal import AddLatency

from plugin_bridge.console import Command, Console, Mixer, Route
from plugin_bridge.console.route import side_by_side
from plugin_bridge.testing import impulse, noise, sine
from tests import reference_mixer

Wave = NDArray[np.float32]
RATE = 8000  # 40 samples of ramp: several hops of HOP, and several ramps in a hop of LONG
HOP, LONG = 16, 256
NULL_DB = -120
# Eight signals of full scale at up to +12 dB, added up in single precision.
ORACLE = 2e-5
STEMS = ["vocals", "drums", "bass", "other"]


def stems_of(count: int, samples: int, channels: int = 2) -> Wave:
    """Give independent noise for every stem."""
    seconds = samples / 44100
    return np.stack([noise(seconds, channels=channels, seed=i)[:, :samples] for i in range(count)])


def run(mixer: Mixer, stems: Wave, dry: Wave, commands: Sequence[Command] = ()) -> Wave:
    """Mix whole hops; commands take effect at the first hop at or after their position."""
    waiting = sorted(commands, key=lambda command: command.position)
    out = []
    for start in range(0, dry.shape[1] - mixer.hop + 1, mixer.hop):
        while waiting and waiting[0].position <= start:
            command = waiting.pop(0)
            assert not isinstance(command.value, str)
            mixer.console.set(command.path, command.value)
        end = start + mixer.hop
        out.append(mixer.process(stems[..., start:end], dry[:, start:end]))
    return np.concatenate(out, axis=1)


# --- null ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
def test_faders_at_zero_give_the_sum_to_the_bit(channels: int) -> None:
    """Mixing is adding, as numpy adds."""
    stems = stems_of(4, 4096, channels)
    mixer = Mixer(Console(STEMS), RATE, channels, LONG)
    out = run(mixer, stems, stems[0])
    assert mixer.latency_samples == 0
    np.testing.assert_array_equal(out[:channels], stems.sum(axis=0))


def test_null_test_with_inserts_buses_and_latency() -> None:
    """Transparent plugins, groups and delays take nothing away: below -120 dB of the peak."""
    console = Console(STEMS)
    console.add_bus("band")
    console["drums"].output = console["bass"].output = "band"
    console["band"].inserts = [AddLatency(333), Invert(), Invert()]
    console["vocals"].inserts = AddLatency(1000)
    stems = stems_of(4, 8192)
    mixer = Mixer(console, RATE, 2, LONG)
    out = run(mixer, stems, stems[0])
    late = mixer.latency_samples
    wanted = stems.sum(axis=0)[:, :-late]
    error = np.abs(out[:, late:] - wanted).max() / np.abs(wanted).max()
    assert 20 * math.log10(error + 1e-30) < NULL_DB


# --- oracle -------------------------------------------------------------------------------


@dataclass
class Scene:
    """A drawn console, what its inserts do on paper, and what happens while it runs."""

    console: Console
    channels: int
    hop: int
    routes: list[Route]
    commands: list[Command]
    pad_to: int
    effects: dict[str, float]
    start: dict[str, float | bool] = field(default_factory=dict)


GAINS = st.one_of(st.floats(-120, 12), st.just(-math.inf))
VALUES: dict[str, st.SearchStrategy[float | bool]] = {
    "gain_db": GAINS,
    "pan": st.floats(-1, 1),
    "mute": st.booleans(),
    "solo": st.booleans(),
}
INSERTS: list[tuple[Callable[[], list[Plugin]], float]] = [
    (list, 1.0),
    (lambda: [Invert()], -1.0),
    (lambda: [AddLatency(7)], 1.0),
    (lambda: [AddLatency(100), Invert()], -1.0),
]


def value_of(path: str) -> st.SearchStrategy[float | bool]:
    """Give the values that a path may have; a send has a gain."""
    return VALUES.get(path.rpartition(".")[2], GAINS)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw up to four strips and three buses, connected without a circle, and their rides."""
    console = Console(STEMS[: draw(st.integers(1, 4))])
    order = draw(st.permutations(["p", "q", "r"][: draw(st.integers(0, 3))]))
    for bus in sorted(order):
        console.add_bus(bus)
    effects = {}
    for name, channel in console.channels.items():
        later = order[order.index(name) + 1 :] if name in order else order
        channel.output = draw(st.sampled_from(["mix", *later]))
        if later:
            channel.sends = draw(st.dictionaries(st.sampled_from(later), GAINS))
        plugins, sign = draw(st.sampled_from(INSERTS))
        channel.inserts = plugins()
        effects[name] = sign
    paths = [path for path in console.controls() if path != "clip"]
    for path in draw(st.lists(st.sampled_from(paths), unique=True, max_size=6)):
        console.set(path, draw(value_of(path)))
    moved = draw(st.lists(st.sampled_from(paths), max_size=8))
    commands = [Command(draw(st.integers(0, 500)), path, draw(value_of(path))) for path in moved]
    heard = draw(st.lists(st.sampled_from(console.sources), min_size=1, max_size=4))
    pairs = [draw(st.sampled_from([(1, 2), (2, 1), (3, 5), (4,), (1,)])) for _ in heard]
    return Scene(
        console,
        channels=draw(st.sampled_from([1, 2])),
        hop=draw(st.sampled_from([25, 100, LONG])),
        routes=[Route(source, pair) for source, pair in zip(heard, pairs, strict=True)],
        commands=commands,
        pad_to=draw(st.sampled_from([0, 150])),
        effects=effects,
        start=console.controls(),
    )


@given(scenes())
def test_the_mixer_agrees_with_one_in_double_precision(scene: Scene) -> None:
    """Any console, any rides, any latencies: the same samples, `latency_samples` later."""
    console, hop = scene.console, scene.hop
    samples = 800 // hop * hop
    stems = stems_of(len(console.strips), samples, scene.channels)
    dry = noise(0.1, channels=scene.channels, seed=9)[:, :samples]
    curves = reference_mixer.gains(console, scene.channels, hop, samples, RATE, scene.commands)
    wanted = reference_mixer.mix(
        console,
        curves,
        {name: stem.astype(np.float64) for name, stem in zip(console.strips, stems, strict=True)},
        dry.astype(np.float64),
        scene.effects,
        scene.routes,
    )
    for path, value in scene.start.items():
        console.set(path, value)
    mixer = Mixer(console, RATE, scene.channels, hop, routes=scene.routes, pad_to=scene.pad_to)
    out = run(mixer, stems, dry, scene.commands)
    late = mixer.latency_samples
    assert late >= scene.pad_to
    assert out.shape == (mixer.outputs, samples)
    assert not out[:, :late].any()
    np.testing.assert_allclose(out[:, late:], wanted[:, : samples - late], atol=ORACLE)


# --- clicks -------------------------------------------------------------------------------

HALF_DB, TWICE_DB = -20 * math.log10(2), 20 * math.log10(2)
# What is changed, and how far it moves the factor of vocals in the mix, which is 2 before.
MOVES: list[tuple[str, float | bool, float]] = [
    ("vocals.mute", True, 2.0),
    ("vocals.gain_db", -math.inf, 2.0),
    ("vocals.gain_db", TWICE_DB, 2.0),
    ("vocals.pan", 1.0, 2.0),
    ("vocals.pan", -0.5, 1.0),
    ("drums.solo", True, 2.0),
    ("vocals.sends.bus", -math.inf, 1.0),
    ("bus.gain_db", HALF_DB, 0.5),
    ("bus.mute", True, 1.0),
    ("master.mute", True, 2.0),
    ("master.gain_db", TWICE_DB, 2.0),
]


def desk() -> Console:
    """Give two strips of which one reaches the mix by a bus, too."""
    console = Console(["vocals", "drums"])
    console.add_bus("bus")
    console["vocals"].sends["bus"] = 0.0
    return console


@pytest.mark.parametrize(("path", "value", "way"), MOVES)
@pytest.mark.parametrize("latency", [0, 37])
@pytest.mark.parametrize("hop", [HOP, LONG])
@pytest.mark.parametrize("signal", ["dc", "sine"])
def test_a_change_never_steps_more_than_its_ramp(
    signal: str, hop: int, latency: int, path: str, value: float | bool, way: float
) -> None:
    """On DC the whole step is the gain's; on a full-scale sine the sine's own is added."""
    samples, ramp = 4096, round(0.005 * RATE)
    wave = np.ones((2, samples), np.float32) if signal == "dc" else sine(440, 0.6, RATE)
    wave = wave[:, :samples]
    own = float(np.abs(np.diff(wave)).max())
    console = desk()
    console["vocals"].inserts = AddLatency(latency)
    mixer = Mixer(console, RATE, 2, hop)
    at = 1024
    back = console.get(path)
    there_and_back = [Command(at, path, value), Command(at + max(hop, ramp // 2), path, back)]
    out = run(mixer, np.stack([wave, 0 * wave]), wave, there_and_back)
    # Without the start of the signal itself, which is a step, too.
    step = np.abs(np.diff(out[:, mixer.latency_samples + 1 :])).max()
    assert step <= way / ramp + own * (2 + way) + 1e-5
    if signal == "dc":
        assert step >= way / ramp - 1e-5


@given(st.lists(st.tuples(st.sampled_from(MOVES), st.booleans()), max_size=30))
def test_rides_in_a_hurry_never_click(
    moves: list[tuple[tuple[str, float | bool, float], bool]],
) -> None:
    """Hop after hop, before the last ramp has ended: no step is larger than one whole ramp's."""
    console = desk()
    home = console.controls()
    commands = [
        Command(HOP * index, path, value if there else home[path])
        for index, ((path, value, _), there) in enumerate(moves)
    ]
    ones = np.ones((2, HOP * 40), np.float32)
    out = run(Mixer(console, RATE, 2, HOP), np.stack([ones, 0 * ones]), ones, commands)
    # At most strip 2, send 1, bus 1 and master 2, all on their way at once, by both ways.
    most = 2 * 4 * (2 * 1 * 1 * 2) / round(0.005 * RATE)
    assert np.abs(np.diff(out)).max() <= most


def test_a_stream_starts_at_its_settings() -> None:
    """No ramp at the first sample, also for what was set after the mixer was made."""
    console = Console(["vocals"])
    mixer = Mixer(console, RATE, 2, HOP)
    ones = np.ones((2, HOP), np.float32)
    console["vocals"].gain_db = -20.0
    assert mixer.process(ones[None], ones)[0, 0] == np.float32(0.1)
    console["vocals"].mute = True
    mixer.reset()
    assert not mixer.process(ones[None], ones).any()


@pytest.mark.parametrize("late", [(), ("vocals",), ("bus",), ("vocals", "bus")])
@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        ("vocals.mute", True, 0.0),
        ("vocals.sends.bus", -math.inf, 1.0),
        ("bus.mute", True, 1.0),
        ("master.mute", True, 0.0),
    ],
)
def test_a_change_is_heard_from_its_sample_on(
    path: str, value: float | bool, left: float, late: tuple[str, ...]
) -> None:
    """Of the input, ramp included, however late inserts and padding make it."""
    console = desk()
    for name in late:
        console[name].inserts = AddLatency(37)
    mixer = Mixer(console, RATE, 2, HOP, pad_to=50)
    ones = np.ones((2, 1600), np.float32)
    out = run(mixer, np.stack([ones, 0 * ones]), ones, [Command(800, path, value)])
    aligned = out[:, mixer.latency_samples :]
    way = np.clip(np.arange(-799, aligned.shape[1] - 799) / round(0.005 * RATE), 0, 1)
    np.testing.assert_allclose(aligned, [2 + (left - 2) * way] * 2, atol=1e-6)


# --- alignment ----------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [128, 256, 441])
def test_strips_of_unequal_latency_stay_aligned(hop: int) -> None:
    """0, 480 and 1000 samples, mix, each alone and dry: a click is at one sample in all."""
    console = Console(["vocals", "drums", "bass"])
    console["drums"].inserts = AddLatency(480)
    console["bass"].inserts = [AddLatency(1000)]
    routes = side_by_side(console.sources, 1)
    mixer = Mixer(console, 44100, 1, hop, routes=routes)
    assert mixer.latency_samples == 1000
    click = impulse(20 * hop, 777, 1)
    out = run(mixer, np.stack([click] * 3), click)
    assert [np.flatnonzero(channel).tolist() for channel in out] == [[1777]] * 5
    np.testing.assert_array_equal(out[:, 1777], [1, 1, 1, 3, 1])


def test_every_way_through_buses_arrives_together() -> None:
    """Through a bus, a bus into a bus, by output and by send: one sample, right sum."""
    console = Console(["vocals", "drums", "bass"])
    for name, latency in (("near", 10), ("far", 300), ("group", 0)):
        console.add_bus(name).inserts = AddLatency(latency)
    console["vocals"].sends = {"near": 0.0, "far": 0.0}
    console["near"].sends["far"] = 0.0
    console["far"].output = "group"
    console["drums"].output = "group"
    console["bass"].inserts = AddLatency(45)
    console["bass"].sends["near"] = 0.0
    mixer = Mixer(console, 44100, 1, 256, routes=side_by_side(console.sources, 1))
    # bass 45 -> near 10 -> far 300 -> group -> mix is the longest way
    assert mixer.latency_samples == 355
    click = impulse(2560, 700, 1)
    out = run(mixer, np.stack([click] * 3), click)
    assert [np.flatnonzero(channel).tolist() for channel in out] == [[1055]] * 8
    near, far = 2, 1 + 2
    group = far + 1
    wanted = dict.fromkeys(console.sources, 1) | {"near": near, "far": far, "group": group}
    wanted["mix"] = 2 + near + group
    np.testing.assert_array_equal(out[:, 1055], [wanted[name] for name in console.sources])


@pytest.mark.system("zam-plugins")
def test_a_real_plugin_that_looks_ahead_stays_aligned() -> None:
    """ZaMaximX2 reports 480 samples; the other strips wait for it, and it repeats."""
    maximizer = pedalboard.load_plugin("/usr/lib/vst3/ZaMaximX2.vst3")
    console = Console(["vocals", "drums"])
    console["vocals"].inserts = maximizer
    mixer = Mixer(console, 44100, 2, 256, routes=side_by_side(["vocals", "drums"], 2))
    assert mixer.latency_samples == 480
    song = noise(1.0)[:, : 170 * 256]
    out = run(mixer, np.stack([song, song]), song)
    np.testing.assert_array_equal(out[2:, 480:], song[:, :-480])
    matches = [float(out[0, 5000 + k : 40000 + k] @ out[2, 5000:40000]) for k in range(-490, 491)]
    assert int(np.argmax(matches)) - 490 == 0
    mixer.reset()
    np.testing.assert_array_equal(run(mixer, np.stack([song, song]), song), out)


# --- solo, mute, routes -------------------------------------------------------------------


def heard_of(console: Console) -> dict[str, float]:
    """Give what each source carries when every stem and the input are one."""
    routes = side_by_side(console.sources, 1)
    mixer = Mixer(console, RATE, 1, HOP, routes=routes)
    ones = np.ones((1, HOP), np.float32)
    out = mixer.process(np.stack([ones] * len(console.strips)), ones)
    return dict(zip(console.sources, out[:, -1].tolist(), strict=True))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=3, max_size=3))
def test_solo_silences_strips_only_and_mute_beats_it(states: list[tuple[bool, bool]]) -> None:
    """The truth table: heard if not muted, and soloed where anybody is; buses and dry always."""
    console = Console(["a", "b", "c"])
    console.add_bus("bus")
    console["a"].sends["bus"] = 0.0
    for strip, (mute, solo) in zip(console.strips.values(), states, strict=True):
        strip.mute, strip.solo = mute, solo
    anybody = any(solo for _, solo in states)
    wanted = [float(not mute and (solo or not anybody)) for mute, solo in states]
    heard = heard_of(console)
    assert [heard[name] for name in "abc"] == wanted
    assert heard["bus"] == wanted[0]
    assert heard["dry"] == 1.0
    assert heard["mix"] == sum(wanted) + wanted[0]


def test_solo_leaves_what_a_bus_still_rings() -> None:
    """A delay on a bus goes on while its strip is soloed away."""
    console = Console(["a", "b"])
    console.add_bus("echo").inserts = pedalboard.Delay(0.1, feedback=0.0, mix=1.0)
    console["a"].output = "echo"
    click = impulse(60 * HOP, 10, 1)
    mixer = Mixer(console, RATE, 1, HOP, routes=[Route("mix", (1,))])
    out = run(mixer, np.stack([click, 0 * click]), click, [Command(HOP, "b.solo", True)])
    assert np.abs(out[0]).argmax() == 810
    assert out[0, 810] == 1.0


@pytest.mark.parametrize(
    ("channels", "routes", "wanted"),
    [
        (2, [Route("mix", (1, 2))], [1, 3]),
        (2, [Route("mix", (2, 1))], [3, 1]),
        (2, [Route("mix", (2,))], [0, 2]),
        (2, [Route("mix", (4, 2))], [0, 3, 0, 1]),
        (2, [Route("mix", (1, 2)), Route("dry", (2,))], [1, 5]),
        (1, [Route("mix", (1, 2))], [1, 1]),
        (1, [Route("mix", (3,))], [0, 0, 1]),
    ],
)
def test_routes_fold_spread_and_add_up(
    channels: int, routes: list[Route], wanted: list[float]
) -> None:
    """Stereo to one channel is the mean, mono to two is both, routes to one channel add up."""
    console = Console(["a"])
    console.routes = routes
    level = np.array([[1.0], [3.0]], np.float32)[:channels] * np.ones((1, HOP), np.float32)
    out = Mixer(console, RATE, channels, HOP).process(level[None], level)
    np.testing.assert_array_equal(out[:, -1], wanted)


# --- repetition, padding, safety ----------------------------------------------------------


def effects_desk() -> Console:
    """Give a console whose plugins have states, and a bus."""
    console = Console(["vocals", "drums"])
    console.add_bus("room").inserts = Reverb()
    console["vocals"].inserts = [Compressor(-20, 4), Chorus(), AddLatency(99)]
    console["vocals"].sends["room"] = -6.0
    return console


RIDES = [
    Command(512, "vocals.mute", True),
    Command(900, "vocals.mute", False),
    Command(900, "room.pan", 0.5),
    Command(1500, "master.gain_db", -3.0),
]


def test_a_reset_mixer_repeats_bit_for_bit() -> None:
    """What comes out is a function of what went in since the start, and of where."""
    stems = stems_of(2, 8192)
    console = effects_desk()
    home = console.controls()
    mixer = Mixer(console, 44100, 2, LONG)
    first = run(mixer, stems, stems[0], RIDES)
    for path, value in home.items():
        console.set(path, value)
    mixer.reset()
    np.testing.assert_array_equal(run(mixer, stems, stems[0], RIDES), first)
    fresh = run(Mixer(effects_desk(), 44100, 2, LONG), stems, stems[0], RIDES)
    np.testing.assert_array_equal(fresh, first)


def test_a_restarted_mixer_repeats_with_what_it_had() -> None:
    """As after a reset, but without looking for new inserts or connections; counters go on."""
    stems = stems_of(2, 4096)
    stems[0, 0, 5] = np.nan
    console = effects_desk()
    mixer = Mixer(console, 44100, 2, LONG, pad_to=300)
    first = run(mixer, stems, stems[1])
    bad = mixer.counters.nonfinite_samples
    console["drums"].inserts = AddLatency(5000)
    mixer.restart()
    np.testing.assert_array_equal(run(mixer, stems, stems[1]), first)
    assert mixer.latency_samples == 300
    assert mixer.counters.nonfinite_samples == 2 * bad > 0


@pytest.mark.parametrize("pad_to", [0, 98, 99, 100, 5000])
def test_padding_delays_and_changes_nothing_else(pad_to: int) -> None:
    """The same bits, later; never less than the console needs."""
    stems = stems_of(2, 16384)
    plain = run(Mixer(effects_desk(), 44100, 2, LONG), stems, stems[0], RIDES)
    mixer = Mixer(effects_desk(), 44100, 2, LONG).padded(pad_to)
    assert mixer.latency_samples == max(99, pad_to)
    more = mixer.latency_samples - 99
    padded = run(mixer, stems, stems[0], RIDES)
    np.testing.assert_array_equal(padded[:, more:], plain[:, : plain.shape[1] - more])
    assert not padded[:, :more].any()


def test_connections_and_inserts_wait_for_a_reset() -> None:
    """Only gains change between; then latency and outputs follow."""
    console = Console(["vocals"])
    mixer = Mixer(console, RATE, 2, HOP)
    ones = np.ones((1, 2, HOP), np.float32)
    console.add_bus("late").inserts = AddLatency(5)
    console["vocals"].output = "late"
    console["vocals"].inserts = Invert()
    console["vocals"].sends["late"] = 0.0
    console.routes.append(Route("dry", (3, 4)))
    assert (mixer.process(ones, ones[0]) == 1).all()
    assert (mixer.latency_samples, mixer.outputs) == (0, 2)
    mixer.reset()
    assert (mixer.latency_samples, mixer.outputs) == (5, 4)
    assert (mixer.process(ones, ones[0])[:2, 5:] == -2).all()


def test_a_send_that_is_taken_out_fades() -> None:
    """As if it were set to -inf dB."""
    console = desk()
    console["vocals"].sends["bus"] = 0.0
    ones = np.ones((2, 2, HOP), np.float32)
    mixer = Mixer(console, RATE, 2, HOP)
    assert mixer.process(ones, ones[0])[0, -1] == 3.0
    del console["vocals"].sends["bus"]
    heard = np.concatenate([mixer.process(ones, ones[0])[0] for _ in range(4)])
    assert heard[0] == pytest.approx(3.0 - 1 / 40)
    assert heard[-1] == 2.0


def test_the_safety_clip_keeps_full_scale_and_counts() -> None:
    """Only what is beyond; off, nothing is touched."""
    console = Console(["vocals"])
    wave = np.array([[0.5, 1.0, 1.5, -2.0] * 4] * 2, np.float32)
    mixer = Mixer(console, RATE, 2, HOP)
    np.testing.assert_array_equal(mixer.process(wave[None], wave), wave)
    console.clip = True
    np.testing.assert_array_equal(mixer.process(wave[None], wave), wave.clip(-1, 1))
    assert mixer.counters.clipped_samples == 16
    mixer.reset()
    assert mixer.counters.clipped_samples == 0


@pytest.mark.parametrize("name", ["vocals", "room"])
def test_a_plugin_that_gives_no_number_harms_nobody_else(name: str) -> None:
    """Its samples are silent and counted; the other strip is bit for bit what it was."""
    shelf = pedalboard.HighShelfFilter(1000, gain_db=1e4)
    console = Console(["vocals", "drums"])
    console.add_bus("room")
    console["vocals"].output = "room"
    stems = stems_of(2, 4096)
    clean = run(Mixer(console, RATE, 2, LONG), np.stack([0 * stems[0], stems[1]]), stems[0])
    console[name].inserts = [shelf, Compressor(0, 2)]
    mixer = Mixer(console, RATE, 2, LONG)
    out = run(mixer, stems, stems[0])
    np.testing.assert_array_equal(out, clean)
    assert mixer.counters.nonfinite_samples == 2 * 4096


def test_stems_that_are_no_number_are_silent_and_counted() -> None:
    """Wherever they are routed; the hop after is whole again."""
    console = Console(["vocals"])
    mixer = Mixer(console, RATE, 2, HOP)
    ones = np.ones((1, 2, HOP), np.float32)
    bad = ones.copy()
    bad[0, 0, 3], bad[0, 1, 4] = np.nan, np.inf
    out = mixer.process(bad, ones[0])
    assert (out[0, 3], out[1, 4], out.sum()) == (0, 0, 2 * HOP - 2)
    assert (mixer.process(ones, ones[0]) == 1).all()
    assert mixer.counters.nonfinite_samples == 2
