"""What every command says, and how: sentences on stderr, JSON on stdout, exit codes."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import typer

from plugin_bridge.errors import (
    AudioFileError,
    MidiError,
    MissingExtraError,
    ModelError,
    PluginBridgeError,
    PluginBridgeWarning,
    PresetError,
    ProviderError,
    SpecError,
)

PROGRAM = "plugin-bridge"
OK, FAILURE, MISTAKE = 0, 1, 2
# What a full or broken device says.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
# What the user can put right by another command line.
MISTAKES = (AudioFileError, MidiError, MissingExtraError, ModelError, PresetError, SpecError)


def exit_code(error: BaseException) -> int:
    """Give the exit code for an error: 2 for the user's mistakes, 1 for failures.

    Examples
    --------
    >>> exit_code(SpecError("--jobs -3")), exit_code(ProviderError("no CUDA"))
    (2, 1)

    Notes
    -----
    Thread: [any]
    """
    if isinstance(error, MISTAKES) and not isinstance(error, ProviderError):
        return MISTAKE
    return FAILURE


def sentence(error: BaseException) -> str:
    """Give an error as one line.

    Examples
    --------
    >>> sentence(KeyError("x"))
    "unexpected KeyError: 'x'; run again with PLUGIN_BRIDGE_DEBUG=1 and report what it prints"

    Notes
    -----
    Thread: [any]
    """
    text = " ".join(str(error).split())
    if isinstance(error, PluginBridgeError):
        return text
    return (
        f"unexpected {type(error).__name__}: {text}; run again with PLUGIN_BRIDGE_DEBUG=1 and "
        "report what it prints"
    )


def require_ending(option: str, path: Path | None, *endings: str) -> None:
    """Refuse a file to be written whose name says that it is something else.

    Raises
    ------
    SpecError
        Names an ending that is allowed.

    Notes
    -----
    Thread: [any]
    """
    if path is not None and path.suffix.lower() not in endings:
        raise SpecError(
            f"{option} {path}: what is written there is a {endings[0]}; give e.g. {option} "
            f"{path.stem or 'song'}{endings[0]}"
        )


def no_room(error: OSError) -> str | None:
    """Give the sentence for a stdout that takes no more; None if it is another error.

    Errors of a file carry its name, and files/ has told them already; stdout has none.

    Notes
    -----
    Thread: [any]
    """
    if error.filename is not None or error.errno not in NO_ROOM:
        return None
    why = (error.strerror or str(error)).lower()
    return f"the output cannot be written: {why}; free some space, or send it elsewhere"


def drop_stdout() -> None:
    """Let nobody write what could not be written once more: the interpreter tries at its end.

    Notes
    -----
    Thread: [main]
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def path_from(text: str) -> Path:
    """Give a path of the command line; an unset variable of the shell is no path.

    Raises
    ------
    BadParameter
        If the text is empty: as a path it would be the current folder.

    Notes
    -----
    Thread: [main]
    """
    if not text:
        raise typer.BadParameter('"" is an empty name; give the name of a file or folder')
    return Path(text)


def seconds_from(text: str | float) -> float:
    """Give the seconds of a time on the command line, 90, 90.5 or 1:30, or of its default.

    Raises
    ------
    BadParameter
        If it is none.

    Examples
    --------
    >>> seconds_from("1:30"), seconds_from("1:00:00.5")
    (90.0, 3600.5)

    Notes
    -----
    Thread: [main]
    """
    try:
        parts = [float(part) for part in str(text).split(":")]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; give seconds or minutes:seconds, such as 90 or 1:30"
        ) from None
    return sum(part * 60.0**place for place, part in enumerate(reversed(parts)))


def say(text: str) -> None:
    """Print one sentence to stderr, with the program's name.

    Notes
    -----
    Thread: [main]
    """
    typer.echo(f"{PROGRAM}: {text}", err=True)


def show(content: Any) -> None:
    """Print JSON to stdout.

    Notes
    -----
    Thread: [main]
    """
    typer.echo(json.dumps(content, indent=2, default=str))


def show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    """Print our warnings as sentences and drop the libraries'; stands in for showwarning.

    Notes
    -----
    Thread: [main]
    """
    if issubclass(category, PluginBridgeWarning):
        say(" ".join(str(message).split()))
