"""plugin-bridge render: songs to stems."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_bridge.cli.terminal import (
    FAILURE,
    OK,
    PROGRAM,
    exit_code,
    path_from,
    say,
    sentence,
    show,
)
from plugin_bridge.errors import SpecError

if TYPE_CHECKING:
    from plugin_bridge.files.jobs import Outcome, Progress
    from plugin_bridge.files.report import RenderReport


def render(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IN...", help="Audio files: wav, flac, mp3, ogg or aiff.", parser=path_from
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder that gets one folder per input.", parser=path_from
        ),
    ] = Path("stems"),
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model's name or .onnx file. Default: the preset's, or lastframe.",
        ),
    ] = None,
    stems: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Stems to write; accompaniment is the input minus vocals. Default: all. "
            "From the console: strips, buses or mix.",
        ),
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="wav|flac|stem.mp4",
            help="File format of the stems; stem.mp4 is one file for DJ programs (needs ffmpeg).",
        ),
    ] = "wav",
    bit_depth: Annotated[
        str | None,
        typer.Option(
            metavar="16|24|32f", help="Default: 32f for wav, 24 for flac, 16 for stem.mp4."
        ),
    ] = None,
    codec: Annotated[
        str | None, typer.Option(metavar="alac|aac", help="Of a stem.mp4. Default: alac.")
    ] = None,
    multichannel: Annotated[
        bool, typer.Option("--multichannel", help="Write one file that holds all stems' channels.")
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="P",
            help="Send the stems through the console of this preset, a name or .toml file, and "
            "write its strips, buses and mix.",
        ),
    ] = None,
    mix: Annotated[
        bool, typer.Option("--mix", help="Write the console's mix; only this, without --stems.")
    ] = False,
    midi: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.mid",
            help="Play the console by this MIDI file, with the preset's map or that of dj-pads.",
            parser=path_from,
        ),
    ] = None,
    allow_plugins: Annotated[
        bool,
        typer.Option(
            "--allow-plugins", help="Load plugin binaries that are not on the trust list, too."
        ),
    ] = False,
    take: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Render what live --record has written there, instead of IN, to out.wav.",
            parser=path_from,
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Files rendered at the same time.")] = 1,
    exact: Annotated[
        bool, typer.Option("--exact", help="The same bits as live playing; slower.")
    ] = False,
    provider: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the model runs.")
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the reports as JSON on stdout.")
    ] = False,
) -> int:
    """Separate songs into stems, in DIR/<input name>/<stem>.wav.

    Inputs of the same name in one command get numbered folders: song, song-2; a later command
    writes into song again. render.json beside the stems tells the model, versions, levels and
    clipped samples.
    """
    from plugin_bridge.files.jobs import render_all
    from plugin_bridge.files.options import RenderOptions

    if take is not None:
        if inputs:
            raise SpecError(f"--take {take} has its own input; leave {inputs[0]} out")
        return _render_take(take, out, exact, allow_plugins)
    if not inputs:
        raise SpecError(
            "no input was named; give audio files or --take DIR, see plugin-bridge render --help"
        )
    if jobs < 1:
        raise SpecError(f"--jobs {jobs}: allowed is 1 or more; give e.g. --jobs 2")
    options = RenderOptions(
        out=out,
        model=model,
        stems=None if stems is None else tuple(s.strip() for s in stems.split(",") if s.strip()),
        format=format_,
        bit_depth=bit_depth,
        codec=codec,
        multichannel=multichannel,
        exact=exact,
        provider=provider,
        preset=preset,
        mix=mix,
        midi=midi,
        allow_plugins=allow_plugins,
    )
    codes, lines, entries = [OK], [], []
    with _screen(as_json) as (progress, speak):
        for outcome in render_all(inputs, options, jobs, progress):
            entries.append(_entry(outcome))
            codes.append(_tell(outcome, speak))
            if outcome.report is not None:
                lines.append(_summary(outcome.report))
    if as_json:
        show(entries)
    else:
        for line in lines:
            typer.echo(line)
    # A failure of the machine outweighs a mistake.
    return FAILURE if FAILURE in codes else max(codes)


def _render_take(folder: Path, out: Path, exact: bool, allow_plugins: bool) -> int:
    """Render a recorded session again."""
    from plugin_bridge.live.take import load
    from plugin_bridge.live.take import render as render_take

    take = load(folder)
    for note in take.notes:
        say(note)
    if exact and not take.exact:
        say(
            f"{folder} had misses, or ran on another provider, so what is rendered is what was "
            "meant, not every sample that was heard"
        )
    path = render_take(take, out / (folder.resolve().name), exact, allow_plugins)
    late = take.latency_samples
    typer.echo(f"{folder} -> {path}: the take's own out.wav lags it by {late} samples")
    return OK


def _tell(outcome: "Outcome", speak: Callable[[str], None]) -> int:
    """Say what is to be said about one input; give its exit code."""
    if outcome.error is not None:
        speak(sentence(outcome.error))
        return exit_code(outcome.error)
    for warning in outcome.report.warnings if outcome.report else ():
        speak(warning)
    return OK


def _entry(outcome: "Outcome") -> dict[str, Any]:
    if outcome.report is not None:
        return outcome.report.as_dict()
    error = outcome.error or RuntimeError()
    return {
        "input": str(outcome.path),
        "error": sentence(error),
        "exit_code": exit_code(error),
    }


def _summary(report: "RenderReport") -> str:
    minutes, seconds = divmod(round(report.samples / report.sample_rate), 60)
    names = ", ".join(stem.name for stem in report.stems)
    files = {stem.file for stem in report.stems}
    # Of several the name tells the file.
    written = report.folder if len(files) > 1 else str(Path(report.folder, *files))
    return (
        f"{report.input} -> {written}: {names} "
        f"({minutes}:{seconds:02d} in {report.seconds:.1f} s, {report.speed:.1f} times realtime)"
    )


@contextmanager
def _screen(as_json: bool) -> Iterator[tuple["Progress | None", Callable[[str], None]]]:
    """Give what draws a bar per input, on a terminal only, and what says a sentence beside it."""
    if as_json or not sys.stderr.isatty():
        yield None, say
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[name]}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    tasks: dict[Path, TaskID] = {}
    console = Console(stderr=True)
    # Only stderr is redrawn around the bars: stdout may be a file.
    with Progress(*columns, console=console, redirect_stdout=False) as bars:

        def advance(path: Path, done: int, total: int) -> None:
            if path not in tasks:
                tasks[path] = bars.add_task("", name=path.name)
            bars.update(tasks[path], completed=done, total=total)

        def speak(text: str) -> None:
            console.print(f"{PROGRAM}: {text}", markup=False, highlight=False, soft_wrap=True)

        yield advance, speak
