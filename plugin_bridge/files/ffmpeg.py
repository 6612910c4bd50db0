"""Run the programs of ffmpeg: found on the PATH, bounded in time, their failure one sentence.

Whatever interrupts a run, Ctrl-C, the end of a worker or its time, the program is ended first.
"""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from plugin_bridge.errors import PluginBridgeError, SpecError

# To start and to end, on a machine with other work; added to the audio's own length, of which
# encoding and decoding take a few hundredths.
PATIENCE_SECONDS = 60.0
# Errors only, no questions.
QUIET = ("-v", "error")
INSTALL = (
    "install it with apt-get install ffmpeg (Debian, Ubuntu), brew install ffmpeg (macOS) or "
    "winget install ffmpeg (Windows)"
)


def require(program: str, purpose: str) -> None:
    """Refuse work that will need a program, where it is not installed.

    Parameters
    ----------
    program : `ffmpeg` or `ffprobe`
    purpose : str
        What needs it; the sentence begins with it.

    Raises
    ------
    SpecError
        Says how to install it.

    Notes
    -----
    Thread: [any]
    """
    if shutil.which(program) is None:
        whole = "" if program == "ffmpeg" else " of ffmpeg"
        raise SpecError(
            f"{purpose} needs the program {program}{whole}, which is not on the PATH; {INSTALL}"
        )


def run(program: str, arguments: Sequence[str], seconds: float, failure: str, advice: str) -> bytes:
    """Run one of ffmpeg's programs to its end.

    Parameters
    ----------
    program : `ffmpeg` or `ffprobe`
    arguments : list of str
    seconds : float
        Length of the audio it works on; it is given `PATIENCE_SECONDS` more than that.
    failure, advice : str
        What a failure means, and what to do; the sentence begins and ends with them.

    Returns
    -------
    output : bytes, of its stdout

    Raises
    ------
    PluginBridgeError
        If it fails or takes too long; gives the last line of its stderr. The program is ended
        whatever is raised.
    SpecError
        If it is not on the PATH.

    Notes
    -----
    Thread: [main]
    """
    require(program, failure)
    limit = PATIENCE_SECONDS + seconds
    try:
        code, output, told = _run([program, *QUIET, *arguments], limit)
    except subprocess.TimeoutExpired as error:
        raise PluginBridgeError(
            f"{failure}: {program} was not done after {limit:.0f} s and was ended; {advice}"
        ) from error
    except OSError as error:
        raise PluginBridgeError(
            f"{failure}: {program} did not start ({error}); {advice}"
        ) from error
    if code:
        lines = told.decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        said = last.rstrip(".") or f"nothing (exit code {code})"
        raise PluginBridgeError(f"{failure}: {program} said: {said}; {advice}")
    return output


def _run(command: Sequence[str], limit: float) -> tuple[int, bytes, bytes]:
    """Give exit code, stdout and stderr."""
    with ExitStack() as stack:
        with _signals_wait():
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
            stack.callback(process.kill)
        output, told = process.communicate(timeout=limit)
    return process.returncode, output, told


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold signals back while a program starts: in between, nobody would know that it runs.

    The program inherits that, so Ctrl-C is not its to hear either; it is killed.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def address(path: Path) -> str:
    """Give a path so that no name is taken for an option or a protocol.

    Examples
    --------
    >>> address(Path("live: 1.wav"))
    'file:live: 1.wav'

    Notes
    -----
    Thread: [any]
    """
    return f"file:{path}"
