"""Adds the system packages that tests need: `system_packages.py test|test-midi|test-models`.

As root on Debian and Ubuntu it installs what is missing, unattended. Otherwise it prints the one
command to run; the tests that need nothing run all the same, and the run then fails, naming the
rest (tests/conftest.py). It never calls sudo. Elsewhere than on Linux it does nothing.
"""

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("apt-packages.txt")


@dataclass(frozen=True)
class Package:
    """One line of the list."""

    verb: str
    name: str
    probe: str

    def present(self) -> bool:
        """Tell whether what the package provides is on this machine."""
        kind, _, wanted = self.probe.partition(":")
        if kind == "command":
            return shutil.which(wanted) is not None
        if kind == "library":
            return ctypes.util.find_library(wanted) is not None
        if kind == "file":
            return Path(wanted).exists()
        if kind == "pkg-config":
            program = shutil.which("pkg-config")
            return program is not None and not subprocess.call([program, "--exists", wanted])
        raise ValueError(
            f"probe {self.probe!r} of {self.name}: write command:NAME, library:NAME, "
            "pkg-config:NAME or file:PATH"
        )


def read_list(path: Path = LIST) -> list[Package]:
    """Read the list; raises ValueError with the line that is not `verb package probe`."""
    packages = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 3:
            raise ValueError(f"{path.name}: {line!r} is not 'verb package probe'")
        packages.append(Package(*words))
    return packages


def missing_names(names: Sequence[str], packages: Sequence[Package]) -> list[str]:
    """Give those of the named packages that are not here; raises KeyError for an unlisted name."""
    by_name = {package.name: package for package in packages}
    unlisted = [name for name in names if name not in by_name]
    if unlisted:
        raise KeyError(f"{', '.join(unlisted)}: not in .ci/{LIST.name}; add a line there")
    return [name for name in names if not by_name[name].present()]


def command_for(names: Sequence[str]) -> list[str]:
    """Give the command that installs the packages."""
    return ["apt-get", "install", "--yes", "--no-install-recommends", *names]


def apt_install(names: Sequence[str], run: Callable[..., int]) -> bool:
    """Install as root, without a question; refresh apt's lists only if it fails without."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = command_for(names)
    if run(command, env=environment, stdin=subprocess.DEVNULL) == 0:
        return True
    update = ["apt-get", "update"]
    return (
        run(update, env=environment, stdin=subprocess.DEVNULL) == 0
        and run(command, env=environment, stdin=subprocess.DEVNULL) == 0
    )


def provide(
    missing: Sequence[str],
    *,
    platform: str,
    root: bool,
    has_apt: bool,
    run: Callable[..., int] = subprocess.call,
) -> str:
    """Install the missing packages if that is allowed here; give the sentence to print, or ''."""
    if not missing or platform != "linux":
        return ""
    if not has_apt:
        return f"Some tests need what Debian calls {', '.join(missing)}; install these your way."
    if not root:
        return f"Some tests need system packages. Run: sudo {' '.join(command_for(missing))}"
    if apt_install(missing, run):
        return ""
    return f"apt-get could not install {', '.join(missing)}; the tests that need them will not run."


def main(verb: str) -> None:
    """Provide the packages of one verb; what is still missing is the test run's to report."""
    names = [package.name for package in read_list() if package.verb == verb]
    sentence = provide(
        missing_names(names, read_list()),
        platform=sys.platform,
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        has_apt=shutil.which("apt-get") is not None,
    )
    if sentence:
        print(sentence)


if __name__ == "__main__":
    main(sys.argv[1])
