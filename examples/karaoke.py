"""Mute the vocals of a song, as one would call a Pedalboard plugin.

    python examples/karaoke.py song.wav

Without a song, a short noise with a tone in it is made: it shows the way, not what the model can
do.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from pedalboard.io import AudioFile

from plugin_bridge import StemBridge
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.testing import noise, sine

RATE, SECONDS = 44100, 4


def main() -> None:
    """Mute one stem and write the mix of the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", nargs="?", help="wav, flac, mp3, ogg or aiff")
    parser.add_argument("--mute", default="vocals", help="the stem to take out")
    parser.add_argument("--out", type=Path, default=Path("karaoke.wav"))
    arguments = parser.parse_args()
    if arguments.song and arguments.out.resolve() == Path(arguments.song).resolve():
        parser.error(f"--out {arguments.out} is the song itself; name another file")

    audio, rate = noise(SECONDS, RATE) + 0.2 * sine(220, SECONDS, RATE), float(RATE)
    if arguments.song:
        with AudioReader(Path(arguments.song)) as file:
            audio, rate = np.concatenate(list(file.chunks(1 << 20)), axis=1), file.sample_rate

    # 64 frames per call of the network are faster than one by one, and give the same.
    bridge = StemBridge(frames_per_call=64)
    bridge[arguments.mute].mute = True
    mix = bridge(audio, sample_rate=rate)  # as long as the audio, and aligned with it

    with AudioFile(str(arguments.out), "w", rate, len(mix), bit_depth=32) as file:
        file.write(mix)
    print(f"{arguments.out}: {mix.shape[1]} samples without {arguments.mute}")

    bridge[arguments.mute].mute = False
    error = np.abs(bridge(audio, sample_rate=rate) - audio).max()
    print(f"with all faders at 0 dB, the mix is the input to {error:.0e}")


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
