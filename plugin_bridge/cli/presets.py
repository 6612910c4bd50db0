"""plugin-bridge presets: list, show and check preset files; trust plugins; print the schema."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_bridge.cli.terminal import OK, exit_code, say, sentence, show
from plugin_bridge.errors import PluginBridgeError, PresetError, SpecError

if TYPE_CHECKING:
    from plugin_bridge.console.tables import FaderSettings
    from plugin_bridge.midi import Binding
    from plugin_bridge.presets import Preset

app = typer.Typer(
    name="presets", no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

Named = Annotated[str, typer.Argument(metavar="PRESET", help="A preset's name or .toml file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List, show and check presets."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_presets(as_json: AsJson = False) -> int:
    """List the presets: the shipped and your own."""
    from plugin_bridge import presets

    rows, codes = [], [OK]
    for path in presets.listing():
        try:
            preset = presets.load(path)
        except PluginBridgeError as error:
            say(sentence(error))
            codes.append(exit_code(error))
            continue
        rows.append({"name": path.stem, "description": preset.description, "file": str(path)})
    if as_json:
        show(rows)
        return max(codes)
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        own = Path(row["file"]).parent == presets.user_folder()
        mark = "  (your own)" if own else ""
        typer.echo(f"{row['name']:{width}}  {row['description']}{mark}".rstrip())
    if not rows:
        typer.echo("no preset is installed")
    typer.echo(f"your own presets go to {presets.user_folder()}")
    return max(codes)


@app.command("show")
def show_preset(preset: Named, as_json: AsJson = False) -> int:
    """Print what a preset does, in words."""
    from plugin_bridge import presets

    found = presets.load(preset)
    if as_json:
        content = json.loads(found.model_dump_json(exclude_defaults=True))
        show({"file": str(found.file), **content})
        return OK
    typer.echo(f"{found.name}  {found.file}")
    if found.description:
        typer.echo(found.description)
    rows = list(_rows(found))
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        typer.echo(f"  {name:{width}}  {text}")
    return OK


@app.command("check")
def check_presets(
    presets_: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PRESET...]", help="Names or .toml files. Default: all."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="The model whose stems it must fit. Default: the preset's, or lastframe.",
        ),
    ] = None,
    allow_plugins: Annotated[
        bool,
        typer.Option("--allow-plugins", help="Load plugin binaries without asking for trust."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check keys and plugins, and run some sound.

    Every key is checked, every plugin opened, and a second of noise runs through the console.
    """
    from plugin_bridge import presets

    rows, codes = [], [OK]
    for name in presets_ or [path.stem for path in presets.listing()]:
        try:
            rows.append(_checked(name, model, allow_plugins))
        except PluginBridgeError as error:
            say(sentence(error))
            codes.append(exit_code(error))
            rows.append({"preset": name, "verdict": sentence(error)})
    if as_json:
        show(rows)
        return max(codes)
    for row in rows:
        if row["verdict"] == "ok":
            samples = row["insert_latency_samples"]
            late = f"its inserts add {samples} samples, {row['insert_latency_ms']:.1f} ms"
            delay = late if samples else "no added latency"
            typer.echo(f"{row['preset']}: fits {row['model']}, {delay}")
    return max(codes)


@app.command("schema")
def print_schema() -> int:
    """Print the JSON Schema, for your editor."""
    from plugin_bridge import presets

    show(presets.json_schema())
    return OK


@app.command("trust")
def trust_plugin(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.vst3", help="A plugin, file or bundle folder.")
    ],
) -> int:
    """Let presets load a VST3 plugin from now on.

    A plugin is a program that may do what you may do: trust those whose maker you trust.
    """
    from plugin_bridge.console import trust, vst3

    if file.suffix != ".vst3" or not file.exists():
        reason = "is not a .vst3 plugin" if file.exists() else "does not exist"
        known = vst3.installed().get(file.stem)
        way_out = f"did you mean {known}?" if known else "name its .vst3 file or folder"
        raise SpecError(f"{file} {reason}; {way_out}")
    sha256 = trust.trust(vst3.binary_of(file))
    typer.echo(f"presets may now load {file}, until the file changes")
    typer.echo(f"sha256 {sha256}, written to {trust.list_file()}")
    return OK


