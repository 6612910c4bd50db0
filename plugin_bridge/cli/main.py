"""The program `plugin-bridge`.

Exit codes: 0 done, 1 failure (disk full, a provider), 2 the user's mistake, 130 Ctrl-C. Every
error is one sentence on stderr without a traceback; PLUGIN_BRIDGE_DEBUG=1 shows the traceback.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from plugin_bridge.cli import daw, midi, models, presets
from plugin_bridge.cli.analyze import analyze
from plugin_bridge.cli.devices import devices
from plugin_bridge.cli.doctor import doctor
from plugin_bridge.cli.interrupt import INTERRUPTED, interrupted
from plugin_bridge.cli.live import live
from plugin_bridge.cli.render import render
from plugin_bridge.cli.terminal import (
    MISTAKE,
    OK,
    PROGRAM,
    drop_stdout,
    exit_code,
    no_room,
    say,
    sentence,
    show_warning,
)
from plugin_bridge.errors import PluginBridgeWarning

# typer brings its own click from some version on, so its base error is reached through a
# public subclass: BadParameter < UsageError < ClickException.
USAGE_ERROR = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name=PROGRAM, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.command("render")(render)
app.command("analyze")(analyze)
app.command("live")(live)
app.command("devices")(devices)
app.command("doctor")(doctor)
app.add_typer(daw.app, name="daw")
app.add_typer(midi.app, name="midi")
app.add_typer(models.app, name="models")
app.add_typer(presets.app, name="presets")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Take songs apart into stems: vocals, drums, bass and other."""
    if version:
        from plugin_bridge.files.report import versions

        typer.echo(f"{PROGRAM} {versions()[PROGRAM]}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : list of str or None
        None takes the command line's.

    Returns
    -------
    code : int
        The exit code.

    Notes
    -----
    Thread: [main]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("default", PluginBridgeWarning)
        warnings.showwarning = show_warning  # type: ignore[assignment]
        try:
            result = app(
                args=None if arguments is None else list(arguments),
                prog_name=PROGRAM,
                standalone_mode=False,
            )
            sys.stdout.flush()  # a full disk is told now, not by the interpreter at its end
        except (KeyboardInterrupt, typer.Abort):
            result = INTERRUPTED
        except Exception as error:  # noqa: BLE001  the top of the program
            if not interrupted(error):
                return _explain(error)
            result = INTERRUPTED
    if result == INTERRUPTED:
        say("interrupted; what was not finished is removed")
    return result if isinstance(result, int) else OK


def _explain(error: Exception) -> int:
    if os.environ.get("PLUGIN_BRIDGE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, USAGE_ERROR):
        text = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        text = " ".join(text.split())
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else PROGRAM
        say(f"{text[0].lower()}{text[1:]}; see {command} --help")
        return MISTAKE
    full = no_room(error) if isinstance(error, OSError) else None
    if full:
        drop_stdout()
    say(full or sentence(error))
    return exit_code(error)
