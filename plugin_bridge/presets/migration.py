"""The format of a preset's file, and the way from older ones to it."""

from collections.abc import Callable, Mapping
from typing import Any

from plugin_bridge.console.tables import Table, shown
from plugin_bridge.errors import PresetError

FORMAT = 1

# From the format that a file has to the next one: an entry for every format below FORMAT.
MIGRATIONS: dict[int, Callable[[Table], Table]] = {}


def migrate(table: Mapping[str, Any]) -> Table:
    """Bring a table to the present format, step by step.

    Parameters
    ----------
    table : mapping, with `format`

    Raises
    ------
    PresetError
        If the format is missing, unknown or from the future.

    Examples
    --------
    >>> migrate({"format": 1, "name": "mine"})
    {'format': 1, 'name': 'mine'}

    Notes
    -----
    Thread: [any]
    """
    found = dict(table)
    given = found.get("format")
    if given is None:
        raise PresetError(f"format is missing; write format = {FORMAT} into the first line")
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise PresetError(f"format is {shown(given)}; give {FORMAT}")
    if given > FORMAT:
        raise PresetError(
            f"format is {given}, and this version of plugin-bridge knows {FORMAT} at most; "
            "upgrade plugin-bridge"
        )
    for step in range(given, FORMAT):
        found = MIGRATIONS[step](found) | {"format": step + 1}
    return found
