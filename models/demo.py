"""Separate a generated song and show the result: ``python -m models.demo``.

Needs no torch: the song comes from the generator, the stems from the shipped model.
"""

import sys
import time
from pathlib import Path

import numpy as np
from pedalboard.io import AudioFile
from rich.console import Console
from rich.table import Table

from models.data.score import STEMS
from models.data.songs import generate
from models.evaluate import quarter, sdr
from models.spectrograms import draw
from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.files.report import RenderReport

SEED, SECONDS, SAMPLE_RATE = 42, 20.0, 44100
FOLDER = Path("build/demo")


def write_wave(path: Path, samples: FloatArray) -> None:
    """Write (channels, samples) as a 32-bit float file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with AudioFile(str(path), "w", SAMPLE_RATE, samples.shape[0], bit_depth=32) as file:
        file.write(samples)


def read_wave(path: Path) -> FloatArray:
    """Read all of a file, (channels, samples)."""
    with AudioFile(str(path)) as file:
        samples: FloatArray = file.read(file.frames)
    return samples


def show(
    console: Console, true: dict[str, FloatArray], separated: dict[str, FloatArray], mix: FloatArray
) -> None:
    """Print SDR per stem and what separation gained over a quarter of the mix."""
    table = Table(title="Signal-to-distortion ratio, dB", title_justify="left")
    for heading in ("stem", "mix / 4", "separated", "improvement"):
        table.add_column(heading, justify="left" if heading == "stem" else "right")
    rows = []
    for stem in STEMS:
        before = sdr(true[stem], quarter(mix, SAMPLE_RATE)[stem])
        after = sdr(true[stem], separated[stem])
        rows.append((before, after, after - before))
        table.add_row(stem, *(f"{value:.2f}" for value in rows[-1]))
    table.add_row("mean", *(f"{value:.2f}" for value in np.mean(rows, axis=0)))
    console.print(table)


def tell(console: Console, report: RenderReport) -> None:
    """Print what was measured and what to try next."""
    milliseconds = 1000 * 511 / SAMPLE_RATE
    console.print(
        f"{SECONDS:g} s of music in {report.seconds:.2f} s: {report.speed:.0f} times playback "
        f"speed on one core. Live, the same model lags by 256 to 511 samples "
        f"({milliseconds / 2:.1f} to {milliseconds:.1f} ms)."
    )
    console.print(
        "\nListen to [b]build/demo/mixture.wav[/b] and [b]build/demo/stems/[/b], compare with "
        "[b]build/demo/true/[/b], look at [b]build/demo/spectrograms.png[/b].\n"
        "Your own song:      [b].venv/bin/plugin-bridge render song.mp3[/b]\n"
        "Without its vocals: [b].venv/bin/plugin-bridge render song.mp3 "
        "--stems vocals,accompaniment[/b]\n"
        "In Python:          [b].venv/bin/python examples/stream_blocks.py[/b]"
    )


def main() -> int:
    """Run the demo; give the process's exit status."""
    console = Console(soft_wrap=True, highlight=False)
    begin = time.perf_counter()
    song = generate(SEED, SECONDS, SAMPLE_RATE)
    write_wave(FOLDER / "mixture.wav", song.mixture)
    for stem in STEMS:
        write_wave(FOLDER / "true" / f"{stem}.wav", song.stems[stem])
    console.print(f"Generated a song of {SECONDS:g} s (seed {SEED}); separating it ...")
    report = render(FOLDER / "mixture.wav", RenderOptions(out=FOLDER), name="stems")
    separated = {stem: read_wave(FOLDER / "stems" / f"{stem}.wav") for stem in STEMS}
    draw(FOLDER / "spectrograms.png", {"true": song.stems, "separated": separated}, SAMPLE_RATE)
    show(console, song.stems, separated, song.mixture)
    tell(console, report)
    console.print(f"The whole demo took {time.perf_counter() - begin:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
