"""Separate a song's file into stems: one wav file per stem, and a report.

    python examples/render_song.py song.mp3 --stems vocals,accompaniment

The stems land in stems/<song>/. Without a song, a short noise with a tone in it is made, saved and
separated: it shows the way, not what the model can do.
"""

import argparse
import sys
from pathlib import Path

from pedalboard.io import AudioFile

from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.testing import noise, sine

RATE = 44100
SECONDS = 4


def make_song(path: Path) -> Path:
    """Write a tone in noise as a 16-bit stereo file, if there is none."""
    if path.exists():
        return path
    song = noise(SECONDS, RATE) + 0.2 * sine(220, SECONDS, RATE)
    with AudioFile(str(path), "w", RATE, 2, bit_depth=16) as file:
        file.write(song)
    return path


def main() -> None:
    """Render the song and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", nargs="?", type=Path, help="wav, flac, mp3, ogg or aiff")
    parser.add_argument("--out", type=Path, default=Path("stems"))
    parser.add_argument("--model", default="lastframe", help="a model's name or .onnx file")
    parser.add_argument("--stems", help="names with commas between, e.g. vocals,accompaniment")
    arguments = parser.parse_args()

    song = arguments.song or make_song(Path("example.wav"))
    options = RenderOptions(
        out=arguments.out,
        model=arguments.model,
        stems=tuple(arguments.stems.split(",")) if arguments.stems else None,
    )
    report = render(song, options)

    for stem in report.stems:
        print(f"{report.folder}/{stem.file}: peak {stem.peak:.3f}, rms {stem.rms:.3f}")
    for warning in report.warnings:
        print(warning)
    print(
        f"{report.samples} samples in, as many out; {report.speed:.1f} times realtime "
        f"with {report.model['name']} on {report.provider}"
    )


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
