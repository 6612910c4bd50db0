import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.linux

# Stands for an interpreter: its pip only writes down its calls, its venv is a copy of itself.
FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
    "-m venv") mkdir -p .venv/bin && cp "{self}" .venv/bin/python ;;
    "-m pip")
        if [ "$3" = --version ]; then exit 0; fi
        echo "$*" >>"{calls}"
        case "$*" in *--editable*) test ! -e "{broken}" ;; esac ;;
    *) exec "{real}" "$@" ;;
esac
"""


class Clone:
    """What setup.sh needs of a clone, with a fake interpreter; counts the calls of pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a clone"
        for name in ("Makefile", "pyproject.toml", "hatch_build.py", "constraints", ".ci"):
            source, target = ROOT / name, self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, target)
        self.calls = folder / "calls"
        self.broken = folder / "broken"
        self.python = folder / "python"
        self.write_python(
            FAKE_PYTHON.format(
                self=self.python, calls=self.calls, broken=self.broken, real=sys.executable
            )
        )

    def write_python(self, text: str) -> None:
        self.python.write_text(text, encoding="utf-8")
        self.python.chmod(0o755)

    def setup(self, python: str | None = None) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("", encoding="utf-8")
        return subprocess.run(
            ["make", "--silent", "setup", f"PYTHON={python or self.python}"],
            cwd=self.folder,
            text=True,
            capture_output=True,
            check=False,
            env={key: os.environ[key] for key in ("PATH", "HOME")},
        )

    def pip_calls(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Give a clone whose path has a blank in it."""
    return Clone(tmp_path)


def test_old_python_is_refused_in_one_sentence(clone: Clone) -> None:
    """An interpreter below 3.11 gives one sentence and no .venv."""
    clone.write_python('#!/bin/sh\ncase "$*" in *"< (3, 11)"*) exit 1 ;; esac\n')
    done = clone.setup()
    assert done.returncode != 0
    sentences = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert len(sentences) == 1
    assert "older than Python 3.11" in sentences[0]
    assert not (clone.folder / ".venv").exists()


def test_absent_python_is_named(clone: Clone) -> None:
    """An interpreter that is not there is named, with what to do."""
    done = clone.setup(python="no-such-python")
    assert done.returncode != 0
    assert "There is no 'no-such-python' here" in done.stderr


def test_first_setup_installs_and_second_does_nothing(clone: Clone) -> None:
    """Setup announces the download, installs from binary wheels with pins, and is then done."""
    first = clone.setup()
    assert first.returncode == 0, first.stderr
    assert "300 MB" in first.stdout
    into_venv, upgrade, install = clone.pip_calls()
    assert into_venv.startswith("-m pip --python .venv/bin/python install")
    assert "--upgrade" in upgrade
    assert "--only-binary=:all: --constraint constraints/pins.txt" in install
    second = clone.setup()
    assert (second.returncode, second.stdout, clone.pip_calls()) == (0, "", [])


def test_interrupted_setup_starts_over(clone: Clone) -> None:
    """A run that ended during the installation leaves no stamp; the next makes .venv anew."""
    clone.broken.touch()
    assert clone.setup().returncode != 0
    assert not (clone.folder / ".venv" / ".stamp-demo").exists()
    leftover = clone.folder / ".venv" / "half-written"
    leftover.touch()
    clone.broken.unlink()
    done = clone.setup()
    assert done.returncode == 0, done.stderr
    assert "making it anew" in done.stdout
    assert not leftover.exists()
    assert (clone.folder / ".venv" / ".stamp-demo").exists()


def test_folder_without_interpreter_is_repaired(clone: Clone) -> None:
    """A .venv cut short before its interpreter was there is made anew."""
    (clone.folder / ".venv" / "bin").mkdir(parents=True)
    assert clone.setup().returncode == 0
    assert (clone.folder / ".venv" / "bin" / "python").exists()


def test_changed_pins_install_again_into_the_same_folder(clone: Clone) -> None:
    """Changed pins are installed; the environment itself is kept."""
    assert clone.setup().returncode == 0
    kept = clone.folder / ".venv" / "kept"
    kept.touch()
    with (clone.folder / "constraints" / "pins.txt").open("a", encoding="utf-8") as pins:
        pins.write("# changed\n")
    assert clone.setup().returncode == 0
    assert len(clone.pip_calls()) == 2
    assert kept.exists()


def test_moved_clone_is_made_anew(clone: Clone) -> None:
    """Scripts in .venv hold absolute paths: a moved clone makes it anew."""
    assert clone.setup().returncode == 0
    clone.folder = clone.folder.rename(clone.folder.with_name("moved"))
    assert "making it anew" in clone.setup().stdout


def test_help_lists_each_public_verb() -> None:
    """`make` alone names each verb with a sentence."""
    # Without what a calling make hands down: it would announce the folders it enters.
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(
        ["make"], cwd=ROOT, env=environment, text=True, capture_output=True, check=True
    )
    verbs = [line.split()[1] for line in done.stdout.splitlines()]
    assert " ".join(verbs) == "help setup demo test test-models test-gpu bench soak daw build clean"


def test_pins_are_names_and_versions_only() -> None:
    """Every line of the constraints is `name==version`: no address, no marker, no hash."""
    lines = (ROOT / "constraints" / "pins.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if pin.count("==") != 1 or set(pin) & set(" :/@+;")] == []
