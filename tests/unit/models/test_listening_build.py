"""The folder that listeners get tells nothing, and is whole or not there."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from models.data.score import STEMS
from models.data.sound import Floats
from models.listening import __main__ as program
from models.listening.key import Key, parsed
from models.listening.sitting import build
from models.listening.trials import Trial
from tests.commands import status_of
from tests.tiny import hiss, write_audio, write_model

RATE = 44_100
CONDITIONS = ("reference", "mixture", "anchor", "baseline", "even", "oracle")


def trial(seed: int = 0) -> Trial:
    """Make a trial of noise."""
    sounds = {name: hiss(RATE // 2, seed=seed + i) for i, name in enumerate(CONDITIONS)}
    return Trial(f"song {seed}", "vocals", 0.0, sounds, RATE)


def sounds_in(path: Path) -> dict[str, bytes]:
    """Read the sounds of a trial's file: name -> FLAC."""
    match = re.fullmatch(r'receive\("\w+", (.*)\);\n', path.read_text(), re.DOTALL)
    assert match is not None
    return {name: base64.b64decode(text) for name, text in json.loads(match[1]).items()}


def decoded(flac: bytes) -> Floats:
    """Decode a sound."""
    with AudioFile(io.BytesIO(flac)) as file:
        return np.asarray(file.read(file.frames))


def test_what_is_heard_is_what_the_key_says(tmp_path: Path) -> None:
    """Every code's sound is that of its condition, to a step of 16 bits and its dither."""
    made = trial()
    key = build(tmp_path / "test", [made])
    ((code, keyed),) = key.trials.items()
    heard = sounds_in(tmp_path / "test" / "sounds" / f"{code}.js")
    assert sorted(keyed.conditions.values()) == sorted(CONDITIONS)
    coded = {"reference": "reference", "mixture": "mixture", **keyed.conditions}
    for name, condition in coded.items():
        np.testing.assert_allclose(decoded(heard[name]), made.sounds[condition], atol=2.1 / 32767)


def test_the_folder_tells_no_condition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name, no order, no equal bytes; nothing from elsewhere is asked for."""
    # true codes would leave a condition out of a place once in forty runs
    draw = np.random.default_rng(0)
    monkeypatch.setattr("secrets.token_hex", lambda size: draw.bytes(size).hex())
    places: list[list[int]] = []
    rest: set[str] = set()
    for seed in range(40):
        folder = tmp_path / f"test{seed}"
        key = build(folder, [trial(seed)])
        page = (folder / "index.html").read_text()
        told = json.loads(re.findall(r'id="test">(.*)</script>', page)[0])
        (listed,) = told["trials"]
        conditions = key.trials[listed["code"]].conditions
        assert listed["conditions"] == sorted(conditions)
        places.append([CONDITIONS.index(conditions[code]) for code in listed["conditions"]])
        heard = sounds_in(folder / "sounds" / f"{listed['code']}.js")
        assert list(heard) == ["reference", "mixture", *listed["conditions"]]
        assert len(set(heard.values())) == len(heard)
        assert set(told) == {"test", "scales", "trials"}
        assert set(listed) == {"code", "stem", "rate", "conditions"}
        rest.add(page.replace(json.dumps(told), ""))
        assert not list(tmp_path.glob("*.part"))
    # but for the codes all pages are one, which asks for nothing from elsewhere
    (same,) = rest
    assert not re.search(r"""https?:|["'(]//""", same)
    # the place in the list says nothing: every condition comes at every place
    for column in np.array(places).T:
        assert set(column) == set(range(len(CONDITIONS)))


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """When the second trial cannot be made there is no folder, not even a hidden one."""

    def trials() -> Iterator[Trial]:
        yield trial()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        build(tmp_path / "test", trials())
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="no stem sounds"):
        build(tmp_path / "test", [])
    assert not list(tmp_path.iterdir())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command line in this process."""
    monkeypatch.setattr("sys.argv", ["listening", *map(str, arguments)])
    return status_of(program.main)


def folder(path: Path, samples: int = 88_200) -> Path:
    """Write a song, of two seconds, without bass."""
    path.mkdir()
    for i, name in enumerate(stem for stem in STEMS if stem != "bass"):
        write_audio(path / f"{name}.wav", hiss(samples, seed=i))
    return path


def test_the_command_makes_page_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial per stem that sounds, with every condition; other songs are named and skipped."""
    model = write_model(tmp_path / "even.onnx", stems=STEMS)
    song, bad = folder(tmp_path / "song"), folder(tmp_path / "bad")
    (bad / "drums.wav").write_bytes(b"no audio")
    out = tmp_path / "test"
    options: list[str | Path] = ["--model", model, "--excerpt", "1"]
    for each in (song, bad, folder(tmp_path / "short", 17_639)):
        options += ["--song", each]
    assert run(monkeypatch, "build", "--out", out, *options) == 0
    said = capsys.readouterr()
    assert "3 trials of reference, mixture, anchor, baseline, even, oracle" in said.out
    assert "bad: skipped" in said.err
    assert "short: skipped: it lasts less than 0.4 s" in said.err
    key = parsed(tmp_path / "test.key.json", Key, "the key")
    assert [each.stem for each in key.trials.values()] == ["vocals", "drums", "other"]
    assert {path.stem for path in (out / "sounds").iterdir()} == set(key.trials)
    # a test that listeners may have begun is never written over
    assert run(monkeypatch, "build", "--out", out, *options) == 2
    assert "is there already" in capsys.readouterr().err


def test_wrong_arguments_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown model or stem, an excerpt of no length, a key among what listeners get."""
    wrong: list[tuple[list[str | Path], str]] = [
        (["--model", tmp_path / "none.onnx"], "none.onnx"),
        (["--model", write_model(tmp_path / "anchor.onnx")], "rename its file"),
        (["--stems", "piano"], "vocals,drums,bass,other"),
        (["--stems", ","], "vocals,drums,bass,other"),
        (["--excerpt", "0"], "at most 30"),
        (["--excerpt", "nan"], "at most 30"),
        (["--seeds", "9-1"], "such as 0-23"),
        (["--key", tmp_path / "test" / "key.json"], "which listeners get"),
        (["--song", tmp_path / "nowhere"], "no stem sounds"),
    ]
    for arguments, said in wrong:
        assert run(monkeypatch, "build", "--out", tmp_path / "test", *arguments) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert said in line
        assert not (tmp_path / "test").exists()
