"""Play a song, its stems on outputs of their own, and mute one of them while it plays.

    python examples/live_stems.py song.mp3 --output Scarlett

Without --output nothing is heard: the song plays to a device that is none. Without a song, four
seconds of noise with a tone in them are made. `plugin-bridge devices` lists the outputs, and
`plugin-bridge live --play song.mp3` does the same with keys and MIDI.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pedalboard.io import AudioFile

from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.live.supervisor import Live
from plugin_bridge.testing import noise, sine

RATE, SECONDS = 44100, 4
# vocals on outputs 1 and 2, drums on 3 and 4, bass on 5 and 6, other on 7 and 8.
PRESET = "four-outs"
# Below it a stem counts as muted, in dB; the meter takes a while to fall.
SILENCE = -40


def until(live: Live, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, or the song is over."""
    while not condition() and not live.status()["song"]["ended"]:
        time.sleep(0.05)


def place(live: Live) -> float:
    """Give the place in the song, in seconds."""
    return float(live.status()["song"]["position_seconds"])


def level(live: Live, stem: str) -> float:
    """Give how loud a stem is at the first of its outputs, in dB."""
    output = 1 + 2 * live.described["stems"].index(stem)
    return float(live.status()["levels"][f"output.{output}"]["rms_db"])


def tell(live: Live, stem: str, what: str) -> None:
    """Print how loud a stem is, and where in the song that is."""
    print(f"{place(live):.1f} s: {stem} {what}, {level(live, stem):.0f} dB")


def play(live: Live) -> None:
    """Mute the loudest stem, jump, unmute it, and go on to the end."""
    song, latency = live.status()["song"], live.status()["latency_samples"]["sum"]
    print(f"{song['length_seconds']:.1f} s, separated up to {song['queue_seconds']:g} s ahead")
    print(f"a mute is heard {latency} samples later, or at the next hop")
    until(live, lambda: place(live) > 0.6)
    stem = max(live.described["stems"], key=lambda stem: level(live, stem))
    tell(live, stem, "as it is")
    live.send(f"{stem}.mute", True)
    until(live, lambda: level(live, stem) < SILENCE)
    tell(live, stem, "muted")
    live.send(f"{stem}.mute", False)
    live.seek(song["length_seconds"] - 1)  # there is live.jump(-5), too
    until(live, lambda: place(live) > song["length_seconds"] - 0.3)
    tell(live, stem, "heard again, after a jump")
    until(live, lambda: False)
    song = live.status()["song"]
    print(f"the end; {song['underruns']} pauses because stems were not ready")


def main() -> None:
    """Play a song to its end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", nargs="?", help="wav, flac, mp3, ogg or aiff")
    parser.add_argument("--output", help="audio device with eight outputs; none by default")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        song = arguments.song or str(Path(folder, "song.wav"))
        if not arguments.song:
            with AudioFile(song, "w", RATE, 2, bit_depth=32) as file:
                file.write(noise(SECONDS, RATE) + 0.2 * sine(220, SECONDS, RATE))
        device = None if arguments.output else "null"
        live = Live(LiveSettings(play=song, device=device, output=arguments.output, preset=PRESET))
        live.start()
        try:
            play(live)
        finally:
            live.stop()


if __name__ == "__main__":
    try:
        main()
    except (PluginBridgeError, OSError, ValueError) as error:
        sys.exit(str(error))
