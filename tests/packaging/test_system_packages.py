import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from system_packages import Package, missing_names, provide, read_list

ROOT = Path(__file__).resolve().parents[2]
ABSENT = Package("test", "absent-package", "command:no-such-command-anywhere")
PRESENT = Package("test", "present-package", "command:git")

SAMPLE_TEST = """
import pytest

def test_plain() -> None:
    pass

@pytest.mark.system("absent-package")
def test_needing() -> None:
    raise AssertionError("was run")
"""


class Apt:
    """Stands for apt-get: the first `failures` installs fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.calls: list[str] = []

    def __call__(self, command: Sequence[str], **options: Any) -> int:
        self.calls.append(" ".join(command[:2]))
        assert options["env"]["DEBIAN_FRONTEND"] == "noninteractive"
        assert options["stdin"] == subprocess.DEVNULL
        if command[1] == "install" and self.failures:
            self.failures -= 1
            return 100
        return 0


def provided(apt: Apt, *, platform: str = "linux", root: bool = True, has_apt: bool = True) -> str:
    """Ask for one absent package."""
    return provide(["jackd2"], platform=platform, root=root, has_apt=has_apt, run=apt)


def test_list_is_well_formed() -> None:
    """Each line of the real list has a known verb and a probe that can be asked."""
    for package in read_list():
        assert package.verb in {"test", "test-midi", "test-models"}
        assert package.present() in {True, False}


def test_malformed_line_is_shown(tmp_path: Path) -> None:
    """A line that is not `verb package probe` is an error that shows it."""
    path = tmp_path / "list.txt"
    path.write_text("test jackd2  # the server\n", encoding="utf-8")
    with pytest.raises(ValueError, match="'test jackd2"):
        read_list(path)


def test_probe_tells_what_is_missing() -> None:
    """Only a package whose probe finds nothing is missing; an unlisted name is an error."""
    both = [ABSENT, PRESENT]
    assert missing_names(["present-package", "absent-package"], both) == ["absent-package"]
    with pytest.raises(KeyError, match="jakcd2"):
        missing_names(["jakcd2"], both)


def test_a_file_can_be_the_probe(tmp_path: Path) -> None:
    """A package without a command or library is there when its file is."""
    (tmp_path / "here").touch()
    assert Package("test", "any", f"file:{tmp_path / 'here'}").present()
    assert not Package("test", "any", f"file:{tmp_path / 'gone'}").present()


def test_root_installs_without_update_when_it_can() -> None:
    """As root the package is installed, and apt's lists are left alone if they are good."""
    apt = Apt()
    assert provided(apt) == ""
    assert apt.calls == ["apt-get install"]


def test_root_updates_after_a_failure() -> None:
    """As root a failed installation refreshes apt's lists and tries once more."""
    apt = Apt(failures=1)
    assert provided(apt) == ""
    assert apt.calls == ["apt-get install", "apt-get update", "apt-get install"]


def test_failing_apt_is_told() -> None:
    """When apt-get cannot install, the packages are named and the run goes on."""
    assert "could not install jackd2" in provided(Apt(failures=2))


def test_others_are_told_the_one_command() -> None:
    """Without root nothing is run, and one command is printed."""
    apt = Apt()
    assert "sudo apt-get install --yes --no-install-recommends jackd2" in provided(apt, root=False)
    assert apt.calls == []


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_no_apt_outside_linux(platform: str) -> None:
    """Elsewhere than on Linux nothing is run and nothing is said."""
    apt = Apt()
    assert provided(apt, platform=platform) == ""
    assert apt.calls == []


def test_linux_without_apt_names_the_packages() -> None:
    """Another Linux is told the packages' names, and nothing is run."""
    apt = Apt()
    assert "Debian calls jackd2" in provided(apt, has_apt=False)
    assert apt.calls == []


@pytest.mark.linux
@pytest.mark.parametrize(("option", "status"), [([], 0), (["--require-system"], 1)])
def test_run_names_what_it_left_out(tmp_path: Path, option: list[str], status: int) -> None:
    """Tests without their package are named, all others run; with the option the run fails."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "plugin_bridge").mkdir()
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_sample.py").write_text(SAMPLE_TEST, encoding="utf-8")
    (tmp_path / ".ci" / "apt-packages.txt").write_text(
        f"{ABSENT.verb} {ABSENT.name} {ABSENT.probe}\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *option],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout.splitlines()[-1]
    assert "NOT RUN tests/test_sample.py::test_needing: needs absent-package" in done.stdout
