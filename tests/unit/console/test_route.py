"""Routes."""

from plugin_bridge.console import Route
from plugin_bridge.console.route import side_by_side


def test_channels_become_a_tuple() -> None:
    """A list from a preset is as good."""
    assert Route("mix", [3, 1]) == Route("mix", (3, 1))  # type: ignore[arg-type]


def test_side_by_side_leaves_no_gap() -> None:
    """Mono and stereo, from any channel on."""
    assert side_by_side(["a", "b"], 1, first=3) == [Route("a", (3,)), Route("b", (4,))]
    assert side_by_side(["a", "b"], 2) == [Route("a", (1, 2)), Route("b", (3, 4))]
