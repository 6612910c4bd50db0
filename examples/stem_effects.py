"""Give every stem its own effects, and a reverb that they share.

    python examples/stem_effects.py song.wav

Inserts are Pedalboard's own plugins or VST3s; strips stay aligned whatever their latency is.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from pedalboard import Compressor, Delay, HighpassFilter, LowpassFilter, Reverb
from pedalboard.io import AudioFile

from plugin_bridge import StemBridge
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.testing import noise, sine

RATE, SECONDS = 44100, 4


def main() -> None:
    """Set up a console, mix, and give the stems as they are after their faders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", nargs="?", help="wav, flac, mp3, ogg or aiff")
    parser.add_argument("--out", type=Path, default=Path("remix.wav"))
    arguments = parser.parse_args()
    if arguments.song and arguments.out.resolve() == Path(arguments.song).resolve():
        parser.error(f"--out {arguments.out} is the song itself; name another file")

    audio, rate = noise(SECONDS, RATE) + 0.2 * sine(220, SECONDS, RATE), float(RATE)
    if arguments.song:
        with AudioReader(Path(arguments.song)) as file:
            audio, rate = np.concatenate(list(file.chunks(1 << 20)), axis=1), file.sample_rate

    bridge = StemBridge(frames_per_call=64)
    bridge["vocals"].inserts = [HighpassFilter(90), Compressor(threshold_db=-18), Delay(0.25)]
    bridge["drums"].inserts = Compressor(threshold_db=-24, ratio=6)
    bridge["bass"].inserts = LowpassFilter(3000)
    bridge["other"].pan = -0.3
    bridge["other"].gain_db = -3
    bridge.add_bus("room").inserts = Reverb(room_size=0.6, dry_level=0, wet_level=1)
    bridge["vocals"].sends["room"] = -12
    bridge["drums"].sends["room"] = -18

    mix = bridge(audio, sample_rate=rate)
    with AudioFile(str(arguments.out), "w", rate, len(mix), bit_depth=32) as file:
        file.write(mix)
    print(f"{arguments.out}: {mix.shape[1]} samples, peak {np.abs(mix).max():.3f}")

    for name, stem in bridge.process_stems(audio, sample_rate=rate).items():
        print(f"{name}: rms {np.sqrt(np.square(stem).mean()):.4f} after its fader")


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
