"""A .stem.mp4 read back: the package writes them only."""

import json
import subprocess
from pathlib import Path

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.files.ffmpeg import address
from plugin_bridge.files.mp4 import find
from plugin_bridge.files.ni_stems import STEM_BOX


def read_ni_stems(path: Path) -> tuple[dict[str, FloatArray], int]:
    """Give mix and stems by name, shape (channels, samples), and the sample rate in Hz.

    Names are those of the stem box, made different; integers are divided by 2^(bits-1).
    """
    listed = _run("ffprobe", path, "-select_streams", "a", "-show_streams", "-of", "json")
    streams = json.loads(listed)["streams"]
    (rate,) = {int(stream["sample_rate"]) for stream in streams}
    audio = {}
    for index, name in enumerate(["mix", *_names(path)]):
        raw = _run("ffmpeg", path, "-map", f"0:a:{index}", "-f", "f32le", "pipe:1")
        samples = np.frombuffer(raw, "<f4").reshape(-1, int(streams[index]["channels"]))
        audio[f"{name} {index}" if name in audio else name] = samples.T
    assert len(audio) == len(streams)
    return audio, rate


def _names(path: Path) -> list[str]:
    with path.open("rb") as file:
        box = find(file, *STEM_BOX)
        assert box is not None
        file.seek(box.body)
        return [stem["name"] for stem in json.loads(file.read(box.end - box.body))["stems"]]


def _run(program: str, path: Path, *arguments: str) -> bytes:
    command = [program, "-v", "error", "-i", address(path), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
