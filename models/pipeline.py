"""The article's whole pipeline on one song: `python -m models.pipeline --seconds 30`.

Koretzky's article separates, mixes and extracts features while it plays, 2.5 times as fast as
playback on one GPU. Here the same path is timed as live playing runs it: separation, console, and
the causal analysis of all four stems, on one core by CPU time and by the clock.

    lastframe           the shipped model, from an input
    model 1, last       the article's first model, column by column, mask of the newest frame
    model 1, middle     the same for the middle frame, separated ahead of the play head of a song

Weights do not matter for speed. Without --last and --middle model 1 is merged of branches that were
never trained.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pedalboard.io import AudioFile

from models import checkpoints, command
from models.data.library import RATE
from models.data.score import STEMS
from models.data.songs import generate
from models.export import export
from models.merge import merge
from models.zoo.fragment import BINS, FRAMES, FragmentNetwork
from plugin_bridge.analysis import Analyst
from plugin_bridge.console import Console
from plugin_bridge.dsp import FloatArray
from plugin_bridge.engine import Engine
from plugin_bridge.live.control import ControlBlock, Worker
from plugin_bridge.live.devices.null import NullDevice
from plugin_bridge.live.heard import Sum
from plugin_bridge.live.playing import Playing
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.stream import LiveStream
from plugin_bridge.model.onnx import Model
from plugin_bridge.separator import step_of

ARTICLE = 2.5  # times playback, on one GPU
BLOCK = 256
TARGETS = {"last": FRAMES - 1, "middle": FRAMES // 2}
OUTPUTS = 8


class Timed(NamedTuple):
    """What a pipeline took.

    Attributes
    ----------
    name : str
    late : int, samples from input to output; of a song, the model's look ahead is none of it
    seconds, wall, cpu : float, of the song, by the clock, and of the processor
    events : int, onsets and notes that were told
    """

    name: str
    late: int
    seconds: float
    wall: float
    cpu: float
    events: int


def untrained(folder: Path, target: str, bins: int = BINS) -> Path:
    """Merge model 1 of four branches with fresh weights, and export it.

    Parameters
    ----------
    folder : Path, that gets the files
    target : "last" or "middle"
    bins : int, of a fragment; the article's, or fewer for a test

    Notes
    -----
    Thread: [main]
    """
    paths = []
    for stem in STEMS:
        network = FragmentNetwork(stems=(stem,), target=TARGETS[target], bins=bins)
        content = {"architecture": "branch", "weights": network.state_dict(), "step": 0}
        content |= {"config": network.config, "scores": {stem: 0.0, "mean": 0.0}}
        paths.append(folder / f"{target}-{stem}.pt")
        checkpoints.save(paths[-1], content | {"data": {"stem_hours": {}, "heard_hours": 0.0}})
    merge(paths, folder / f"{target}.pt")
    out = folder / f"model1-{target}.onnx"
    export(folder / f"{target}.pt", out)
    return out


def from_input(name: str, model: Model, mix: FloatArray) -> Timed:
    """Time a model that hears an input, (2, samples), in the callback of a device.

    Notes
    -----
    Thread: [main]
    """
    engine = Engine(model, RATE, Console(model.card.stems), block=step_of(model, RATE))
    device = NullDevice(RATE, BLOCK, 2, OUTPUTS, clocked=False)
    stream = LiveStream(engine, device, mode="inline", clock="wait", listens=True)
    stream.start()
    return _timed(name, stream, lambda: device.crank(mix), mix.shape[1], stream.stop)


def ahead(name: str, model: Model, mix: FloatArray, folder: Path) -> Timed:
    """Time a model that separates a song, (2, samples), ahead of its play head.

    Notes
    -----
    Thread: [main]
    """
    song = folder / "song.wav"
    with AudioFile(str(song), "w", RATE, len(mix), bit_depth=32) as file:
        file.write(mix)
    device = NullDevice(RATE, BLOCK, 0, OUTPUTS, clocked=False)
    control = ControlBlock()
    begin = time.perf_counter(), time.process_time()
    playing = Playing(
        LiveSettings(play=str(song), clock="wait"),
        model,
        {"": Console(model.card.stems)},
        lambda _: device,
        control,
    )
    stream = LiveStream(
        playing.engine, playing.device, mode="inline", clock="wait", control=control,
        seek=playing.ahead.seek, listens=True,
    )  # fmt: skip
    playing.start()
    stream.start()

    def stop() -> None:
        stream.stop()
        playing.stop()

    blocks = -(-mix.shape[1] // BLOCK)
    silence = np.zeros((0, blocks * BLOCK), np.float32)
    return _timed(name, stream, lambda: device.crank(silence), mix.shape[1], stop, begin)


def _timed(
    name: str,
    stream: LiveStream,
    play: Callable[[], FloatArray],
    samples: int,
    stop: Callable[[], None],
    begin: tuple[float, float] | None = None,
) -> Timed:
    """Time the playing; `begin` counts what was separated before it, too."""
    wall, cpu = begin or (time.perf_counter(), time.process_time())
    try:
        play()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    finally:
        stop()
    cells = stream.control.cells
    if cells[Worker.FAILURES] or cells[Worker.DEAF]:
        raise ValueError(f"{name} failed while it played; see it with plugin-bridge models check")
    sums = stream.control.heard.sums
    events = int(sums[:, Sum.ONSETS].sum() + sums[:, Sum.NOTES].sum())
    return Timed(name, stream.latency_samples, samples / RATE, wall, cpu, events)


def features(mix: FloatArray) -> float:
    """Give the CPU seconds of the causal analysis of four stems, each a quarter of a mix.

    Notes
    -----
    Thread: [main]
    """
    analyst = Analyst(STEMS, RATE)
    stems = np.stack([mix / len(STEMS)] * len(STEMS)).astype(np.float32)
    begin = time.process_time()
    for start in range(0, stems.shape[2] - analyst.hop + 1, analyst.hop):
        analyst.push(stems[..., start : start + analyst.hop])
    return time.process_time() - begin


def table(rows: list[Timed], heard: float) -> str:
    """Give the rows as Markdown, with the CPU seconds of the features among them.

    Notes
    -----
    Thread: [any]
    """
    lines = [
        "| pipeline, features included | times playback, one core | by the clock | features | "
        "latency | events |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        speed, clock = row.seconds / row.cpu, row.seconds / row.wall
        share, late = heard / row.cpu, 1000 * row.late / RATE
        lines.append(
            f"| {row.name} | {speed:.1f} | {clock:.1f} | {share:.0%} of the time | {late:.1f} ms | "
            f"{row.events} |"
        )
    lines.append(f"| the article's, on one GPU | | {ARTICLE} | | | |")
    return "\n".join(lines)


def song_of(given: argparse.Namespace) -> FloatArray:
    """Give the mix, (2, samples), of a file at 44.1 kHz, or of a generated song.

    Raises
    ------
    ValueError
        If the file has another rate, or too little is asked for.

    Notes
    -----
    Thread: [main]
    """
    if not given.seconds >= 1:
        raise ValueError(f"--seconds is {given.seconds:g}; give 1 or more")
    if given.song is None:
        return np.asarray(generate(given.seed, given.seconds).mixture, np.float32)
    with AudioFile(str(given.song)) as file:
        if file.samplerate != RATE:
            raise ValueError(
                f"{given.song} has {file.samplerate:g} Hz, {RATE} are needed; resample it first"
            )
        mix: FloatArray = file.read(min(file.frames, round(given.seconds * RATE)))
    return mix if len(mix) == 2 else np.repeat(mix[:1], 2, axis=0)


def main(arguments: list[str] | None = None) -> None:
    """Measure the three pipelines, and print a table.

    Notes
    -----
    Thread: [main]
    """
    parser = argparse.ArgumentParser(prog="python -m models.pipeline", description=__doc__)
    parser.add_argument("--song", type=Path, help="a file at 44.1 kHz; default: a generated song")
    parser.add_argument("--seed", type=int, default=3, help="of the generated song")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--model", default="lastframe", help="the shipped model's row")
    for target in TARGETS:
        parser.add_argument(f"--{target}", type=Path, help=f"model 1 for the {target} frame, .onnx")
    given = parser.parse_args(arguments)
    mix = song_of(given)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {t: vars(given)[t] or untrained(folder, t) for t in TARGETS}
        made = [t for t in TARGETS if vars(given)[t] is None]
        rows = [
            from_input("lastframe", Model(given.model, "cpu"), mix),
            from_input("model 1, last frame", Model(files["last"], "cpu"), mix),
            ahead("model 1, middle frame", Model(files["middle"], "cpu"), mix, folder),
        ]
    print(table(rows, features(mix)))
    if made:
        print(f"\nModel 1 for the {' and '.join(made)} frame has untrained weights: a speed alone.")


if __name__ == "__main__":
    command.run(main)