def _checked(name: str, model: str | None, allow_plugins: bool) -> dict[str, Any]:
    from plugin_bridge import presets
    from plugin_bridge.console.rehearsal import RATE, rehearse
    from plugin_bridge.model.onnx import Model
    from plugin_bridge.model.store import DEFAULT

    preset = presets.load(name)
    opened = Model(model or preset.model_file() or DEFAULT, "cpu")
    console = preset.console(opened.card.stems, allow_plugins=allow_plugins)
    try:
        latency = rehearse(console)
    except SpecError as error:
        raise PresetError(f"{preset.title}: {error}") from error
    _find_others(preset)
    return {
        "preset": name,
        "verdict": "ok",
        "model": opened.card.name,
        "insert_latency_samples": latency,
        "insert_latency_ms": 1000 * latency / RATE,
    }


def _find_others(preset: "Preset") -> None:
    """Refuse a preset whose MIDI map switches to one that there is not."""
    from plugin_bridge import presets

    for place, binding in enumerate(preset.midi):
        name = str(binding.value)
        if binding.kind != "preset" or (preset.file and name == preset.file.stem):
            continue
        try:
            presets.find(name)
        except PresetError as error:
            raise PresetError(f"{preset.title}: midi[{place}].value: {error}") from error


def _rows(preset: "Preset") -> Iterator[tuple[str, str]]:
    """Give what a preset says, line by line: what, and how it is."""
    yield "model", preset.model.name or "any with these stems"
    for name, strip in preset.strips.items():
        yield name, ", ".join(_words(strip))
    for name, bus in preset.buses.items():
        yield f"bus {name}", ", ".join(_words(bus))
    master = _words(preset.master) + (["peaks cut at full scale"] if preset.clip else [])
    if master != ["0 dB"]:
        yield "master", ", ".join(master)
    for route in preset.routes:
        yield f"output {'-'.join(map(str, route.channels))}", route.source
    for binding in preset.midi:
        yield f"{binding.source} {binding.number}", deed(binding)
    for voice in preset.midi_out if "midi_out" in preset.model_fields_set else ():
        moved = f", {voice.transpose:+d} semitones" if voice.transpose else ""
        what = "itself" if voice.note is None else f"note {voice.note}"
        yield voice.name, f"is played as {what} on channel {voice.channel}{moved}"


def _words(fader: "FaderSettings") -> list[str]:
    from plugin_bridge.console.tables import BusSettings
    from plugin_bridge.names import MIX

    switches = {"mute": "muted", "solo": "solo"}
    words = [word for key, word in switches.items() if getattr(fader, key, False)]
    if fader.gain_db or not words:
        words.append(_decibels(fader.gain_db))
    if isinstance(fader, BusSettings):
        if fader.pan:
            words.append(f"{abs(fader.pan):.0%} {'left' if fader.pan < 0 else 'right'}")
        words += [str(spec.get("plugin") or spec["vst3"]) for spec in fader.inserts]
        words += [f"sends {_decibels(level)} to {bus}" for bus, level in fader.sends.items()]
        words += [f"goes to {fader.output}"] if fader.output != MIX else []
    return words


def deed(binding: "Binding") -> str:
    """Say what a MIDI message does.

    Notes
    -----
    Thread: [any]
    """
    where = f", on channel {binding.channel}" if binding.channel else ""
    name, _, key = binding.target.rpartition(".")
    what = f"{key} {name}".strip().replace("gain_db ", "level of ").replace("pan ", "pan of ")
    shown = "{:g}".format if binding.kind == "pan" else _decibels
    deeds = {"toggle": f"toggles {what}", "momentary": f"{what} while held"}
    deeds["solo-exclusive"] = f"{what} and nothing else"
    if binding.mode in deeds:
        return deeds[binding.mode] + where
    if isinstance(binding.value, str):
        return f"switches to preset {binding.value}{where}"
    if isinstance(binding.value, bool):
        return f"{what} {'on' if binding.value else 'off'}{where}"
    if binding.value is not None:
        return f"{what} to {shown(binding.value)}{where}"
    if binding.kind == "switch":
        return f"{what} on and off{where}"
    low, high = map(shown, binding.bounds)
    return f"{what}, {low} to {high}{where}"


def _decibels(level: float) -> str:
    return "silence" if level == -math.inf else f"{level:+g} dB" if level else "0 dB"
