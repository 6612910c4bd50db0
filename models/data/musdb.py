"""MUSDB18: as folders of wave files (HQ), or as .stem.mp4 files of five streams.

Songs of its test split are for scores only. The validation songs are the fourteen of the train
split that the `musdb` package names, so that figures can be compared.
"""

from functools import partial
from pathlib import Path

import numpy as np

from models.data.folders import of_folder, songs
from models.data.library import RATE, UnusableError
from models.data.recording import Recording, aligned
from models.data.sound import Floats
from plugin_bridge.errors import PluginBridgeError
from plugin_bridge.files import ffmpeg

SUBSETS = ("train", "test")
ENDING = ".stem.mp4"
STREAMS = ("mixture", "drums", "bass", "other", "vocals")  # order of MUSDB18's files
LONGEST = 1800.0  # seconds of a song; decoding it takes one or two
VALIDATION = frozenset(
    {
        "ANiMAL - Rockshow",
        "Actions - One Minute Smile",
        "Alexander Ross - Goodbye Bolero",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Fergessen - Nos Palpitants",
        "James May - On The Line",
        "Johnny Lokke - Promises & Lies",
        "Leaf - Summerghost",
        "Meaxic - Take A Step",
        "Patrick Talbot - A Reason To Leave",
        "Skelpolu - Human Mistakes",
        "Traffic Experiment - Sirens",
        "Triviul - Angelsaint",
        "Young Griffo - Pennies",
    }
)


def _split(subset: str, song: str) -> str:
    return "validation" if subset == "train" and song in VALIDATION else subset


def hq(root: Path) -> list[Recording]:
    """Give the songs of MUSDB18-HQ: `<root>/train|test/<song>/<stem>.wav` and `mixture.wav`.

    Raises
    ------
    ValueError
        If there are none.

    Notes
    -----
    Thread: [main]
    """
    found = [
        of_folder(folder, f"musdb-{folder.name}", _split(subset, folder.name))
        for subset in SUBSETS
        for folder in songs(root / subset)
    ]
    if not found:
        raise ValueError(
            f"{root} is no MUSDB18-HQ; expected {root}/train|test/<song>/<stem>.wav with stems "
            "named mixture, vocals, drums, bass, other (for .stem.mp4 files: --musdb-stems)"
        )
    return found


def stem_files(root: Path) -> list[Recording]:
    """Give the songs of MUSDB18: `<root>/train|test/<song>.stem.mp4`.

    Raises
    ------
    ValueError
        If there are none, or ffmpeg is not installed.

    Notes
    -----
    Thread: [main]
    """
    found = [
        Recording(
            f"musdb-{song}", _split(subset, song), partial(_stems, path), partial(decode, path, 0)
        )
        for subset in SUBSETS
        for path in sorted((root / subset).glob(f"*{ENDING}"))
        if (song := path.name.removesuffix(ENDING))
    ]
    if not found:
        raise ValueError(
            f"{root} is no MUSDB18; expected {root}/train|test/<song>{ENDING} (for wave files: "
            "--musdb)"
        )
    ffmpeg.require("ffmpeg", f"a {ENDING} file")
    return found


def _stems(path: Path) -> dict[str, Floats]:
    return aligned({stem: decode(path, i) for i, stem in enumerate(STREAMS) if stem != "mixture"})


def decode(path: Path, stream: int) -> Floats:
    """Decode one audio stream of a file with ffmpeg.

    Parameters
    ----------
    path : Path
    stream : int
        0 is the first audio stream.

    Returns
    -------
    audio : float32, shape (2, samples), at 44.1 kHz
        Mono is doubled.

    Raises
    ------
    UnusableError
        If ffmpeg refuses the file, finds it damaged or hangs.

    Notes
    -----
    Thread: [any]
    """
    # -xerror: damage in the middle is an error too, not silence
    options = ["-xerror", "-i", ffmpeg.address(path), "-map", f"0:a:{stream}"]
    # mono stays mono: ffmpeg, asked for two channels, makes each 3 dB quieter
    options += ["-af", "aformat=channel_layouts=mono|stereo"]
    try:
        raw = ffmpeg.run(
            "ffmpeg",
            [*options, "-ar", str(RATE), "-c:a", "pcm_f32be", "-f", "au", "pipe:1"],
            LONGEST,
            f"{path}, stream {stream}, cannot be decoded",
            "copy the file again",
        )
    except PluginBridgeError as error:
        raise UnusableError(str(error)) from error
    # an .au file's head tells how long it is itself, and how many channels follow
    head, channels = np.frombuffer(raw, ">u4", 6)[[1, 5]].tolist()
    audio = np.frombuffer(raw, ">f4", offset=head).reshape(-1, channels).T
    if not audio.size or not np.isfinite(audio).all():
        raise UnusableError(f"{path}, stream {stream}, holds no audio; copy the file again")
    return np.ascontiguousarray(audio if channels == 2 else audio.repeat(2, 0), np.float32)
