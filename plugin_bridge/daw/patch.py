"""Apply a unified diff, exactly or not at all."""

import re
from collections.abc import Iterator
from pathlib import Path

from plugin_bridge.errors import PluginBridgeError

_PLACE = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


def apply(patch: str, root: Path) -> list[Path]:
    """Change the files below `root` as the patch says.

    Unlike patch(1) it moves nothing to where it might fit: a file that differs is another version.

    Parameters
    ----------
    patch : str, a unified diff with paths that begin with one folder to be left out
    root : Path

    Returns
    -------
    changed : list of Path

    Raises
    ------
    PluginBridgeError
        If a file does not have what the patch expects; nothing is written then.

    Notes
    -----
    Thread: [main]
    """
    made: dict[Path, str] = {}
    for name, hunks in _files(patch):
        path = root / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        except OSError as error:
            raise PluginBridgeError(
                f"{path} cannot be read ({error.strerror}); install dpf-source 1.6"
            ) from error
        made[path] = "".join(_patched(lines, hunks, path))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return list(made)


def _files(patch: str) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    name, hunks = "", list[tuple[int, list[str]]]()
    for line in patch.splitlines(keepends=True):
        if line.startswith("--- "):
            if name:
                yield name, hunks
            name, hunks = line[4:].strip().partition("/")[2], []
        elif line.startswith("+++ ") or not name:
            continue
        elif place := _PLACE.match(line):
            hunks.append((int(place[1]) - 1, []))
        else:
            hunks[-1][1].append(line)
    if name:
        yield name, hunks


def _patched(lines: list[str], hunks: list[tuple[int, list[str]]], path: Path) -> Iterator[str]:
    at = 0
    for start, changes in hunks:
        yield from lines[at:start]
        at = start
        for change in changes:
            sign, text = change[0], change[1:]
            if sign in " -":
                if at >= len(lines) or lines[at] != text:
                    raise PluginBridgeError(
                        f"{path.name} has not what is expected in line {at + 1}: this is not DPF "
                        "1.6; install dpf-source of Debian 12, or name a copy by --dpf"
                    )
                at += 1
            if sign in " +":
                yield text
    yield from lines[at:]
