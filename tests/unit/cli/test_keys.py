"""What terminals send for keys."""

import pytest

from plugin_bridge.cli.keys import split


@pytest.mark.parametrize(
    ("typed", "keys", "rest"),
    [
        ("", [], ""),
        ("12q", ["1", "2", "q"], ""),
        ("\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"], ""),
        ("\x1bOC1", ["right", "1"], ""),
        ("\x1b[1;2D", ["left"], ""),
        ("\x1b[3~x\x1b[Hy", ["x", "y"], ""),
        ("1\x1b", ["1"], "\x1b"),
        ("1\x1b[1;", ["1"], "\x1b[1;"),
    ],
)
def test_arrows_are_one_key_and_what_is_unknown_is_none(
    typed: str, keys: list[str], rest: str
) -> None:
    """Characters, names of arrows, and the begin of a sequence that is still on its way."""
    assert split(typed) == (keys, rest)
