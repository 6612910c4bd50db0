"""plugin-bridge midi: list ports, watch what they send, learn a control into a preset."""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_bridge.cli.presets import deed
from plugin_bridge.cli.terminal import OK, say, show
from plugin_bridge.errors import MidiError, SpecError

if TYPE_CHECKING:
    from plugin_bridge.midi import Binding
    from plugin_bridge.midi.mapping import Event
    from plugin_bridge.midi.ports import MidiInput, PortInfo
    from plugin_bridge.presets import Preset

# The preset that learning begins, if none is named.
OWN = "mine"
# Inputs that no hand plays: ALSA's loopback, and the other programs of this package.
NOT_PLAYED = ("Midi Through", "plugin-bridge")
# Seconds; Ctrl-C is seen this often.
PATIENCE = 0.2
# How errors name the row that is tried before anything was touched.
BEFORE_TOUCH = "note 0 on channel 1 -> "
SPOKEN = {"true": True, "on": True, "false": False, "off": False}

Arrived = queue.SimpleQueue[tuple[bytes, float]]

app = typer.Typer(
    name="midi", no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

PortName = Annotated[
    str | None,
    typer.Option(
        "--port",
        metavar="PORT",
        help="API:name, a part of a name, or virtual. Default: the only input there is.",
    ),
]
Seconds = Annotated[
    float | None, typer.Option("--seconds", metavar="S", min=0.0, help="Stop after S seconds.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List MIDI ports, watch them, and learn controls into a preset."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("ports")
def list_ports(as_json: AsJson = False) -> int:
    """List the MIDI ports: what to write after --midi and --port."""
    from plugin_bridge.midi.ports import listing, usable

    apis, ports = usable(), listing()
    if as_json:
        show({"apis": apis, "ports": [port._asdict() for port in ports]})
        return OK
    for port in ports:
        typer.echo(f"{port.direction:6}  {port.title}")
    if not ports:
        typer.echo("no MIDI port is there; plug in a controller, or start a program that has one")
    running = f"{' and '.join(apis)} run{'s' if len(apis) == 1 else ''}"
    typer.echo(running if apis else "no MIDI system runs; see plugin-bridge doctor")
    return OK


@app.command("monitor")
def monitor(port: PortName = None, seconds: Seconds = None) -> int:
    """Print what a port sends, until Ctrl-C."""
    arrived: Arrived = queue.SimpleQueue()
    with _opened(port, arrived) as source:
        start = time.monotonic()
        try:
            say(f"listening to {source.title}; Ctrl-C ends")
            for message, at in _messages(arrived, seconds):
                typer.echo(f"{at - start:9.3f} s  {_words(message)}")
        except KeyboardInterrupt:
            typer.echo("")  # behind the terminal's ^C
        seen = source.counters
    typer.echo(
        f"{seen.messages} messages, {seen.malformed} malformed, {seen.dropped} dropped, "
        f"reopened {seen.reopened} times"
    )
    return OK


@app.command("learn")
def learn(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A setting, e.g. drums.mute, or preset.")
    ],
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"The preset to write into; a shipped one is copied first. Default: {OWN}.",
        ),
    ] = None,
    port: PortName = None,
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="toggle|momentary|set|solo-exclusive",
            help="What it does. Default: buttons toggle, faders set.",
        ),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(metavar="V", help="What it sets: a number, on, off, or a preset's name."),
    ] = None,
    seconds: Seconds = None,
) -> int:
    """Wait for a pad, key, fader or program change, and bind it to TARGET in a preset of your own.

    What the same control did before is replaced. A file with comments is kept beside as .toml.bak.
    """
    from plugin_bridge.midi.learning import binding_for, learned

    found, path = _preset(preset)
    options: dict[str, Any] = {"mode": mode, "value": _value(target, value)}
    _check(found, target, options)
    arrived: Arrived = queue.SimpleQueue()
    with _opened(port, arrived) as source:
        say(f"touch the control for {target} on {source.title}; Ctrl-C gives up")
        event = _first_usable(arrived, seconds, source)
    with _sentences():
        binding = binding_for(event, target, **options)
    rows, gone = learned(found.midi, binding)
    _keep_comments(path)
    found.model_copy(update={"midi": rows}).save(path)
    typer.echo(_told(binding, gone, path))
    return OK


