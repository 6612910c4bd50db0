"""The folder that a listener opens: one page, a file of sounds per trial; and the key beside it.

Rules of this file:
 1. What is in the folder tells no condition: codes are drawn, and sorted where they are listed.
 2. The page works from disk. A page there may not read other files, but it may run scripts: so
    sounds travel as scripts that hand over FLAC in base64.
 3. No two sounds have the same bytes: the hidden reference is dithered anew.
"""

import base64
import io
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pedalboard.io import AudioFile

from models.data.sound import Floats
from models.evaluation.report import write
from models.listening.key import SCALES, Key, TrialKey
from models.listening.trials import MIXTURE, REFERENCE, Trial
from plugin_bridge.files.writer import integers

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("order.js", "player.js", "sounds.js", "notes.js", "page.js")
BITS = 16
OPEN = (REFERENCE, MIXTURE)  # are also heard by name


def encoded(sound: Floats, rate: int, dither: np.random.Generator) -> bytes:
    """Write a sound as 16-bit FLAC with triangular dither.

    Parameters
    ----------
    sound : float32, shape (channels, samples)
    rate : int
    dither : Generator

    Notes
    -----
    Thread: [main]
    """
    step = 1 / (2 ** (BITS - 1) - 1)
    noise = dither.triangular(-step, 0, step, sound.shape).astype(np.float32)
    codes, _ = integers(sound + noise, BITS)
    held = io.BytesIO()
    with AudioFile(held, "w", rate, len(sound), bit_depth=BITS, format="flac") as file:
        file.write(codes.astype(np.int16))
    return held.getvalue()


def build(folder: Path, trials: Iterable[Trial], test: str | None = None) -> Key:
    """Write the page and its sounds.

    Parameters
    ----------
    folder : Path
        Is there, whole, only when all is done: index.html and sounds/. May be empty before.
    trials : iterable of Trial
        Written one by one as they come.
    test : str, optional
        The test's code; drawn if not given.

    Returns
    -------
    key : Key

    Raises
    ------
    ValueError
        If there are no trials.

    Notes
    -----
    Thread: [main]
    """
    test = test or secrets.token_hex(4)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        key = _fill(aside, trials, test)
        if folder.exists():
            folder.rmdir()
        aside.chmod(0o755)  # others are to read it
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return key


def _fill(folder: Path, trials: Iterable[Trial], test: str) -> Key:
    (folder / "sounds").mkdir()
    dither = np.random.default_rng()
    made: dict[str, TrialKey] = {}
    listed: list[dict[str, Any]] = []
    for trial in trials:
        code = secrets.token_hex(4)
        hidden = {secrets.token_hex(4): condition for condition in trial.sounds}
        heard = {
            name: base64.b64encode(
                encoded(trial.sounds[condition], trial.sample_rate, dither)
            ).decode()
            for name, condition in [*((name, name) for name in OPEN), *sorted(hidden.items())]
        }
        script = f"receive({json.dumps(code)}, {json.dumps(heard, indent=0)});\n"
        write(folder / "sounds" / f"{code}.js", script)
        made[code] = TrialKey(
            song=trial.song, stem=trial.stem, start=trial.start, conditions=hidden
        )
        listed.append(
            {
                "code": code,
                "stem": trial.stem,
                "rate": trial.sample_rate,
                "conditions": sorted(hidden),
            }
        )
    if not made:
        raise ValueError("no stem sounds in these songs; name songs with stems that do")
    listed.sort(key=lambda trial: str(trial["code"]))
    write(folder / "index.html", page({"test": test, "scales": SCALES, "trials": listed}))
    return Key(test=test, trials=made)


def page(test: dict[str, Any]) -> str:
    """Give the page with its style, scripts and what it has to know of the test.

    Notes
    -----
    Thread: [any]
    """
    parts = {
        "style": (PARTS / "style.css").read_text(encoding="utf-8"),
        "script": "\n".join((PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS),
        # inside an element of the page nothing may look like its end
        "test": json.dumps(test).replace("</", "<\\/"),
    }
    text = (PARTS / "index.html").read_text(encoding="utf-8")
    for name, content in parts.items():
        text = text.replace("{{" + name + "}}", content)
    return text
