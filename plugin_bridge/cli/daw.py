"""plugin-bridge daw: the plugin for DAWs, built, installed and served."""

import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from plugin_bridge.cli.terminal import FAILURE, OK, path_from, say, show

app = typer.Typer(
    name="daw", no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

BUILT = Path("build/daw")


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Build and install the plugin for DAWs, and give it its engine."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def build(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Gets the bundles.", parser=path_from)
    ] = BUILT,
    dpf: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="DPF 1.6, if it is not Debian's dpf-source.", parser=path_from
        ),
    ] = None,
) -> int:
    """Compile the plugin as VST3, CLAP and LV2; needs dpf-source, g++ and make."""
    from plugin_bridge.daw import build as maker

    for bundle in maker.build(out, dpf or maker.DPF):
        typer.echo(str(bundle))
    return OK


@app.command()
def install(
    built: Annotated[
        Path, typer.Option("--from", metavar="DIR", help="Where it was built.", parser=path_from)
    ] = BUILT,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Instead of the home folder.", parser=path_from),
    ] = None,
) -> int:
    """Put the plugin into .vst3, .clap and .lv2 of the home folder, where DAWs look."""
    from plugin_bridge.daw import build as maker

    for bundle in maker.install(built, home or Path.home()):
        typer.echo(str(bundle))
    return OK


@app.command()
def serve(
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A model's name or .onnx file. Default: lastframe."),
    ] = None,
    provider: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the model runs.")
    ] = "cpu",
    allow_plugins: Annotated[
        bool,
        typer.Option(
            "--allow-plugins", help="Load plugin binaries that are not on the trust list, too."
        ),
    ] = False,
) -> int:
    """Give every plugin in a DAW its engine, until Ctrl-C."""
    from plugin_bridge.files.options import require
    from plugin_bridge.live.daw.server import Served, Server
    from plugin_bridge.model import store
    from plugin_bridge.names import PROVIDERS

    require("--provider", provider, PROVIDERS)
    path = store.find(model or store.DEFAULT).absolute()
    server = Server(Served(str(path), provider, allow_plugins), say)

    signals = (signal.SIGINT, signal.SIGTERM)
    old = {number: signal.signal(number, lambda *_: server.stop()) for number in signals}
    try:
        say(f"plugins are served from {server.folder} with {path.stem}; Ctrl-C ends it")
        server.run()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    return OK


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="All of it, for programs.")] = False,
) -> int:
    """Tell which plugins are served, and how they do."""
    from plugin_bridge.live.daw.server import ask

    found = ask()
    if as_json:
        show(found or {})
    if found is None:
        if not as_json:
            say("no engine serves plugins; run plugin-bridge daw serve")
        return FAILURE
    if not as_json:
        for line in _lines(found):
            typer.echo(line)
    return OK


def _lines(found: dict[str, Any]) -> list[str]:
    plugins = found["plugins"]
    count = "1 plugin" if len(plugins) == 1 else f"{len(plugins)} plugins"
    first = f"{Path(found['model']).stem} on {found['provider']}, {count}"
    return [
        first + (f"; {found['trouble']}" if found["trouble"] else ""),
        *(_line(plugin) for plugin in plugins),
    ]


def _line(plugin: dict[str, Any]) -> str:
    if "rate" not in plugin:
        return f"process {plugin['host']}: {plugin.get('error', 'preparing')}"
    trouble = f"; {plugin['trouble']}" if plugin["trouble"] else ""
    mode = "offline" if plugin["offline"] else "live"
    return (
        f"process {plugin['host']}: {plugin['state']}, {mode}, {plugin['rate']:g} Hz, blocks up to "
        f"{plugin['max_block']}, latency {plugin['latency']} samples, preset "
        f"{plugin['preset'] or 'none'}, {plugin['misses']} misses{trouble}"
    )
