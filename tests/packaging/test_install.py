import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

WEIGHT_LIMIT_BYTES = 15_000_000  # a wheel stays a small download
DATA = "plugin_bridge/_data"
WHERE = """
from importlib.metadata import version
from pathlib import Path
import plugin_bridge
from plugin_bridge import shipped
print(Path(plugin_bridge.__file__).resolve().parent)
print(shipped.models_folder())
print(shipped.presets_folder())
print(version("plugin-bridge"))
"""
PRESETS = """
from plugin_bridge import presets
print(*(presets.load(path.stem).name for path in presets.listing()))
"""


def where(python: Path, folder: Path) -> list[Path]:
    """Give package, models folder, presets folder and version, as seen from an empty folder."""
    empty = folder / "empty"
    empty.mkdir()
    done = subprocess.run(
        [python, "-I", "-c", WHERE], cwd=empty, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_sdist_carries_what_builds_and_tests_the_project(built: Path) -> None:
    """The sdist holds every kind of file that a build or a test run from it needs."""
    (path,) = built.glob("plugin_bridge-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {
        ".ci/run",
        ".ci/setup.sh",
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints/pins.txt",
        "hatch_build.py",
        "presets/README.md",
        "pyproject.toml",
        "tests/conftest.py",
    }


@pytest.mark.slow
def test_wheel_carries_package_and_data_only(wheel_sizes: dict[str, int], checkout: Path) -> None:
    """The wheel is the package, the presets and the lastframe weights: nothing else."""
    names = set(wheel_sizes)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"plugin_bridge"}
    shipped = {f"{DATA}/presets/{p.name}" for p in (checkout / "presets").iterdir()}
    assert f"{DATA}/presets/karaoke.toml" in shipped
    assert {name for name in names if name.startswith(f"{DATA}/presets/")} == shipped
    assert "plugin_bridge/py.typed" in names
    source = {f"plugin_bridge/daw/source/{n}" for n in ("Makefile", "dpf.patch", "plugin.cpp")}
    assert source <= names
    graphs = (checkout / "models" / "weights").glob("lastframe*.onnx")
    weights = {f"{DATA}/models/{path.name}" for path in graphs}
    assert f"{DATA}/models/lastframe.onnx" in weights
    assert {name for name in names if name.startswith(f"{DATA}/models/")} == weights


@pytest.mark.slow
def test_wheel_files_are_small(wheel_sizes: dict[str, int]) -> None:
    """No file of the wheel is over the limit for weights."""
    assert max(wheel_sizes.values()) < WEIGHT_LIMIT_BYTES


@pytest.mark.slow
def test_installed_wheel_finds_its_own_data(
    wheel: Path, fresh_python: Callable[..., Path], tmp_path: Path
) -> None:
    """A wheel in a new environment, run from an empty folder, reads the data inside itself."""
    python = fresh_python(wheel)
    package, models, presets, number = where(python, tmp_path)
    assert models == package / "_data" / "models"
    assert presets == package / "_data" / "presets"
    assert (models / "lastframe.onnx").is_file()
    named = subprocess.run(
        [python, "-I", "-c", PRESETS], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    assert named.stdout.split() == [
        "acapella",
        "bassless",
        "dj-pads",
        "drumless",
        "four-outs",
        "in-ear-monitor",
        "karaoke",
        "rhythm-section",
    ]
    assert tmp_path.resolve() in package.parents
    assert str(number) == version("plugin-bridge")


@pytest.mark.slow
def test_editable_install_finds_the_checkout(
    checkout: Path, fresh_python: Callable[..., Path], tmp_path: Path
) -> None:
    """An editable install, run from an empty folder, reads the checkout's folders."""
    package, models, presets, _ = where(fresh_python("--editable", checkout), tmp_path)
    assert package == checkout.resolve() / "plugin_bridge"
    assert models == checkout.resolve() / "models" / "weights"
    assert presets == checkout.resolve() / "presets"


def test_import_is_light() -> None:
    """Importing the package loads no driver, no trainer and no graph library."""
    code = (
        "import sys, plugin_bridge; "
        "print({'onnx', 'rtmidi', 'sounddevice', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "set()"
