"""The benchmark's tables read as they should."""

from tests.bench.tables import spread, table


def test_spread_gives_time_and_share() -> None:
    """Median, 99th percentile and maximum stand as ms and as a share of the budget."""
    cells = spread([0.001] * 98 + [0.002, 0.004], budget=0.01)
    assert [cell.split() for cell in cells] == [
        ["1.000", "ms", "10.0", "%"],
        ["2.020", "ms", "20.2", "%"],
        ["4.000", "ms", "40.0", "%"],
    ]


def test_table_aligns_its_columns() -> None:
    """Names stand to the left, figures to the right, one line per row."""
    text = table("title", ["", "p50"], [["a", "1"], ["long", "22"]])
    assert text == "title\n         p50\n  a        1\n  long    22\n"
