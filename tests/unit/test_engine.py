"""The engine: cuts, latency, commands and switches, to the sample."""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pedalboard import Compressor, Reverb
from pedalboard_native._internal import AddLatency

from plugin_bridge.console import Command, Console, Route
from plugin_bridge.dsp.rates import scale_of
from plugin_bridge.engine import Engine
from plugin_bridge.errors import SpecError
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import step_of
from plugin_bridge.source import hop_of
from plugin_bridge.testing import STEMS, FunctionModel, IdentityModel, card, noise
from tests import graphs
from tests.tiny import equal_model

Wave = NDArray[np.float32]
RATE, HOP = 44100, 256
RAMP, FADE = round(0.005 * RATE), round(0.020 * RATE)
NULL = 1e-6
# Sums of a ramp in single and in double precision.
ROUND = 1e-6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Give a streaming network with a state, softmax over four stems."""
    return Model(graphs.streaming(tmp_path_factory.mktemp("model") / "m.onnx"))


def run(engine: Engine, audio: Wave, cuts: list[int] | None = None) -> Wave:
    """Push the audio in blocks of these sizes and the rest, and flush."""
    edges = [0, *np.cumsum(cuts or [], dtype=int).clip(0, audio.shape[1]), audio.shape[1]]
    parts = [engine.push(audio[:, a:b]) for a, b in pairwise(edges)]
    return np.concatenate([*parts, engine.flush()], axis=1)


def desk(latency: int = 0, **gains: float) -> Console:
    """Give a console whose inserts delay by `latency`."""
    console = Console(STEMS)
    console["drums"].inserts = [AddLatency(latency)] if latency else None
    for name, gain in gains.items():
        console[name].gain_db = gain
    return console


def full(console: Console) -> Console:
    """Put something of everything on a console."""
    console["vocals"].inserts = [Compressor(-30), AddLatency(300)]
    console.add_bus("room").inserts = [Reverb()]
    console["other"].sends["room"] = -6
    console.routes = [Route("mix", (1, 2)), Route("dry", (3, 4)), Route("room", (5, 6))]
    return console


COMMANDS = [
    Command(0, "bass.gain_db", -3),
    Command(700, "drums.mute", True),
    Command(701, "drums.mute", False),
    Command(1024, "room.gain_db", -12),
    Command(3000, "preset", "b"),
    Command(3100, "preset", "a"),
    Command(5000, "master.gain_db", -6),
]


@pytest.mark.parametrize("frames_per_call", [1, 8])
@given(cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_any_partition_gives_the_same_bits(
    model: Model, frames_per_call: int, cuts: list[int]
) -> None:
    """With inserts, sends, commands and switches."""
    outs = []
    for blocks in (None, cuts):
        consoles = {"a": full(desk()), "b": full(desk(100, bass=-6))}
        engine = Engine(model, RATE, consoles, frames_per_call=frames_per_call)
        for command in COMMANDS:
            engine.send(command)
        outs.append(run(engine, noise(0.15), blocks))
    np.testing.assert_array_equal(outs[1], outs[0])


def test_eight_frames_per_call_follow_commands_at_the_same_samples(model: Model) -> None:
    """Hop by hop, though the network runs for many hops at once."""
    outs = []
    for frames_per_call in (1, 8, 64):
        consoles = {"a": full(desk()), "b": full(desk(100, bass=-6))}
        engine = Engine(model, RATE, consoles, frames_per_call=frames_per_call)
        for command in COMMANDS:
            engine.send(command)
        outs.append(run(engine, noise(0.5)))
    np.testing.assert_allclose(outs[1], outs[0], atol=1e-6)
    np.testing.assert_allclose(outs[2], outs[0], atol=1e-6)


SQRT = {"n_fft": 2048, "synthesis": 2048, "hop": 512, "window": "sqrt-hann"}
MODELS: dict[str, Any] = {
    "default": {},
    "short hop": {"hop": 128, "synthesis": 256},
    "sqrt-hann": SQRT,
    "look-ahead": {"kind": "windowed", "frames": 5, "target": 2},
}


def flat_model(**fields: Any) -> FunctionModel:
    """Give a model of any kind whose stems are equal shares of the mix."""
    made = equal_model(**fields)
    if made.card.kind != "windowed":
        return made
    rows = len(made.card.stems)
    return FunctionModel(made.card, lambda x: np.zeros((x.shape[0], rows, x.shape[2]), np.float32))


@pytest.mark.parametrize("rate", [44100, 96000])
@pytest.mark.parametrize(("block", "inserts"), [(None, 480), (1, 0), (100, 1), (480, 99), (512, 0)])
@pytest.mark.parametrize("frames_per_call", [1, 8])
@pytest.mark.parametrize("kind", MODELS)
def test_latency_is_what_the_formula_says(
    kind: str, frames_per_call: int, block: int | None, rate: int, inserts: int
) -> None:
    """An impulse comes out so late, and so many samples are missing while streaming."""
    made = flat_model(**MODELS[kind])
    engine = Engine(made, rate, desk(inserts), block=block, frames_per_call=frames_per_call)
    transform, scale = made.card.transform, scale_of(rate, 44100)
    hop = int(transform.hop * scale)
    step = frames_per_call * hop
    wait = step - math.gcd(block or 1, step)
    overlap = int(transform.latency * scale) + made.card.lookahead * hop
    assert engine.hop == hop
    assert engine.latency_samples == overlap + wait + inserts
    size = block or 777
    count = -(-(engine.latency_samples + 3 * step) // size)
    audio = noise((count * size + 1) / rate, rate)[:, : count * size]
    out = np.concatenate([engine.push(part) for part in np.split(audio, count, axis=1)], axis=1)
    assert audio.shape[1] - out.shape[1] == engine.latency_samples
    np.testing.assert_allclose(out, audio[:, : out.shape[1]], atol=NULL)


@given(
    segment=st.integers(200, 3000),
    overlap=st.sampled_from([0.0, 0.25, 0.3, 0.5]),
    cut=st.integers(1, 4000),
)
def test_models_on_samples_are_mixed_in_hops(segment: int, overlap: float, cut: int) -> None:
    """Whatever the lengths of step and delay: constant latency, aligned, any cut."""
    fields: dict[str, Any] = dict.fromkeys(
        ("n_fft", "synthesis", "hop", "window", "features", "head")
    )
    made = card(kind="segment", stems=("a", "b"), segment=segment, overlap=overlap, **fields)
    halves = FunctionModel(made, lambda x: np.stack([x, x], axis=1) * np.float32(0.5))
    engine = Engine(halves, RATE, Console(["a", "b"]))
    audio = noise(0.2)
    wanted = max(0, audio.shape[1] - engine.latency_samples)
    out = engine.push(audio)
    assert out.shape[1] == wanted
    out = np.concatenate([out, engine.flush()], axis=1)
    np.testing.assert_allclose(out, audio, atol=NULL)
    np.testing.assert_array_equal(run(engine, audio, [cut]), out)


def test_hops_of_long_steps_divide_step_and_delay() -> None:
    """Where they can; a step that has no divisor is one hop."""
    assert hop_of(1500, 500) == 500
    assert hop_of(4096, 1024) == 1024
    assert hop_of(2048, 100) == 1024
    assert hop_of(100, 0) == 100
    assert hop_of(50, 25) == 50
    assert hop_of(10007, 3) == 10007


def full_scale(samples: int) -> Wave:
    """Give DC, on which a gain shows as it is."""
    return np.ones((2, samples), np.float32)


@given(
    position=st.integers(0, 5000),
    inserts=st.sampled_from([0, 480]),
    cuts=st.lists(st.integers(0, 999)),
)
def test_a_command_acts_at_the_first_hop_from_its_position_on(
    position: int, inserts: int, cuts: list[int]
) -> None:
    """The gain's ramp starts there, to the sample, whatever the latency of inserts."""
    engine = Engine(equal_model(), RATE, desk(inserts))
    engine.send(Command(position, "master.mute", True))
    out = run(engine, full_scale(8000), cuts)[0]
    start = -(-position // HOP) * HOP
    ramp = 1 - np.arange(1, 8001 - start) / RAMP
    wanted = np.concatenate([np.ones(start), ramp.clip(0, 1)])
    if not start:
        wanted[:] = 0  # a stream starts at its settings
    np.testing.assert_allclose(out, wanted, atol=ROUND)


def test_many_commands_may_fall_on_one_hop() -> None:
    """In the order of their positions, then as they were sent; pending ones end at a reset."""
    engine = Engine(equal_model(), RATE, console := desk())
    engine.send(Command(300, "drums.gain_db", -9))
    engine.send(Command(299, "drums.gain_db", -3))
    engine.send(Command(300, "drums.gain_db", -6))
    engine.send(Command(301, "vocals.mute", True))
    engine.send(Command(513, "bass.mute", True))
    engine.push(noise(0.1)[:, :768])  # runs the hops from 0 and 256
    assert console.get("drums.gain_db") == 0
    engine.push(noise(0.1)[:, :256])  # runs the hop from 512
    assert console.get("drums.gain_db") == -6
    assert console.get("vocals.mute")
    engine.reset()
    run(engine, noise(0.1))
    assert not console.get("bass.mute")


def test_a_command_that_no_console_knows_is_refused() -> None:
    """With what may have been meant; one that only another console knows is counted."""
    consoles = {"a": desk(), "b": full(desk())}
    engine = Engine(equal_model(), RATE, consoles)
    with pytest.raises(SpecError, match=r"no control 'drums.mut' here; did you mean drums.mute"):
        engine.send(Command(0, "drums.mut", True))
    with pytest.raises(SpecError, match="no preset 'c' here; use one of a, b"):
        engine.send(Command(0, "preset", "c"))
    engine.send(Command(0, "room.mute", True))
    engine.send(Command(0, "drums.gain_db", 1e9))
    run(engine, noise(0.1))
    assert engine.ignored_commands == 2


@pytest.mark.parametrize("latencies", [(0, 0), (0, 480), (700, 0), (300, 1000)])
@given(position=st.integers(1, 6000))
def test_a_switch_fades_to_the_other_console(latencies: tuple[int, int], position: int) -> None:
    """In 20 ms, linearly, from the first hop on that starts at its position or after it."""
    consoles = {"a": desk(latencies[0]), "b": desk(latencies[1])}
    consoles["b"].master.gain_db = -20
    engine = Engine(equal_model(), RATE, consoles)
    assert engine.insert_latency_samples == max(latencies)
    engine.send(Command(position, "preset", "b"))
    assert engine.active == "a"
    out = run(engine, full_scale(9000))[0]
    assert engine.active == "b"
    start = -(-position // HOP) * HOP
    share = np.concatenate([np.zeros(start), np.arange(1, 9001 - start) / FADE]).clip(0, 1)
    np.testing.assert_allclose(out, 1 - 0.9 * share, atol=ROUND)


@pytest.mark.parametrize("latencies", [(0, 0), (0, 480), (700, 0)])
def test_after_the_fade_it_is_the_other_consoles_own_output(
    model: Model, latencies: tuple[int, int]
) -> None:
    """Bit for bit, aligned with the input."""
    audio = noise(0.3)
    desks = [desk(latencies[0]), desk(latencies[1], bass=-6, vocals=-20)]
    alone = run(Engine(model, RATE, {"b": desks[1], "a": desks[0]}), audio)
    engine = Engine(model, RATE, {"a": desks[0], "b": desks[1]})
    engine.send(Command(2560, "preset", "b"))
    out = run(engine, audio)
    np.testing.assert_array_equal(out[:, 2560 + FADE :], alone[:, 2560 + FADE :])
    before = run(Engine(model, RATE, desks[0]), audio)
    np.testing.assert_array_equal(out[:, :2560], before[:, :2560])


@given(positions=st.lists(st.integers(0, 5000), max_size=8), latency=st.sampled_from([0, 600]))
def test_switches_in_a_row_never_click(positions: list[int], latency: int) -> None:
    """Equal consoles stay equal; among others no step is larger than that of one fade by far."""
    for gain, most in ((0, ROUND), (-20, 2 / FADE)):
        consoles = {"a": desk(), "b": desk(latency), "c": desk()}
        consoles["b"].master.gain_db = gain
        engine = Engine(equal_model(), RATE, consoles)
        for index, position in enumerate(sorted(positions)):
            engine.send(Command(position, "preset", "bca"[index % 3]))
        out = run(engine, full_scale(9000))[0]
        assert np.abs(np.diff(out)).max() <= most


def test_a_switch_back_and_forth_is_heard_as_such() -> None:
    """Within a fade, and to a console that ran before: no echo of what it held."""
    consoles = {"a": desk(600), "b": desk(0)}
    consoles["b"].master.mute = True
    engine = Engine(equal_model(), RATE, consoles)
    audio = full_scale(20000)
    audio[:, 2000:12000] = 0
    for position, name in [(1024, "b"), (8192, "a"), (8448, "b"), (12800, "a")]:
        engine.send(Command(position, "preset", name))
    out = run(engine, audio)[0]
    assert not out[3072:12000].any()
    np.testing.assert_allclose(out[12800 + FADE :], 1, atol=ROUND)


def test_a_switch_at_the_start_is_no_fade() -> None:
    """A stream starts at its settings."""
    consoles = {"a": desk(), "b": desk()}
    consoles["b"].master.gain_db = -20
    engine = Engine(equal_model(), RATE, consoles)
    engine.send(Command(0, "preset", "b"))
    np.testing.assert_allclose(run(engine, full_scale(2000)), 0.1, atol=ROUND)


def test_commands_after_a_switch_go_to_the_new_console() -> None:
    """The other one keeps its settings."""
    consoles = {"a": desk(), "b": desk()}
    engine = Engine(equal_model(), RATE, consoles)
    engine.send(Command(256, "preset", "b"))
    engine.send(Command(256, "drums.mute", True))
    run(engine, noise(0.1))
    assert [console.get("drums.mute") for console in consoles.values()] == [False, True]


def test_consoles_of_different_width_fill_up_with_silence() -> None:
    """As many channels as the widest one has."""
    consoles = {"a": desk(), "b": desk()}
    consoles["b"].routes = [Route("mix", (3, 4))]
    engine = Engine(equal_model(), RATE, consoles)
    engine.send(Command(2560, "preset", "b"))
    out = run(engine, full_scale(9000))
    assert engine.outputs == 4
    np.testing.assert_allclose(out[2:, :2560], 0, atol=0)
    np.testing.assert_allclose(out[:2, 2560 + FADE :], 0, atol=0)
    np.testing.assert_allclose(out[:2] + out[2:], 1, atol=ROUND)


def test_dry_is_what_the_separator_heard() -> None:
    """NaN as zero and clamped, so that it is what the mix adds up to; counted once."""
    console = desk()
    console.routes = [Route("mix", (1, 2)), Route("dry", (3, 4))]
    engine = Engine(equal_model(), RATE, console)
    audio = noise(0.1)
    audio[0, 100], audio[1, 200], audio[0, 3000] = np.nan, np.inf, 100
    out = run(engine, audio)
    mended = audio.copy()
    mended[0, 100], mended[1, 200], mended[0, 3000] = 0, 0, 16
    np.testing.assert_array_equal(out[2:], mended)
    np.testing.assert_allclose(out[:2], mended, atol=16 * NULL)
    assert (engine.counters.nonfinite_samples, engine.counters.clamped_samples) == (2, 1)


def test_what_the_safety_clip_cut_is_counted_until_the_next_stream() -> None:
    """On all consoles together."""
    console = desk()
    console.clip = True
    engine = Engine(equal_model(), RATE, console)
    loud = run(engine, 2 * full_scale(3000))
    np.testing.assert_allclose(loud, 1, atol=ROUND)
    assert engine.mixer_counters.clipped_samples >= 2 * 3000
    run(engine, 0.5 * full_scale(3000))
    assert engine.mixer_counters.clipped_samples == 0


@given(samples=st.integers(0, 3000), block=st.sampled_from([None, 100, 256]))
def test_a_whole_signal_comes_back_whole(model: Model, samples: int, block: int | None) -> None:
    """As streamed and flushed, and a block after it comes back at once."""
    engine = Engine(model, RATE, desk(100), block=block)
    audio = noise(1)[:, :samples]
    whole = engine.whole(audio)
    np.testing.assert_array_equal(whole, run(Engine(model, RATE, desk(100)), audio))
    if samples:
        assert engine.push(noise(1)[:, : block or 77]).shape == (2, block or 77)


def test_reset_equals_a_new_engine(model: Model) -> None:
    """In the middle of a hop, of a fade, and after a flush."""
    consoles = {"a": full(desk()), "b": full(desk(100))}
    engine, audio = Engine(model, RATE, consoles), noise(0.2)
    fresh = run(engine, audio)
    np.testing.assert_array_equal(run(engine, audio), fresh)
    engine.send(Command(100, "preset", "b"))
    engine.push(noise(0.11, seed=5))
    assert engine.active == "b"
    engine.reset()
    assert engine.active == "a"
    np.testing.assert_array_equal(run(engine, audio), fresh)


@pytest.mark.parametrize("end", [Engine.flush, Engine.reset])
def test_a_command_for_now_is_one_for_the_next_stream(end: Callable[[Engine], object]) -> None:
    """After the end of a stream positions begin at 0 again, and no stem is held of the last."""
    engine = Engine(IdentityModel(["all"]), 44100, Console(["all"]))
    run(engine, full_scale(2560))
    end(engine)
    assert engine.position == 0
    engine.send(Command(engine.position, "all.mute", True))
    assert not run(engine, full_scale(2560)).any()
    engine.reset()
    assert not engine.newest.any()


def test_a_reset_takes_new_inserts() -> None:
    """And their latency, up and down."""
    engine = Engine(equal_model(), RATE, console := desk())
    for latency in (480, 0, 1000):
        console["drums"].inserts = [AddLatency(latency)] if latency else None
        engine.reset()
        assert engine.latency_samples == 511 + latency
        np.testing.assert_allclose(run(engine, full_scale(3000)), 1, atol=ROUND)


def test_a_refused_reset_is_made_up_for() -> None:
    """With the insert taken out again the next push starts a stream, and all of it is given."""
    engine = Engine(equal_model(), RATE, console := desk(), max_insert_latency=400)
    engine.push(full_scale(1000))
    console["drums"].inserts = [AddLatency(480)]
    with pytest.raises(SpecError, match="delay by 480 samples"):
        engine.reset()
    with pytest.raises(SpecError, match="delay by 480 samples"):
        engine.push(full_scale(1000))
    console["drums"].inserts = None
    np.testing.assert_allclose(run(engine, full_scale(3000), [700]), 1, atol=ROUND)


@pytest.mark.parametrize("frames", [1, 3])
def test_an_engine_opens_a_model_once(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of a large network takes seconds: none is made to learn how long a step is."""
    model = IdentityModel(["all"])
    monkeypatch.setattr(model, "stream", opened := Mock(side_effect=model.stream))
    engine = Engine(model, RATE, Console(["all"]), frames_per_call=frames)
    opened.assert_called_once_with(frames)
    assert engine.step == step_of(model, RATE, frames) == frames * HOP


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"consoles": {}}, "no console was given"),
        ({"consoles": Console(["drms"])}, "there is no stem 'drms'; did you mean drums"),
        (
            {"consoles": {"a": Console(["drums"]), "b": Console(["bass"])}},
            "console 'b' has the strips bass, console 'a' has drums; .* give both the same",
        ),
        ({"consoles": desk(480), "max_insert_latency": 400}, "drums.inserts delay by 480 samples"),
        ({"channels": 6}, "6 channels given; 1 or 2"),
        ({"block": 0}, "block is 0"),
        ({"sample_rate": 32000}, "does not run at 32000 Hz"),
        ({"routes": [Route("choir", (1, 2))]}, "'choir'"),
    ],
)
def test_bad_options_say_what_is_allowed(options: dict[str, Any], says: str) -> None:
    """One sentence each."""
    given_: dict[str, Any] = {"model": equal_model(), "sample_rate": RATE, "consoles": desk()}
    with pytest.raises(SpecError, match=says):
        Engine(**(given_ | options))


def test_bad_blocks_say_what_is_expected(tmp_path: Path) -> None:
    """Shape, dtype and size."""
    engine = Engine(equal_model(), RATE, desk(), block=256)
    with pytest.raises(SpecError, match=r"shape \(100, 2\), the engine was made for \(2, samples"):
        engine.push(np.zeros((100, 2), np.float32))
    with pytest.raises(SpecError, match="float64; convert it"):
        engine.push(np.zeros((2, 256)))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="has 100 samples, the engine was made for blocks of 256"):
        engine.push(np.zeros((2, 100), np.float32))
