"""A song's stems before and after, as a picture of spectrograms.

`python -m models.spectrograms SONG OUT.png --start 24 --seconds 12 --model lastframe`, where
SONG/<stem>.wav are the true stems: a column for the mixture, the true stems, and each model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from models import command
from models.data.score import STEMS
from models.evaluation.separators import by_model, refuse_fewer
from models.evaluation.songs import real_song
from plugin_bridge.dsp import FloatArray
from plugin_bridge.dsp.stft import Analysis, Transform

DYNAMIC_RANGE_DB, TOP_HZ = 90, 8000
WINDOW = 2048  # samples
BEFORE_SECONDS = 10.0  # of the song go into a model before what is shown


def spectrogram(samples: FloatArray) -> FloatArray:
    """Give the level in dB of (frames, bins), channels together, of (channels, samples)."""
    transform = Transform(WINDOW, WINDOW, 512, "sqrt-hann")
    whole = samples[:, : samples.shape[1] // transform.hop * transform.hop]
    power = np.square(np.abs(Analysis(transform, 2).push(whole))).mean(axis=0)
    return np.asarray(10 * np.log10(power + 1e-9), np.float32)


def draw(
    path: Path, columns: Mapping[str, Mapping[str, FloatArray]], sample_rate: int, start: float = 0
) -> None:
    """Draw a row of spectrograms for each stem, a column for each title, all on one scale.

    Parameters
    ----------
    path : Path
        The .png to write.
    columns : mapping
        Title -> stem -> (2, samples).
    sample_rate : int
        Hz.
    start : float
        Seconds at the left edge.

    Notes
    -----
    Thread: [main]
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 + 4 * len(columns), 9), layout="constrained")
    axes = figure.subplots(len(STEMS), len(columns), sharex=True, sharey=True, squeeze=False)
    levels = {
        (title, stem): spectrogram(waves[stem])
        for title, waves in columns.items()
        for stem in STEMS
    }
    top = max(float(level.max()) for level in levels.values())
    for row, stem in zip(axes, STEMS, strict=True):
        for axis, (title, waves) in zip(row, columns.items(), strict=True):
            seconds = waves[stem].shape[1] / sample_rate
            image = axis.imshow(
                levels[title, stem].T,
                origin="lower",
                aspect="auto",
                extent=(start, start + seconds, 0, sample_rate / 2000),
                vmin=top - DYNAMIC_RANGE_DB,
                vmax=top,
                cmap="magma",
            )
            axis.set_ylim(0, TOP_HZ / 1000)
            axis.set_title(f"{stem}, {title}")
        row[0].set_ylabel("kHz")
    figure.colorbar(image, ax=axes, label="dB", fraction=0.02)
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    figure.savefig(path, dpi=60, pil_kwargs={"optimize": True})


def picture(
    song: Annotated[Path, typer.Argument(help="folder of the true stems, <stem>.wav")],
    out: Annotated[Path, typer.Argument(help="the .png file to write")],
    model: Annotated[list[str] | None, typer.Option(help="name or path")] = None,
    start: Annotated[float, typer.Option(min=0, help="seconds")] = 0.0,
    seconds: Annotated[float, typer.Option(min=0.1)] = 12.0,
) -> None:
    """Draw a song's stems before and after."""
    if out.suffix != ".png":
        raise ValueError(f"{out} does not end in .png; name the picture so")
    whole = real_song(song)
    rate, mix = whole.sample_rate, whole.mixture
    begin, end = int(start * rate), int((start + seconds) * rate)
    if begin + WINDOW > mix.shape[1]:
        raise ValueError(
            f"--start is {start:g} s, {song} has {mix.shape[1] / rate:.1f} s; name an earlier one"
        )
    columns: dict[str, dict[str, FloatArray]] = {
        "before": dict.fromkeys(STEMS, mix[:, begin:end]),
        "true": {stem: whole.stems[stem][:, begin:end] for stem in STEMS},
    }
    early = max(0, begin - int(BEFORE_SECONDS * rate))
    for name in model or ["lastframe"]:
        stems = by_model(name)(mix[:, early:end], rate)
        refuse_fewer(name, stems)
        columns[Path(name).stem] = {stem: stems[stem][:, begin - early :] for stem in STEMS}
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(out, columns, rate, start)
    typer.echo(f"{out}: {', '.join(columns)}")


if __name__ == "__main__":
    command.run(lambda: typer.run(picture))
