"""Both sides of the shared memory."""

from pathlib import Path

import numpy as np
import pytest

from plugin_bridge.daw import protocol
from plugin_bridge.daw.protocol import SIZE, layout, stamp
from plugin_bridge.daw.views import Views
from tests.daw.hosts import layout_of
from tests.tiny import hiss

pytestmark = [pytest.mark.system("dpf-source", "g++", "make"), pytest.mark.timeout(600)]
CONSTANTS = (
    *("MAGIC", "VERSION", "INPUTS", "OUTPUTS", "RING", "HOPS", "COMMANDS", "COUNT_BITS", "TEXT"),
    *("SHORTEST_HOP", "LONGEST_HOP", "LONGEST_BLOCK", "MOST_LATENCY", "MODEL_RATE", "MODEL_HOP"),
    *("MODEL_LATENCY", "VALUES", "PRESET", "BYPASS", "MIDI"),
)


def test_both_sides_agree(built: Path) -> None:
    """Every constant, every offset and every parameter is the same in C++ and in Python."""
    said = layout_of(built / "layout")
    parameters = [tuple(row) for row in said.pop("parameters")]
    records = {
        "Hop": layout(protocol.HOP_RECORD),
        "Command": layout(protocol.COMMAND_RECORD),
        "Text": layout(protocol.TEXT_RECORD),
        "Shared": protocol.TABLE,
    }
    known = {name: float(getattr(protocol, name)) for name in CONSTANTS}
    known["STATES"] = len(protocol.CONDITIONS)
    known["sizeof(Greeting)"] = protocol.GREETING.itemsize
    for record, form in records.items():
        known[f"sizeof({record})"] = form.itemsize
        places = {name: form.fields[name][1] for name in form.names or ()}  # type: ignore[index]
        known |= {f"{record}.{n}": place for n, place in places.items() if n != "unused"}
    assert said == known
    assert parameters == list(protocol.PARAMETERS)


def test_a_hop_can_be_read_back_across_the_rings_end() -> None:
    """What put_hop writes is at its place in the rings, also where they wrap."""
    views = Views(bytearray(SIZE))
    hop = 600  # does not divide the ring
    number = protocol.RING // hop
    samples, tail = hiss(hop, protocol.OUTPUTS), hiss(hop, protocol.OUTPUTS, seed=1)
    views.put_hop(3, number, samples, tail)
    places = np.arange(number * hop, (number + 1) * hop) % protocol.RING
    output = views.fields["output"].reshape(protocol.OUTPUTS, protocol.RING)
    assert np.array_equal(output[:, places], samples)
    record = views.fields["hops"][0][number % protocol.HOPS]
    assert record["before"] == record["after"] == stamp(3, number + 1)


@pytest.mark.parametrize("field", ["before", "position", "index", "value", "checksum", "after"])
def test_a_damaged_command_is_no_command(field: str) -> None:
    """A record in which any field was overwritten is as good as none."""
    views = Views(bytearray(SIZE))
    record = views.fields["commands"][0][7:8]
    bits = int(np.array([0.5], np.float32).view(np.uint32)[0])
    mark = stamp(2, 8)
    record[0] = (mark, 1000, 3, 0.5, 1000 + 3 + bits, mark)
    assert views.get_order(2, 7) == (1000, 3, 0.5)
    record[field] = 12345
    assert views.get_order(2, 7) is None


def test_a_damaged_text_is_no_text() -> None:
    """A text with a wild length, or with another letter, is as good as none."""
    views = Views(bytearray(SIZE))
    views.put_text("project", "karaoke", 4)
    assert views.get_text("project") == ("karaoke", 4)
    views.fields["project"]["length"] = 2**31
    assert views.get_text("project") == ("", 0)
    views.put_text("project", "karaoke", 5)
    views.fields["project"]["text"][0, 0] ^= 1
    assert views.get_text("project") == ("", 0)
