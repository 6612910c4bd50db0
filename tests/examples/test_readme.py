"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pedalboard.io import AudioFile

from plugin_bridge.testing import noise
from tests.tiny import write_audio

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.model
def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    """Each block of Python, in an empty folder with a song in it; the shapes that it promises."""
    write_audio(tmp_path / "song.wav", noise(1.5)[:, :-77])
    promised = "assert mix.shape == mastered.shape == audio.shape == stems['bass'].shape"
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        run = subprocess.run(
            [sys.executable, "-c", f"{block}\n{promised}\nassert not stems['drums'].any()"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr


def test_the_files_that_the_readme_points_to_exist() -> None:
    """Links into the project."""
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(ROOT.glob("[!.]*/README.md"))])
def test_every_row_of_a_readme_stands_in_its_table(path: Path) -> None:
    """What begins with a bar has one above, or the line of dashes below it."""
    lines = ["", *path.read_text(encoding="utf-8").splitlines(), ""]
    for above, line, below in zip(lines, lines[1:], lines[2:], strict=False):
        if line.startswith("|") and not above.startswith("|"):
            assert re.fullmatch(r"\|[-:| ]+\|", below), line


@pytest.mark.model
def test_the_options_of_the_readme_exist(tmp_path: Path) -> None:
    """The second command line of the README, on a short file."""
    with AudioFile(str(tmp_path / "a.flac"), "w", 44100, 2) as file:
        file.write(noise(0.3))
    line = next(line for line in README.splitlines() if "render *.flac" in line)
    words = line.replace("*.flac", "a.flac").split()[1:]
    command = [sys.executable, "-m", "plugin_bridge.cli", *words]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in (tmp_path / "stems" / "a").iterdir()) == [
        "accompaniment.wav",
        "render.json",
        "vocals.wav",
    ]
