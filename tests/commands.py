"""The workshop's commands, as they end."""

from collections.abc import Callable

import pytest

from models import command


def status_of(main: Callable[[], int | None]) -> int:
    """Run a command in this process; give its exit status."""
    with pytest.raises(SystemExit) as ended:
        command.run(main)
    return int(ended.value.code or 0)
