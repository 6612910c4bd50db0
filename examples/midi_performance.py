"""Play the console from a MIDI file: the drums rest for a second, then all fades.

    python examples/midi_performance.py song.mp3 --midi take.mid

Without files, both are made. The take does what a pad controller does on stage.
"""

import argparse
import sys
from pathlib import Path

import mido
from pedalboard.io import AudioFile

from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.testing import noise, sine

RATE, SECONDS = 44100, 4
SECOND = 960  # ticks: two beats of 480, at the default tempo of 120
DRUMS_PAD, MASTER_FADER = 37, 7  # as the shipped preset dj-pads maps them


def make_song(path: Path) -> Path:
    """Write a tone in noise as a 16-bit stereo file, if there is none."""
    if path.exists():
        return path
    with AudioFile(str(path), "w", RATE, 2, bit_depth=16) as file:
        file.write(noise(SECONDS, RATE) + 0.2 * sine(220, SECONDS, RATE))
    return path


def make_take(path: Path) -> Path:
    """Write two presses of the drums' pad, a second apart, and a ride of the master fader."""
    if path.exists():
        return path
    press = mido.Message("note_on", note=DRUMS_PAD, velocity=100, time=SECOND)
    move = mido.Message("control_change", control=MASTER_FADER, time=SECOND // 64)
    fade = [move.copy(value=value) for value in range(126, -1, -2)]
    mido.MidiFile(tracks=[mido.MidiTrack([press, press, *fade])]).save(str(path))
    return path


def main() -> None:
    """Render the song as the take plays it, and print how loud its first seconds are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", nargs="?", type=Path, help="wav, flac, mp3, ogg or aiff")
    parser.add_argument("--midi", type=Path, help="a MIDI file of type 0 or 1")
    parser.add_argument("--preset", default="dj-pads", help="a preset's name or .toml file")
    arguments = parser.parse_args()

    song = arguments.song or make_song(Path("example.wav"))
    take = arguments.midi or make_take(Path("take.mid"))
    report = render(song, RenderOptions(preset=arguments.preset, midi=take))
    print(f"{report.console}")
    for stem in report.stems:
        with AudioFile(f"{report.folder}/{stem.file}") as file:
            seconds = [file.read(int(file.samplerate)) for _ in range(SECONDS)]
        print(f"{stem.name:7s}", *(f"{s.std():.3f}" for s in seconds if s.size))
    print(*report.warnings, sep="\n")


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
