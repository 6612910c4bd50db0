"""Every example runs as it stands, without arguments, and prints what it promises."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import hiss, write_audio

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.py"))
MOST_LINES = 100
SUM_DB = -120

# What must stand in the output; a figure in dB after "sum of the stems" is compared with SUM_DB.
PRINTED = {
    "chain_with_pedalboard.py": [
        r"by hand: equal is True",
        r"samples per block: 0, 511, 512, 512 ",
        r"block by block: equal is True",
        r"latency: 513 samples, 11\.6 ms",
    ],
    "karaoke.py": [
        r"karaoke\.wav: 176400 samples without vocals",
        r"the mix is the input to [0-9]e-0[789]",
    ],
    "live_stems.py": [
        r"4\.0 s, separated up to 4 s ahead",
        r"s: \w+ as it is, -[12]\d dB",
        r"muted, -(?:[4-9]\d|1\d\d) dB",
        r"heard again, after a jump, -[12]\d dB",
        r"the end; \d+ pauses",
    ],
    "midi_mute.py": [
        r"13 lamps and faders show the preset",
        r"other\.mute is True; lamps: 90 27 7f",
        r"in -20 dB, out -(?:[3-9]\d|inf) dB",
        r"other\.mute is False; lamps: 90 27 00",
    ],
    "midi_performance.py": [
        r"'preset': 'dj-pads', 'midi': 'take\.mid', 'messages': 66, 'commands': 66",
        r"drums +0\.\d+ 0\.0\d+ 0\.\d+ 0\.\d+",
        r"mix +0\.1\d+ 0\.\d+ 0\.\d+ 0\.000\n",
    ],
    "own_model.py": [
        r"latency 256 samples",
        r"time per hop: [\d.]+ ms of 5\.80",
        r"50 Hz: 100 % bass, 0 % rest",
        r"800 Hz: 0 % bass, 100 % rest",
    ],
    "render_song.py": [
        r"stems.example.vocals\.wav: peak 0\.\d+",
        r"176400 samples in, as many out",
    ],
    "stem_effects.py": [
        r"remix\.wav: 176400 samples, peak 0\.\d+",
        r"vocals: rms 0\.[\d]+ after its fader",
    ],
    "stream_blocks.py": [
        r"stems: vocals, drums, bass, other",
        r"latency: 480 samples, 10\.9 ms",
        r"176640 samples in, 176640 out",
    ],
}
WRITTEN = {
    "chain_with_pedalboard.py": [],
    "karaoke.py": ["karaoke.wav"],
    "live_stems.py": [],
    "midi_mute.py": [],
    "midi_performance.py": ["example.wav", "take.mid", "stems/example/mix.wav"],
    "own_model.py": ["crossover.onnx"],
    "render_song.py": ["example.wav", "stems/example/vocals.wav", "stems/example/render.json"],
    "stem_effects.py": ["remix.wav"],
    "stream_blocks.py": [],
}


def run(name: str, folder: Path, *arguments: str) -> str:
    """Run an example in a folder of its own; any warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.model
@pytest.mark.parametrize("name", EXAMPLES)
def test_runs_without_arguments(name: str, tmp_path: Path) -> None:
    """An example runs on a signal of its own, prints its figures and writes its files."""
    output = run(name, tmp_path)
    for pattern in PRINTED[name]:
        assert re.search(pattern, output), output
    for error in re.findall(r"sum of the stems against the input: (-?\d+) dB", output):
        assert int(error) < SUM_DB
    for file in WRITTEN[name]:
        assert (tmp_path / file).stat().st_size > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_is_short_and_explained(name: str) -> None:
    """An example has at most 100 lines, opens with a docstring, and stands in the README."""
    text = (FOLDER / name).read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert ast.get_docstring(ast.parse(text))
    assert f"examples/{name}" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_has_help(name: str, tmp_path: Path) -> None:
    """`--help` tells what can be given."""
    assert "usage:" in run(name, tmp_path, "--help")


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("karaoke.py", ["song.wav", "--out", "song.wav"], "is the song itself; name another"),
        ("stem_effects.py", ["song.wav", "--out", "./song.wav"], "is the song itself"),
        ("karaoke.py", ["none.wav"], "none.wav does not exist; check the name"),
        ("render_song.py", ["none.wav"], "none.wav does not exist; check the name"),
        ("chain_with_pedalboard.py", ["--block", "2"], "give at least 3 samples"),
        ("own_model.py", ["--crossover", "nan"], "give a --crossover of 0 to 22050 Hz"),
        ("midi_performance.py", ["--preset", "none"], "there is no preset named 'none'"),
    ],
)
def test_a_mistake_is_one_sentence(
    name: str, arguments: list[str], says: str, tmp_path: Path
) -> None:
    """What was given, and what to do; a song is never written over."""
    song = tmp_path / "song.wav"
    write_audio(song, hiss(1000))
    before = song.read_bytes()
    ended = subprocess.run(
        [sys.executable, FOLDER / name, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert song.read_bytes() == before
