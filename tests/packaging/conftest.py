"""A copy of the checkout and what is built from it: no network, the checkout stays as it is."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "stems", "__pycache__", "*.egg-info"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; give what it printed, and show it when the command fails."""
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the checkout."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("clone") / "clone", ignore=NOT_COPIED)


@pytest.fixture(scope="session")
def built(checkout: Path) -> Path:
    """Build the sdist, and from it the wheel; give the folder that holds both."""
    dist = checkout.parent / "dist"
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, cwd=checkout)
    return dist


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """Give the wheel."""
    (path,) = built.glob("plugin_bridge-*.whl")
    return path


@pytest.fixture(scope="session")
def wheel_sizes(wheel: Path) -> dict[str, int]:
    """Give name -> bytes, uncompressed, of the wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


@pytest.fixture
def fresh_python(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that installs into a new environment and returns its interpreter.

    The new environment sees this one's dependencies, as plain files on its path.
    """

    def make(*what: str | Path) -> Path:
        environment = tmp_path / "environment"
        run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
        windows = sys.platform == "win32"
        python = environment / ("Scripts/python.exe" if windows else "bin/python")
        purelib = run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
        )
        dependencies = sysconfig.get_path("purelib")
        Path(purelib.strip(), "dependencies.pth").write_text(dependencies + "\n", encoding="utf-8")
        pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python]
        offline = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
        run(*pip, *offline, *what, cwd=tmp_path)
        return python

    return make
