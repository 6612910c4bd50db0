"""plugin-bridge live: stems out of an audio interface, muted by keys and MIDI."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_bridge.cli.terminal import OK, path_from, say
from plugin_bridge.errors import SpecError

if TYPE_CHECKING:
    from plugin_bridge.live.hands import Hands
    from plugin_bridge.live.supervisor import Live

# Seconds between two looks at keys and status.
LOOK = 0.1
QUIT = "q"
MUTES = "1234"
# Shift and the digits, on the keyboards of most countries.
SOLOS = {"!": 0, "@": 1, '"': 1, "#": 2, "§": 2, "£": 2, "·": 2, "$": 3, "¤": 3, "€": 3}
CLEAR = "\r\x1b[K"


def live(
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="D", help="Device to hear, by name or API:name."),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="D", help="Device to play on; default: that of --input.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="R", help="Hz; default: the device's.")
    ] = None,
    block: Annotated[
        int | None, typer.Option(metavar="N", help="Samples per callback; default: the device's.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="P", help="A preset's name or .toml file.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model's name or .onnx file. Default: the preset's, or lastframe.",
        ),
    ] = None,
    provider: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the model runs.")
    ] = "auto",
    allow_plugins: Annotated[
        bool,
        typer.Option(
            "--allow-plugins", help="Load plugin binaries that are not on the trust list, too."
        ),
    ] = False,
    on_miss: Annotated[
        str, typer.Option(metavar="tail|dry", help="What plays where a hop comes too late.")
    ] = "tail",
    midi: Annotated[
        str | None,
        typer.Option(
            metavar="PORT|virtual", help="MIDI input that moves the console, by name or API:name."
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="auto|inline|worker",
            help="Compute in the audio callback, or beside it and a block or more later.",
        ),
    ] = "auto",
    device: Annotated[
        str | None,
        typer.Option(metavar="null", help="No hardware: noise comes in, nothing is heard."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0.0, help="Stop after S seconds.")
    ] = None,
    stats: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Write counters, times and latency there.", parser=path_from
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Record input, output and commands there; see render --take.",
            parser=path_from,
        ),
    ] = None,
) -> int:
    """Separate what comes in, and play the stems, with keys 1-4 to mute and q to quit.

    Shift and 1-4 is solo. A preset gives routes to the outputs, inserts, and the MIDI map.
    """
    from plugin_bridge.live.settings import LiveSettings
    from plugin_bridge.live.supervisor import Live

    if stats is not None and not stats.absolute().parent.is_dir():
        raise SpecError(f"--stats {stats}: the folder does not exist; make it, or name another")
    settings = LiveSettings(
        input=input_,
        output=output,
        device=device,
        rate=rate,
        block=block,
        preset=preset,
        model=model,
        provider=provider,
        allow_plugins=allow_plugins,
        on_miss=on_miss,
        mode=mode,
        record=None if record is None else str(record.absolute()),
        reach=midi is not None,
    )
    session = Live(settings)
    report: dict[str, Any] = {}
    try:
        session.start()
        report = _play(session, midi, seconds)
    finally:
        session.stop()
        if stats is not None and session.described:
            _write(stats, session.status() | report)
    typer.echo(_summary(session.status() | report))
    return OK


def _play(session: "Live", port: str | None, seconds: float | None) -> dict[str, Any]:
    """Play until the time is over, q or Ctrl-C; give what was seen at the end."""
    from plugin_bridge.cli.keys import keys
    from plugin_bridge.live.desk import Desk
    from plugin_bridge.live.hands import Hands

    stems = session.described["stems"]
    hands = Hands(session, Desk(session.settings).midi_map(stems), port)
    end = None if seconds is None else time.monotonic() + seconds
    screen = sys.stderr.isatty()
    trouble = ""
    try:
        say(_greeting(session.status()))
        with keys() as pressed:
            while end is None or time.monotonic() < end:
                left = LOOK if end is None else max(0.0, min(LOOK, end - time.monotonic()))
                typed = pressed.wait(left)
                if QUIT in typed:
                    break
                for key in typed:
                    _obey(key, hands, stems)
                if screen:
                    typer.echo(CLEAR + _line(session, stems), err=True, nl=False)
                elif session.trouble != trouble:
                    trouble = session.trouble
                    say(trouble or "playing again")
    except KeyboardInterrupt:
        pass  # the usual way to end
    finally:
        if screen:
            typer.echo(CLEAR, err=True, nl=False)
        hands.close()
    if hands.played:
        _write_midi(session, hands)
    return {"midi": hands.report(), "levels": session.status()["levels"]}


def _write_midi(session: "Live", hands: "Hands") -> None:
    """Lay what a controller sent beside the take; the commands in it are what counts."""
    from plugin_bridge.live.recorder import MIDI
    from plugin_bridge.live.take import write_midi

    folder = Path(session.described["record"])
    write_midi(folder / MIDI, hands.played, round(session.described["device"]["rate"]))


def _obey(key: str, hands: "Hands", stems: list[str]) -> None:
    """Do what a key stands for."""
    place, what = (MUTES.index(key), "mute") if key in MUTES else (SOLOS.get(key, -1), "solo")
    if 0 <= place < len(stems):
        hands.toggle(f"{stems[place]}.{what}")


def _greeting(status: dict[str, Any]) -> str:
    device, latency = status["device"], status["latency_samples"]
    parts = ", ".join(f"{name} {n}" for name, n in latency.items() if name != "sum" and n)
    milliseconds = 1000 * latency["sum"] / device["rate"]
    return (
        f"{device['name']} at {device['rate']:g} Hz in blocks of {device['block']}, "
        f"{status['model']['name']} on {status['provider'].removesuffix('ExecutionProvider')}, "
        f"{status['mode']}, latency {latency['sum']} samples, {milliseconds:.1f} ms ({parts}); "
        "1-4 mute, shift 1-4 solo, q quits"
    )


def _line(session: "Live", stems: list[str]) -> str:
    """Give the status in one line, as wide as the terminal at most."""
    import shutil

    status = session.status()
    counters = status["counters"]
    width = shutil.get_terminal_size().columns - 1
    if status["state"] != "running":
        return f"the engine starts anew: {status['trouble'] or 'its device was lost'}"[:width]
    cells = []
    for stem in stems:
        flags = ("M" if session.get(f"{stem}.mute") else "") + (
            "S" if session.get(f"{stem}.solo") else ""
        )
        level = max(
            (v["peak_db"] for n, v in status["levels"].items() if n.startswith(f"{stem}.")),
            default=0.0,
        )
        cells.append(f"{stem}{f' [{flags}]' if flags else ''} {level:.0f}")
    xruns = counters["input_xruns"] + counters["output_xruns"]
    return (
        f"{status['preset'] or 'no preset'} | {' | '.join(cells)} dB | xruns {xruns} misses "
        f"{counters['misses']} | hop {status['hop_ms']['p99']:.1f} of {status['step_ms']:.1f} ms"
    )[:width]


def _summary(status: dict[str, Any]) -> str:
    counters, hop = status["counters"], status["hop_ms"]
    played = counters["samples"] / status["device"]["rate"]
    return (
        f"{played:.1f} s played: {counters['misses']} misses, {counters['skipped_hops']} hops "
        f"skipped, xruns {counters['input_xruns']} in and {counters['output_xruns']} out; hop "
        f"p50 {hop['p50']:.2f}, p99 {hop['p99']:.2f}, max {hop['max']:.2f} of "
        f"{status['step_ms']:.2f} ms; callback p99 {status['callback_ms']['p99']:.2f} of "
        f"{status['block_ms']:.2f} ms; {status['restarts']} restarts"
    )


def _write(path: Path, status: dict[str, Any]) -> None:
    import json

    from plugin_bridge.console.trust import write_whole

    write_whole(path, (json.dumps(status, indent=2, default=str) + "\n").encode())
