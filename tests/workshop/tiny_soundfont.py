"""A soundfont of one looped sine, for banks and kits alike; written byte by byte."""

import struct
from pathlib import Path

import numpy as np

RATE = 44_100
CYCLE = 100  # samples: 441 Hz, played as A4
LOOP, SAMPLE, INSTRUMENT = 54, 53, 41  # generators of the format


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _named(text: str) -> bytes:
    return text.encode().ljust(20, b"\0")


def write_soundfont(path: Path) -> Path:
    """Write it: melodic program 0 of bank 0 and drum kit 0 of bank 128 play the sine."""
    wave = np.tile(np.sin(2 * np.pi * np.arange(CYCLE) / CYCLE), 20)
    samples = np.concatenate([np.rint(20_000 * wave), np.zeros(46)]).astype("<i2")
    presets = [("sine", 0, 0, 0), ("drums", 0, 128, 1), ("EOP", 0, 0, 2)]
    head = struct.pack("<IIIIIBbHH", 0, len(wave), CYCLE, len(wave) - CYCLE, RATE, 69, 0, 0, 1)
    records = {
        b"phdr": b"".join(_named(n) + struct.pack("<HHHIII", p, b, i, 0, 0, 0)
                          for n, p, b, i in presets),
        b"pbag": struct.pack("<6H", 0, 0, 1, 0, 2, 0),
        b"pmod": bytes(10),
        b"pgen": struct.pack("<6H", INSTRUMENT, 0, INSTRUMENT, 0, 0, 0),
        b"inst": _named("sine") + struct.pack("<H", 0) + _named("EOI") + struct.pack("<H", 1),
        b"ibag": struct.pack("<4H", 0, 0, 2, 0),
        b"imod": bytes(10),
        b"igen": struct.pack("<6H", LOOP, 1, SAMPLE, 0, 0, 0),
        b"shdr": _named("sine") + head + _named("EOS") + bytes(26),
    }  # fmt: skip
    about = _chunk(b"ifil", struct.pack("<HH", 2, 1)) + _chunk(b"isng", b"EMU8000\0")
    lists = [
        (b"INFO", about + _chunk(b"INAM", b"sine\0\0")),
        (b"sdta", _chunk(b"smpl", samples.tobytes())),
        (b"pdta", b"".join(_chunk(name, data) for name, data in records.items())),
    ]
    body = b"sfbk" + b"".join(_chunk(b"LIST", name + data) for name, data in lists)
    path.write_bytes(_chunk(b"RIFF", body))
    return path
