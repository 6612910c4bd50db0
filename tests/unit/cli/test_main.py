"""The program: exit codes, one sentence per error, quick help."""

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from plugin_bridge import errors
from plugin_bridge.cli import terminal
from plugin_bridge.cli.interrupt import INTERRUPTED
from plugin_bridge.cli.main import main
from tests.processes import hear_ctrl_c

ROOT = Path(__file__).resolve().parents[3]


# Presses Ctrl-C while a module is imported: in code made from text, or so that the import fails.
IMPORT = """
import importlib, os, runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != {module!r}:
            return None
        try:
            exec("os.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(10**9): pass")
        except KeyboardInterrupt as error:
            if {failing}:
                raise ImportError("initialization failed") from error
            raise

sys.meta_path.insert(0, Finder())
sys.argv = ["plugin-bridge", "models", "check", "lastframe"]
runpy.run_module("plugin_bridge.cli", run_name="__main__")
"""


@pytest.mark.linux
@pytest.mark.parametrize(
    ("module", "failing"), [("typer", False), ("onnxruntime", False), ("onnxruntime", True)]
)
def test_ctrl_c_while_something_is_imported(module: str, failing: bool) -> None:
    """Whatever is being imported, the program ends with 130 and without a traceback."""
    script = IMPORT.format(module=module, failing=failing)
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=hear_ctrl_c,
    )
    assert run.returncode == INTERRUPTED
    assert "Traceback" not in run.stderr


def test_bare_program_and_groups_print_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command, the help is printed and nothing has failed."""
    assert main([]) == 0
    assert main(["models"]) == 0
    assert "render" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the program's name and version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("plugin-bridge ")


@pytest.mark.parametrize(
    "arguments",
    [["rendr"], ["render"], ["render", "a.wav", "--jbs", "2"], ["render", "a.wav", "--jobs", "x"]],
)
def test_usage_errors_are_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong command line is one sentence with the help to look at, and exit code 2."""
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("plugin-bridge: ")
    assert shown.err.count("\n") == 1
    assert "--help" in shown.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SpecError("x"), 2),
        (errors.AudioFileError("x"), 2),
        (errors.PresetError("x"), 2),
        (errors.ModelFileError("x"), 2),
        (errors.ModelContractError("x"), 2),
        (errors.ProviderError("x"), 1),
        (errors.DeviceNotFoundError("x"), 1),
        (errors.PluginBridgeError("x"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (ZeroDivisionError("x"), 1),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    """2 is the user's mistake, 1 a failure."""
    assert terminal.exit_code(error) == code
    assert "\n" not in terminal.sentence(error)


def test_unexpected_errors_have_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A defect is one sentence too; the traceback is there for who asks."""

    def broken() -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("plugin_bridge.model.store.listing", broken)
    assert main(["models", "list"]) == 1
    first = capsys.readouterr().err
    assert first.startswith("plugin-bridge: unexpected ZeroDivisionError: division by zero;")
    monkeypatch.setenv("PLUGIN_BRIDGE_DEBUG", "1")
    assert main(["models", "list"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_our_warnings_are_sentences_and_others_are_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library's warning is not the user's business."""

    def listing() -> list[Path]:
        warnings.warn("both packages", errors.PluginBridgeWarning, stacklevel=1)
        warnings.warn("deep inside", DeprecationWarning, stacklevel=1)
        return []

    monkeypatch.setattr("plugin_bridge.model.store.listing", listing)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["models", "list"]) == 0
    assert capsys.readouterr().err == "plugin-bridge: both packages\n"


def test_interrupted_is_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C anywhere ends with 130 and a sentence."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("plugin_bridge.model.store.listing", interrupt)
    assert main(["models", "list"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_help_needs_no_runtime() -> None:
    """Neither onnxruntime nor audio files nor drivers are imported for --help."""
    code = (
        "import sys; from plugin_bridge.cli.main import main; main(['render', '--help']); "
        "heavy = {'onnx', 'onnxruntime', 'pedalboard', 'sounddevice', 'rtmidi', 'torch', 'rich'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.linux
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["models", "list", "--json"]])
def test_a_full_stdout_is_one_sentence(arguments: list[str]) -> None:
    """What cannot be printed is a failure of the machine, whichever way it is printed."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "plugin_bridge.cli", *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        "plugin-bridge: the output cannot be written: no space left on device; free some space, "
        "or send it elsewhere\n"
    )


def test_a_full_disk_elsewhere_is_not_taken_for_stdout() -> None:
    """An error that carries a file's name, or another cause, is not about what is printed."""
    named = OSError(errno.ENOSPC, "No space left on device", "a.wav")
    assert terminal.no_room(named) is None
    assert terminal.no_room(OSError(errno.ENOENT, "No such file")) is None