def _opened(port: "str | PortInfo | None", arrived: Arrived) -> "MidiInput":
    from plugin_bridge.midi.names import VIRTUAL, listed
    from plugin_bridge.midi.ports import MidiInput, listing

    if port is None:
        played = [p for p in listing("input") if not p.name.startswith(NOT_PLAYED)]
        if len(played) > 1:
            raise MidiError(
                f"there are {len(played)} MIDI inputs; take one with --port: {listed(played)}"
            )
        port = played[0] if played else VIRTUAL
    return MidiInput(port, lambda message, at: arrived.put((message, at)))


def _messages(arrived: Arrived, seconds: float | None) -> Iterator[tuple[bytes, float]]:
    """Give messages as they come, until the time is over."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = PATIENCE if end is None else min(PATIENCE, end - time.monotonic())
        try:
            yield arrived.get(timeout=max(0.0, left))
        except queue.Empty:
            if left <= 0:
                return


def _first_usable(arrived: Arrived, seconds: float | None, source: "MidiInput") -> "Event":
    from plugin_bridge.midi.learning import usable

    for message, _ in _messages(arrived, seconds):
        event = usable(message)
        if event is not None:
            return event
    raise MidiError(
        f"{source.title} sent nothing that can be bound in {seconds:g} s; see what it sends with: "
        "plugin-bridge midi monitor"
    )


def _preset(name: str | None) -> tuple["Preset", Path]:
    """Give the preset to learn into, and the file that it goes to."""
    from plugin_bridge import presets, shipped

    own = presets.user_folder() / f"{OWN}.toml"
    if name is None and not own.exists():
        made_by = {"description": "What plugin-bridge midi learn was shown."}
        return presets.Preset.from_table({"format": presets.FORMAT, "name": OWN, **made_by}), own
    path = presets.find(name or own)
    if path.resolve().parent == shipped.presets_folder().resolve():
        copy = presets.user_folder() / path.name
        return presets.load(copy if copy.exists() else path), copy
    return presets.load(path), path


def _value(target: str, text: str | None) -> float | bool | str | None:
    """Give what --value means: words and numbers, but for a preset always its name."""
    if text is None or target == "preset":
        return text
    if text.lower() in SPOKEN:
        return SPOKEN[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text


def _check(preset: "Preset", target: str, options: dict[str, Any]) -> None:
    """Refuse what could not work before a hand is asked for."""
    from plugin_bridge import presets
    from plugin_bridge.console import Console
    from plugin_bridge.midi.learning import binding_for
    from plugin_bridge.midi.mapping import Event
    from plugin_bridge.model.onnx import Model
    from plugin_bridge.model.store import DEFAULT

    with _sentences():
        binding = binding_for(Event("note", 1, 0, 127, True), target, **options)
    if binding.kind == "preset":
        presets.find(str(binding.value))
        return
    console = Console(Model(preset.model_file() or DEFAULT, "cpu").card.stems)
    for bus in preset.buses:
        console.add_bus(bus)
    console.get(binding.target)


@contextmanager
def _sentences() -> Iterator[None]:
    """Make pydantic's findings about a row a SpecError."""
    from pydantic import ValidationError

    from plugin_bridge.console.tables import sentence
    from plugin_bridge.midi import Binding

    try:
        yield
    except ValidationError as error:
        raise SpecError(sentence(error, Binding).removeprefix(BEFORE_TOUCH)) from error


def _keep_comments(path: Path) -> None:
    """Keep a file that was written by hand: comments do not survive being loaded and saved."""
    from plugin_bridge.disk import write_whole

    if path.exists() and b"#" in (content := path.read_bytes()):
        write_whole(path.with_name(f"{path.name}.bak"), content)


def _told(binding: "Binding", gone: "list[Binding]", path: Path) -> str:
    instead = f", no longer {', '.join(row.target for row in gone)}" if gone else ""
    return f"{binding.source} {binding.number}: {deed(binding)}{instead}; written to {path}"


def _words(message: bytes) -> str:
    """Say a message as a binding names it."""
    from plugin_bridge.midi.mapping import parse

    event = parse(message)
    if event is None:
        return message.hex(" ")
    where = f"{event.source} {event.number} on channel {event.channel}"
    if event.source == "program":
        return where
    if event.source == "note":
        return f"{where}, " + (f"velocity {event.data}" if event.pressed else "released")
    return f"{where}, value {event.data}"
