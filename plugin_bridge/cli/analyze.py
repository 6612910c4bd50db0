"""plugin-bridge analyze: what is played in a song, stem by stem."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin_bridge.cli.terminal import OK, path_from, require_ending, say, seconds_from, show
from plugin_bridge.errors import SpecError

if TYPE_CHECKING:
    from plugin_bridge.analysis.results import SongAnalysis, StemAnalysis


def analyze(
    song: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="An audio file: wav, flac, mp3, ogg or aiff.", parser=path_from
        ),
    ],
    stem: Annotated[
        str | None,
        typer.Option(metavar="S", help="Analyse this stem only. Default: all of the model's."),
    ] = None,
    separated: Annotated[
        bool, typer.Option("--separated", help="IN is that stem already: do not separate it.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A model's name or .onnx file. Default: lastframe."),
    ] = None,
    midi: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.mid", help="Write notes and drums as a MIDI file.", parser=path_from
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png", help="Draw waveforms, onsets, beats and notes.", parser=path_from
        ),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print onsets, notes, beats and pitch as CSV on stdout.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all results as JSON on stdout.")
    ] = False,
    start: Annotated[
        float,
        typer.Option(
            metavar="TIME",
            help="Where to begin, as 90 or 1:30; times count from there.",
            parser=seconds_from,
        ),
    ] = 0.0,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="TIME", help="How much to analyse. Default: to the end.", parser=seconds_from
        ),
    ] = None,
    causal: Annotated[
        bool,
        typer.Option("--causal", help="Hear it as live playing does, without a look ahead."),
    ] = False,
    provider: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the model runs.")
    ] = "auto",
) -> int:
    """Tell onsets, pitch, notes, tempo and beats of a song's stems.

    Drums are kick (36), snare (38) and hat (42), bass and vocals one note at a time, other several.
    """
    from plugin_bridge.files.listening import ListenOptions, listen
    from plugin_bridge.files.transcript import document_of, midi_of, table_of
    from plugin_bridge.files.writer import write_document
    from plugin_bridge.model.store import DEFAULT

    if as_csv and as_json:
        raise SpecError("--csv and --json both want stdout; give one of them")
    if separated and model is not None:
        raise SpecError(f"--model {model} would separate, --separated says it is done; give one")
    require_ending("--plot", plot, ".png")
    require_ending("--midi", midi, ".mid", ".midi")
    if plot is not None:
        from plugin_bridge.files.picture import draw, matplotlib

        matplotlib()  # before the work, not after it
    options = ListenOptions(
        model=model or DEFAULT,
        provider=provider,
        stem=stem,
        separated=separated,
        causal=causal,
        start=start,
        seconds=seconds,
    )
    heard = listen(song, options)
    for warning in heard.warnings:
        say(warning)
    if midi is not None:
        write_document(midi, midi_of(heard.song))
    if plot is not None:
        write_document(plot, draw(heard.song, heard.outlines, song.name))
    if as_json:
        show(document_of(song, heard.song))
    elif as_csv:
        typer.echo(table_of(heard.song), nl=False)
    else:
        for line in _summary(song, heard.song):
            typer.echo(line)
        for path in (midi, plot):
            if path is not None:
                typer.echo(f"written to {path}")
    return OK


def _summary(path: Path, song: "SongAnalysis") -> list[str]:
    minutes, seconds = divmod(round(song.seconds), 60)
    pace = "no steady beat" if song.tempo is None else f"{song.tempo:.1f} beats per minute"
    lines = [f"{path}: {minutes}:{seconds:02d}, {pace}"]
    return lines + [f"{name}: {_line(stem)}" for name, stem in song.stems.items()]


def _line(stem: "StemAnalysis") -> str:
    names = {36: "kick", 38: "snare", 42: "hat"}
    parts = [f"{len(stem.onsets)} onsets"]
    if any(onset.keys for onset in stem.onsets):
        parts += [
            f"{sum(key in onset.keys for onset in stem.onsets)} {name}"
            for key, name in names.items()
        ]
    elif stem.notes:
        keys = [note.key for note in stem.notes]
        parts.append(f"{len(keys)} notes from {_name(min(keys))} to {_name(max(keys))}")
    return ", ".join(parts)


def _name(key: int) -> str:
    """Name a MIDI key; middle C (60) is C4."""
    letters = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    return f"{letters[key % 12]}{key // 12 - 1}"
