"""plugin-bridge live: stems out of an audio interface, muted by keys and MIDI."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_bridge.cli.terminal import FAILURE, OK, path_from, require_ending, say
from plugin_bridge.errors import PluginBridgeError, SpecError

if TYPE_CHECKING:
    from plugin_bridge.live.child import Child
    from plugin_bridge.live.hands import Hands
    from plugin_bridge.live.settings import LiveSettings
    from plugin_bridge.live.supervisor import Live

# Seconds between two looks at keys and status.
LOOK = 0.1
QUIT = "q"
MUTES = "1234"
# Shift and the digits, on the keyboards of most countries.
SOLOS = {"!": 0, "@": 1, '"': 1, "#": 2, "§": 2, "£": 2, "·": 2, "$": 3, "¤": 3, "€": 3}
CLEAR = "\r\x1b[K"
# Seconds of a song.
JUMPS = {"left": -5.0, "right": 5.0, "down": -30.0, "up": 30.0}


def live(
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="D", help="Device to hear, by name or API:name."),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="D", help="Device to play on; default: that of --input.")
    ] = None,
    play: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A song instead of an input: wav, flac, mp3, ogg, aiff; with any model.",
            parser=path_from,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="R", help="Hz; default: the device's, or the song's.")
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
    midi_out: Annotated[
        str | None,
        typer.Option(
            metavar="PORT|virtual",
            help="MIDI output that drum hits and bass notes are played to, as they are heard.",
        ),
    ] = None,
    listen: Annotated[
        bool,
        typer.Option("--listen", help="Count onsets and notes of each stem, also without MIDI."),
    ] = False,
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
            help="Record input, output and commands there, or, where a take is, in DIR-2; see "
            "render --take.",
            parser=path_from,
        ),
    ] = None,
) -> int:
    """Separate what comes in, and play the stems, with keys 1-4 to mute and q to quit.

    Shift and 1-4 is solo. In a song, left and right go 5 seconds, up and down
    30. A preset gives routes to the outputs, inserts, and the MIDI map.
    """
    from plugin_bridge.live.child import Child
    from plugin_bridge.live.settings import NULL, LiveSettings

    require_ending("--stats", stats, ".json")
    if stats is not None and not stats.absolute().parent.is_dir():
        raise SpecError(f"--stats {stats}: the folder does not exist; make it, or name another")
    if stats is not None and (stats.is_dir() or not os.access(stats.absolute().parent, os.W_OK)):
        raise SpecError(f"--stats {stats} cannot be written there; name another file")
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
        play=None if play is None else str(play.absolute()),
        reach=midi is not None,
        listen=listen or midi_out is not None,
    )
    # It loads while this process loads, too.
    with Child(hardware=settings.device != NULL) as child:
        return _session(settings, child, midi, midi_out, seconds, stats)


def _session(
    settings: "LiveSettings",
    child: "Child",
    port: str | None,
    out: str | None,
    seconds: float | None,
    stats: Path | None,
) -> int:
    """Play, and tell what was played."""
    from plugin_bridge.live.supervisor import LOST, Live

    _require_ports(port, out)
    session = Live(settings, child)
    report: dict[str, Any] = {}
    try:
        session.start()
        report = _play(session, port, out, seconds)
    finally:
        lost = session.state == LOST
        session.stop()
        if session.described:
            status = session.status() | report
            typer.echo(_summary(status))
            if stats is not None:
                _write(stats, status)
    if lost:
        why = session.trouble or "connect it again, and see plugin-bridge doctor"
        say(f"the device was lost, and had not come back: {why}")
    return FAILURE if lost else OK


def _require_ports(port: str | None, out: str | None) -> None:
    """Refuse MIDI ports that are not there; it takes no time, as the engine still loads."""
    if port is None and out is None:
        return  # no driver is needed
    from plugin_bridge.midi.watch import wanted

    if port is not None:
        wanted(port, "input")
    if out is not None:
        wanted(out, "output")


def _play(
    session: "Live", port: str | None, out: str | None, seconds: float | None
) -> dict[str, Any]:
    """Play until the time or the song is over, q or Ctrl-C; give what was seen at the end."""
    from plugin_bridge.cli.keys import keys
    from plugin_bridge.live.desk import Desk
    from plugin_bridge.live.hands import Hands
    from plugin_bridge.live.supervisor import LOST

    if out is not None:  # without it no port is opened, and no driver needed
        from plugin_bridge.live.band import Band

    stems = session.described["stems"]
    desk = Desk(session.settings)
    hands = Hands(session, desk.midi_map(stems), port)
    try:
        band = None if out is None else Band(session, desk.voices(), out)
    except PluginBridgeError:
        hands.close()
        raise
    end = None if seconds is None else time.monotonic() + seconds
    screen = sys.stderr.isatty()
    trouble = ""
    try:
        status = session.status()
        if status["song"]:
            say(_song_line(status["song"], status["device"]["rate"]))
        say(_greeting(status))
        if status["record"]:
            say(f"recording into {status['record']}")
        with keys() as pressed:
            while not _over(session, end):
                left = LOOK if end is None else max(0.0, min(LOOK, end - time.monotonic()))
                typed = pressed.wait(left)
                if QUIT in typed:
                    break
                for key in typed:
                    _obey(key, session, hands, stems)
                if session.trouble != trouble:
                    trouble = session.trouble
                    if screen:
                        typer.echo(CLEAR, err=True, nl=False)
                    # Whole: the line is cut where a screen ends.
                    waits = "no sound, and tried again until it comes: " * (session.state == LOST)
                    say(waits + trouble if trouble else "playing again")
                if screen:
                    typer.echo(CLEAR + _line(session, stems), err=True, nl=False)
    except KeyboardInterrupt:
        pass  # the usual way to end
    finally:
        if screen:
            typer.echo(CLEAR, err=True, nl=False)
        if band is not None:
            band.close()
        hands.close()
    played = {"port": None} if band is None else band.report()
    return {"midi": hands.report(), "midi_out": played, "levels": session.status()["levels"]}


def _over(session: "Live", end: float | None) -> bool:
    """Tell whether the time is over; without one, whether the song is."""
    if end is not None:
        return time.monotonic() >= end
    song = session.status()["song"]
    return song is not None and song["ended"]


def _obey(key: str, session: "Live", hands: "Hands", stems: list[str]) -> None:
    """Do what a key stands for."""
    if key in JUMPS:
        if session.described["song"]:
            session.jump(JUMPS[key])
        return
    place, what = (MUTES.index(key), "mute") if key in MUTES else (SOLOS.get(key, -1), "solo")
    if 0 <= place < len(stems):
        hands.toggle(f"{stems[place]}.{what}")


def _greeting(status: dict[str, Any]) -> str:
    device, latency = status["device"], status["latency_samples"]
    parts = ", ".join(f"{name} {n}" for name, n in latency.items() if name != "sum" and n)
    parts = f" ({parts})" if parts else ""
    milliseconds = 1000 * latency["sum"] / device["rate"]
    return (
        f"{device['name']} at {device['rate']:g} Hz in blocks of {device['block']}, "
        f"{'its one input feeds both channels, ' if device['inputs'] == 1 else ''}"
        f"{status['model']['name']} on {status['provider'].removesuffix('ExecutionProvider')}, "
        f"{status['mode']}, latency {latency['sum']} samples, {milliseconds:.1f} ms{parts}; "
        f"1-4 mute, shift 1-4 solo, {'arrows 5 and 30 s, ' if status['song'] else ''}q quits"
    )


def _song_line(song: dict[str, Any], rate: float) -> str:
    """Tell what is played, and at which rate."""
    own = song["file_rate"]
    how = f"at its {own} Hz" if own == rate else f"resampled from {own} to {rate:g} Hz"
    return (
        f"{song['file']}: {_clock(song['length_seconds'])} {how}, separated up to "
        f"{song['queue_seconds']:g} s ahead"
    )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


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
        begun = status["heard"].get(stem, {}).get("onsets")
        count = "" if begun is None else f" ({begun})"
        cells.append(f"{stem}{f' [{flags}]' if flags else ''} {level:.0f}{count}")
    xruns = counters["input_xruns"] + counters["output_xruns"]
    song, place, lead = status["song"], "", ""
    if song:
        place = f"{_clock(song['position_seconds'])} of {_clock(song['length_seconds'])} | "
        lead = (
            f" | lead {song['lead_seconds']:.1f} s, least {song['least_lead_seconds']:.1f}, pauses "
            f"{song['underruns']}"
        )
    # What the hands are on comes first: narrow terminals cut the rest.
    return (
        f"{place}{' | '.join(cells)} dB | {status['preset'] or 'no preset'}{lead} | xruns {xruns} "
        f"misses {counters['misses']} | hop {status['hop_ms']['p99']:.1f} of "
        f"{status['step_ms']:.1f} ms"
    )[:width]


def _summary(status: dict[str, Any]) -> str:
    counters, hop = status["counters"], status["hop_ms"]
    played = counters["samples"] / status["device"]["rate"]
    return (
        f"{played:.1f} s played: {counters['misses']} misses, {counters['skipped_hops']} hops "
        f"skipped, xruns {counters['input_xruns']} in and {counters['output_xruns']} out; hop "
        f"p50 {hop['p50']:.2f}, p99 {hop['p99']:.2f}, max {hop['max']:.2f} of "
        f"{status['step_ms']:.2f} ms; callback p99 {status['callback_ms']['p99']:.2f} of "
        f"{status['block_ms']:.2f} ms; {status['restarts']} restarts{_pauses(status['song'])}"
        f"{_heard(status)}"
    )


def _heard(status: dict[str, Any]) -> str:
    """Tell what began in each stem, and what was played out."""
    if not status["heard"]:
        return ""
    counts = ", ".join(f"{stem} {found['onsets']}" for stem, found in status["heard"].items())
    played = status.get("midi_out", {})
    if not played.get("port"):
        return f"; onsets: {counts}"
    late = f", p50 {played['delay_ms']['p50']:.1f} ms after the sound" if played["notes"] else ""
    return (
        f"; onsets: {counts}; {played['notes']} notes to {played['port']}{late}, "
        f"{played['dropped']} messages dropped"
    )


def _pauses(song: dict[str, Any] | None) -> str:
    if song is None:
        return ""
    damaged = "; the file is damaged: it could not be decoded to its end" * song["damaged"]
    return (
        f"; {song['underruns']} pauses for want of stems, {song['paused_seconds']:.1f} s{damaged}"
    )


def _write(path: Path, status: dict[str, Any]) -> None:
    import json

    from plugin_bridge.files.writer import write_document

    write_document(path, (json.dumps(status, indent=2, default=str) + "\n").encode())
