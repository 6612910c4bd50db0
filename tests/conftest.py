"""Settings for every test: which are collected, what they may see, what is reported as not run."""

import ctypes
import ctypes.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from system_packages import missing_names, read_list

ROOT = Path(__file__).resolve().parent.parent

# Collected only when named on the command line; each has a verb of its own in the Makefile.
SEPARATE_FOLDERS = ("bench", "gpu", "workshop")

set_hypothesis_home_dir(ROOT / "build" / "cache" / "hypothesis")

# One test may take long on a shared machine: the law decides, never the clock.
hypothesis.settings.register_profile(
    "ci", deadline=None, max_examples=30, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.register_profile("dev", deadline=None, max_examples=15)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")

LIBM = ctypes.CDLL(ctypes.util.find_library("m")) if sys.platform == "linux" else None

NOT_RUN = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes absent system packages a failure."""
    parser.addoption(
        "--require-system",
        action="store_true",
        help="fail, after all other tests, if system packages kept tests from running",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the list of what is not run; let children hear Ctrl-C."""
    config.stash[NOT_RUN] = {}
    # Started with a shell's &, a process and its children are deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the separate folders out unless they are asked for by name."""
    for name in SEPARATE_FOLDERS:
        folder = ROOT / "tests" / name
        if collection_path == folder or folder in collection_path.parents:
            asked = (Path(arg.partition("::")[0]).resolve() for arg in config.args)
            if not any(path == folder or folder in path.parents for path in asked):
                return True
    return None


def reason_not_to_run(item: pytest.Item) -> str:
    """Give what keeps a test from running on this machine, or ''."""
    wanted = [name for mark in item.iter_markers("system") for name in mark.args]
    if sys.platform != "linux" and (wanted or item.get_closest_marker("linux")):
        return "needs Linux"
    missing = missing_names(wanted, read_list())
    return f"needs {', '.join(missing)}" if missing else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what cannot run here, and remember it."""
    reasons = {item: reason_not_to_run(item) for item in items}
    left_out = [item for item in items if reasons[item]]
    items[:] = [item for item in items if not reasons[item]]
    config.stash[NOT_RUN].update({item.nodeid: reasons[item] for item in left_out})
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def must_fail(config: pytest.Config) -> bool:
    """Tell whether the tests that did not run are a failure: on Linux, when asked."""
    required = bool(config.getoption("--require-system"))
    return required and sys.platform == "linux" and bool(config.stash[NOT_RUN])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was to be complete and is not."""
    if must_fail(session.config) and session.exitstatus in {
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    }:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name what did not run, and why."""
    not_run = config.stash[NOT_RUN]
    if not not_run:
        return
    verdict = " (this run fails for them)" if must_fail(config) else ""
    terminalreporter.section(f"{len(not_run)} not run{verdict}")
    for nodeid, reason in sorted(not_run.items()):
        terminalreporter.write_line(f"NOT RUN {nodeid}: {reason}")


@pytest.fixture(autouse=True)
def _floats_as_they_were() -> Iterator[None]:
    """Undo what loading a VST3 made with DPF does: its thread takes tiny numbers for zero."""
    yield
    if LIBM is not None:
        LIBM.fesetenv(ctypes.c_void_p(-1))  # FE_DFL_ENV


@pytest.fixture(scope="session", autouse=True)
def _no_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the user's own models and settings from every test."""
    empty = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(empty))
        for kind in ("config", "models", "presets"):
            patch.setenv(f"PLUGIN_BRIDGE_{kind.upper()}", str(empty / kind))
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            patch.delenv(name, raising=False)
        yield
